#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/time/time.h"

#include "runtime/base/clock.h"
#include "runtime/base/file.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"
#include "runtime/cgroup/driver.h"
#include "runtime/cgroup/files.h"
#include "runtime/linux/pidfd.h"

namespace caisson::cgroup {
namespace {

// Long enough for processes that are in a short system call.
constexpr absl::Duration kFreezeLimit = absl::Milliseconds(50);
constexpr absl::Duration kDrainLimit = absl::Milliseconds(20);

bool IsGone(const absl::Status& status) {
  const int err = base::ErrnoOf(status);
  return err == ENOENT || err == ENODEV || err == ESRCH;
}

// A pid may have ended and be another process by now: all are opened first,
// then who is still a member is signalled through its descriptor.
absl::Status SignalMembers(const Group& group, int signal) {
  CAISSON_ASSIGN_OR_RETURN(const std::vector<pid_t> pids, ListPids(group));
  std::vector<std::pair<pid_t, base::UniqueFd>> opened;
  for (const pid_t pid : pids) {
    absl::StatusOr<base::UniqueFd> pid_fd = linux_::OpenPidfd(pid);
    if (pid_fd.ok()) {
      opened.emplace_back(pid, *std::move(pid_fd));
    } else if (!IsGone(pid_fd.status())) {
      return pid_fd.status();
    }
  }
  CAISSON_ASSIGN_OR_RETURN(const std::vector<pid_t> members, ListPids(group));
  for (const auto& [pid, pid_fd] : opened) {
    if (!std::binary_search(members.begin(), members.end(), pid)) continue;
    const absl::Status sent = linux_::SendSignal(pid_fd.get(), signal);
    if (!sent.ok() && !IsGone(sent)) return sent;
  }
  return absl::OkStatus();
}

// One round of: stop, kill, continue. A frozen process dies when it thaws.
absl::Status KillFrozen(const Group& group) {
  base::IgnoreError(Freeze(group, kFreezeLimit),
                    "a process that is slow to stop is killed all the same; "
                    "the next round finds its children");
  absl::Cleanup thaw = [&group] {
    base::IgnoreError(Thaw(group), "without a freezer there is none to undo");
  };
  return SignalMembers(group, SIGKILL);
}

}  // namespace

absl::Status SignalAll(const Group& group, int signal) {
  return SignalMembers(group, signal);
}

absl::Status Kill(const Group& group, absl::Duration limit) {
  const Directory* unified = group.Unified();
  if (group.has_kill && unified != nullptr) {
    const absl::Status status =
        base::WriteFile(FileIn(unified->path, "cgroup.kill"), "1");
    return IsGone(status) ? absl::OkStatus() : status;
  }
  const base::Clock& clock = base::Clock::Real();
  const absl::Duration end = clock.Monotonic() + limit;
  while (true) {
    CAISSON_RETURN_IF_ERROR(KillFrozen(group));
    if (WaitEmpty(group, kDrainLimit).ok()) return absl::OkStatus();
    if (clock.Monotonic() >= end) {
      return absl::DeadlineExceededError(
          "processes are still there after they were killed");
    }
  }
}

}  // namespace caisson::cgroup
