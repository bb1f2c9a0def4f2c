#include "runtime/linux/namespaces.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "runtime/base/file.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/base/syscall_error.h"

namespace caisson::linux_ {

absl::StatusOr<base::UniqueFd> OpenNamespace(pid_t pid, std::string_view kind) {
  return base::Open(base::StrCat("/proc/", pid, "/ns/", kind), O_RDONLY);
}

absl::StatusOr<uint64_t> NamespaceInode(pid_t pid, std::string_view kind) {
  CAISSON_ASSIGN_OR_RETURN(const base::UniqueFd fd, OpenNamespace(pid, kind));
  return NamespaceInode(fd.get());
}

absl::StatusOr<uint64_t> NamespaceInode(int namespace_fd) {
  struct stat info = {};
  if (::fstat(namespace_fd, &info) != 0) return base::SyscallError("fstat");
  return info.st_ino;
}

}  // namespace caisson::linux_
