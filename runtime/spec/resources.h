// What a container may use: limits that cgroups enforce, and limits on the time
// and output of one run or exec. Part of spec.h.
//
// Process: daemon. Thread: any; plain values, no I/O.
#ifndef CAISSON_RUNTIME_SPEC_RESOURCES_H_
#define CAISSON_RUNTIME_SPEC_RESOURCES_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"

namespace caisson::spec {

struct Cpu {
  std::optional<int64_t> limit_millis;
  std::optional<int64_t> quota_micros;
  std::optional<int64_t> period_micros;
  std::optional<int64_t> weight;
  std::optional<int64_t> shares;
  std::optional<int64_t> burst_micros;
  std::string cpuset_cpus;
  std::string cpuset_mems;
  bool idle = false;

  bool operator==(const Cpu&) const = default;
};

struct Memory {
  std::optional<int64_t> limit_bytes;
  std::optional<int64_t> swap_limit_bytes;  // swap alone
  std::optional<int64_t> high_bytes;
  std::optional<int64_t> low_bytes;
  std::optional<int64_t> min_bytes;
  std::optional<bool> kill_group;  // unset: true

  bool operator==(const Memory&) const = default;
};

struct Resources {
  Cpu cpu;
  Memory memory;
  std::optional<int64_t> pids_limit;  // -1: none

  bool operator==(const Resources&) const = default;
};

enum class OutputAction : int { kUnspecified = 0, kKill = 1, kDiscard = 2 };

// Unset durations and sizes mean "no limit".
struct Limits {
  std::optional<absl::Duration> wall_time;
  std::optional<absl::Duration> cpu_time;
  std::optional<int64_t> output_bytes;
  OutputAction output_action = OutputAction::kUnspecified;
  std::optional<absl::Duration> grace;

  bool operator==(const Limits&) const = default;
};

}  // namespace caisson::spec

#endif  // CAISSON_RUNTIME_SPEC_RESOURCES_H_
