#include "server/flags.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace caisson::server {
namespace {

std::optional<Flags> Parse(std::vector<const char*> args,
                           int* exit_code = nullptr) {
  int unused = 0;
  args.insert(args.begin(), "caissond");
  return ParseFlags(static_cast<int>(args.size()), args.data(),
                    exit_code == nullptr ? &unused : exit_code);
}

TEST(FlagsTest, DefaultsAreTheSystemsPlaces) {
  const auto flags = Parse({});
  ASSERT_TRUE(flags.has_value());
  EXPECT_EQ(flags->root, "/var/lib/caisson");
  EXPECT_EQ(flags->state, "/run/caisson");
  EXPECT_THAT(flags->shim, testing::EndsWith("/caisson-shim"));
  EXPECT_FALSE(flags->operator_gid.has_value());
  EXPECT_EQ(flags->log_level, base::LogLevel::kInfo);
  EXPECT_FALSE(flags->stop_keeper);
}

TEST(FlagsTest, TakesEachFlag) {
  const auto flags =
      Parse({"--root", "/a/", "--state=/b/../c", "--cgroup-base", "x", "--shim",
             "/s", "--operator-gid", "7", "--reader-gid", "8", "--log-level",
             "debug", "--stop-keeper"});
  ASSERT_TRUE(flags.has_value());
  EXPECT_EQ(flags->root, "/a");
  EXPECT_EQ(flags->state, "/c");
  EXPECT_EQ(flags->cgroup_base, "x");
  EXPECT_EQ(flags->shim, "/s");
  EXPECT_EQ(flags->operator_gid, 7u);
  EXPECT_EQ(flags->reader_gid, 8u);
  EXPECT_EQ(flags->log_level, base::LogLevel::kDebug);
  EXPECT_TRUE(flags->stop_keeper);
}

TEST(FlagsTest, MistakesAndHelpEndTheProgram) {
  int exit_code = 0;
  EXPECT_FALSE(Parse({"--nothing"}, &exit_code).has_value());
  EXPECT_NE(exit_code, 0);
  EXPECT_FALSE(Parse({"--operator-gid", "-1"}, &exit_code).has_value());
  EXPECT_NE(exit_code, 0);
  EXPECT_FALSE(Parse({"--log-level", "loud"}, &exit_code).has_value());
  EXPECT_NE(exit_code, 0);
  EXPECT_FALSE(Parse({"--help"}, &exit_code).has_value());
  EXPECT_EQ(exit_code, 0);
}

}  // namespace
}  // namespace caisson::server
