#include "server/shimlink/lock_probe.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <utility>

#include "runtime/base/file.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"

namespace caisson::shimlink {
namespace {

// 0, EWOULDBLOCK when somebody has the lock, or another errno.
int Lock(int fd, int operation) {
  int result = 0;
  do {
    result = ::flock(fd, operation);
  } while (result != 0 && errno == EINTR);
  return result == 0 ? 0 : errno;
}

}  // namespace

absl::Status CreateLockFile(int directory_fd) {
  return base::OpenAt(directory_fd, kLockFileName, O_RDWR | O_CREAT, 0600)
      .status();
}

absl::StatusOr<base::UniqueFd> TakeLock(int directory_fd) {
  CAISSON_ASSIGN_OR_RETURN(
      base::UniqueFd fd,
      base::OpenAt(directory_fd, kLockFileName, O_RDWR | O_NOFOLLOW));
  int err = Lock(fd.get(), LOCK_EX | LOCK_NB);
  if (err == EWOULDBLOCK) {
    // By a shim, or for a moment by a probe, with whom it can be shared.
    if (Lock(fd.get(), LOCK_SH | LOCK_NB) != 0) {
      return absl::FailedPreconditionError("a shim holds the lock");
    }
    err = Lock(fd.get(), LOCK_EX);
  }
  if (err != 0) return base::SyscallErrorFrom(err, "flock", kLockFileName);
  return fd;
}

absl::StatusOr<bool> LockIsHeld(int directory_fd) {
  absl::StatusOr<base::UniqueFd> fd =
      base::OpenAt(directory_fd, kLockFileName, O_RDWR | O_NOFOLLOW);
  if (!fd.ok()) {
    if (base::ErrnoOf(fd.status()) == ENOENT) return false;
    return std::move(fd).status();
  }
  const int err = Lock(fd->get(), LOCK_SH | LOCK_NB);
  if (err != 0 && err != EWOULDBLOCK) {
    return base::SyscallErrorFrom(err, "flock", kLockFileName);
  }
  return err == EWOULDBLOCK;
}

}  // namespace caisson::shimlink
