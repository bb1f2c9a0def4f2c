#include "runtime/base/clock.h"

#include <ctime>

#include "absl/time/clock.h"

namespace caisson::base {
namespace {

class RealClock : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
  absl::Duration Monotonic() const override {
    timespec now = {};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return absl::DurationFromTimespec(now);
  }
};

}  // namespace

const Clock& Clock::Real() {
  // Never destroyed: threads may ask for the time while the process ends.
  static const RealClock& clock = *new RealClock;
  return clock;
}

}  // namespace caisson::base
