// caisson exec.
#include "clients/caisson/output.h"
#include "clients/caisson/process_flags.h"
#include "clients/caisson/reference.h"
#include "clients/caisson/session_runner.h"
#include "clients/caisson/terminal.h"
#include "clients/caisson/units.h"
#include "clients/caisson/verb.h"

namespace caisson::cli {

namespace {

class ExecVerb : public Verb {
 public:
  void Declare(Flags* flags) override {
    process_.Declare(flags);
    flags->Text("--timeout", &timeout_, "TIME", "most time from start to exit");
    flags->Words(&words_, 2, -1, true);
  }

  int Run(Context* context) override {
    v1::ExecStart start;
    const std::string wrong = Prepare(start.mutable_spec());
    if (!wrong.empty()) {
      PrintError("exec: " + wrong);
      return 125;
    }
    PrepareSignals();
    SessionResult result = RunIn(context, words_[0], start);
    std::string id;
    // Only a short id costs a second round trip.
    if (!result.started && IsContainerNotFound(result.status) &&
        MayBeIdPrefix(words_[0]) &&
        ResolvePrefix(context->connection(), words_[0], &id).ok()) {
      result = RunIn(context, id, start);
    }
    return StatusOfSession(result, "exec in " + words_[0], context->address());
  }

 private:
  std::string Prepare(v1::ExecSpec* spec) const {
    v1::Process* process = spec->mutable_process();
    std::string wrong = process_.Fill(process);
    if (!wrong.empty()) return wrong;
    FillCommand("", {words_.begin() + 1, words_.end()}, process);
    if (process_.interactive) process->set_stdin(v1::STDIN_MODE_ONCE);
    if (process_.tty) {
      const WindowSize size = CurrentWindowSize();
      process->mutable_terminal_size()->set_rows(size.rows);
      process->mutable_terminal_size()->set_cols(size.cols);
    }
    if (!timeout_.empty()) {
      const auto span = ParseSpan(timeout_);
      if (!span.has_value()) {
        return "--timeout: \"" + timeout_ + "\" is no time (as 90s)";
      }
      *spec->mutable_limits()->mutable_wall_time() = *span;
    }
    return "";
  }

  SessionResult RunIn(Context* context, const std::string& container,
                      v1::ExecStart start) const {
    start.set_container(container);
    SessionOptions options;
    options.input = process_.interactive;
    options.terminal = process_.tty;
    // No keys to leave by: an exec ends with its client.
    return RunSession(
        [&] { return client::OpenExec(context->connection(), start); },
        options);
  }

  ProcessFlags process_;
  std::string timeout_;
  std::vector<std::string> words_;
};

}  // namespace

std::unique_ptr<Verb> MakeExec() {
  return std::make_unique<ExecVerb>();
}

}  // namespace caisson::cli
