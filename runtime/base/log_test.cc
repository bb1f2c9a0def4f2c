#include "runtime/base/log.h"

#include <fcntl.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/scratch_test.h"
#include "runtime/base/status_matchers.h"

namespace caisson::base {
namespace {

using testing::MatchesRegex;

TEST(LogLineTest, IsOneLineOfKeysAndValues) {
  EXPECT_EQ(FormatLogLine(LogLevel::kWarning, "T", "shim lost",
                          {{"container", "4f"}, {"pid", 17}, {"oom", true}}),
            "T warning shim lost container=4f pid=17 oom=true\n");
}

TEST(LogLineTest, NoValueCanForgeAnotherLineOrField) {
  EXPECT_EQ(FormatLogLine(LogLevel::kError, "T", "a\nb",
                          {{"v", "x\nT error forged=1"},
                           {"q", "say \"hi\""},
                           {"e", ""},
                           {"u", "\xff"}}),
            "T error a\\nb v=\"x\\nT error forged=1\" "
            "q=\"say \\\"hi\\\"\" e=\"\" u=\"\\xff\"\n");
}

TEST(LogLineTest, LevelsHaveNames) {
  for (LogLevel level : {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarning,
                         LogLevel::kError}) {
    EXPECT_EQ(ParseLogLevel(LogLevelName(level)), level);
  }
  EXPECT_EQ(ParseLogLevel("WARN"), std::nullopt);
}

class LogTest : public ScratchTest {
 protected:
  void TearDown() override {
    SetLogFd(-1);
    SetLogLevel(LogLevel::kInfo);
    ScratchTest::TearDown();
  }
};

TEST_F(LogTest, WritesWhatTheLevelLets) {
  Put("log", "");
  CAISSON_ASSERT_OK_AND_ASSIGN(const UniqueFd fd,
                               Open(At("log"), O_WRONLY | O_APPEND));
  SetLogFd(fd.get());
  SetLogLevel(LogLevel::kWarning);
  bool formatted = false;
  const auto value = [&formatted] {
    formatted = true;
    return "v";
  };
  CAISSON_LOG(kInfo, "dropped", {"k", value()});
  EXPECT_FALSE(formatted);
  CAISSON_LOG(kError, "kept", {"k", value()}, {"n", 1});
  CAISSON_LOG(kError, "bare");
  EXPECT_THAT(
      ReadFileToString(At("log"), 1000),
      IsOkAndHolds(MatchesRegex(
          "[0-9-]+T[0-9:.]+Z error kept k=v n=1\n[0-9-]+T.*Z error bare\n")));
}

}  // namespace
}  // namespace caisson::base
