// One client's stream into a container or an exec: Run, Exec, Attach and Logs.
// The output is read from `output()` with an OutputReader; here are the input,
// the controls, and what the stream's life means to the object:
//
//  - the stream that made the object is its owner: it is the named reader
//    (the process waits for it) and its loss runs the on-disconnect policy;
//    a retry with the same request_id takes all of that over (supersedes);
//  - input comes from the newest stream that writes;
//  - delete-after-exit waits for streams that were open at the exit, until
//    they are over or have caught up.
//
// Process: caissond. Thread: any; nothing blocks. One stream's calls need not
// be serialised, but WriteStdin calls must not overlap.
#ifndef CAISSON_SERVER_CORE_STREAMS_H_
#define CAISSON_SERVER_CORE_STREAMS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "server/core/output_source.h"
#include "server/core/types.h"

namespace caisson::core {

// How a stream ended, for Session::Leave.
enum class StreamEnd {
  kDelivered,     // its last message (Exited) was written
  kDisconnected,  // the client is gone: cancel, deadline, broken connection
  kDetached,      // it ended well before the exit (stop_at_end, logs)
};

class Session {
 public:
  // At the last, Leave(kDisconnected) if Leave was not called.
  virtual ~Session() = default;

  // What to read; the source stays valid after the object is gone.
  virtual std::shared_ptr<OutputSource> output() const = 0;

  // For OutputOptions::on_position; empty: this stream is not the named
  // reader. Safe to call after the session is gone.
  virtual std::function<void(int64_t offset)> position_listener() const = 0;

  // Called on a core thread when input was written or closed, with what holds
  // then (intermediate values may be left out). At most one listener; none
  // after Leave. Set it before the first WriteStdin.
  virtual void SetStdinListener(
      absl::AnyInvocable<void(StdinProgress)> listener) = 0;

  // Gives input to the process. `offset`: bytes that this client sent before;
  // what the process has been given already is skipped. Unset: right behind
  // what this stream sent last, at first behind what the process has. The
  // callback means: send the next piece (it was taken, or dropped because the
  // input is closed). ABORTED STREAM_SUPERSEDED when a newer stream of the
  // same request_id took over; INVALID_ARGUMENT for an offset beyond what was
  // sent so far; UNAVAILABLE SHIM_NOT_ANSWERING.
  virtual void WriteStdin(std::optional<int64_t> offset, std::string bytes,
                          DoneCallback callback) = 0;

  // End of input, once and from any stream; again is OK. With a terminal its
  // end-of-file character.
  virtual void CloseStdin() = 0;

  // FAILED_PRECONDITION NOT_A_TTY, INVALID_ARGUMENT for a size that does not
  // fit. OK when the process is gone.
  virtual void Resize(spec::TerminalSize size, DoneCallback callback) = 0;

  // As KillContainer and KillExec, but OK when the process is gone.
  virtual void Kill(SignalArgs args, DoneCallback callback) = 0;

  // A stream that goes on beyond the exit of `run` has all output before it:
  // nothing has to be kept for it.
  virtual void CaughtUp(int64_t run) = 0;

  // The stream is over. The first call counts.
  virtual void Leave(StreamEnd end) = 0;
};
using SessionPtr = std::shared_ptr<Session>;

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_STREAMS_H_
