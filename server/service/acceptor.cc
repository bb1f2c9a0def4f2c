#include "server/service/acceptor.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/log.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"

namespace caisson::service {
namespace {

// What every HTTP/2 client sends first, before it hears from us.
constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

constexpr uint64_t kListenKey = 0;
constexpr uint64_t kStopKey = 1;
constexpr int kEventsAtOnce = 64;
constexpr int kAcceptsAtOnce = 64;
constexpr absl::Duration kPause = absl::Milliseconds(100);

absl::Status Watch(int epoll_fd, int op, int fd, uint32_t events,
                   uint64_t key) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = key;
  if (::epoll_ctl(epoll_fd, op, fd, &event) != 0) {
    return base::SyscallError("epoll_ctl");
  }
  return absl::OkStatus();
}

bool ReadPeer(int fd, Peer* peer) {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return false;
  }
  peer->pid = credentials.pid;
  peer->uid = credentials.uid;
  peer->gid = credentials.gid;
  // With too small a buffer the kernel says ERANGE and how much it needs.
  peer->groups.resize(32);
  for (int attempt = 0; attempt < 2; ++attempt) {
    size = static_cast<socklen_t>(peer->groups.size() * sizeof(gid_t));
    const int result =
        ::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer->groups.data(), &size);
    const size_t count = size / sizeof(gid_t);
    if (result == 0 || errno == ERANGE) peer->groups.resize(count);
    if (result == 0) return true;
    if (errno != ERANGE) break;
  }
  // Without the groups a role is missed at most, never gained.
  peer->groups.clear();
  return true;
}

int LastNumber(int wanted) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
  if (limit.rlim_cur == RLIM_INFINITY) return wanted;
  return static_cast<int>(
      std::min<rlim_t>(static_cast<rlim_t>(wanted), limit.rlim_cur - 1));
}

}  // namespace

Acceptor::Acceptor(int listen_fd, AcceptorOptions options,
                   Connections* connections, Handover handover)
    : listen_fd_(listen_fd),
      options_(options),
      connections_(connections),
      handover_(std::move(handover)),
      next_number_(options.first_number) {}

absl::StatusOr<std::unique_ptr<Acceptor>> Acceptor::Start(
    int listen_fd, AcceptorOptions options, Connections* connections,
    Handover handover) {
  options.last_number = LastNumber(options.last_number);
  // A low limit leaves no room for numbers of their own.
  options.first_number =
      std::min(options.first_number, options.last_number / 2);
  std::unique_ptr<Acceptor> acceptor(
      new Acceptor(listen_fd, options, connections, std::move(handover)));
  CAISSON_RETURN_IF_ERROR(acceptor->Init());
  acceptor->thread_ = std::thread([raw = acceptor.get()] { raw->Loop(); });
  return acceptor;
}

absl::Status Acceptor::Init() {
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_.is_valid()) return base::SyscallError("epoll_create1");
  stop_.reset(::eventfd(0, EFD_CLOEXEC));
  if (!stop_.is_valid()) return base::SyscallError("eventfd");
  CAISSON_RETURN_IF_ERROR(
      Watch(epoll_.get(), EPOLL_CTL_ADD, stop_.get(), EPOLLIN, kStopKey));
  return Watch(epoll_.get(), EPOLL_CTL_ADD, listen_fd_, EPOLLIN, kListenKey);
}

Acceptor::~Acceptor() {
  Stop();
}

void Acceptor::Stop() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  // Cannot fail: the counter is far from its maximum.
  static_cast<void>(!::write(stop_.get(), &one, sizeof(one)));
  thread_.join();
}

int Acceptor::WaitMillis() const {
  absl::Time next = resume_accept_;
  if (waiting_ > 0) {
    for (const auto& [key, connection] : table_) {
      if (connection.number < 0) next = std::min(next, connection.deadline);
    }
  }
  if (next == absl::InfiniteFuture()) return -1;
  const int64_t millis = absl::ToInt64Milliseconds(next - absl::Now()) + 1;
  return static_cast<int>(std::clamp<int64_t>(millis, 0, 60'000));
}

void Acceptor::Loop() {
  epoll_event events[kEventsAtOnce];
  while (true) {
    const int count =
        ::epoll_wait(epoll_.get(), events, kEventsAtOnce, WaitMillis());
    for (int i = 0; i < count; ++i) {
      const uint64_t key = events[i].data.u64;
      if (key == kStopKey) return;
      if (key == kListenKey) {
        AcceptAll();
      } else {
        OnEvent(key, events[i].events);
      }
    }
    CloseLate();
  }
}

void Acceptor::AcceptAll() {
  for (int i = 0; i < kAcceptsAtOnce; ++i) {
    base::UniqueFd fd(
        ::accept4(listen_fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd.is_valid()) {
      AcceptOne(std::move(fd));
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
               errno == ENOBUFS) {
      PauseAccepting();
      return;
    } else if (errno != ECONNABORTED && errno != EINTR) {
      return;  // EAGAIN: that was all
    }
  }
}

// Waiting connections would wake us at once, again and again.
void Acceptor::PauseAccepting() {
  CAISSON_LOG(kError, "out of descriptors, connections have to wait");
  resume_accept_ = absl::Now() + kPause;
  base::IgnoreError(
      Watch(epoll_.get(), EPOLL_CTL_MOD, listen_fd_, 0, kListenKey),
      "then we are merely woken more often");
}

void Acceptor::AcceptOne(base::UniqueFd fd) {
  Connection connection;
  if (!ReadPeer(fd.get(), &connection.peer)) return;
  const Peer& peer = connection.peer;
  if (!connections_->Admit(peer.uid)) {
    CAISSON_LOG(kWarning, "too many connections", {"uid", peer.uid},
                {"pid", peer.pid}, {"open", connections_->count()});
    return;
  }
  connection.role = RoleOf(peer, options_.roles);
  connection.deadline = absl::Now() + options_.preface_timeout;
  connection.fd = std::move(fd);
  const uint64_t key = next_key_++;
  // Edge-triggered: peeked bytes stay in the socket and would wake us forever.
  const absl::Status watched =
      Watch(epoll_.get(), EPOLL_CTL_ADD, connection.fd.get(),
            EPOLLIN | EPOLLRDHUP | EPOLLET, key);
  table_.emplace(key, std::move(connection));
  ++waiting_;
  if (!watched.ok()) Close(key);
}

void Acceptor::OnEvent(uint64_t key, uint32_t events) {
  const auto it = table_.find(key);
  if (it == table_.end()) return;
  if (it->second.number < 0 && (events & EPOLLIN) != 0) {
    CheckPreface(key, &it->second);
  } else if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
    Close(key);
  }
}

void Acceptor::CheckPreface(uint64_t key, Connection* connection) {
  char buffer[kPreface.size()];
  const ssize_t got = ::recv(connection->fd.get(), buffer, sizeof(buffer),
                             MSG_PEEK | MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  const std::string_view seen(buffer, got > 0 ? static_cast<size_t>(got) : 0);
  if (seen.empty() || kPreface.substr(0, seen.size()) != seen) {
    Close(key);
  } else if (seen.size() == kPreface.size()) {
    HandOver(key, connection);
  }
}

void Acceptor::HandOver(uint64_t key, Connection* connection) {
  int number = ::fcntl(connection->fd.get(), F_DUPFD_CLOEXEC, next_number_);
  if (number < 0) {
    // The upper end is in use: begin again.
    next_number_ = options_.first_number;
    number = ::fcntl(connection->fd.get(), F_DUPFD_CLOEXEC, next_number_);
  }
  if (number < 0) return Close(key);
  next_number_ =
      number >= options_.last_number ? options_.first_number : number + 1;
  connection->number = number;
  --waiting_;
  connections_->Name(number, connection->peer);
  handover_(connection->role, number);
  // From here on only the end matters. Also when it came already: a changed
  // registration is reported anew.
  if (!Watch(epoll_.get(), EPOLL_CTL_MOD, connection->fd.get(), EPOLLRDHUP, key)
           .ok()) {
    Close(key);
  }
}

void Acceptor::CloseLate() {
  const absl::Time now = absl::Now();
  if (now >= resume_accept_) {
    resume_accept_ = absl::InfiniteFuture();
    base::IgnoreError(
        Watch(epoll_.get(), EPOLL_CTL_MOD, listen_fd_, EPOLLIN, kListenKey),
        "it worked when the loop began");
  }
  if (waiting_ == 0) return;
  std::vector<uint64_t> late;
  for (const auto& [key, connection] : table_) {
    if (connection.number < 0 && connection.deadline <= now) {
      late.push_back(key);
    }
  }
  for (const uint64_t key : late) Close(key);
}

void Acceptor::Close(uint64_t key) {
  const auto it = table_.find(key);
  if (it == table_.end()) return;
  if (it->second.number < 0) {
    --waiting_;
  } else {
    connections_->Forget(it->second.number);
  }
  connections_->Release(it->second.peer.uid);
  // Closing our descriptor would not end the watch while gRPC has its own.
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, it->second.fd.get(), nullptr);
  table_.erase(it);
}

}  // namespace caisson::service
