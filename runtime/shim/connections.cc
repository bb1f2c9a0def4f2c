#include "runtime/shim/connections.h"

#include <errno.h>
#include <sys/socket.h>

#include <utility>

#include "runtime/shim/listener.h"

namespace caisson::shim {
namespace {

// What a peer may leave unread before it is dropped. Costs nothing while it
// reads. A start and an exit of every exec fit several times.
constexpr int kSendBufferBytes = 4 * 1024 * 1024;
// After EMFILE and the like the listening socket stays readable: pause it.
constexpr int64_t kListenPauseNs = 100 * kNsPerMs;
// More of the smallest frames than a socket's buffer holds.
constexpr int kMostQueued = 64 * 1024;

}  // namespace

int Peer::Send(FrameType type, uint32_t target, const void* body,
               size_t body_bytes, const void* tail, size_t tail_bytes,
               const int* fds, int fd_count) noexcept {
  if (!socket_.is_valid()) return EPIPE;
  const int error = SendFrame(socket_.get(), type, target, body, body_bytes,
                              tail, tail_bytes, fds, fd_count);
  if (error != 0) owner_->Drop(this);
  return error;
}

void Peer::OnReady(uint32_t) noexcept {
  owner_->Receive(this);
}

void Connections::Init(Loop* loop, FrameHandler* handler) noexcept {
  loop_ = loop;
  handler_ = handler;
  listen_watch_.Bind<&Connections::OnListenReady>(this);
  listen_timer_.Bind<&Connections::ResumeListening>(this);
  lost_timer_.Bind<&Connections::ReportLost>(this);
  for (Peer& peer : peers_) {
    peer.owner_ = this;
    peer.watch_.Bind<&Peer::OnReady>(&peer);
  }
}

int Connections::Listen(base::UniqueFd listen_socket) noexcept {
  listen_socket_ = std::move(listen_socket);
  return listen_watch_.Start(loop_, listen_socket_.get(), EPOLLIN);
}

int Connections::Add(base::UniqueFd socket) noexcept {
  for (Peer& peer : peers_) {
    if (peer.socket_.is_valid()) continue;
    const int bytes = kSendBufferBytes;
    // Without the privilege for more than the host's maximum, take that.
    if (::setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUFFORCE, &bytes,
                     sizeof(bytes)) != 0) {
      ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    }
    peer.socket_ = std::move(socket);
    const int error = peer.watch_.Start(loop_, peer.socket_.get(), EPOLLIN);
    if (error != 0) peer.socket_.reset();
    return error;
  }
  return EMFILE;
}

void Connections::Broadcast(FrameType type, uint32_t target, const void* body,
                            size_t body_bytes, const int* fds,
                            int fd_count) noexcept {
  for (Peer& peer : peers_) {
    if (!peer.socket_.is_valid()) continue;
    peer.Send(type, target, body, body_bytes, nullptr, 0, fds, fd_count);
  }
}

bool Connections::has_peer() const noexcept {
  for (const Peer& peer : peers_) {
    if (peer.socket_.is_valid()) return true;
  }
  return false;
}

void Connections::Close() noexcept {
  listen_watch_.Stop();
  listen_timer_.Disarm();
  lost_timer_.Disarm();
  listen_socket_.reset();
  for (Peer& peer : peers_) {
    peer.watch_.Stop();
    peer.socket_.reset();
  }
}

void Connections::OnListenReady(uint32_t) noexcept {
  base::UniqueFd socket = AcceptPeer(listen_socket_.get());
  if (socket.is_valid()) {
    // No room: the socket closes, and the daemon tries again.
    Add(std::move(socket));
    return;
  }
  if (errno != EMFILE && errno != ENFILE && errno != ENOMEM &&
      errno != ENOBUFS) {
    return;
  }
  listen_watch_.Stop();
  listen_timer_.Arm(loop_, kListenPauseNs);
}

void Connections::ResumeListening() noexcept {
  if (listen_watch_.Start(loop_, listen_socket_.get(), EPOLLIN) != 0) {
    listen_timer_.Arm(loop_, kListenPauseNs);
  }
}

// One that goes on sending must not keep us for ever.
void Connections::ReceiveFromOthers(const Peer* peer) noexcept {
  if (receiving_) return;
  receiving_ = true;
  for (Peer& other : peers_) {
    if (&other == peer) continue;
    for (int left = kMostQueued; left > 0 && Receive(&other); --left) {
    }
  }
  receiving_ = false;
  if (!loss_untold_) return;
  loss_untold_ = false;
  handler_->OnDisconnected();
}

bool Connections::Receive(Peer* peer) noexcept {
  if (!peer->socket_.is_valid()) return false;
  FrameFds fds;
  const int size =
      ReceiveMessage(peer->socket_.get(), buffer_, sizeof(buffer_), &fds);
  if (size == -EAGAIN) return false;
  FrameView frame;
  if (size <= 0 || !ParseFrame(buffer_, static_cast<size_t>(size), &frame)) {
    Drop(peer);
    return false;
  }
  handler_->OnFrame(peer, frame, &fds);
  return true;
}

// The handler hears of it from the loop, not from within a Send.
void Connections::Drop(Peer* peer) noexcept {
  peer->watch_.Stop();
  peer->socket_.reset();
  loss_untold_ = true;
  if (!has_peer()) lost_timer_.Arm(loop_, 0);
}

void Connections::ReportLost() noexcept {
  if (has_peer() || !loss_untold_) return;
  loss_untold_ = false;
  handler_->OnDisconnected();
}

}  // namespace caisson::shim
