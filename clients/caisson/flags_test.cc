#include "clients/caisson/flags.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace caisson::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Verb {
  bool all = false;
  bool proxy = true;
  std::string name;
  std::vector<std::string> labels;
  std::optional<int64_t> count;
  std::vector<std::string> words;

  std::optional<int> Parse(const std::vector<std::string>& arguments,
                           bool is_command = false) {
    Flags flags("verb [flags] WORD...", "does it");
    flags.Switch("-a,--all", &all, "everything");
    flags.Switch("--proxy", &proxy, "pass on");
    flags.Text("--name", &name, "NAME", "its name");
    flags.Texts("-l,--label", &labels, "LABEL", "labels");
    flags.Number("-n,--count", &count, "NUMBER", "how many");
    flags.Words(&words, 1, 2, is_command);
    return flags.Parse(arguments);
  }
};

TEST(FlagsTest, TakesFlagsBetweenWords) {
  Verb verb;
  EXPECT_EQ(verb.Parse({"one", "-a", "--name=x", "-l", "a", "-l", "b", "two",
                        "-n", "3"}),
            std::nullopt);
  EXPECT_TRUE(verb.all);
  EXPECT_EQ(verb.name, "x");
  EXPECT_THAT(verb.labels, ElementsAre("a", "b"));
  EXPECT_EQ(verb.count, 3);
  EXPECT_THAT(verb.words, ElementsAre("one", "two"));
}

TEST(FlagsTest, TheLastOfSeveralValuesCounts) {
  Verb verb;
  EXPECT_EQ(verb.Parse({"--name", "x", "--name", "y", "w"}), std::nullopt);
  EXPECT_EQ(verb.name, "y");
}

TEST(FlagsTest, SwitchesCanBeSwitchedOff) {
  Verb verb;
  EXPECT_EQ(verb.Parse({"--proxy=false", "--all=true", "w"}), std::nullopt);
  EXPECT_FALSE(verb.proxy);
  EXPECT_TRUE(verb.all);
}

TEST(FlagsTest, CommandsKeepTheirFlags) {
  Verb verb;
  EXPECT_EQ(verb.Parse({"-a", "sh", "--name"}, true), std::nullopt);
  EXPECT_THAT(verb.words, ElementsAre("sh", "--name"));
  EXPECT_EQ(verb.name, "");
  EXPECT_EQ(verb.Parse({"--", "-x", "--"}, true), std::nullopt);
  EXPECT_THAT(verb.words, ElementsAre("-x", "--"));
}

TEST(FlagsTest, WordsBehindTheMarkAreNoFlags) {
  Verb verb;
  EXPECT_EQ(verb.Parse({"--", "--bogus", "-a"}), std::nullopt);
  EXPECT_THAT(verb.words, ElementsAre("--bogus", "-a"));
  EXPECT_FALSE(verb.all);
}

TEST(FlagsTest, RefusesWhatItDoesNotKnow) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"--bogus", "w"},
                                             {"w", "--bogus"},
                                             {"w", "-z"},
                                             {"w", "--count", "many"},
                                             {"w", "--name"},
                                             {"a", "b", "c"},
                                             {}}) {
    Verb verb;
    ::testing::internal::CaptureStderr();
    EXPECT_EQ(verb.Parse(arguments), 125);
    EXPECT_THAT(::testing::internal::GetCapturedStderr(),
                HasSubstr("Usage: caisson verb"));
    EXPECT_THAT(verb.words, IsEmpty());
  }
}

TEST(FlagsTest, HelpListsEveryFlag) {
  Verb verb;
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(verb.Parse({"--help"}), 0);
  const std::string help = ::testing::internal::GetCapturedStdout();
  for (const char* text : {"does it", "-a, --all", "--name NAME", "its name",
                           "-n, --count NUMBER"}) {
    EXPECT_THAT(help, HasSubstr(text));
  }
}

}  // namespace
}  // namespace caisson::cli
