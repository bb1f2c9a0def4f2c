// The keeper: found or started, asked for shims, replaced when it dies.

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"

#include "runtime/base/error_detail.h"
#include "runtime/base/log.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"
#include "runtime/linux/pidfd.h"
#include "server/shimlink/link_impl.h"

namespace caisson::shimlink {
namespace {

// Between two looks for the socket of a keeper that was just started.
constexpr absl::Duration kConnectInterval = absl::Milliseconds(2);
// For a keeper that was started to come up; then another is started.
constexpr absl::Duration kComeUpLimit = absl::Seconds(10);
constexpr absl::Duration kFirstBackoff = absl::Milliseconds(50);
constexpr absl::Duration kLastBackoff = absl::Seconds(5);

std::string IdOf(const char (&id)[64]) {
  return std::string(id, std::find(id, id + sizeof(id), '\0'));
}

absl::Status KeeperLost(const char* why) {
  return base::WithDetail(absl::UnavailableError(why),
                          {.reason = "KEEPER_LOST",
                           .metadata = {},
                           .violations = {},
                           .retry_after = absl::Milliseconds(200)});
}

}  // namespace

int Link::Impl::NextTimeoutMs() const {
  {
    absl::MutexLock lock(&mutex_);
    if (keeper_ != nullptr) return -1;
  }
  const absl::Duration wait = next_attempt_ - absl::Now();
  if (wait <= absl::ZeroDuration()) return 0;
  // The wall clock may jump: never wait long for it.
  return static_cast<int>(
      std::clamp<int64_t>(absl::ToInt64Milliseconds(wait), 1, 1000));
}

// Called before every wait: makes a step towards a keeper when there is none.
void Link::Impl::DriveKeeper() {
  {
    absl::MutexLock lock(&mutex_);
    if (keeper_ != nullptr) return;
  }
  if (absl::Now() < next_attempt_) return;
  if (ConnectKeeper()) return;
  const absl::Time now = absl::Now();
  if (now >= launch_again_) LaunchKeeper();
  next_attempt_ = now + kConnectInterval;
}

bool Link::Impl::ConnectKeeper() {
  absl::StatusOr<base::UniqueFd> socket =
      ConnectIn(state_fd_.get(), "keeper.sock");
  if (!socket.ok()) return false;
  ucred peer = {};
  socklen_t size = sizeof(peer);
  ::getsockopt(socket->get(), SOL_SOCKET, SO_PEERCRED, &peer, &size);
  if (peer.uid != ::geteuid() && peer.uid != 0) {
    CAISSON_LOG(kError, "keeper belongs to somebody else", {"uid", peer.uid});
    return false;
  }
  auto keeper = std::make_shared<ShimConn>(kKeeperTag, *std::move(socket),
                                           epoll_fd_.get());
  if (absl::Status status = keeper->Register(); !status.ok()) {
    CAISSON_LOG(kError, "keeper", {"error", status.ToString()});
    return false;
  }
  backoff_ = absl::ZeroDuration();
  launch_again_ = absl::InfinitePast();
  CAISSON_LOG(kInfo, "keeper found", {"pid", peer.pid});
  absl::MutexLock lock(&mutex_);
  keeper_pid_ = peer.pid;
  keeper_ = std::move(keeper);
  return true;
}

void Link::Impl::LaunchKeeper() {
  backoff_ = std::clamp(2 * backoff_, kFirstBackoff, kLastBackoff);
  launch_again_ = absl::Now() + std::max(backoff_, kComeUpLimit);
  absl::StatusOr<KeeperProcess> keeper =
      StartKeeper(options_.shim_program, options_.keeper_arguments);
  if (!keeper.ok()) {
    CAISSON_LOG(kError, "no keeper", {"error", keeper.status().ToString()});
    launch_again_ = absl::Now() + backoff_;
    return;
  }
  CAISSON_LOG(kInfo, "keeper started", {"pid", keeper->pid});
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u64 = kChildTag;
  ::epoll_ctl(epoll_fd_.get(), EPOLL_CTL_ADD, keeper->pid_fd.get(), &event);
  children_.push_back(*std::move(keeper));
}

// Ours must be reaped by us; one that did not come up is replaced after a
// pause (the loss of one that did is seen at its connection).
void Link::Impl::ReapEndedKeepers() {
  std::erase_if(children_, [](const KeeperProcess& child) {
    if (!linux_::HasExited(child.pid_fd.get())) return false;
    CAISSON_LOG(kWarning, "keeper ended", {"pid", child.pid});
    ReapKeeper(child);
    return true;
  });
  if (children_.empty() && launch_again_ != absl::InfinitePast()) {
    launch_again_ = absl::Now() + backoff_;
  }
}

void Link::Impl::OnKeeperFrame(const shim::FrameView& frame,
                               base::UniqueFd pid_fd) {
  if (frame.header.type == shim::FrameType::kSpawned) {
    const auto* body = frame.As<shim::SpawnedBody>();
    FinishSpawn(IdOf(body->id),
                ShimProcess{.pid = body->pid, .pid_fd = std::move(pid_fd)});
  } else if (frame.header.type == shim::FrameType::kSpawnFailed) {
    const auto* body = frame.As<shim::ErrorBody>();
    // One that was told to end makes no shims any more; the next one will.
    FinishSpawn(IdOf(body->id),
                body->err == ESHUTDOWN
                    ? KeeperLost("the keeper is being stopped")
                    : base::SyscallErrorFrom(body->err, "fork", "shim"));
  }
}

void Link::Impl::FinishSpawn(const std::string& id,
                             absl::StatusOr<ShimProcess> shim) {
  EntryPtr entry;
  {
    absl::MutexLock lock(&mutex_);
    const auto spawn = spawns_.find(id);
    if (spawn == spawns_.end()) return;
    const auto at = entries_.find(spawn->second);
    if (at != entries_.end()) entry = at->second;
    spawns_.erase(spawn);
  }
  if (entry == nullptr) return;
  if (entry->handlers.on_spawned) entry->handlers.on_spawned(std::move(shim));
  if (entry->closed) ReportClosed(entry);
}

void Link::Impl::LoseKeeper(const char* why) {
  std::vector<std::string> waiting;
  std::shared_ptr<ShimConn> keeper;
  pid_t pid = 0;
  {
    absl::MutexLock lock(&mutex_);
    keeper = std::move(keeper_);
    keeper_ = nullptr;
    pid = std::exchange(keeper_pid_, 0);
    for (const auto& [id, conn] : spawns_) waiting.push_back(id);
  }
  CAISSON_LOG(kWarning, "keeper lost", {"pid", pid}, {"why", why});
  if (keeper != nullptr) {
    ::epoll_ctl(epoll_fd_.get(), EPOLL_CTL_DEL, keeper->socket_fd(), nullptr);
    keeper->MarkClosed();
  }
  for (const std::string& id : waiting) {
    FinishSpawn(id, KeeperLost("the keeper died while it made the shim"));
  }
  // At once: only a keeper that does not come up makes us wait.
  next_attempt_ = absl::InfinitePast();
  launch_again_ = absl::InfinitePast();
}

}  // namespace caisson::shimlink
