// A lock file that says who holds it: flock(2) for the exclusion, which the
// kernel gives up with the process, and the pid inside for people.
//
// Process: caissond. Thread: any.
#ifndef CAISSON_SERVER_SERVICE_PID_LOCK_H_
#define CAISSON_SERVER_SERVICE_PID_LOCK_H_

#include <string>

#include "absl/status/statusor.h"

#include "runtime/base/unique_fd.h"

namespace caisson::service {

// Creates `path` if need be, locks it and writes the pid. The lock is held
// until the descriptor is closed. FAILED_PRECONDITION with the holder's pid
// when another process has it; `what` names what it protects.
absl::StatusOr<base::UniqueFd> AcquirePidLock(const std::string& path,
                                              const std::string& what);

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_PID_LOCK_H_
