// What can be told about a child that is not reaped yet.
//
// Process: shim. Thread: main only; no allocation.
#ifndef CAISSON_RUNTIME_SHIM_CHILD_STATE_H_
#define CAISSON_RUNTIME_SHIM_CHILD_STATE_H_

#include <signal.h>
#include <stddef.h>
#include <sys/types.h>

namespace caisson::shim {

// Whether the process has called execve since it was cloned: the kernel keeps
// PF_FORKNOEXEC, field 9 of /proc/<pid>/stat, until then, also in a zombie.
// True when it cannot be read.
bool HasExecuted(pid_t pid) noexcept;

// The text of such a file. Pure; `text` is NUL-terminated.
bool ParseHasExecuted(const char* text) noexcept;

// Takes the status of a child that has ended. False: it has not.
bool Reap(int pid_fd, siginfo_t* status) noexcept;

}  // namespace caisson::shim

#endif  // CAISSON_RUNTIME_SHIM_CHILD_STATE_H_
