// Failed system calls as absl::Status: the text names call, object and cause,
// and errno travels as a payload, so nobody has to read the text.
//
// Process: any. Thread: any.
#ifndef CAISSON_RUNTIME_BASE_SYSCALL_ERROR_H_
#define CAISSON_RUNTIME_BASE_SYSCALL_ERROR_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace caisson::base {

// INTERNAL "mount '/x': Invalid argument" with the current errno as payload.
// Call it before anything else can change errno. `what` may be empty.
absl::Status SyscallError(std::string_view call, std::string_view what = {});

// The same for an errno that is already known.
absl::Status SyscallErrorFrom(int err, std::string_view call,
                              std::string_view what = {});

// errno of a status made above, also after Annotate; 0 when it has none.
int ErrnoOf(const absl::Status& status);

// The failed call, as details of an error want it.
struct SyscallFailure {
  int err = 0;
  std::string call;
  std::string what;
};
// All empty when the status was not made above.
SyscallFailure SyscallFailureOf(const absl::Status& status);

// "ENOENT"; "errno 4711" for a number without a name.
std::string ErrnoName(int err);

}  // namespace caisson::base

#endif  // CAISSON_RUNTIME_BASE_SYSCALL_ERROR_H_
