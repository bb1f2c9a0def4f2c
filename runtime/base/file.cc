#include "runtime/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/cleanup/cleanup.h"

#include "runtime/base/random_id.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/base/syscall_error.h"

namespace caisson::base {
namespace {

// Repeats a call that a signal interrupted.
template <typename Call>
auto Retry(Call call) {
  decltype(call()) result;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

absl::Status WriteOnce(int fd, std::string_view path, std::string_view value) {
  const ssize_t written =
      Retry([&] { return ::write(fd, value.data(), value.size()); });
  if (written < 0) return SyscallError("write", path);
  if (static_cast<size_t>(written) != value.size()) {
    return SyscallErrorFrom(EIO, "write", path);
  }
  return absl::OkStatus();
}

std::string ParentOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return slash == 0 ? "/" : std::string(path.substr(0, slash));
}

absl::Status MakeOneDirectory(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) == 0) return absl::OkStatus();
  const int err = errno;
  struct stat info = {};
  if (err == EEXIST && ::stat(path.c_str(), &info) == 0 &&
      S_ISDIR(info.st_mode)) {
    return absl::OkStatus();
  }
  return SyscallErrorFrom(err, "mkdir", path);
}

absl::Status SyncDirectory(const std::string& path) {
  CAISSON_ASSIGN_OR_RETURN(UniqueFd fd, Open(path, O_RDONLY | O_DIRECTORY));
  if (::fsync(fd.get()) != 0) return SyscallError("fsync", path);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<UniqueFd> Open(std::string_view path, int flags, mode_t mode) {
  return OpenAt(AT_FDCWD, path, flags, mode);
}

absl::StatusOr<UniqueFd> OpenAt(int dir_fd, std::string_view path, int flags,
                                mode_t mode) {
  if (path.find('\0') != std::string_view::npos) {
    return SyscallErrorFrom(EINVAL, "open", path.substr(0, path.find('\0')));
  }
  const std::string name(path);
  const int fd = Retry(
      [&] { return ::openat(dir_fd, name.c_str(), flags | O_CLOEXEC, mode); });
  if (fd < 0) return SyscallError("open", path);
  return UniqueFd(fd);
}

absl::StatusOr<UniqueFd> Duplicate(int fd) {
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return SyscallError("fcntl", "F_DUPFD_CLOEXEC");
  return UniqueFd(copy);
}

absl::StatusOr<std::string> ReadFileToString(std::string_view path,
                                             size_t max_bytes) {
  return ReadFileToStringAt(AT_FDCWD, path, max_bytes);
}

absl::StatusOr<std::string> ReadFileToStringAt(int dir_fd,
                                               std::string_view path,
                                               size_t max_bytes) {
  CAISSON_ASSIGN_OR_RETURN(UniqueFd fd, OpenAt(dir_fd, path, O_RDONLY));
  absl::StatusOr<std::string> text = ReadFdToString(fd.get(), max_bytes);
  if (!text.ok()) return Annotate(text.status(), "reading '", path, "'");
  return text;
}

absl::StatusOr<std::string> ReadFdToString(int fd, size_t max_bytes) {
  // The size that fstat tells is not used: procfs says 0.
  constexpr size_t kStep = 4096;
  std::string text;
  size_t used = 0;
  while (true) {
    // One byte more than allowed, to see that there is more.
    text.resize(std::min(std::max(2 * used, kStep), max_bytes + 1));
    CAISSON_ASSIGN_OR_RETURN(const size_t count, ReadAll(fd, text.data() + used,
                                                         text.size() - used));
    used += count;
    if (used < text.size()) break;
    if (used > max_bytes) {
      return absl::OutOfRangeError(StrCat("longer than ", max_bytes, " bytes"));
    }
  }
  text.resize(used);
  return text;
}

absl::StatusOr<size_t> ReadAll(int fd, char* buffer, size_t size) {
  size_t used = 0;
  while (used < size) {
    const ssize_t count =
        Retry([&] { return ::read(fd, buffer + used, size - used); });
    if (count < 0) return SyscallError("read");
    if (count == 0) break;
    used += static_cast<size_t>(count);
  }
  return used;
}

absl::StatusOr<size_t> PreadAll(int fd, char* buffer, size_t size,
                                off_t offset) {
  size_t used = 0;
  while (used < size) {
    const ssize_t count = Retry([&] {
      return ::pread(fd, buffer + used, size - used,
                     offset + static_cast<off_t>(used));
    });
    if (count < 0) return SyscallError("pread");
    if (count == 0) break;
    used += static_cast<size_t>(count);
  }
  return used;
}

absl::Status WriteAll(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t count =
        Retry([&] { return ::write(fd, data.data(), data.size()); });
    if (count < 0) return SyscallError("write");
    data.remove_prefix(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

absl::Status PwriteAll(int fd, std::string_view data, off_t offset) {
  while (!data.empty()) {
    const ssize_t count =
        Retry([&] { return ::pwrite(fd, data.data(), data.size(), offset); });
    if (count < 0) return SyscallError("pwrite");
    data.remove_prefix(static_cast<size_t>(count));
    offset += count;
  }
  return absl::OkStatus();
}

absl::Status WriteFile(std::string_view path, std::string_view value) {
  return WriteFileAt(AT_FDCWD, path, value);
}

absl::Status WriteFileAt(int dir_fd, std::string_view path,
                         std::string_view value) {
  CAISSON_ASSIGN_OR_RETURN(UniqueFd fd, OpenAt(dir_fd, path, O_WRONLY));
  return WriteOnce(fd.get(), path, value);
}

absl::Status WriteFileAtomic(std::string_view path, std::string_view data,
                             mode_t mode, bool sync) {
  const std::string target(path);
  const std::string temporary = StrCat(path, ".", RandomId());
  CAISSON_ASSIGN_OR_RETURN(
      UniqueFd fd,
      Open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode));
  absl::Cleanup undo = [&] { ::unlink(temporary.c_str()); };
  // The mode that was asked for, whatever the umask is.
  if (::fchmod(fd.get(), mode) != 0) return SyscallError("fchmod", temporary);
  CAISSON_RETURN_IF_ERROR(
      Annotate(WriteAll(fd.get(), data), "'", temporary, "'"));
  if (sync && ::fdatasync(fd.get()) != 0) {
    return SyscallError("fdatasync", temporary);
  }
  if (::rename(temporary.c_str(), target.c_str()) != 0) {
    return SyscallError("rename", target);
  }
  std::move(undo).Cancel();
  return sync ? SyncDirectory(ParentOf(path)) : absl::OkStatus();
}

absl::Status MakeDirectories(std::string_view path, mode_t mode) {
  // A directory that is there needs no look at its parents.
  struct stat info = {};
  const std::string whole(path);
  if (::stat(whole.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
    return absl::OkStatus();
  }
  for (size_t end = path.find('/', 1); end != std::string_view::npos;
       end = path.find('/', end + 1)) {
    CAISSON_RETURN_IF_ERROR(
        MakeOneDirectory(std::string(path.substr(0, end)), mode));
  }
  return MakeOneDirectory(whole, mode);
}

bool PathExists(std::string_view path) {
  struct stat info = {};
  return ::lstat(std::string(path).c_str(), &info) == 0;
}

absl::Status SetCloseOnExec(int fd, bool value) {
  if (::fcntl(fd, F_SETFD, value ? FD_CLOEXEC : 0) != 0) {
    return SyscallError("fcntl", "F_SETFD");
  }
  return absl::OkStatus();
}

}  // namespace caisson::base
