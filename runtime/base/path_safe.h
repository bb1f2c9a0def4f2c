// Paths whose directories somebody else controls, resolved by the kernel under
// a root descriptor: no name that a container made leads out of its root.
//
// Process: any. Thread: any. Needs openat2(2), Linux 5.6.
#ifndef CAISSON_RUNTIME_BASE_PATH_SAFE_H_
#define CAISSON_RUNTIME_BASE_PATH_SAFE_H_

#include <sys/types.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "runtime/base/unique_fd.h"

namespace caisson::base {

// As if `root_fd` were "/": absolute links and ".." stay inside. Magic links
// of procfs are refused with ELOOP. O_CLOEXEC is added. The kernel's EAGAIN
// (a rename raced) is repeated a bounded number of times.
absl::StatusOr<UniqueFd> OpenInRoot(int root_fd, std::string_view path,
                                    int flags, mode_t mode = 0);

// Below `dir_fd`; ".." or a link that leads out is EXDEV.
absl::StatusOr<UniqueFd> OpenBeneath(int dir_fd, std::string_view path,
                                     int flags, mode_t mode = 0);

// Below `dir_fd` on the same mount and through no symbolic link at all: for
// files of procfs and cgroupfs that a container could have mounted over.
absl::StatusOr<UniqueFd> OpenBeneathStrict(int dir_fd, std::string_view path,
                                           int flags, mode_t mode = 0);

// Whether `path` is absolute, at most 4095 bytes, and has neither NUL nor a
// ".." component. Pure.
bool IsCleanAbsolutePath(std::string_view path);

// Without duplicate slashes, "." components and a slash at the end; `path`
// must satisfy IsCleanAbsolutePath. Pure.
std::string NormalizePath(std::string_view path);

}  // namespace caisson::base

#endif  // CAISSON_RUNTIME_BASE_PATH_SAFE_H_
