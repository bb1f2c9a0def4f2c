#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include "absl/cleanup/cleanup.h"

#include "runtime/base/file.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"

namespace caisson::base {

absl::StatusOr<std::vector<std::string>> ListDirectory(int dir_fd) {
  // A description of its own, so that the caller's position stays.
  CAISSON_ASSIGN_OR_RETURN(UniqueFd fd,
                           OpenAt(dir_fd, ".", O_RDONLY | O_DIRECTORY));
  DIR* dir = ::fdopendir(fd.get());
  if (dir == nullptr) return SyscallError("fdopendir");
  static_cast<void>(fd.release());
  absl::Cleanup close = [dir] { ::closedir(dir); };
  std::vector<std::string> names;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(dir);
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return SyscallError("readdir");
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<std::vector<std::string>> ListDirectory(std::string_view path) {
  CAISSON_ASSIGN_OR_RETURN(UniqueFd fd, Open(path, O_RDONLY | O_DIRECTORY));
  return ListDirectory(fd.get());
}

}  // namespace caisson::base
