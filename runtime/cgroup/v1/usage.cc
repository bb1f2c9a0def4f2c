#include "runtime/cgroup/v1/usage.h"

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "runtime/base/status_macros.h"
#include "runtime/cgroup/files.h"

namespace caisson::cgroup::v1 {
namespace {

// What memory files hold when there is no limit: the most pages that the
// kernel counts, in bytes. It depends on the page size.
constexpr int64_t kNoLimit = INT64_MAX - (64 << 10);

std::optional<absl::Duration> Nanos(const std::optional<int64_t>& value) {
  if (!value.has_value()) return std::nullopt;
  return absl::Nanoseconds(*value);
}

}  // namespace

void AddCpu(const std::string& directory, Usage* usage) {
  usage->cpu = Nanos(ReadNumber(directory, "cpuacct.usage"));
  usage->user_cpu = Nanos(ReadNumber(directory, "cpuacct.usage_user"));
  usage->system_cpu = Nanos(ReadNumber(directory, "cpuacct.usage_sys"));
}

void AddThrottled(const std::string& directory, Usage* usage) {
  const absl::StatusOr<std::vector<std::string>> tree = Tree(directory);
  if (!tree.ok()) return;
  // Each cgroup counts only what its own quota held back.
  for (const std::string& path : *tree) {
    const std::optional<int64_t> nanos =
        ReadKey(path, "cpu.stat", "throttled_time");
    if (!nanos.has_value()) continue;
    usage->throttled = usage->throttled.value_or(absl::ZeroDuration()) +
                       absl::Nanoseconds(*nanos);
  }
}

absl::Status AddMemory(const std::string& directory, Usage* usage) {
  usage->memory_current_bytes = ReadNumber(directory, "memory.usage_in_bytes");
  usage->memory_peak_bytes = ReadNumber(directory, "memory.max_usage_in_bytes");
  usage->memory_limit_bytes = ReadNumber(directory, "memory.limit_in_bytes");
  if (usage->memory_limit_bytes.value_or(0) >= kNoLimit) {
    usage->memory_limit_bytes.reset();
  }
  // A victim counts only in the cgroup that it was in.
  CAISSON_ASSIGN_OR_RETURN(const std::vector<std::string> tree,
                           Tree(directory));
  for (const std::string& path : tree) {
    usage->oom_kills +=
        ReadKey(path, "memory.oom_control", "oom_kill").value_or(0);
  }
  return absl::OkStatus();
}

void AddPids(const std::string& directory, Usage* usage) {
  usage->pids_current = ReadNumber(directory, "pids.current");
  usage->pids_peak = ReadNumber(directory, "pids.peak");
}

}  // namespace caisson::cgroup::v1
