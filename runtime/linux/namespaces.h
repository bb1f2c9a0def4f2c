// Namespaces of processes, by what identifies them: the inode of their file.
//
// Process: daemon, shim. Thread: any.
#ifndef CAISSON_RUNTIME_LINUX_NAMESPACES_H_
#define CAISSON_RUNTIME_LINUX_NAMESPACES_H_

#include <sys/types.h>

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

#include "runtime/base/unique_fd.h"

namespace caisson::linux_ {

// `kind` is a name in /proc/<pid>/ns: "pid", "net", "user" ...
absl::StatusOr<base::UniqueFd> OpenNamespace(pid_t pid, std::string_view kind);

absl::StatusOr<uint64_t> NamespaceInode(pid_t pid, std::string_view kind);
absl::StatusOr<uint64_t> NamespaceInode(int namespace_fd);

}  // namespace caisson::linux_

#endif  // CAISSON_RUNTIME_LINUX_NAMESPACES_H_
