// caisson: the command line. Finds the verb, parses its flags, runs it.
//
// Process: caisson. Thread: main.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

#include "clients/caisson/output.h"
#include "clients/caisson/verb.h"

namespace caisson::cli {
namespace {

constexpr int kUsageError = 125;

std::string Overview() {
  std::string text =
      "Usage: caisson [--address ADDRESS] VERB ...\n\n"
      "Runs and manages containers through caissond.\n\nVerbs:\n";
  size_t width = 0;
  for (const VerbInfo& verb : AllVerbs()) {
    width = std::max(width, std::string_view(verb.name).size() + 2);
  }
  for (const VerbInfo& verb : AllVerbs()) {
    std::string name = verb.name;
    name.resize(width, ' ');
    text += "  " + name + verb.summary + "\n";
  }
  return text +
         "\n\"caisson VERB --help\" tells the flags of a verb.\n"
         "The address is --address, else CAISSON_ADDRESS, else\n"
         "unix:///run/caisson/caisson.sock.\n";
}

// The longest beginning of the words with which verbs of more words begin.
std::string CommonStart(const std::vector<std::string>& words) {
  std::string start;
  for (const std::string& word : words) {
    std::string longer = start.empty() ? word : start + " " + word;
    if (NextWords(longer).empty()) break;
    start = std::move(longer);
  }
  return start;
}

bool AsksForHelp(const std::string& word) {
  return word == "--help" || word == "-h" || word == "help";
}

int FailUnknown(const std::vector<std::string>& words) {
  const std::string start = CommonStart(words);
  if (start.empty()) {
    PrintError("no verb \"" + words[0] + "\"; \"caisson help\" lists them");
    return kUsageError;
  }
  const std::string next = absl::StrJoin(NextWords(start), ", ");
  const std::vector<std::string> known = absl::StrSplit(start, ' ');
  if (words.size() > known.size() && AsksForHelp(words[known.size()])) {
    PrintLine("Usage: caisson " + start + " VERB ...\n\nVerbs: " + next);
    return 0;
  }
  PrintError("\"" + start + "\" is followed by one of: " + next);
  return kUsageError;
}

// The verb at the beginning of the words, and how many of them name it.
const VerbInfo* FindVerb(const std::vector<std::string>& words, size_t* used) {
  for (const VerbInfo& verb : AllVerbs()) {
    const std::vector<std::string> name = absl::StrSplit(verb.name, ' ');
    if (words.size() < name.size() ||
        !std::equal(name.begin(), name.end(), words.begin())) {
      continue;
    }
    *used = name.size();
    return &verb;
  }
  return nullptr;
}

int RunVerb(const VerbInfo& info, const std::vector<std::string>& words,
            std::string address) {
  Flags flags(std::string(info.name) + " " + info.usage, info.summary);
  const std::unique_ptr<Verb> verb = info.make();
  verb->Declare(&flags);
  flags.Text("--address", &address, "ADDRESS",
             "where caissond is, as unix:///path");
  if (const std::optional<int> over = flags.Parse(words)) return *over;
  Context context(address);
  return verb->Run(&context);
}

// Takes "--address A" and "--address=A" off the front.
void TakeAddress(std::vector<std::string>* words, std::string* address) {
  constexpr std::string_view kFlag = "--address";
  while (!words->empty() && words->front().rfind(kFlag, 0) == 0) {
    const std::string first = words->front();
    if (first.size() > kFlag.size() && first[kFlag.size()] == '=') {
      *address = first.substr(kFlag.size() + 1);
    } else if (first.size() == kFlag.size() && words->size() > 1) {
      *address = (*words)[1];
      words->erase(words->begin());
    } else {
      return;
    }
    words->erase(words->begin());
  }
}

int Main(std::vector<std::string> words) {
  std::string address = client::DefaultAddress();
  TakeAddress(&words, &address);
  if (words.empty()) {
    WriteFully(STDERR_FILENO, Overview());
    return kUsageError;
  }
  if (AsksForHelp(words[0])) {
    words.erase(words.begin());
    if (words.empty()) {
      return WriteFully(STDOUT_FILENO, Overview()) ? 0 : 1;
    }
    // "help run" is "run --help".
    words.push_back("--help");
  }
  if (words[0] == "--version") words[0] = "version";
  size_t used = 0;
  const VerbInfo* info = FindVerb(words, &used);
  if (info == nullptr) return FailUnknown(words);
  words.erase(words.begin(), words.begin() + static_cast<long>(used));
  return RunVerb(*info, words, std::move(address));
}

}  // namespace
}  // namespace caisson::cli

int main(int argc, char** argv) {
  const int status =
      caisson::cli::Main(std::vector<std::string>(argv + 1, argv + argc));
  // Nothing is left to flush but stdio; taking gRPC down costs milliseconds.
  std::fflush(nullptr);
  ::_exit(status);
}
