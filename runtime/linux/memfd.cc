#include "runtime/linux/memfd.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "runtime/base/file.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"

// Since Linux 6.3, newer than the C library's headers.
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

namespace caisson::linux_ {
namespace {

constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

absl::StatusOr<base::UniqueFd> CreateMemfd(const std::string& name,
                                           bool executable) {
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  int fd = ::memfd_create(name.c_str(),
                          kFlags | (executable ? MFD_EXEC : MFD_NOEXEC_SEAL));
  // An older kernel knows neither word and makes all of them executable.
  if (fd < 0 && errno == EINVAL) fd = ::memfd_create(name.c_str(), kFlags);
  if (fd < 0) return base::SyscallError("memfd_create", name);
  return base::UniqueFd(fd);
}

absl::Status Seal(int fd) {
  if (::fcntl(fd, F_ADD_SEALS, kSeals) != 0) {
    return base::SyscallError("fcntl", "F_ADD_SEALS");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<base::UniqueFd> CreateSealedMemfd(const std::string& name,
                                                 std::string_view data,
                                                 bool executable) {
  CAISSON_ASSIGN_OR_RETURN(base::UniqueFd fd, CreateMemfd(name, executable));
  CAISSON_RETURN_IF_ERROR(base::PwriteAll(fd.get(), data, 0));
  CAISSON_RETURN_IF_ERROR(Seal(fd.get()));
  return fd;
}

absl::StatusOr<base::UniqueFd> CopyToSealedMemfd(const std::string& name,
                                                 int fd) {
  struct stat info = {};
  if (::fstat(fd, &info) != 0) return base::SyscallError("fstat", name);
  CAISSON_ASSIGN_OR_RETURN(base::UniqueFd copy,
                           CreateMemfd(name, /*executable=*/true));
  off_t offset = 0;
  while (offset < info.st_size) {
    const ssize_t sent = ::sendfile(copy.get(), fd, &offset,
                                    static_cast<size_t>(info.st_size - offset));
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return base::SyscallError("sendfile", name);
    if (sent == 0) return base::SyscallErrorFrom(EIO, "sendfile", name);
  }
  CAISSON_RETURN_IF_ERROR(Seal(copy.get()));
  return copy;
}

absl::Status CheckSealed(int fd) {
  const int seals = ::fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & kSeals) != kSeals) {
    return absl::FailedPreconditionError("not a sealed memfd");
  }
  return absl::OkStatus();
}

}  // namespace caisson::linux_
