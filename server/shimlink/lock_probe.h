// Whether a shim lives, by the lock that it inherits: the keeper and the
// program in the container do not hold it, so it is free as soon as the shim
// is dead, whatever else still runs.
//
// Process: caissond. Thread: any; short calls on a local file and on procfs.
#ifndef CAISSON_SERVER_SHIMLINK_LOCK_PROBE_H_
#define CAISSON_SERVER_SHIMLINK_LOCK_PROBE_H_

#include <sys/types.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "runtime/base/unique_fd.h"

namespace caisson::shimlink {

inline constexpr char kLockFileName[] = "lock";

// Makes the lock file in a container's directory.
absl::Status CreateLockFile(int directory_fd);

// Takes the lock, to be handed to a new shim: all descriptors of one open(2)
// share it, so it stays taken until the shim is dead. Close, never unlock.
// FAILED_PRECONDITION when a shim has it.
absl::StatusOr<base::UniqueFd> TakeLock(int directory_fd);

// True: a shim lives, or is being made. A missing file is free.
absl::StatusOr<bool> LockIsHeld(int directory_fd);

// A pidfd of the shim that holds the lock, which had this pid when it was made.
// NOT_FOUND: the pid is of nobody or of another process by now.
absl::StatusOr<base::UniqueFd> OpenHolder(int directory_fd, pid_t pid);

}  // namespace caisson::shimlink

#endif  // CAISSON_SERVER_SHIMLINK_LOCK_PROBE_H_
