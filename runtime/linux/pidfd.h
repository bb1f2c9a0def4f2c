// Processes by descriptor: a pidfd never means another process than the one it
// was opened for.
//
// Process: daemon, keeper, shim. Thread: any.
#ifndef CAISSON_RUNTIME_LINUX_PIDFD_H_
#define CAISSON_RUNTIME_LINUX_PIDFD_H_

#include <signal.h>
#include <sys/types.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "runtime/base/unique_fd.h"

namespace caisson::linux_ {

// A SyscallError with ESRCH when there is no such process. The caller checks
// afterwards that the process is the one it meant: pids are reused.
absl::StatusOr<base::UniqueFd> OpenPidfd(pid_t pid);

// ESRCH when the process is gone.
absl::Status SendSignal(int pid_fd, int signal);

// Whether the process has ended (it may still be a zombie). Does not wait.
bool HasExited(int pid_fd);

// waitid(P_PIDFD, WEXITED | WNOHANG [| WNOWAIT]) for a child. si_pid is 0 when
// it has not ended.
absl::StatusOr<siginfo_t> PollChild(int pid_fd, bool keep_zombie);

// The pid in the caller's pid namespace; -1 when it ended or is not visible
// there.
absl::StatusOr<pid_t> PidOf(int pid_fd);

}  // namespace caisson::linux_

#endif  // CAISSON_RUNTIME_LINUX_PIDFD_H_
