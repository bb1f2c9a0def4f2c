#include "clients/caisson/detach_keys.h"

#include "gtest/gtest.h"

namespace caisson::cli {
namespace {

TEST(DetachKeysTest, LeavesOnBothKeysInARow) {
  DetachKeys keys;
  EXPECT_EQ(keys.Filter("ls\x10\x11more"), "ls");
  EXPECT_TRUE(keys.detached());
  EXPECT_EQ(keys.Filter("x"), "");
}

TEST(DetachKeysTest, FindsThemAcrossReads) {
  DetachKeys keys;
  EXPECT_EQ(keys.Filter("\x10"), "");
  EXPECT_FALSE(keys.detached());
  EXPECT_EQ(keys.Filter("\x11"), "");
  EXPECT_TRUE(keys.detached());
}

TEST(DetachKeysTest, GivesBackWhatWasMeantForTheProcess) {
  DetachKeys keys;
  EXPECT_EQ(keys.Filter("\x10"), "");
  EXPECT_EQ(keys.Filter("a"),
            "\x10"
            "a");
  EXPECT_EQ(keys.Filter("\x10\x10"), "\x10");
  EXPECT_EQ(keys.Filter("\x11"), "");
  EXPECT_TRUE(keys.detached());
}

}  // namespace
}  // namespace caisson::cli
