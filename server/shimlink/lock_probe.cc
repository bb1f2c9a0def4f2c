#include "server/shimlink/lock_probe.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/file.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/base/syscall_error.h"
#include "runtime/linux/pidfd.h"

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

// Whether `link` of procfs, a descriptor of some process, is the lock file.
// Others are told by their names: they may be on a disk that hangs.
bool IsLock(const std::string& link, const struct stat& lock) {
  char target[PATH_MAX];
  const ssize_t size = ::readlink(link.c_str(), target, sizeof(target));
  if (size <= 0) return false;
  const std::string_view name(target, static_cast<size_t>(size));
  if (!name.ends_with(base::StrCat("/", kLockFileName))) return false;
  struct stat open = {};
  return ::stat(link.c_str(), &open) == 0 && open.st_dev == lock.st_dev &&
         open.st_ino == lock.st_ino;
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

absl::StatusOr<base::UniqueFd> OpenHolder(int directory_fd, pid_t pid) {
  // Our own probes have it open, too.
  if (pid <= 0 || pid == ::getpid()) return absl::NotFoundError("no shim");
  CAISSON_ASSIGN_OR_RETURN(base::UniqueFd pid_fd, linux_::OpenPidfd(pid));
  struct stat lock = {};
  if (::fstatat(directory_fd, kLockFileName, &lock, AT_SYMLINK_NOFOLLOW) != 0) {
    return base::SyscallError("fstatat", kLockFileName);
  }
  const std::string path = base::StrCat("/proc/", pid, "/fd");
  CAISSON_ASSIGN_OR_RETURN(const std::vector<std::string> fds,
                           base::ListDirectory(path));
  for (const std::string& fd : fds) {
    if (!IsLock(base::StrCat(path, "/", fd), lock)) continue;
    // Else what we have looked at has the pid of the one that we hold.
    if (linux_::HasExited(pid_fd.get())) break;
    return pid_fd;
  }
  return absl::NotFoundError("the pid is of another process");
}

}  // namespace caisson::shimlink
