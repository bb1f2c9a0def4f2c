// caisson: the command line. Finds the verb, parses its flags, runs it.
//
// Process: caisson. Thread: main.
#include <unistd.h>

#include <cstdio>
#include <optional>
#include <string>
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

int RunVerb(const VerbInfo& info, std::vector<std::string> words,
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

int Main(std::vector<std::string> words) {
  std::string address = client::DefaultAddress();
  while (words.size() > 1 && words[0] == "--address") {
    address = words[1];
    words.erase(words.begin(), words.begin() + 2);
  }
  if (words.empty() || words[0] == "--help" || words[0] == "-h" ||
      words[0] == "help") {
    WriteFully(words.empty() ? STDERR_FILENO : STDOUT_FILENO, Overview());
    return words.empty() ? kUsageError : 0;
  }
  if (words[0] == "--version") words[0] = "version";
  size_t used = 0;
  const VerbInfo* info = FindVerb(words, &used);
  if (info == nullptr) {
    PrintError("no verb \"" + words[0] + "\"; \"caisson help\" lists them");
    return kUsageError;
  }
  words.erase(words.begin(), words.begin() + static_cast<long>(used));
  return RunVerb(*info, std::move(words), std::move(address));
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
