// Processor limits of a spec in the units of the kernel; the same for both
// versions. Pure.
//
// Process: daemon. Thread: any.
#ifndef CAISSON_RUNTIME_CGROUP_CPU_VALUES_H_
#define CAISSON_RUNTIME_CGROUP_CPU_VALUES_H_

#include <cstdint>
#include <optional>

#include "runtime/spec/spec.h"

namespace caisson::cgroup {

struct Bandwidth {
  std::optional<int64_t> quota_micros;  // unset: no limit
  int64_t period_micros = 0;
};

// From limit_millis, quota_micros and period_micros; nothing when none is set.
std::optional<Bandwidth> BandwidthOf(const spec::Cpu& cpu);

// weight (v2, 1..10000) and shares (v1, 2..262144) are the same thing on two
// scales: from whichever is set.
std::optional<int64_t> WeightOf(const spec::Cpu& cpu);
std::optional<int64_t> SharesOf(const spec::Cpu& cpu);

}  // namespace caisson::cgroup

#endif  // CAISSON_RUNTIME_CGROUP_CPU_VALUES_H_
