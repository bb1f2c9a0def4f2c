// What is done to the cgroups of a container or exec that exist: kill, freeze,
// count, remove. Every call is bounded in time, works on the group and all
// below it, and treats what is already gone as done.
//
// Process: daemon (worker threads), shim. Thread: any; no shared state.
#ifndef CAISSON_RUNTIME_CGROUP_DRIVER_H_
#define CAISSON_RUNTIME_CGROUP_DRIVER_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "runtime/base/unique_fd.h"
#include "runtime/cgroup/group.h"

namespace caisson::cgroup {

// SIGKILL for every process, also those being forked. Returns when the signal
// was sent to all of them, not when they are gone: wait with Populated. Uses
// cgroup.kill where there is one, on hybrid hosts too; otherwise freezes,
// kills and thaws until nobody new appears. DEADLINE_EXCEEDED after `limit`
// (only on that second way).
absl::Status Kill(const Group& group, absl::Duration limit = absl::Seconds(2));

// Sends `signal` to every process there is; forks race with it.
absl::Status SignalAll(const Group& group, int signal);

// Stops and continues all processes. Freeze waits until they stand still, at
// most `limit`: then DEADLINE_EXCEEDED, and they are thawed again.
absl::Status Freeze(const Group& group, absl::Duration limit);
absl::Status Thaw(const Group& group);

// Whether a process (zombies do not count) is in the group or below.
absl::StatusOr<bool> Populated(const Group& group);

// Polls until it is not. DEADLINE_EXCEEDED after `limit`.
absl::Status WaitEmpty(const Group& group, absl::Duration limit);

// Pids as the caller's pid namespace sees them, sorted; they may be gone
// meanwhile.
absl::StatusOr<std::vector<pid_t>> ListPids(const Group& group);

// What was used so far. Unset: this kernel does not tell.
struct Usage {
  std::optional<absl::Duration> cpu;
  std::optional<absl::Duration> user_cpu;
  std::optional<absl::Duration> system_cpu;
  std::optional<absl::Duration> throttled;
  std::optional<int64_t> memory_current_bytes;
  std::optional<int64_t> memory_peak_bytes;
  std::optional<int64_t> memory_limit_bytes;  // unset: none as well
  std::optional<int64_t> pids_current;
  std::optional<int64_t> pids_peak;
  // Processes killed for lack of memory. On v1 a victim in a child does not
  // count in its parent, so all leaves are summed: read before Remove.
  int64_t oom_kills = 0;
};
absl::StatusOr<Usage> ReadUsage(const Group& group);

// Becomes readable when memory ran out somewhere in the group: an eventfd on
// v1, an inotify descriptor on v2. A hint: look at oom_kills. Drain by reading
// (non-blocking). NOT_FOUND without a memory controller.
absl::StatusOr<base::UniqueFd> OpenOomEvents(const Group& group);

// Removes the directories, deepest first, in every hierarchy. A dying process
// keeps them busy for a moment: repeated while EBUSY, at most `limit`.
absl::Status Remove(const Group& group,
                    absl::Duration limit = absl::Seconds(2));

}  // namespace caisson::cgroup

#endif  // CAISSON_RUNTIME_CGROUP_DRIVER_H_
