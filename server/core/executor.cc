#include "server/core/executor.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <time.h>

#include "runtime/base/check.h"

namespace caisson::core {
namespace {

// Pieces of one queue before others get the thread.
constexpr int kFairShare = 16;

int64_t MonotonicNanos() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

int64_t DueAfter(absl::Duration delay) {
  constexpr absl::Duration kForever = absl::Hours(24 * 365);
  if (delay < absl::ZeroDuration()) delay = absl::ZeroDuration();
  if (delay > kForever) delay = kForever;
  return MonotonicNanos() + absl::ToInt64Nanoseconds(delay);
}

}  // namespace

Executor::Executor(int threads, std::string name)
    : name_(std::move(name)), wake_fd_(::eventfd(0, EFD_CLOEXEC)) {
  CAISSON_CHECK(wake_fd_.is_valid());
  for (int i = 0; i < threads; ++i) {
    pool_.emplace_back([this] { RunPool(); });
    ::pthread_setname_np(pool_.back().native_handle(), name_.c_str());
  }
  timer_thread_ = std::thread([this] { RunTimers(); });
  ::pthread_setname_np(timer_thread_.native_handle(), "core-timer");
}

Executor::~Executor() {
  Stop();
}

bool Executor::Post(Work work) {
  absl::MutexLock lock(&mutex_);
  if (stopping_ && working_ == 0) return false;
  queue_.push_back(std::move(work));
  ready_.Signal();
  return true;
}

TimerId Executor::After(absl::Duration delay, Work work) {
  const int64_t due = DueAfter(delay);
  TimerId id = 0;
  bool earliest = false;
  {
    absl::MutexLock lock(&timer_mutex_);
    if (timers_stopping_) return 0;
    id = ++last_timer_;
    const auto at = timers_.emplace(std::pair(due, id), std::move(work)).first;
    due_.emplace(id, due);
    earliest = at == timers_.begin();
  }
  if (earliest) ::eventfd_write(wake_fd_.get(), 1);
  return id;
}

bool Executor::Cancel(TimerId timer) {
  Work dropped;  // destroyed without the lock: it may own anything
  absl::MutexLock lock(&timer_mutex_);
  const auto due = due_.find(timer);
  if (due == due_.end()) return false;
  const auto at = timers_.find({due->second, timer});
  dropped = std::move(at->second);
  timers_.erase(at);
  due_.erase(due);
  return true;
}

void Executor::Stop() {
  std::map<std::pair<int64_t, TimerId>, Work> dropped;
  {
    absl::MutexLock lock(&timer_mutex_);
    timers_stopping_ = true;
    dropped.swap(timers_);
    due_.clear();
  }
  ::eventfd_write(wake_fd_.get(), 1);
  if (timer_thread_.joinable()) timer_thread_.join();
  dropped.clear();
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    ready_.SignalAll();
  }
  for (std::thread& thread : pool_) {
    if (thread.joinable()) thread.join();
  }
}

void Executor::RunPool() {
  bool worked = false;
  for (;;) {
    Work work;
    {
      absl::MutexLock lock(&mutex_);
      if (worked && --working_ == 0 && stopping_) ready_.SignalAll();
      // A piece that still runs may post more.
      while (queue_.empty() && !(stopping_ && working_ == 0)) {
        ready_.Wait(&mutex_);
      }
      if (queue_.empty()) return;
      work = std::move(queue_.front());
      queue_.pop_front();
      ++working_;
      worked = true;
    }
    work();
  }
}

void Executor::RunTimers() {
  for (;;) {
    std::vector<Work> due;
    int64_t wait_ns = -1;
    {
      absl::MutexLock lock(&timer_mutex_);
      if (timers_stopping_) return;
      const int64_t now = MonotonicNanos();
      while (!timers_.empty() && timers_.begin()->first.first <= now) {
        due_.erase(timers_.begin()->first.second);
        due.push_back(std::move(timers_.begin()->second));
        timers_.erase(timers_.begin());
      }
      if (!timers_.empty()) wait_ns = timers_.begin()->first.first - now;
    }
    const bool any = !due.empty();
    for (Work& work : due) Post(std::move(work));
    if (any) continue;  // posting took time
    pollfd wake = {wake_fd_.get(), POLLIN, 0};
    const timespec wait = {wait_ns / 1'000'000'000, wait_ns % 1'000'000'000};
    if (::ppoll(&wake, 1, wait_ns < 0 ? nullptr : &wait, nullptr) > 0) {
      eventfd_t drained = 0;
      ::eventfd_read(wake_fd_.get(), &drained);
    }
  }
}

SerialQueue::SerialQueue(Executor* executor)
    : executor_(executor), core_(std::make_shared<Core>()) {}

void SerialQueue::Post(Work work) {
  PostTo(executor_, core_, std::move(work));
}

TimerId SerialQueue::After(absl::Duration delay, Work work) {
  return executor_->After(delay, [executor = executor_, core = core_,
                                  work = std::move(work)]() mutable {
    PostTo(executor, core, std::move(work));
  });
}

void SerialQueue::PostTo(Executor* executor, const std::shared_ptr<Core>& core,
                         Work work) {
  {
    absl::MutexLock lock(&core->mutex);
    core->queue.push_back(std::move(work));
    if (core->scheduled) return;
    core->scheduled = true;
  }
  if (executor->Post([executor, core] { Drain(executor, core); })) return;
  std::deque<Work> dropped;  // destroyed without the lock: it may own anything
  absl::MutexLock lock(&core->mutex);
  dropped.swap(core->queue);
  core->scheduled = false;
}

void SerialQueue::Drain(Executor* executor, const std::shared_ptr<Core>& core) {
  for (int i = 0; i < kFairShare; ++i) {
    Work work;
    {
      absl::MutexLock lock(&core->mutex);
      if (core->queue.empty()) {
        core->scheduled = false;
        return;
      }
      work = std::move(core->queue.front());
      core->queue.pop_front();
    }
    work();
  }
  executor->Post([executor, core] { Drain(executor, core); });
}

}  // namespace caisson::core
