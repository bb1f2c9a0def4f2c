#include "runtime/base/path_safe.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "absl/strings/str_split.h"

#include "runtime/base/str_cat.h"
#include "runtime/base/syscall_error.h"

namespace caisson::base {
namespace {

constexpr size_t kMaxPathBytes = 4095;
// EAGAIN means that a rename or mount elsewhere may have moved a "..": common
// under load, endless only under attack.
constexpr int kMaxAttempts = 128;

absl::StatusOr<UniqueFd> OpenResolved(int dir_fd, std::string_view path,
                                      int flags, mode_t mode,
                                      uint64_t resolve) {
  if (path.find('\0') != std::string_view::npos) {
    return SyscallErrorFrom(EINVAL, "openat2", path.substr(0, path.find('\0')));
  }
  const std::string name(path);
  open_how how = {};
  how.flags = static_cast<uint32_t>(flags) | O_CLOEXEC;
  how.mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? mode : 0;
  how.resolve = resolve;
  long fd = -1;
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    fd = ::syscall(SYS_openat2, dir_fd, name.c_str(), &how, sizeof(how));
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) break;
  }
  if (fd < 0) return SyscallError("openat2", path);
  return UniqueFd(static_cast<int>(fd));
}

}  // namespace

absl::StatusOr<UniqueFd> OpenInRoot(int root_fd, std::string_view path,
                                    int flags, mode_t mode) {
  return OpenResolved(root_fd, path, flags, mode,
                      RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

absl::StatusOr<UniqueFd> OpenBeneath(int dir_fd, std::string_view path,
                                     int flags, mode_t mode) {
  return OpenResolved(dir_fd, path, flags, mode,
                      RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
}

absl::StatusOr<UniqueFd> OpenBeneathStrict(int dir_fd, std::string_view path,
                                           int flags, mode_t mode) {
  return OpenResolved(dir_fd, path, flags, mode,
                      RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS |
                          RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
}

bool IsCleanAbsolutePath(std::string_view path) {
  if (path.empty() || path[0] != '/' || path.size() > kMaxPathBytes ||
      path.find('\0') != std::string_view::npos) {
    return false;
  }
  for (absl::string_view part : absl::StrSplit(AbslView(path), '/')) {
    if (part == "..") return false;
  }
  return true;
}

std::string NormalizePath(std::string_view path) {
  std::string result;
  for (absl::string_view part : absl::StrSplit(AbslView(path), '/')) {
    if (part.empty() || part == ".") continue;
    StrAppend(&result, "/", part);
  }
  return result.empty() ? "/" : result;
}

}  // namespace caisson::base
