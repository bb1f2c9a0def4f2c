#include "server/shimlink/link.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "runtime/base/error_detail.h"
#include "runtime/base/file.h"
#include "runtime/base/log.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"
#include "server/shimlink/link_impl.h"

namespace caisson::shimlink {
namespace {

// Frames of one shim before others get their turn.
constexpr int kFairShare = 32;
// Tags of descriptors that are no connections.

// Large: recvmsg needs room for the largest frame. One for the thread.
struct alignas(8) FrameBuffer {
  char bytes[shim::kMaxFrameBytes];
};

// The next frame of a socket. False: nothing there (*ended: never again).
bool ReceiveFrame(int socket_fd, FrameBuffer* buffer, shim::FrameView* frame,
                  shim::FrameFds* fds, bool* ended) {
  const int size = shim::ReceiveMessage(socket_fd, buffer->bytes,
                                        sizeof(buffer->bytes), fds);
  *ended = size == 0 || (size < 0 && size != -EAGAIN);
  if (size <= 0) return false;
  if (shim::ParseFrame(buffer->bytes, static_cast<size_t>(size), frame)) {
    return true;
  }
  *ended = true;
  return false;
}

FrameBuffer* ThreadBuffer() {
  static thread_local FrameBuffer buffer;
  return &buffer;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Link>> Link::Open(LinkOptions options) {
  const std::string shims_path =
      base::StrCat(options.state_directory, "/shims");
  CAISSON_RETURN_IF_ERROR(base::MakeDirectories(shims_path, 0700));
  constexpr int kFlags = O_PATH | O_DIRECTORY;
  CAISSON_ASSIGN_OR_RETURN(base::UniqueFd state,
                           base::Open(options.state_directory, kFlags));
  CAISSON_ASSIGN_OR_RETURN(base::UniqueFd shims,
                           base::Open(shims_path, kFlags));
  base::UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.is_valid()) return base::SyscallError("epoll_create1");
  base::UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.is_valid()) return base::SyscallError("eventfd");
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u64 = kWakeTag;
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, wake.get(), &event) != 0) {
    return base::SyscallError("epoll_ctl", "wake");
  }
  auto impl = std::make_unique<Impl>(std::move(options), std::move(state),
                                     std::move(shims), std::move(epoll),
                                     std::move(wake));
  impl->StartThread();
  return std::unique_ptr<Link>(new Link(std::move(impl)));
}

Link::Link(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Link::~Link() = default;

absl::Status Link::WaitForKeeper(absl::Duration limit) {
  return impl_->WaitForKeeper(limit);
}
absl::StatusOr<ConnPtr> Link::Spawn(const SpawnArgs& args,
                                    ConnHandlers handlers) {
  return impl_->Spawn(args, std::move(handlers));
}
absl::StatusOr<ConnPtr> Link::Connect(const std::string& id,
                                      ConnHandlers handlers) {
  return impl_->Connect(id, std::move(handlers));
}
pid_t Link::keeper_pid() const {
  return impl_->keeper_pid();
}
void Link::Stop() {
  impl_->Stop();
}

Link::Impl::Impl(LinkOptions options, base::UniqueFd state,
                 base::UniqueFd shims, base::UniqueFd epoll,
                 base::UniqueFd wake)
    : options_(std::move(options)),
      state_fd_(std::move(state)),
      shims_fd_(std::move(shims)),
      epoll_fd_(std::move(epoll)),
      wake_fd_(std::move(wake)) {}

Link::Impl::~Impl() {
  Stop();
}

void Link::Impl::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  ::eventfd_write(wake_fd_.get(), 1);
  if (thread_.joinable()) thread_.join();
}

void Link::Impl::StartThread() {
  thread_ = std::thread([this] { Run(); });
  ::pthread_setname_np(thread_.native_handle(), "shim-link");
}

pid_t Link::Impl::keeper_pid() const {
  absl::MutexLock lock(&mutex_);
  return keeper_pid_;
}

absl::Status Link::Impl::WaitForKeeper(absl::Duration limit) {
  absl::MutexLock lock(&mutex_);
  const auto ready = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return keeper_ != nullptr;
  };
  if (mutex_.AwaitWithTimeout(absl::Condition(&ready), limit)) {
    return absl::OkStatus();
  }
  return absl::DeadlineExceededError(
      base::StrCat("no keeper answers in '", options_.state_directory, "'"));
}

absl::StatusOr<ConnPtr> Link::Impl::Add(base::UniqueFd socket,
                                        ConnHandlers handlers) {
  auto entry = std::make_shared<Entry>();
  entry->handlers = std::move(handlers);
  {
    absl::MutexLock lock(&mutex_);
    if (stopping_) return absl::UnavailableError("the link is closed");
    const uint64_t id = ++last_id_;
    entry->conn =
        std::make_shared<ShimConn>(id, std::move(socket), epoll_fd_.get());
    entries_.emplace(id, entry);
  }
  if (absl::Status status = entry->conn->Register(); !status.ok()) {
    absl::MutexLock lock(&mutex_);
    entries_.erase(entry->conn->id());
    return status;
  }
  return entry->conn;
}

absl::StatusOr<ConnPtr> Link::Impl::Spawn(const SpawnArgs& args,
                                          ConnHandlers handlers) {
  shim::SpawnBody body = {};
  if (args.id.empty() || args.id.size() >= sizeof(body.id)) {
    return absl::InvalidArgumentError("not an id");
  }
  args.id.copy(body.id, sizeof(body.id) - 1);
  body.run = args.run;
  int ends[2] = {};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                   ends) != 0) {
    return base::SyscallError("socketpair");
  }
  base::UniqueFd ours(ends[0]);
  const base::UniqueFd theirs(ends[1]);
  CAISSON_ASSIGN_OR_RETURN(ConnPtr conn,
                           Add(std::move(ours), std::move(handlers)));
  std::shared_ptr<ShimConn> keeper;
  {
    absl::MutexLock lock(&mutex_);
    keeper = keeper_;
    if (keeper != nullptr) spawns_[args.id] = conn->id();
  }
  const std::string_view bytes(reinterpret_cast<const char*>(&body),
                               sizeof(body));
  if (keeper != nullptr && keeper->Send(shim::FrameType::kSpawn, 0, bytes, {},
                                        {args.plan_fd, args.directory_fd,
                                         args.lock_fd, theirs.get()})) {
    return conn;
  }
  {
    absl::MutexLock lock(&mutex_);
    spawns_.erase(args.id);
    entries_.erase(conn->id());  // its handlers are never called
  }
  conn->MarkClosed();
  return base::WithDetail(
      absl::UnavailableError("the keeper is being restarted"),
      {.reason = "KEEPER_LOST",
       .metadata = {},
       .violations = {},
       .retry_after = absl::Milliseconds(200)});
}

absl::StatusOr<ConnPtr> Link::Impl::Connect(const std::string& id,
                                            ConnHandlers handlers) {
  CAISSON_ASSIGN_OR_RETURN(
      base::UniqueFd socket,
      ConnectIn(shims_fd_.get(), base::StrCat(id, ".sock")));
  return Add(std::move(socket), std::move(handlers));
}

Link::Impl::EntryPtr Link::Impl::FindEntry(uint64_t id) const {
  absl::MutexLock lock(&mutex_);
  const auto entry = entries_.find(id);
  return entry == entries_.end() ? nullptr : entry->second;
}

void Link::Impl::Run() {
  std::vector<epoll_event> events(64);
  for (;;) {
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) break;
    }
    DriveKeeper();
    const int count =
        ::epoll_wait(epoll_fd_.get(), events.data(),
                     static_cast<int>(events.size()), NextTimeoutMs());
    for (int i = 0; i < count; ++i) {
      HandleEvent(events[i].data.u64, events[i].events);
    }
  }
  CloseAll();
}

void Link::Impl::HandleEvent(uint64_t tag, uint32_t events) {
  if (tag == kWakeTag) {
    eventfd_t drained = 0;
    ::eventfd_read(wake_fd_.get(), &drained);
    return;
  }
  if (tag == kKeeperTag) {
    ReadKeeper();
    return;
  }
  if (tag == kChildTag) {
    ReapEndedKeepers();
    return;
  }
  const EntryPtr entry = FindEntry(tag);
  if (entry == nullptr) return;  // closed by an event before this one
  if ((events & EPOLLOUT) != 0 && entry->conn->Flush() &&
      entry->handlers.on_writable) {
    entry->handlers.on_writable();
  }
  if ((events & ~static_cast<uint32_t>(EPOLLOUT)) != 0) ReadConn(entry);
}

void Link::Impl::ReadConn(const EntryPtr& entry) {
  for (int i = 0; i < kFairShare; ++i) {
    shim::FrameView frame;
    shim::FrameFds fds;
    bool ended = false;
    if (!ReceiveFrame(entry->conn->socket_fd(), ThreadBuffer(), &frame, &fds,
                      &ended)) {
      if (ended) CloseEntry(entry);
      return;
    }
    if (entry->handlers.on_frame) {
      entry->handlers.on_frame(entry->conn, frame, &fds);
    }
  }
}

void Link::Impl::CloseEntry(const EntryPtr& entry) {
  ::epoll_ctl(epoll_fd_.get(), EPOLL_CTL_DEL, entry->conn->socket_fd(),
              nullptr);
  entry->conn->MarkClosed();
  entry->closed = true;
  // A shim that ends at once, or was never made, is faster than the keeper's
  // answer on the other socket, which says what happened.
  if (!AwaitsKeeper(entry)) ReportClosed(entry);
}

bool Link::Impl::AwaitsKeeper(const EntryPtr& entry) const {
  absl::MutexLock lock(&mutex_);
  for (const auto& [id, conn] : spawns_) {
    if (conn == entry->conn->id()) return true;
  }
  return false;
}

void Link::Impl::ReportClosed(const EntryPtr& entry) {
  {
    absl::MutexLock lock(&mutex_);
    entries_.erase(entry->conn->id());
  }
  ConnHandlers handlers = std::move(entry->handlers);
  entry->handlers = ConnHandlers();
  if (handlers.on_closed) handlers.on_closed();
}

void Link::Impl::CloseAll() {
  std::vector<EntryPtr> entries;
  std::shared_ptr<ShimConn> keeper;
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [id, entry] : entries_) entries.push_back(entry);
    keeper = std::move(keeper_);
    keeper_ = nullptr;
    spawns_.clear();
  }
  if (keeper != nullptr) keeper->MarkClosed();
  for (const EntryPtr& entry : entries) CloseEntry(entry);
}

void Link::Impl::ReadKeeper() {
  std::shared_ptr<ShimConn> keeper;
  {
    absl::MutexLock lock(&mutex_);
    keeper = keeper_;
  }
  if (keeper == nullptr) return;
  for (int i = 0; i < kFairShare; ++i) {
    shim::FrameView frame;
    shim::FrameFds fds;
    bool ended = false;
    if (!ReceiveFrame(keeper->socket_fd(), ThreadBuffer(), &frame, &fds,
                      &ended)) {
      if (ended) LoseKeeper("it closed its connection");
      return;
    }
    OnKeeperFrame(frame, std::move(fds.fd[0]));
  }
}

}  // namespace caisson::shimlink
