#include "runtime/shim/group.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "runtime/base/syscall_error.h"
#include "runtime/cgroup/driver.h"
#include "runtime/cgroup/group.h"

namespace caisson::shim {
namespace {

constexpr absl::Duration kRemoveLimit = absl::Milliseconds(500);

cgroup::Group GroupOf(const plan::PlanView& plan) noexcept {
  cgroup::Group group;
  group.has_kill = (plan.header->flags & plan::kPlanCgroupKill) != 0;
  uint32_t cursor = 0;
  const plan::StrRef list = plan.header->policy.cgroup_directories;
  while (const char* what = plan::NextString(plan, list, &cursor)) {
    const char* path = plan::NextString(plan, list, &cursor);
    if (path == nullptr) break;
    group.directories.push_back({.what = what, .path = path});
  }
  return group;
}

int64_t OrUnknown(const std::optional<int64_t>& value) noexcept {
  return value.value_or(-1);
}

int64_t OrUnknown(const std::optional<absl::Duration>& value) noexcept {
  return value.has_value() ? absl::ToInt64Nanoseconds(*value) : -1;
}

// Empty when the process is gone.
void ReadName(pid_t pid, char* name, size_t size) noexcept {
  memset(name, 0, size);
  char path[32];
  ::snprintf(path, sizeof(path), "/proc/%d/comm", pid);
  const base::UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
  if (!fd.is_valid()) return;
  const ssize_t n = ::read(fd.get(), name, size - 1);
  if (n > 0 && name[n - 1] == '\n') name[n - 1] = '\0';
}

}  // namespace

void KillGroup(const plan::PlanView& plan) noexcept {
  // Whoever waits for the end sees that it does not come.
  cgroup::Kill(GroupOf(plan)).IgnoreError();
}

int SignalGroup(const plan::PlanView& plan, int signal) noexcept {
  const absl::Status status = cgroup::SignalAll(GroupOf(plan), signal);
  return status.ok() ? 0 : base::ErrnoOf(status);
}

bool IsGroupPopulated(const plan::PlanView& plan) noexcept {
  const absl::StatusOr<bool> populated = cgroup::Populated(GroupOf(plan));
  return populated.ok() && *populated;
}

void RemoveGroup(const plan::PlanView& plan) noexcept {
  // What stays is the daemon's to remove: it knows the name.
  cgroup::Remove(GroupOf(plan), kRemoveLimit).IgnoreError();
}

int64_t GroupCpuNs(const plan::PlanView& plan) noexcept {
  const absl::StatusOr<cgroup::Usage> usage = cgroup::ReadUsage(GroupOf(plan));
  return usage.ok() ? OrUnknown(usage->cpu) : -1;
}

int64_t GroupOomKills(const plan::PlanView& plan) noexcept {
  const absl::StatusOr<cgroup::Usage> usage = cgroup::ReadUsage(GroupOf(plan));
  return usage.ok() ? usage->oom_kills : 0;
}

base::UniqueFd OpenGroupOomEvents(const plan::PlanView& plan) noexcept {
  absl::StatusOr<base::UniqueFd> fd = cgroup::OpenOomEvents(GroupOf(plan));
  return fd.ok() ? *std::move(fd) : base::UniqueFd();
}

void FillUsage(const plan::PlanView& plan,
               record::ExitRecord* record) noexcept {
  const absl::StatusOr<cgroup::Usage> usage = cgroup::ReadUsage(GroupOf(plan));
  if (!usage.ok()) return;
  record->oom_kills = usage->oom_kills;
  record->oom_limit_bytes = OrUnknown(usage->memory_limit_bytes);
  record->oom_peak_bytes = OrUnknown(usage->memory_peak_bytes);
  record->usage.cpu_ns = OrUnknown(usage->cpu);
  record->usage.user_ns = OrUnknown(usage->user_cpu);
  record->usage.system_ns = OrUnknown(usage->system_cpu);
  record->usage.throttled_ns = OrUnknown(usage->throttled);
  record->usage.memory_peak_bytes = OrUnknown(usage->memory_peak_bytes);
  record->usage.pids_peak = OrUnknown(usage->pids_peak);
}

void FillHolders(const plan::PlanView& plan,
                 record::ExitRecord* record) noexcept {
  const absl::StatusOr<std::vector<pid_t>> pids =
      cgroup::ListPids(GroupOf(plan));
  if (!pids.ok()) return;
  record->tree_running = pids->empty() ? 0 : 1;
  for (const pid_t pid : *pids) {
    if (record->held_by_count == record::kMaxHeldBy) break;
    record::ExitHolder& holder = record->held_by[record->held_by_count++];
    holder.pid = pid;
    ReadName(pid, holder.name, sizeof(holder.name));
  }
}

}  // namespace caisson::shim
