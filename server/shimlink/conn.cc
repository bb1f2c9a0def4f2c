#include "server/shimlink/conn.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "runtime/base/syscall_error.h"

namespace caisson::shimlink {
namespace {

// The socket is full, or the kernel is short of memory for a moment.
bool IsTransient(int err) {
  return err == EAGAIN || err == ENOBUFS || err == ENOMEM;
}

}  // namespace

ShimConn::ShimConn(uint64_t id, base::UniqueFd socket, int epoll_fd)
    : id_(id), socket_(std::move(socket)), epoll_fd_(epoll_fd) {}

absl::Status ShimConn::Register() {
  absl::MutexLock lock(&mutex_);
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u64 = id_;
  if (::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, socket_.get(), &event) != 0) {
    return base::SyscallError("epoll_ctl", "shim");
  }
  return absl::OkStatus();
}

void ShimConn::WatchWrites(bool watch) {
  epoll_event event = {};
  event.events = watch ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.u64 = id_;
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, socket_.get(), &event);
}

int ShimConn::SendNow(shim::FrameType type, uint32_t target,
                      std::string_view body, std::string_view tail,
                      const std::vector<int>& fds) {
  return shim::SendFrame(socket_.get(), type, target, body.data(), body.size(),
                         tail.data(), tail.size(), fds.data(),
                         static_cast<int>(fds.size()));
}

bool ShimConn::Send(shim::FrameType type, uint32_t target,
                    std::string_view body, std::string_view tail,
                    const std::vector<int>& fds) {
  absl::MutexLock lock(&mutex_);
  if (closed_) return false;
  if (queue_.empty()) {
    const int err = SendNow(type, target, body, tail, fds);
    if (err == 0) return true;
    if (!IsTransient(err)) return false;
  }
  const size_t bytes = sizeof(Queued) + body.size() + tail.size();
  const size_t limit =
      type == shim::FrameType::kStdin ? kMaxQueuedInputBytes : kMaxQueuedBytes;
  if (!fds.empty() || queued_bytes_ + bytes > limit) {
    // Without a queue nothing would say when to try again.
    refused_ = !queue_.empty();
    return false;
  }
  Queued queued = {type, target, std::string(body)};
  queued.body.append(tail);
  if (queue_.empty()) WatchWrites(true);
  queue_.push_back(std::move(queued));
  queued_bytes_ += bytes;
  return true;
}

bool ShimConn::Flush() {
  absl::MutexLock lock(&mutex_);
  while (!queue_.empty()) {
    const Queued& first = queue_.front();
    const int err = SendNow(first.type, first.target, first.body, {}, {});
    if (IsTransient(err)) return false;
    // Any other error is the end of the connection, which reading reports.
    queued_bytes_ -= sizeof(Queued) + first.body.size();
    queue_.pop_front();
  }
  if (closed_) return false;
  WatchWrites(false);
  return std::exchange(refused_, false);
}

void ShimConn::Close() {
  absl::MutexLock lock(&mutex_);
  if (closed_) return;
  closed_ = true;
  // The link reads the end of the stream and reports it.
  ::shutdown(socket_.get(), SHUT_RDWR);
}

pid_t ShimConn::PeerPid() const {
  ucred peer = {};
  socklen_t size = sizeof(peer);
  const bool known =
      ::getsockopt(socket_.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
  return known ? peer.pid : 0;
}

void ShimConn::MarkClosed() {
  absl::MutexLock lock(&mutex_);
  if (!closed_) ::shutdown(socket_.get(), SHUT_RDWR);
  closed_ = true;
  queue_.clear();
  queued_bytes_ = 0;
}

}  // namespace caisson::shimlink
