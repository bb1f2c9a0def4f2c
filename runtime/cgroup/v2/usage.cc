#include "runtime/cgroup/v2/usage.h"

#include <cerrno>
#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "runtime/base/syscall_error.h"
#include "runtime/cgroup/files.h"

namespace caisson::cgroup::v2 {
namespace {

std::optional<absl::Duration> Micros(const std::string& stat,
                                     std::string_view key) {
  const std::optional<int64_t> value = FindKey(stat, key);
  if (!value.has_value()) return std::nullopt;
  return absl::Microseconds(*value);
}

}  // namespace

// Without the cpu controller too, except for the throttled time.
void AddCpu(const std::string& directory, Usage* usage) {
  const absl::StatusOr<std::string> stat = ReadText(directory, "cpu.stat");
  if (!stat.ok()) return;
  usage->cpu = Micros(*stat, "usage_usec");
  usage->user_cpu = Micros(*stat, "user_usec");
  usage->system_cpu = Micros(*stat, "system_usec");
  const std::optional<absl::Duration> throttled =
      Micros(*stat, "throttled_usec");
  if (throttled.has_value()) usage->throttled = throttled;
}

absl::Status AddMemory(const std::string& directory, Usage* usage) {
  usage->memory_current_bytes = ReadNumber(directory, "memory.current");
  usage->memory_peak_bytes = ReadNumber(directory, "memory.peak");
  usage->memory_limit_bytes = ReadNumber(directory, "memory.max");
  const absl::StatusOr<std::string> events =
      ReadText(directory, "memory.events");
  if (!events.ok()) {
    // Without the memory controller, and when the cgroup is gone.
    return base::ErrnoOf(events.status()) == ENOENT ? absl::OkStatus()
                                                    : events.status();
  }
  // Counts the whole tree below.
  usage->oom_kills += FindKey(*events, "oom_kill").value_or(0);
  return absl::OkStatus();
}

void AddPids(const std::string& directory, Usage* usage) {
  usage->pids_current = ReadNumber(directory, "pids.current");
  usage->pids_peak = ReadNumber(directory, "pids.peak");
}

}  // namespace caisson::cgroup::v2
