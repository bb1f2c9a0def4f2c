#include "netsetup/dns/loop.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "absl/synchronization/notification.h"

#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"

namespace caisson::netsetup::dns {
namespace {

constexpr uint64_t kWakeTag = 0;
constexpr int kEventsAtOnce = 64;

absl::Status Control(int epoll_fd, int operation, int fd, uint32_t events,
                     uint64_t tag) {
  epoll_event event = {};
  event.events = events;
  event.data.u64 = tag;
  if (::epoll_ctl(epoll_fd, operation, fd, &event) != 0) {
    return base::SyscallError("epoll_ctl");
  }
  return absl::OkStatus();
}

}  // namespace

Loop::Handle& Loop::Handle::operator=(Handle&& other) noexcept {
  if (this != &other) {
    Reset();
    loop_ = std::exchange(other.loop_, nullptr);
    id_ = other.id_;
  }
  return *this;
}

void Loop::Handle::Reset() {
  if (loop_ != nullptr) std::exchange(loop_, nullptr)->Forget(id_);
}

absl::Status Loop::Handle::Rewatch(uint32_t events) {
  CAISSON_CHECK(loop_ != nullptr);
  const auto found = loop_->watched_.find(id_);
  CAISSON_CHECK(found != loop_->watched_.end());
  return Control(loop_->epoll_fd_.get(), EPOLL_CTL_MOD, found->second.fd,
                 events, id_);
}

absl::StatusOr<std::unique_ptr<Loop>> Loop::Open() {
  base::UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.is_valid()) return base::SyscallError("epoll_create1");
  base::UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.is_valid()) return base::SyscallError("eventfd");
  CAISSON_RETURN_IF_ERROR(
      Control(epoll.get(), EPOLL_CTL_ADD, wake.get(), EPOLLIN, kWakeTag));
  return std::unique_ptr<Loop>(new Loop(std::move(epoll), std::move(wake)));
}

Loop::Loop(base::UniqueFd epoll, base::UniqueFd wake)
    : epoll_fd_(std::move(epoll)), wake_fd_(std::move(wake)) {}

Loop::~Loop() {
  Stop();
}

void Loop::Start(const std::string& name) {
  CAISSON_CHECK(!thread_.joinable());
  thread_ = std::thread([this] { Work(); });
  ::pthread_setname_np(thread_.native_handle(), name.c_str());
}

void Loop::Stop() {
  if (!thread_.joinable()) return;
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  Wake();
  thread_.join();
}

void Loop::Run(const std::function<void()>& task) {
  absl::Notification done;
  {
    absl::MutexLock lock(&mutex_);
    CAISSON_CHECK(!stopping_);
    tasks_.push_back([&] {
      task();
      done.Notify();
    });
  }
  Wake();
  done.WaitForNotification();
}

absl::StatusOr<Loop::Handle> Loop::Watch(int fd, uint32_t events,
                                         Watcher watcher) {
  const uint64_t id = ++last_id_;
  CAISSON_RETURN_IF_ERROR(
      Control(epoll_fd_.get(), EPOLL_CTL_ADD, fd, events, id));
  watched_.emplace(id,
                   Watched{fd, std::make_shared<Watcher>(std::move(watcher))});
  return Handle(this, id);
}

Loop::Handle Loop::At(absl::Duration when, std::function<void()> task) {
  const uint64_t id = ++last_id_;
  timers_.emplace(id, Timer{when, std::move(task)});
  due_.emplace(when, id);
  return Handle(this, id);
}

absl::Duration Loop::Now() const {
  return base::Clock::Real().Monotonic();
}

void Loop::Forget(uint64_t id) {
  if (const auto timer = timers_.find(id); timer != timers_.end()) {
    due_.erase({timer->second.when, id});
    timers_.erase(timer);
    return;
  }
  const auto watch = watched_.find(id);
  if (watch == watched_.end()) return;  // a timer that has run
  base::IgnoreError(
      Control(epoll_fd_.get(), EPOLL_CTL_DEL, watch->second.fd, 0, id),
      "its descriptor is about to be closed");
  watched_.erase(watch);
}

void Loop::Wake() {
  ::eventfd_write(wake_fd_.get(), 1);
}

void Loop::Work() {
  std::array<epoll_event, kEventsAtOnce> events = {};
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_ && tasks_.empty()) return;
    }
    const int count = ::epoll_wait(epoll_fd_.get(), events.data(),
                                   kEventsAtOnce, TimeoutMs());
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<size_t>(i)];
      const auto found = watched_.find(event.data.u64);
      if (found == watched_.end()) continue;  // the wake, or just forgotten
      // Kept while it runs: it may end its own watch.
      const std::shared_ptr<Watcher> watcher = found->second.watcher;
      (*watcher)(event.events);
    }
    RunTimers();
    RunTasks();
  }
}

void Loop::RunTasks() {
  eventfd_t count = 0;
  ::eventfd_read(wake_fd_.get(), &count);
  std::vector<std::function<void()>> tasks;
  {
    absl::MutexLock lock(&mutex_);
    tasks.swap(tasks_);
  }
  for (const std::function<void()>& task : tasks) task();
}

void Loop::RunTimers() {
  const absl::Duration now = Now();
  while (!due_.empty() && due_.begin()->first <= now) {
    const uint64_t id = due_.begin()->second;
    const auto timer = timers_.find(id);
    const std::function<void()> task = std::move(timer->second.task);
    due_.erase(due_.begin());
    timers_.erase(timer);
    task();
  }
}

int Loop::TimeoutMs() const {
  if (due_.empty()) return -1;
  const absl::Duration left = due_.begin()->first - Now();
  // Upwards: a timer that is early would spin until its time.
  const int64_t ms =
      absl::ToInt64Milliseconds(absl::Ceil(left, absl::Milliseconds(1)));
  return static_cast<int>(std::clamp<int64_t>(ms, 0, INT32_MAX));
}

}  // namespace caisson::netsetup::dns
