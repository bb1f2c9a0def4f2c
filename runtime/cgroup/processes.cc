#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "runtime/base/clock.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"
#include "runtime/cgroup/driver.h"
#include "runtime/cgroup/files.h"

namespace caisson::cgroup {
namespace {

constexpr absl::Duration kFirstPoll = absl::Microseconds(200);
constexpr absl::Duration kLastPoll = absl::Milliseconds(10);

// Every process is in all hierarchies, so one tells; the v2 tree knows best.
const Directory* Witness(const Group& group) {
  if (const Directory* unified = group.Unified()) return unified;
  return group.directories.empty() ? nullptr : &group.directories.front();
}

}  // namespace

absl::StatusOr<std::vector<pid_t>> ListPids(const Group& group) {
  std::vector<pid_t> all;
  const Directory* directory = Witness(group);
  if (directory == nullptr) return all;
  CAISSON_ASSIGN_OR_RETURN(const std::vector<std::string> tree,
                           Tree(directory->path));
  for (const std::string& path : tree) {
    CAISSON_ASSIGN_OR_RETURN(const std::vector<pid_t> pids,
                             ReadPids(path, "cgroup.procs"));
    all.insert(all.end(), pids.begin(), pids.end());
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

absl::StatusOr<bool> Populated(const Group& group) {
  if (const Directory* unified = group.Unified()) {
    const absl::StatusOr<std::string> events =
        ReadText(unified->path, "cgroup.events");
    if (!events.ok()) {
      const int err = base::ErrnoOf(events.status());
      if (err == ENOENT || err == ENODEV) return false;
      return events.status();
    }
    return FindKey(*events, "populated").value_or(0) != 0;
  }
  CAISSON_ASSIGN_OR_RETURN(const std::vector<pid_t> pids, ListPids(group));
  return !pids.empty();
}

absl::Status WaitEmpty(const Group& group, absl::Duration limit) {
  const base::Clock& clock = base::Clock::Real();
  const absl::Duration end = clock.Monotonic() + limit;
  absl::Duration poll = kFirstPoll;
  while (true) {
    CAISSON_ASSIGN_OR_RETURN(const bool populated, Populated(group));
    if (!populated) return absl::OkStatus();
    if (clock.Monotonic() >= end) {
      return absl::DeadlineExceededError("processes are still in the cgroup");
    }
    absl::SleepFor(poll);
    poll = std::min(2 * poll, kLastPoll);
  }
}

}  // namespace caisson::cgroup
