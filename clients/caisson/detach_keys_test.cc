#include "clients/caisson/detach_keys.h"

#include "gtest/gtest.h"

namespace caisson::cli {
namespace {

std::string Parsed(const std::string& text) {
  return ParseDetachKeys(text).value_or("<wrong>");
}

DetachKeys Default() {
  return DetachKeys(Parsed(kDefaultDetachKeys));
}

TEST(DetachKeysTest, ParsesWhatPeopleWrite) {
  EXPECT_EQ(Parsed("ctrl-p,ctrl-q"), "\x10\x11");
  EXPECT_EQ(Parsed("ctrl-],x"), "\x1dx");
  EXPECT_EQ(Parsed("ctrl-@"), std::string(1, '\0'));
  EXPECT_EQ(Parsed(""), "");
  for (const char* wrong : {"ctrl-", "ctrl-P1", "alt-x", ",", "a,", "\x10"}) {
    EXPECT_EQ(Parsed(wrong), "<wrong>") << wrong;
  }
}

TEST(DetachKeysTest, LeavesOnBothKeysInARow) {
  DetachKeys keys = Default();
  EXPECT_EQ(keys.Filter("ls\x10\x11more"), "ls");
  EXPECT_TRUE(keys.detached());
  EXPECT_EQ(keys.Filter("x"), "");
}

TEST(DetachKeysTest, FindsThemAcrossReads) {
  DetachKeys keys = Default();
  EXPECT_EQ(keys.Filter("\x10"), "");
  EXPECT_FALSE(keys.detached());
  EXPECT_EQ(keys.Filter("\x11"), "");
  EXPECT_TRUE(keys.detached());
}

TEST(DetachKeysTest, GivesBackWhatWasMeantForTheProcess) {
  DetachKeys keys = Default();
  EXPECT_EQ(keys.Filter("\x10"), "");
  EXPECT_EQ(keys.Filter("a"),
            "\x10"
            "a");
  EXPECT_EQ(keys.Filter("\x10\x10"), "\x10");
  EXPECT_EQ(keys.Filter("\x11"), "");
  EXPECT_TRUE(keys.detached());
}

TEST(DetachKeysTest, FindsThemAfterAFalseBeginning) {
  DetachKeys keys(Parsed("a,a,b"));
  EXPECT_EQ(keys.Filter("aaab"), "a");
  EXPECT_TRUE(keys.detached());
}

TEST(DetachKeysTest, WithoutKeysEverythingPasses) {
  DetachKeys keys("");
  EXPECT_EQ(keys.Filter("\x10\x11"), "\x10\x11");
  EXPECT_FALSE(keys.detached());
}

}  // namespace
}  // namespace caisson::cli
