#include "server/core/launch/container_directory.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

#include "runtime/base/file.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"
#include "server/shimlink/lock_probe.h"

namespace caisson::core {
namespace {

constexpr int kDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;

absl::Status MakeDirectoryAt(int directory_fd, const std::string& name,
                             mode_t mode) {
  if (::mkdirat(directory_fd, name.c_str(), mode) != 0) {
    return base::SyscallError("mkdir", name);
  }
  return absl::OkStatus();
}

absl::Status CreateExitSlots(int directory_fd) {
  const int err = record::CreateExitFile(directory_fd);
  if (err != 0) {
    return base::SyscallErrorFrom(err, "fallocate", record::kExitFileName);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CreateContainerDirectory(const std::string& path) {
  CAISSON_RETURN_IF_ERROR(MakeDirectoryAt(AT_FDCWD, path, 0700));
  CAISSON_ASSIGN_OR_RETURN(const base::UniqueFd directory,
                           OpenContainerDirectory(path));
  CAISSON_RETURN_IF_ERROR(shimlink::CreateLockFile(directory.get()));
  CAISSON_RETURN_IF_ERROR(CreateExitSlots(directory.get()));
  CAISSON_RETURN_IF_ERROR(MakeDirectoryAt(directory.get(), "upper", 0755));
  return MakeDirectoryAt(directory.get(), "work", 0700);
}

absl::StatusOr<base::UniqueFd> OpenContainerDirectory(const std::string& path) {
  return base::Open(path, kDirectory);
}

absl::StatusOr<base::UniqueFd> CreateExecDirectory(int container_fd,
                                                   int64_t number) {
  if (::mkdirat(container_fd, "x", 0700) != 0 && errno != EEXIST) {
    return base::SyscallError("mkdir", "x");
  }
  const std::string name = absl::StrCat("x/", number);
  CAISSON_RETURN_IF_ERROR(MakeDirectoryAt(container_fd, name, 0700));
  CAISSON_ASSIGN_OR_RETURN(base::UniqueFd directory,
                           base::OpenAt(container_fd, name, kDirectory));
  CAISSON_RETURN_IF_ERROR(CreateExitSlots(directory.get()));
  return directory;
}

std::string ExecDirectory(const std::string& container, int64_t number) {
  return absl::StrCat(container, "/x/", number);
}

std::optional<record::ExitRecord> ReadExit(const std::string& directory,
                                           int64_t run) {
  absl::StatusOr<base::UniqueFd> fd =
      base::Open(absl::StrCat(directory, "/", record::kExitFileName),
                 O_RDONLY | O_NOFOLLOW);
  if (!fd.ok()) return std::nullopt;
  record::ExitRecord record;
  if (record::ReadExitRecord(fd->get(), static_cast<uint64_t>(run), &record) !=
      0) {
    return std::nullopt;
  }
  return record;
}

}  // namespace caisson::core
