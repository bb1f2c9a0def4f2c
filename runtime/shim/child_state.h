// What can be told about a child that is not reaped yet.
//
// A child has a pipe for what fails before it is a program; execve closes it.
//
//   kWorking --writes--> kFailed
//       |----closes----> kSilent --> kExecuted | kEnded
//       |----dies------> kEnded
//
// Process: shim. Thread: main only; no allocation.
#ifndef CAISSON_RUNTIME_SHIM_CHILD_STATE_H_
#define CAISSON_RUNTIME_SHIM_CHILD_STATE_H_

#include <signal.h>
#include <stddef.h>
#include <sys/types.h>

#include "runtime/init/run_plan.h"

namespace caisson::shim {

// Whether the process has called execve since it was cloned: the kernel keeps
// PF_FORKNOEXEC, field 9 of /proc/<pid>/stat, until then, also in a zombie.
// True when it cannot be read.
bool HasExecuted(pid_t pid) noexcept;

// The text of such a file. Pure; `text` is NUL-terminated.
bool ParseHasExecuted(const char* text) noexcept;

enum class ChildState {
  kWorking,   // on its way to execve
  kFailed,    // and it said what
  kSilent,    // it can say nothing any more, and is neither a program nor dead:
              // in the middle of execve, or of its death
  kExecuted,  // it is the program, or was
  kEnded,     // it died before, and said nothing
};

// Reads what the child has said. `error_fd`, which must not block, is our end
// of its pipe. *failure is set when it failed.
ChildState ReadChildState(int error_fd, pid_t pid, int pid_fd,
                          init::OpFailure* failure) noexcept;

// Takes the status of a child that has ended. False: it has not.
bool Reap(int pid_fd, siginfo_t* status) noexcept;

}  // namespace caisson::shim

#endif  // CAISSON_RUNTIME_SHIM_CHILD_STATE_H_
