// A plan that failed at one of its steps, as the error that clients see.
//
// Process: caissond. Thread: any; pure.
#ifndef CAISSON_SERVER_CORE_LAUNCH_START_FAILURE_H_
#define CAISSON_SERVER_CORE_LAUNCH_START_FAILURE_H_

#include <string_view>

#include "absl/status/status.h"

#include "runtime/shim/protocol/frames.h"

namespace caisson::core {

// FAILED_PRECONDITION with COMMAND_NOT_FOUND or COMMAND_NOT_EXECUTABLE when
// execve refused the program, NOT_FOUND PATH_NOT_FOUND when the host lacks a
// path that the spec names, else FAILED_PRECONDITION START_FAILED; the details
// have stage, step, syscall, errno and path. `plan` is the bytes the shim was
// given.
absl::Status StartFailure(std::string_view plan,
                          const shim::FailedBody& failed);

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_LAUNCH_START_FAILURE_H_
