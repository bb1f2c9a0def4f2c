#include "clients/caisson/completion.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "clients/caisson/verb.h"

namespace caisson::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// What bash offers for the words of a command line; the last is being typed.
std::string Offered(const std::string& words) {
  const std::string script =
      BashCompletion() + "COMP_WORDS=(" + words +
      ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
      "caisson() { echo \"  \\\"name\\\": \\\"$1\\\",\"\n"
      "echo '    \"name\": \"deeper\",'; }\n"
      "_caisson\necho \"${COMPREPLY[*]}\"\n";
  const std::string path = ::testing::TempDir() + "completion.offered";
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, path.c_str(),
                                     O_WRONLY | O_CREAT | O_TRUNC, 0600);
  ::posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  std::string words_of_bash[] = {"bash", "-c", script};
  char* const argv[] = {words_of_bash[0].data(), words_of_bash[1].data(),
                        words_of_bash[2].data(), nullptr};
  pid_t pid = 0;
  EXPECT_EQ(::posix_spawnp(&pid, "bash", &actions, nullptr, argv, environ), 0);
  ::posix_spawn_file_actions_destroy(&actions);
  int status = -1;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  std::ifstream file(path);
  const std::string offered{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(status, 0) << offered;
  std::remove(path.c_str());
  return offered;
}

TEST(BashCompletionTest, OffersVerbs) {
  EXPECT_EQ(Offered("caisson ex"), "exec explain\n");
  EXPECT_EQ(Offered("caisson system ''"), "info audit repair\n");
  EXPECT_EQ(Offered("caisson completion z"), "zsh\n");
}

TEST(BashCompletionTest, OffersFlagsOfTheVerb) {
  EXPECT_THAT(Offered("caisson run --d"),
              AllOf(HasSubstr("--detach"), HasSubstr("--device"),
                    Not(HasSubstr("--signal"))));
  EXPECT_EQ(Offered("caisson kill --s"), "--signal\n");
}

TEST(BashCompletionTest, OffersContainers) {
  EXPECT_EQ(Offered("caisson stop p"), "ps\n");
  EXPECT_EQ(Offered("caisson stop ''"), "ps\n");
}

TEST(BashCompletionTest, OffersNetworksAndFlagsBehindTwoWords) {
  EXPECT_EQ(Offered("caisson network ''"),
            "create ls inspect explain rm connect disconnect interfaces "
            "namespace\n");
  EXPECT_EQ(Offered("caisson network rm ''"), "network\n");
  EXPECT_EQ(Offered("caisson network interfaces ''"), "ps\n");
  EXPECT_EQ(Offered("caisson network namespace ''"), "create ls rm\n");
  EXPECT_EQ(Offered("caisson network namespace rm --f"), "--force\n");
  EXPECT_EQ(Offered("caisson network namespace ls --fo"), "--format\n");
  EXPECT_EQ(Offered("caisson network rm --f"), "--force\n");
  EXPECT_EQ(Offered("caisson network create --sub"), "--subnet\n");
  EXPECT_EQ(Offered("caisson system repair --d"), "--dry-run\n");
}

TEST(BashCompletionTest, OffersWhatStandsAtThePlaceOfTheWord) {
  EXPECT_EQ(Offered("caisson network connect ''"), "network\n");
  EXPECT_EQ(Offered("caisson network connect lan ''"), "ps\n");
  EXPECT_EQ(Offered("caisson network connect --ip 10.0.0.2 ''"), "network\n");
  EXPECT_EQ(Offered("caisson network connect --ip 10.0.0.2 lan ''"), "ps\n");
  EXPECT_EQ(Offered("caisson network disconnect ''"), "network\n");
  EXPECT_EQ(Offered("caisson network disconnect lan ''"), "ps\n");
  for (const char* verb : {"port", "publish", "unpublish"}) {
    const std::string words = std::string("caisson ") + verb;
    EXPECT_EQ(Offered(words + " ''"), "ps\n");
    EXPECT_EQ(Offered(words + " web 8080"), "\n");
  }
}

TEST(FishCompletionTest, KnowsEveryVerb) {
  const std::string script = FishCompletion();
  for (const VerbInfo& verb : AllVerbs()) {
    EXPECT_THAT(script, HasSubstr(std::string("'") + verb.summary + "'"));
  }
}

TEST(ZshCompletionTest, IsBashesBehindTheMark) {
  EXPECT_EQ(ZshCompletion().rfind("#compdef caisson\n", 0), 0u);
}

}  // namespace
}  // namespace caisson::cli
