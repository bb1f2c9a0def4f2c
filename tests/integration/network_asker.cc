#include "tests/integration/network_asker.h"

#include <algorithm>
#include <array>

#include "absl/time/time.h"

#include "runtime/base/str_cat.h"
#include "tests/testing/environment.h"
#include "tests/testing/specs.h"

namespace caisson::testing {
namespace {

using base::StrCat;

constexpr absl::Duration kForAnswers = absl::Seconds(10);
// Nothing here is further than a hop away. What is slower than that on an
// emulated machine is not worth the wait for each.
constexpr absl::Duration kForSilence = absl::Milliseconds(500);
constexpr double kMostPatience = 4;

// How it looks when nobody answers.
constexpr std::array<const char*, 5> kSilences = {
    "!ETIMEDOUT", "!ECONNREFUSED", "!EHOSTUNREACH", "!ENETUNREACH",
    "!ECONNRESET"};

bool IsSilence(const std::string& answer) {
  return std::find(kSilences.begin(), kSilences.end(), answer) !=
         kSilences.end();
}

}  // namespace

std::vector<std::string> AskArguments(const std::vector<Question>& questions) {
  const absl::Duration silence =
      kForSilence * std::min(TimeoutScale(), kMostPatience);
  std::vector<std::string> arguments = {"ask"};
  for (size_t i = 0; i < questions.size(); ++i) {
    const Question& one = questions[i];
    const absl::Duration patience =
        one.expected.empty() ? silence : Scaled(kForAnswers);
    arguments.push_back(StrCat(i, "/", one.protocol, "/", one.address, "/",
                               one.port, "/",
                               absl::ToInt64Milliseconds(patience)));
  }
  return arguments;
}

std::string WrongAnswers(const std::vector<Question>& questions,
                         const std::string& output) {
  const ProbeFacts facts(output);
  std::string wrong;
  for (size_t i = 0; i < questions.size(); ++i) {
    const Question& one = questions[i];
    const std::string answer = facts.Get(StrCat(i));
    const bool good =
        one.expected.empty() ? IsSilence(answer) : answer == one.expected;
    if (good) continue;
    wrong += StrCat(
        one.what, ": ", one.protocol, " ", one.address, " ", one.port, ": '",
        answer, "' instead of ",
        one.expected.empty() ? "silence" : StrCat("'", one.expected, "'"),
        "\n");
  }
  return wrong;
}

}  // namespace caisson::testing
