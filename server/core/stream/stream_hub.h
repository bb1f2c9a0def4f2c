// All client streams of one container or one exec: who owns it, whose input
// goes in, who reads for the process to go on, and who still has to be told
// how it ended.
//
//   Session --post--> StreamHub (the container's queue) --frames--> shim
//
// Process: caissond. Thread: the container's queue, but for what is said.
// Ownership: sessions share the hub; the hub knows them by number only.
#ifndef CAISSON_SERVER_CORE_STREAM_STREAM_HUB_H_
#define CAISSON_SERVER_CORE_STREAM_STREAM_HUB_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/strings/cord.h"

#include "server/core/executor.h"
#include "server/core/stream/reader_lane.h"
#include "server/core/streams.h"
#include "server/core/types.h"
#include "server/shimlink/conn.h"

namespace caisson::core {

// What a stream is to the object.
enum class StreamRole {
  kOwner,     // made it, or took over from the stream that did
  kAttached,  // joined it
  kLogs,      // only reads
};

struct StreamHubOptions {
  uint32_t target = 0;  // of frames: 0 the container, n an exec
  bool tty = false;
  spec::StdinMode stdin_mode = spec::StdinMode::kNone;
};

// How far the input of a process is, as its shim says.
struct ShimInput {
  int64_t written = 0;  // the process can read it
  int64_t taken = 0;    // the shim has it, for when the process reads
  bool closed = false;
};

class StreamHub : public std::enable_shared_from_this<StreamHub> {
 public:
  // Sends a signal to the object, for Session::Kill: OK when it is gone.
  using KillFunction = std::function<void(SignalArgs, DoneCallback)>;

  StreamHub(std::shared_ptr<SerialQueue> queue,
            std::shared_ptr<OutputSource> source, StreamHubOptions options,
            KillFunction kill);
  StreamHub(const StreamHub&) = delete;
  StreamHub& operator=(const StreamHub&) = delete;

  // A new stream. An owner supersedes the one before.
  SessionPtr Open(StreamRole role);
  // A stream of role kLogs, from any thread.
  SessionPtr OpenLogs();

  // The process runs: input goes on at `stdin_offset`.
  void OnRunning(shimlink::ConnPtr conn, int64_t stdin_offset,
                 bool stdin_closed);
  // It was found running, by a new daemon or over a new connection: what the
  // shim has not got is sent again.
  void OnAdopted(shimlink::ConnPtr conn, const ShimInput& input);
  // The shim wrote input, or closed it.
  void OnProgress(int64_t offset, bool closed);
  // The shim reads again after it did not for long.
  void OnWritable() { Sync(); }
  // The process is gone: input is closed, and streams that are open from here
  // on have to be told. Also for one that was gone when the daemon began.
  void OnExited();
  // An earlier daemon took the owner with it: it may come back.
  void ExpectOwner() { owner_lost_ = true; }

  // Input before it is the process's, or its shim's: no client has to give it
  // again.
  int64_t stdin_offset() const { return kept_from_; }
  // The process runs or ran, as far as this daemon knows.
  bool has_run() const { return started_; }
  const std::shared_ptr<OutputSource>& source() const { return source_; }

  // Some stream that was open at the exit has not got its last message, or all
  // that is before it.
  bool AwaitsDelivery() const { return !undelivered_.empty(); }
  // The owner was lost before it got its last message: it may come back.
  bool OwnerLost() const { return owner_lost_; }
  // Called (on the queue) when one of the two above may have changed after
  // the exit.
  void SetDeliveryListener(absl::AnyInvocable<void()> listener);

  // --- For sessions, on the queue.
  void Write(uint64_t session, std::optional<int64_t> offset, std::string bytes,
             DoneCallback callback);
  void CloseInput();
  void Resize(spec::TerminalSize size, DoneCallback callback);
  void Kill(SignalArgs args, DoneCallback callback);
  void Listen(uint64_t session,
              absl::AnyInvocable<void(StdinProgress)> listener);
  void CaughtUp(uint64_t session, int64_t run);
  void Leave(uint64_t session, StreamEnd end);
  SerialQueue& queue() { return *queue_; }

 private:
  struct Stream {
    StreamRole role = StreamRole::kAttached;
    bool superseded = false;
    bool wrote = false;
    absl::AnyInvocable<void(StdinProgress)> listener;
    std::shared_ptr<ReaderLane> lane;  // of an owner
  };
  // A write that is answered once what it gave was sent.
  struct PendingWrite {
    int64_t end = 0;
    DoneCallback callback;
  };

  void Register(uint64_t number, Stream stream);
  void Connect(shimlink::ConnPtr conn, bool stdin_closed);
  bool input_closed() const { return conn_ == nullptr || closed_; }
  // Tells the shim all that it does not know.
  void Sync();
  void TellNoReader();
  void TellSize();
  // Sends what fits into the shim's window.
  void Pump();
  void AnswerWrites();
  void Acknowledge(int64_t offset);
  void Forget(int64_t offset);
  void DropInput();
  void TellProgress();
  void LoseOwner(StreamEnd end);
  // Whether there is a client, if the shim has to know.
  void TellPresence();
  bool SendDisconnect(bool disconnected);
  // The owner, or some stream that could take its place.
  bool HasClient() const;

  const std::shared_ptr<SerialQueue> queue_;
  const std::shared_ptr<OutputSource> source_;
  const StreamHubOptions options_;
  const KillFunction kill_;

  std::map<uint64_t, Stream> streams_;
  std::atomic<uint64_t> last_session_ = 0;
  uint64_t owner_ = 0;  // 0: none
  bool owner_lost_ = false;
  bool loss_untold_ = false;  // of the owner, to the shim
  // The shim was told of a loss, or has lost us: the policy may be under way.
  bool may_act_ = false;
  std::map<uint64_t, bool> undelivered_;  // open at the exit; is it the owner
  absl::AnyInvocable<void()> delivery_listener_;

  // To be told to the shim.
  bool no_reader_untold_ = false;  // nothing waits for the owner any more
  std::optional<spec::TerminalSize> size_untold_;

  // Input. `taken_` counts what streams gave, `sent_` what the shim got,
  // `written_` what the process can read. What the shim got is kept until it is
  // written: the connection may be lost before.
  shimlink::ConnPtr conn_;  // null: does not run
  bool started_ = false;
  bool closed_ = false;
  bool close_wanted_ = false;
  bool close_sent_ = false;
  int64_t taken_ = 0;
  int64_t sent_ = 0;
  int64_t written_ = 0;
  int64_t kept_from_ = 0;  // `written_`, or what an earlier daemon gave
  absl::Cord input_;       // from `kept_from_` to `taken_`
  std::deque<PendingWrite> writes_;
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_STREAM_STREAM_HUB_H_
