#include "runtime/shim/loop.h"

#include <errno.h>
#include <limits.h>
#include <time.h>

#include "runtime/base/check.h"

namespace caisson::shim {
namespace {

int64_t ReadClock(clockid_t clock) noexcept {
  timespec now = {};
  ::clock_gettime(clock, &now);
  return now.tv_sec * kNsPerSecond + now.tv_nsec;
}

// Rounded up: an event a millisecond late is better than a loop that spins
// through the last one.
int WaitMs(const Timer* timer) noexcept {
  if (timer == nullptr) return -1;
  const int64_t left = timer->deadline_ns() - MonotonicNs();
  if (left <= 0) return 0;
  const int64_t ms = (left + kNsPerMs - 1) / kNsPerMs;
  return ms > INT_MAX ? INT_MAX : static_cast<int>(ms);
}

}  // namespace

int64_t MonotonicNs() noexcept {
  return ReadClock(CLOCK_MONOTONIC);
}
int64_t RealTimeNs() noexcept {
  return ReadClock(CLOCK_REALTIME);
}

int Watch::Start(Loop* loop, int fd, uint32_t events) noexcept {
  if (fd_ == fd && loop_ == loop && events_ == events) return 0;
  const bool change = fd_ == fd && loop_ == loop;
  if (!change) Stop();
  epoll_event event = {};
  event.events = events;
  event.data.ptr = this;
  if (::epoll_ctl(loop->epoll_.get(), change ? EPOLL_CTL_MOD : EPOLL_CTL_ADD,
                  fd, &event) != 0) {
    return errno;
  }
  loop_ = loop;
  fd_ = fd;
  events_ = events;
  return 0;
}

void Watch::Stop() noexcept {
  if (fd_ < 0) return;
  epoll_event ignored = {};
  // Fails only when the owner closed the descriptor too early.
  CAISSON_CHECK(
      ::epoll_ctl(loop_->epoll_.get(), EPOLL_CTL_DEL, fd_, &ignored) == 0);
  fd_ = -1;
}

void Timer::Arm(Loop* loop, int64_t delay_ns) noexcept {
  Disarm();
  loop_ = loop;
  // Far beyond any uptime, and far from an overflow.
  constexpr int64_t kLongest = INT64_MAX / 4;
  deadline_ns_ = MonotonicNs() + (delay_ns < kLongest ? delay_ns : kLongest);
  previous_ = nullptr;
  next_ = loop->timers_;
  if (next_ != nullptr) next_->previous_ = this;
  loop->timers_ = this;
}

void Timer::Disarm() noexcept {
  if (loop_ == nullptr) return;
  (previous_ != nullptr ? previous_->next_ : loop_->timers_) = next_;
  if (next_ != nullptr) next_->previous_ = previous_;
  loop_ = nullptr;
}

int Loop::Open() noexcept {
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  return epoll_.is_valid() ? 0 : errno;
}

Timer* Loop::Earliest() const noexcept {
  Timer* earliest = timers_;
  for (Timer* timer = timers_; timer != nullptr; timer = timer->next_) {
    if (timer->deadline_ns_ < earliest->deadline_ns_) earliest = timer;
  }
  return earliest;
}

void Loop::RunOnce() noexcept {
  Timer* timer = Earliest();
  epoll_event event;
  const int count = ::epoll_wait(epoll_.get(), &event, 1, WaitMs(timer));
  // A timer first: a descriptor that is always ready must not keep a limit
  // from being enforced.
  if (timer != nullptr && timer->deadline_ns_ <= MonotonicNs()) {
    timer->Disarm();
    timer->call_(timer->owner_);
    // The event is reported again: everything here is level-triggered.
    return;
  }
  if (count <= 0) return;
  auto* watch = static_cast<Watch*>(event.data.ptr);
  watch->call_(watch->owner_, event.events);
}

}  // namespace caisson::shim
