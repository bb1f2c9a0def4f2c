#include "server/core/host/process_table.h"

#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "runtime/base/status_macros.h"
#include "runtime/cgroup/driver.h"
#include "runtime/linux/proc.h"

namespace caisson::core {
namespace {

// Enough to tell processes apart; a command line can be megabytes.
constexpr size_t kMaxArgumentBytes = 4096;

absl::Duration Ticks(uint64_t ticks) {
  static const int64_t per_second = ::sysconf(_SC_CLK_TCK);
  return absl::Seconds(1) * static_cast<double>(ticks) /
         static_cast<double>(per_second);
}

// The wall clock at boot. Start times are counted from there.
absl::Time BootTime() {
  timespec since_boot = {};
  ::clock_gettime(CLOCK_BOOTTIME, &since_boot);
  return absl::Now() - absl::DurationFromTimespec(since_boot);
}

// Nothing when the process ended meanwhile.
std::optional<ProcessEntry> ReadProcess(pid_t pid, absl::Time boot_time) {
  const auto stat = linux_::ReadProcessStat(pid);
  const auto status = linux_::ReadProcessStatus(pid);
  auto arguments = linux_::ReadProcessArguments(pid, kMaxArgumentBytes);
  if (!stat.ok() || !status.ok()) return std::nullopt;
  ProcessEntry entry;
  entry.pid = pid;
  entry.container_pid =
      status->namespace_pids.empty() ? pid : status->namespace_pids.back();
  entry.parent_pid = stat->parent_pid;
  entry.user = absl::StrCat(status->uid);
  // A zombie and a kernel thread have no arguments: their name, as ps(1) does.
  if (arguments.ok() && !arguments->empty()) {
    entry.args = *std::move(arguments);
  } else {
    entry.args = {absl::StrCat("[", stat->comm, "]")};
  }
  entry.state = std::string(1, stat->state);
  entry.cpu = Ticks(stat->user_ticks + stat->system_ticks);
  entry.memory_bytes =
      static_cast<int64_t>(stat->resident_pages) * ::sysconf(_SC_PAGESIZE);
  entry.start_time = boot_time + Ticks(stat->start_ticks);
  return entry;
}

}  // namespace

absl::StatusOr<std::vector<ProcessEntry>> ReadProcesses(
    const std::vector<ProcessGroup>& groups) {
  const absl::Time boot_time = BootTime();
  std::vector<ProcessEntry> entries;
  std::set<pid_t> seen;  // a process may move between two reads
  for (const ProcessGroup& group : groups) {
    CAISSON_ASSIGN_OR_RETURN(const std::vector<pid_t> pids,
                             cgroup::ListPids(group.group));
    for (const pid_t pid : pids) {
      if (!seen.insert(pid).second) continue;
      std::optional<ProcessEntry> entry = ReadProcess(pid, boot_time);
      if (!entry.has_value()) continue;
      entry->exec = group.exec;
      entries.push_back(*std::move(entry));
    }
  }
  std::sort(entries.begin(), entries.end(),
            [](const ProcessEntry& a, const ProcessEntry& b) {
              return a.pid < b.pid;
            });
  return entries;
}

}  // namespace caisson::core
