// caisson: the command line. Finds the verb, parses its flags, runs it.
//
// Process: caisson. Thread: main.
#include <unistd.h>

#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "clients/caisson/output.h"
#include "clients/caisson/verb.h"

namespace caisson::cli {
namespace {

constexpr int kUsageError = 125;

std::string Overview() {
  std::string text =
      "Usage: caisson [--address ADDRESS] VERB ...\n\n"
      "Runs and manages containers through caissond.\n\nVerbs:\n";
  for (const VerbInfo& verb : AllVerbs()) {
    std::string name = verb.name;
    name.resize(16, ' ');
    text += "  " + name + verb.summary + "\n";
  }
  return text +
         "\n\"caisson VERB --help\" tells the flags of a verb.\n"
         "The address is --address, else CAISSON_ADDRESS, else\n"
         "unix:///run/caisson/caisson.sock.\n";
}

// The verbs of two words that begin with this one; "" when there are none.
std::string SecondWords(const std::string& first) {
  std::string words;
  for (const VerbInfo& verb : AllVerbs()) {
    const std::string name = verb.name;
    if (name.rfind(first + " ", 0) != 0) continue;
    words += (words.empty() ? "" : ", ") + name.substr(first.size() + 1);
  }
  return words;
}

bool AsksForHelp(const std::string& word) {
  return word == "--help" || word == "-h" || word == "help";
}

int FailUnknown(const std::vector<std::string>& words) {
  const std::string seconds = SecondWords(words[0]);
  if (seconds.empty()) {
    PrintError("no verb \"" + words[0] + "\"; \"caisson help\" lists them");
  } else if (words.size() > 1 && AsksForHelp(words[1])) {
    PrintLine("Usage: caisson " + words[0] + " VERB ...\n\nVerbs: " + seconds);
    return 0;
  } else {
    PrintError("\"" + words[0] + "\" is followed by one of: " + seconds);
  }
  return kUsageError;
}

// The verb at the beginning of the words, and how many of them name it.
const VerbInfo* FindVerb(const std::vector<std::string>& words, size_t* used) {
  for (const VerbInfo& verb : AllVerbs()) {
    const std::string name = verb.name;
    const size_t space = name.find(' ');
    const bool two = space != std::string::npos;
    if (words[0] != name.substr(0, space)) continue;
    if (two && (words.size() < 2 || words[1] != name.substr(space + 1))) {
      continue;
    }
    *used = two ? 2 : 1;
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
