// The event loop of the keeper and of a shim: descriptors and timers, without
// allocation.
//
// Process: keeper, shim. Thread: main only.
// Ownership: a Loop owns its epoll descriptor and nothing else. A Watch or a
// Timer is a member of what it calls, and takes itself out of the loop when it
// is destroyed; the descriptor of a watch belongs to that owner too, who calls
// Stop before closing it.
#ifndef CAISSON_RUNTIME_SHIM_LOOP_H_
#define CAISSON_RUNTIME_SHIM_LOOP_H_

#include <stdint.h>
#include <sys/epoll.h>

#include "runtime/base/unique_fd.h"

namespace caisson::shim {

inline constexpr int64_t kNsPerMs = 1'000'000;
inline constexpr int64_t kNsPerSecond = 1'000'000'000;

// CLOCK_MONOTONIC, for timers and durations.
int64_t MonotonicNs() noexcept;
// CLOCK_REALTIME, for records and people.
int64_t RealTimeNs() noexcept;

class Loop;

// Calls a member function of its owner when a descriptor is ready.
class Watch {
 public:
  Watch() = default;
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() { Stop(); }

  // watch.Bind<&Owner::OnReady>(this); OnReady(uint32_t epoll_events).
  template <auto kMethod, typename Owner>
  void Bind(Owner* owner) noexcept {
    owner_ = owner;
    call_ = [](void* object, uint32_t events) {
      (static_cast<Owner*>(object)->*kMethod)(events);
    };
  }

  // Watches `fd` for `events` (EPOLLIN, EPOLLOUT), instead of what was watched
  // before. 0 or errno.
  int Start(Loop* loop, int fd, uint32_t events) noexcept;
  // Idempotent.
  void Stop() noexcept;
  bool is_active() const noexcept { return fd_ >= 0; }

 private:
  friend class Loop;
  void (*call_)(void* owner, uint32_t events) = nullptr;
  void* owner_ = nullptr;
  Loop* loop_ = nullptr;
  int fd_ = -1;
  uint32_t events_ = 0;
};

// Calls a member function of its owner once, some time later.
class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { Disarm(); }

  template <auto kMethod, typename Owner>
  void Bind(Owner* owner) noexcept {
    owner_ = owner;
    call_ = [](void* object) { (static_cast<Owner*>(object)->*kMethod)(); };
  }

  // Replaces an earlier deadline.
  void Arm(Loop* loop, int64_t delay_ns) noexcept;
  // Idempotent.
  void Disarm() noexcept;
  bool is_armed() const noexcept { return loop_ != nullptr; }
  int64_t deadline_ns() const noexcept { return deadline_ns_; }

 private:
  friend class Loop;
  void (*call_)(void* owner) = nullptr;
  void* owner_ = nullptr;
  Loop* loop_ = nullptr;
  int64_t deadline_ns_ = 0;
  Timer* next_ = nullptr;
  Timer* previous_ = nullptr;
};

class Loop {
 public:
  Loop() = default;
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // 0 or errno.
  int Open() noexcept;

  // Waits for one event or one timer and calls it. One at a time: what is
  // called may destroy any other watch or timer.
  void RunOnce() noexcept;

 private:
  friend class Watch;
  friend class Timer;
  Timer* Earliest() const noexcept;

  base::UniqueFd epoll_;
  Timer* timers_ = nullptr;  // unsorted: there are few
};

}  // namespace caisson::shim

#endif  // CAISSON_RUNTIME_SHIM_LOOP_H_
