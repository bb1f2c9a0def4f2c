#include "runtime/init/passwd.h"

#include <stddef.h>
#include <stdint.h>

#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace caisson::init {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Text Of(std::string_view text) {
  return Text{text.data(), text.size()};
}

std::string StringOf(Text text) {
  return std::string(text.data, text.size);
}

constexpr std::string_view kPasswd =
    "root:x:0:0:root:/root:/bin/sh\n"
    "# a comment\n"
    "\n"
    "broken line\n"
    "noid:x::5:::\n"
    "negative:x:-1:5:::\n"
    "huge:x:4294967295:5:::\n"
    "wraps:x:4294967296:5:::\n"
    "app:x:1000:1001:An App,,,:/home/app:/bin/sh\n"
    "app:x:2000:2001:second:/home/second:/bin/sh\n"
    "1000:x:0:0:a name of digits:/root:/bin/sh\n"
    "short:x:77:78\n"
    "last:x:4294967294:9::/last";

TEST(ParseIdTest, TakesDigitsThatFit) {
  uint32_t id = 1;
  EXPECT_TRUE(ParseId(Of("0"), &id));
  EXPECT_EQ(id, 0u);
  EXPECT_TRUE(ParseId(Of("4294967294"), &id));
  EXPECT_EQ(id, 4294967294u);
  EXPECT_TRUE(ParseId(Of("007"), &id));
  EXPECT_EQ(id, 7u);
}

TEST(ParseIdTest, RefusesEverythingElse) {
  uint32_t id = 42;
  for (const std::string_view text :
       {"", "+1", "-1", " 1", "1 ", "0x1", "1e3", "4294967295", "4294967296",
        "99999999999999999999999999", "1:", "a"}) {
    EXPECT_FALSE(ParseId(Of(text), &id)) << text;
  }
  EXPECT_EQ(id, 42u);
}

TEST(FindUserTest, FirstMatchWins) {
  PasswdEntry entry;
  ASSERT_TRUE(FindUserByName(Of(kPasswd), "app", &entry));
  EXPECT_EQ(entry.uid, 1000u);
  EXPECT_EQ(entry.gid, 1001u);
  EXPECT_EQ(StringOf(entry.home), "/home/app");
}

TEST(FindUserTest, FindsById) {
  PasswdEntry entry;
  ASSERT_TRUE(FindUserById(Of(kPasswd), 2000, &entry));
  EXPECT_EQ(StringOf(entry.name), "app");
  ASSERT_TRUE(FindUserById(Of(kPasswd), 0, &entry));
  EXPECT_EQ(StringOf(entry.name), "root");
}

TEST(FindUserTest, LastLineNeedsNoNewline) {
  PasswdEntry entry;
  ASSERT_TRUE(FindUserByName(Of(kPasswd), "last", &entry));
  EXPECT_EQ(entry.uid, 4294967294u);
  EXPECT_EQ(StringOf(entry.home), "/last");
}

TEST(FindUserTest, HomeMayBeMissing) {
  PasswdEntry entry;
  ASSERT_TRUE(FindUserByName(Of(kPasswd), "short", &entry));
  EXPECT_EQ(entry.gid, 78u);
  EXPECT_EQ(entry.home.size, 0u);
}

TEST(FindUserTest, BadLinesAreNoUsers) {
  PasswdEntry entry;
  for (const char* name :
       {"noid", "negative", "huge", "wraps", "broken line", "", "nobody"}) {
    EXPECT_FALSE(FindUserByName(Of(kPasswd), name, &entry)) << name;
  }
}

TEST(FindUserTest, ControlCharactersDisqualifyALine) {
  PasswdEntry entry;
  const std::string_view text("evil:x:0:0::/r\0oot:/sh\nevil:x:5:5::/h:\n", 39);
  ASSERT_TRUE(FindUserByName(Of(text), "evil", &entry));
  EXPECT_EQ(entry.uid, 5u);
}

TEST(FindUserTest, EmptyTextHasNobody) {
  PasswdEntry entry;
  EXPECT_FALSE(FindUserByName(Text{}, "root", &entry));
  EXPECT_FALSE(FindUserById(Of(""), 0, &entry));
}

constexpr std::string_view kGroup =
    "root:x:0:\n"
    "bad:x:x:app\n"
    "wheel:x:10:root,app\n"
    "apple:x:11:apple\n"
    "app:x:1001:\n"
    "again:x:10:app\n"
    "users:x:100:other,app";

TEST(FindGroupTest, FindsByName) {
  uint32_t gid = 0;
  ASSERT_TRUE(FindGroup(Of(kGroup), "users", &gid));
  EXPECT_EQ(gid, 100u);
  EXPECT_FALSE(FindGroup(Of(kGroup), "bad", &gid));
  EXPECT_FALSE(FindGroup(Of(kGroup), "use", &gid));
}

std::vector<uint32_t> Collect(std::string_view user, size_t capacity,
                              bool* ok) {
  std::vector<uint32_t> ids(capacity);
  size_t count = 0;
  *ok = CollectGroups(Of(kGroup), Of(user), ids.data(), &count, capacity);
  ids.resize(count);
  return ids;
}

TEST(CollectGroupsTest, ListsEachGroupOnce) {
  bool ok = false;
  EXPECT_THAT(Collect("app", 8, &ok), ElementsAre(10, 100));
  EXPECT_TRUE(ok);
  EXPECT_THAT(Collect("nobody", 8, &ok), IsEmpty());
  EXPECT_TRUE(ok);
}

TEST(CollectGroupsTest, SaysWhenThereAreTooMany) {
  bool ok = true;
  EXPECT_THAT(Collect("app", 1, &ok), ElementsAre(10));
  EXPECT_FALSE(ok);
}

TEST(IsNumberTest, OnlyDigits) {
  EXPECT_TRUE(IsNumber(Of("0123")));
  EXPECT_FALSE(IsNumber(Of("")));
  EXPECT_FALSE(IsNumber(Of("12a")));
  EXPECT_FALSE(IsNumber(Of("-1")));
}

}  // namespace
}  // namespace caisson::init
