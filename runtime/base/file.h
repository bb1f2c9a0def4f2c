// Files: whole reads with a cap, whole writes, atomic replacement.
//
// Process: any. Thread: any. Everything is opened close-on-exec, EINTR is
// repeated, and errors are SyscallErrors that name the path.
#ifndef CAISSON_RUNTIME_BASE_FILE_H_
#define CAISSON_RUNTIME_BASE_FILE_H_

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "runtime/base/unique_fd.h"

namespace caisson::base {

// open(2) and openat(2) with O_CLOEXEC added. `path` needs no NUL at its end;
// a NUL inside is EINVAL. `dir_fd` may be AT_FDCWD.
absl::StatusOr<UniqueFd> Open(std::string_view path, int flags,
                              mode_t mode = 0);
absl::StatusOr<UniqueFd> OpenAt(int dir_fd, std::string_view path, int flags,
                                mode_t mode = 0);

// A copy of `fd`, close-on-exec.
absl::StatusOr<UniqueFd> Duplicate(int fd);

// The whole content. OUT_OF_RANGE when it is longer than `max_bytes`.
absl::StatusOr<std::string> ReadFileToString(std::string_view path,
                                             size_t max_bytes);
absl::StatusOr<std::string> ReadFileToStringAt(int dir_fd,
                                               std::string_view path,
                                               size_t max_bytes);
// From the current position to the end.
absl::StatusOr<std::string> ReadFdToString(int fd, size_t max_bytes);

// Until `size` bytes were read or the end came; returns how many.
absl::StatusOr<size_t> ReadAll(int fd, char* buffer, size_t size);
absl::StatusOr<size_t> PreadAll(int fd, char* buffer, size_t size,
                                off_t offset);

absl::Status WriteAll(int fd, std::string_view data);
absl::Status PwriteAll(int fd, std::string_view data, off_t offset);

// One write(2) into a file that exists: the files of cgroupfs, procfs and
// sysfs take a value in one piece or not at all.
absl::Status WriteFile(std::string_view path, std::string_view value);
absl::Status WriteFileAt(int dir_fd, std::string_view path,
                         std::string_view value);

// Replaces `path`: a reader sees the old content or the new, also after a
// power cut when `sync` is set.
absl::Status WriteFileAtomic(std::string_view path, std::string_view data,
                             mode_t mode, bool sync = true);

// mkdir -p. Directories that exist keep their mode.
absl::Status MakeDirectories(std::string_view path, mode_t mode);

// Names in a directory without "." and "..", sorted. `dir_fd` must be open for
// reading; its position is not changed.
absl::StatusOr<std::vector<std::string>> ListDirectory(int dir_fd);
absl::StatusOr<std::vector<std::string>> ListDirectory(std::string_view path);

// Whether something is at `path`; symbolic links are not followed.
bool PathExists(std::string_view path);

// Sets or clears O_CLOEXEC (the descriptor is handed to a child or not).
absl::Status SetCloseOnExec(int fd, bool value);

}  // namespace caisson::base

#endif  // CAISSON_RUNTIME_BASE_FILE_H_
