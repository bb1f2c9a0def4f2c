// Time as a dependency, so that tests decide what time it is.
//
// Process: any. Thread: any; implementations are thread-safe.
#ifndef CAISSON_RUNTIME_BASE_CLOCK_H_
#define CAISSON_RUNTIME_BASE_CLOCK_H_

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"

namespace caisson::base {

class Clock {
 public:
  virtual ~Clock() = default;
  // Wall clock: for people and records. It can be set back.
  virtual absl::Time Now() const = 0;
  // CLOCK_MONOTONIC since boot: for timeouts. Never goes back.
  virtual absl::Duration Monotonic() const = 0;

  // The host's clock; lives forever.
  static const Clock& Real();
};

// A clock that a test sets.
class ManualClock : public Clock {
 public:
  explicit ManualClock(absl::Time start = absl::UnixEpoch())
      : wall_ns_(absl::ToUnixNanos(start)) {}

  absl::Time Now() const override {
    return absl::FromUnixNanos(wall_ns_.load());
  }
  absl::Duration Monotonic() const override {
    return absl::Nanoseconds(monotonic_ns_.load());
  }
  // Both clocks go on by `by`.
  void Advance(absl::Duration by) {
    wall_ns_ += absl::ToInt64Nanoseconds(by);
    monotonic_ns_ += absl::ToInt64Nanoseconds(by);
  }
  // Only the wall clock jumps.
  void SetNow(absl::Time now) { wall_ns_ = absl::ToUnixNanos(now); }

 private:
  std::atomic<int64_t> wall_ns_;
  std::atomic<int64_t> monotonic_ns_{0};
};

}  // namespace caisson::base

#endif  // CAISSON_RUNTIME_BASE_CLOCK_H_
