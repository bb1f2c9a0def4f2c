#include "clients/caisson/completion.h"

#include <cstdio>
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
  const std::string script = BashCompletion() + "COMP_WORDS=(" + words +
                             ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
                             "caisson() { echo '  \"name\": \"web\",'; }\n"
                             "_caisson\necho \"${COMPREPLY[*]}\"\n";
  const std::string path = ::testing::TempDir() + "completion.bash";
  std::FILE* file = std::fopen(path.c_str(), "w");
  std::fputs(script.c_str(), file);
  std::fclose(file);
  // The path is ours.
  std::FILE* bash =
      ::popen(("bash " + path + " 2>&1").c_str(), "r");  // NOLINT(cert-env33-c)
  std::string offered;
  char buffer[4096];
  while (std::fgets(buffer, sizeof buffer, bash) != nullptr) offered += buffer;
  EXPECT_EQ(::pclose(bash), 0) << offered;
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
  EXPECT_EQ(Offered("caisson stop w"), "web\n");
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
