// The connections of a shim or the keeper to daemons: a listening socket and
// the peers that came through it, or that were handed over.
//
// Process: keeper, shim. Thread: main only; no allocation.
// Ownership: owns all sockets. A peer that does not take what is sent to it is
// dropped (it comes back and asks for the state): nobody ever waits for one.
#ifndef CAISSON_RUNTIME_SHIM_CONNECTIONS_H_
#define CAISSON_RUNTIME_SHIM_CONNECTIONS_H_

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/unique_fd.h"
#include "runtime/shim/loop.h"
#include "runtime/shim/protocol/frames.h"

namespace caisson::shim {

class Connections;

class Peer {
 public:
  // 0, or the errno for which the peer was dropped.
  int Send(FrameType type, uint32_t target, const void* body, size_t body_bytes,
           const void* tail = nullptr, size_t tail_bytes = 0,
           const int* fds = nullptr, int fd_count = 0) noexcept;

 private:
  friend class Connections;
  void OnReady(uint32_t events) noexcept;

  Connections* owner_ = nullptr;
  base::UniqueFd socket_;
  Watch watch_;
};

class FrameHandler {
 public:
  virtual void OnFrame(Peer* peer, const FrameView& frame,
                       FrameFds* fds) noexcept = 0;
  // The last peer is gone, or another one came before we heard of that.
  virtual void OnDisconnected() noexcept = 0;

 protected:
  ~FrameHandler() = default;
};

class Connections {
 public:
  static constexpr int kMaxPeers = 16;

  Connections() = default;
  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;

  void Init(Loop* loop, FrameHandler* handler) noexcept;

  // Takes peers from now on. 0 or errno.
  int Listen(base::UniqueFd listen_socket) noexcept;
  // A peer that is connected already. 0 or errno.
  int Add(base::UniqueFd socket) noexcept;

  // To every peer.
  void Broadcast(FrameType type, uint32_t target, const void* body,
                 size_t body_bytes, const int* fds = nullptr,
                 int fd_count = 0) noexcept;

  // A new daemon has come: hands over all that the other peers have sent by
  // now, and says OnDisconnected if one of them is gone, which nobody was told.
  // From within OnFrame: the frame and its bytes are overwritten.
  void ReceiveFromOthers(const Peer* peer) noexcept;

  bool has_peer() const noexcept;
  // Closes everything.
  void Close() noexcept;

 private:
  friend class Peer;
  void OnListenReady(uint32_t events) noexcept;
  void ResumeListening() noexcept;
  void ReportLost() noexcept;
  // False: nothing was there.
  bool Receive(Peer* peer) noexcept;
  void Drop(Peer* peer) noexcept;

  Loop* loop_ = nullptr;
  FrameHandler* handler_ = nullptr;
  base::UniqueFd listen_socket_;
  Watch listen_watch_;
  Timer listen_timer_;
  Timer lost_timer_;
  bool loss_untold_ = false;  // of a peer
  bool receiving_ = false;    // from others
  Peer peers_[kMaxPeers];
  // Only the pages that a message touches exist.
  alignas(8) char buffer_[kMaxFrameBytes];
};

}  // namespace caisson::shim

#endif  // CAISSON_RUNTIME_SHIM_CONNECTIONS_H_
