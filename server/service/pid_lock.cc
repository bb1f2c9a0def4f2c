#include "server/service/pid_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"

#include "runtime/base/file.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/base/syscall_error.h"

namespace caisson::service {
namespace {

constexpr size_t kMaxPidText = 32;

}  // namespace

absl::StatusOr<base::UniqueFd> AcquirePidLock(const std::string& path,
                                              const std::string& what) {
  CAISSON_ASSIGN_OR_RETURN(
      base::UniqueFd fd, base::Open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return base::SyscallError("flock", path);
    auto holder = base::ReadFdToString(fd.get(), kMaxPidText);
    return absl::FailedPreconditionError(base::StrCat(
        what, " is in use by the process ",
        holder.ok() ? std::string(absl::StripAsciiWhitespace(*holder)) : "?",
        " (lock '", path, "')"));
  }
  if (::ftruncate(fd.get(), 0) != 0) {
    return base::SyscallError("ftruncate", path);
  }
  CAISSON_RETURN_IF_ERROR(
      base::PwriteAll(fd.get(), base::StrCat(::getpid(), "\n"), 0));
  return fd;
}

}  // namespace caisson::service
