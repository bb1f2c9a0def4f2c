// Joins the user's stdin, stdout, stderr, signals and terminal to a session.
//
// Thread: Run occupies the calling thread with the output; input, signals and
// resizes are pumped by one thread of its own, which is gone when Run returns.
#ifndef CAISSON_CLIENTS_CAISSON_SESSION_RUNNER_H_
#define CAISSON_CLIENTS_CAISSON_SESSION_RUNNER_H_

#include <functional>
#include <memory>
#include <string>

#include "grpcpp/support/status.h"

#include "caisson/v1/stream.pb.h"
#include "clients/cpp/session.h"

namespace caisson::cli {

struct SessionOptions {
  // Send stdin to the process.
  bool input = false;
  // The process has a terminal: ours becomes raw if stdin is one.
  bool terminal = false;
  // Pass signals on to the process.
  bool signals = true;
  // The bytes by which the user leaves a terminal; "": none.
  std::string detach_keys;
  // Called with the first message. If it fails, the session is left, and that
  // is what failed.
  std::function<grpc::Status(const v1::Started&)> on_started;
};

struct SessionResult {
  enum class Kind {
    kExited,    // `exit` says how
    kDetached,  // the user left; the process goes on
    kFailed,    // `status` says why
    kAborted,   // the user insisted on leaving: `signal`
    kEnded,     // all was delivered, the process goes on
  };
  Kind kind = Kind::kFailed;
  bool started = false;
  v1::Exited exit;
  grpc::Status status;
  int signal = 0;
};

// Signals must be blocked before the first thread is made: call this first in
// a verb that runs sessions, before it connects.
void PrepareSignals();

using OpenSession = std::function<std::unique_ptr<client::Session>()>;

SessionResult RunSession(const OpenSession& open,
                         const SessionOptions& options);

// The exit status of the command line for a session; prints what went wrong as
// "<tried>: ...".
int StatusOfSession(const SessionResult& result, const std::string& tried,
                    const std::string& address);

}  // namespace caisson::cli

#endif  // CAISSON_CLIENTS_CAISSON_SESSION_RUNNER_H_
