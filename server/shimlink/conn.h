// One connection to a shim: frames out from any thread, frames in on the
// link's thread.
//
// Process: caissond. Thread: Send and Close from any; handlers run on the
// link's thread, one at a time and with no lock held. They must only look,
// answer with Send and post: every other connection waits for them.
// Ownership: shared by the link (while it is open) and whoever sends. The
// handlers are dropped after on_closed, so they may own the sender.
#ifndef CAISSON_SERVER_SHIMLINK_CONN_H_
#define CAISSON_SERVER_SHIMLINK_CONN_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

#include "runtime/base/unique_fd.h"
#include "runtime/shim/protocol/frames.h"

namespace caisson::shimlink {

// A shim that the keeper made. The pidfd names it for ever.
struct ShimProcess {
  pid_t pid = 0;
  base::UniqueFd pid_fd;
};

class ShimConn;
using ConnPtr = std::shared_ptr<ShimConn>;

struct ConnHandlers {
  // The frame points into the link's buffer: copy what is kept. Descriptors
  // that are not taken are closed.
  absl::AnyInvocable<void(const ConnPtr&, const shim::FrameView&,
                          shim::FrameFds*)>
      on_frame;
  // The peer is gone, or Close was called. Last, exactly once.
  absl::AnyInvocable<void()> on_closed;
  // For a spawned shim only: the keeper's answer, once and before on_closed. It
  // may come after the first frames. UNAVAILABLE KEEPER_LOST: the keeper died.
  absl::AnyInvocable<void(absl::StatusOr<ShimProcess>)> on_spawned;
  // Send was refused because the shim did not read, and now it does.
  absl::AnyInvocable<void()> on_writable;
};

class ShimConn {
 public:
  // What may wait for a shim that does not read: more is refused. Input leaves
  // room, so that a kill or an end of input is not refused because of it.
  static constexpr size_t kMaxQueuedInputBytes = 1 << 20;
  static constexpr size_t kMaxQueuedBytes = 2 << 20;

  // `epoll_fd` is the link's, which closes every connection before it.
  ShimConn(uint64_t id, base::UniqueFd socket, int epoll_fd);
  ShimConn(const ShimConn&) = delete;
  ShimConn& operator=(const ShimConn&) = delete;

  // Sends a frame, or queues it while the socket is full. False: it was not
  // taken. Either the connection is closed, or the shim has not read for long:
  // then on_writable says when to try again. `fds` are borrowed; frames with
  // descriptors are not queued: false as well.
  bool Send(shim::FrameType type, uint32_t target, std::string_view body = {},
            std::string_view tail = {}, const std::vector<int>& fds = {});

  template <typename Body>
  bool SendBody(shim::FrameType type, uint32_t target, const Body& body,
                std::string_view tail = {}) {
    return Send(
        type, target,
        std::string_view(reinterpret_cast<const char*>(&body), sizeof(body)),
        tail);
  }

  // on_closed follows. Idempotent.
  void Close();

  uint64_t id() const { return id_; }

  // Who made the socket that we connected to, whether it reads or not; 0: not
  // known. For one that was spawned we made it ourselves.
  pid_t PeerPid() const;

  // For the link only. Its thread reads the socket; it stays open as long as
  // this object lives, so that nobody ever writes to a reused number.
  int socket_fd() const { return socket_.get(); }
  // Puts the socket into the link's epoll; Send may do so for EPOLLOUT.
  absl::Status Register();
  // The socket takes more: sends what is queued. True: all of it, and something
  // was refused meanwhile.
  bool Flush();
  void MarkClosed();

 private:
  struct Queued {
    shim::FrameType type;
    uint32_t target;
    std::string body;
  };
  int SendNow(shim::FrameType type, uint32_t target, std::string_view body,
              std::string_view tail, const std::vector<int>& fds)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WatchWrites(bool watch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const uint64_t id_;
  const base::UniqueFd socket_;
  const int epoll_fd_;

  // Held across a send, which never waits: it keeps frames in order.
  mutable absl::Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<Queued> queue_ ABSL_GUARDED_BY(mutex_);
  size_t queued_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool refused_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace caisson::shimlink

#endif  // CAISSON_SERVER_SHIMLINK_CONN_H_
