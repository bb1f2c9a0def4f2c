#include "clients/caisson/session_runner.h"

#include <signal.h>
#include <unistd.h>

#include <optional>
#include <thread>
#include <utility>

#include "clients/caisson/output.h"
#include "clients/caisson/session_pump.h"
#include "clients/caisson/terminal.h"
#include "clients/cpp/error.h"

namespace caisson::cli {

namespace {

bool UsesRawTerminal(const SessionOptions& options) {
  return options.terminal && options.input && IsTerminal(STDIN_FILENO);
}

PumpOptions PumpOptionsOf(const SessionOptions& options) {
  PumpOptions result;
  result.terminal = options.terminal;
  result.raw = UsesRawTerminal(options);
  result.signals = options.signals;
  result.detach_keys = options.detach_keys;
  return result;
}

// What the messages of one session do.
class Receiver {
 public:
  Receiver(const SessionOptions& options, client::Session* session,
           SessionPump* pump)
      : options_(options), session_(session), pump_(pump) {}

  void Take(const v1::RunResponse& message) {
    if (message.has_started()) {
      TakeStarted(message.started());
    } else if (message.has_output()) {
      TakeOutput(message.output());
    } else if (message.has_gap()) {
      PrintGap(message.gap());
    } else if (message.has_stdin()) {
      pump_->InputTaken(message.stdin().offset(), message.stdin().closed());
    } else if (message.has_exited()) {
      exited_ = true;
      exit_ = message.exited();
    }
  }

  bool started() const { return started_; }
  bool exited() const { return exited_; }
  const v1::Exited& exit() const { return exit_; }
  bool lost_reader() const { return lost_reader_; }
  const grpc::Status& start_status() const { return start_status_; }
  // Back to the user's modes before anything else is printed.
  void RestoreTerminal() { raw_.reset(); }

 private:
  void TakeStarted(const v1::Started& started) {
    started_ = true;
    if (options_.on_started) start_status_ = options_.on_started(started);
    if (!start_status_.ok()) {
      session_->Cancel();
      return;
    }
    if (UsesRawTerminal(options_)) raw_.emplace();
    pump_->SetStarted();
    if (options_.input) pump_->StartInput(started.stdin_offset());
  }

  void TakeOutput(const v1::Output& output) {
    const bool is_error = output.stream() == v1::STD_STREAM_STDERR;
    if (!lost_reader_ &&
        !WriteFully(is_error ? STDERR_FILENO : STDOUT_FILENO, output.data())) {
      // As for any program in a pipeline whose reader is gone.
      lost_reader_ = true;
      session_->Cancel();
    }
  }

  const SessionOptions& options_;
  client::Session* const session_;
  SessionPump* const pump_;
  std::optional<RawTerminal> raw_;
  bool started_ = false;
  bool exited_ = false;
  bool lost_reader_ = false;
  grpc::Status start_status_;
  v1::Exited exit_;
};

SessionResult ResultOf(const Receiver& receiver, const SessionPump& pump,
                       grpc::Status status) {
  using Kind = SessionResult::Kind;
  SessionResult result;
  result.started = receiver.started();
  result.exit = receiver.exit();
  result.status = std::move(status);
  if (!receiver.start_status().ok()) {
    result.status = receiver.start_status();
  } else if (receiver.exited()) {
    result.kind = Kind::kExited;
  } else if (pump.detached()) {
    result.kind = Kind::kDetached;
  } else if (pump.aborted_by() != 0) {
    result.kind = Kind::kAborted;
    result.signal = pump.aborted_by();
  } else if (receiver.lost_reader()) {
    result.kind = Kind::kAborted;
    result.signal = SIGPIPE;
  } else {
    result.kind = result.status.ok() ? Kind::kEnded : Kind::kFailed;
  }
  return result;
}

}  // namespace

void PrepareSignals() {
  BlockPumpedSignals();
}

SessionResult RunSession(const OpenSession& open,
                         const SessionOptions& options) {
  const std::unique_ptr<client::Session> session = open();
  SessionPump pump(session.get(), PumpOptionsOf(options));
  std::thread sender([&pump] { pump.Loop(); });
  Receiver receiver(options, session.get(), &pump);
  v1::RunResponse message;
  while (session->Next(&message)) receiver.Take(message);
  receiver.RestoreTerminal();
  pump.Stop();
  sender.join();
  return ResultOf(receiver, pump, session->Finish());
}

int StatusOfSession(const SessionResult& result, const std::string& tried,
                    const std::string& address) {
  switch (result.kind) {
    case SessionResult::Kind::kExited:
      if (result.exit.has_status()) return result.exit.status();
      PrintError(tried + ": the exit status is lost: " + result.exit.message());
      return 125;
    case SessionResult::Kind::kDetached:
    case SessionResult::Kind::kEnded:
      return 0;
    case SessionResult::Kind::kAborted:
      return 128 + result.signal;
    case SessionResult::Kind::kFailed:
      break;
  }
  PrintError(client::RenderError(tried, result.status, address));
  return client::ExitStatusOf(result.status);
}

}  // namespace caisson::cli
