// caisson completion.
#include <unistd.h>

#include "clients/caisson/completion.h"
#include "clients/caisson/output.h"
#include "clients/caisson/verb.h"

namespace caisson::cli {

namespace {

class CompletionVerb : public Verb {
 public:
  void Declare(Flags* flags) override { flags->Words(&words_, 1, 1); }

  int Run(Context*) override {
    std::string script;
    if (words_[0] == "bash") script = BashCompletion();
    if (words_[0] == "zsh") script = ZshCompletion();
    if (words_[0] == "fish") script = FishCompletion();
    if (script.empty()) {
      PrintError("completion: \"" + words_[0] + "\" is not bash, zsh or fish");
      return 125;
    }
    return WriteFully(STDOUT_FILENO, script) ? 0 : 1;
  }

 private:
  std::vector<std::string> words_;
};

}  // namespace

std::unique_ptr<Verb> MakeCompletion() {
  return std::make_unique<CompletionVerb>();
}

}  // namespace caisson::cli
