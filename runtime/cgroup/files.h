// Reading the files of cgroup directories. Internal to this folder.
//
// Process: daemon, keeper, shim. Thread: any.
#ifndef CAISSON_RUNTIME_CGROUP_FILES_H_
#define CAISSON_RUNTIME_CGROUP_FILES_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace caisson::cgroup {

// "<directory>/<file>".
std::string FileIn(std::string_view directory, std::string_view file);

// Makes a cgroup, if it is not there, that others may pass whatever the umask
// is: a container with a user namespace mounts its cgroup file system with the
// rights of its own user, who must pass every directory above its root (fsmount
// fails with EACCES otherwise).
absl::Status MakeCgroup(const std::string& path);

// The whole file; a SyscallError, ENOENT when it or the cgroup is not there.
absl::StatusOr<std::string> ReadText(std::string_view directory,
                                     std::string_view file);

// A file with one number. Nothing for "max", a number beyond 2^63-1, and a
// file that is not there.
std::optional<int64_t> ReadNumber(std::string_view directory,
                                  std::string_view file);

// The number behind `key` in lines of "key number".
std::optional<int64_t> ReadKey(std::string_view directory,
                               std::string_view file, std::string_view key);
std::optional<int64_t> FindKey(std::string_view text, std::string_view key);

// Words separated by spaces or newlines, as in cgroup.controllers.
std::vector<std::string> Words(std::string_view text);

// The pids in `file` (cgroup.procs or tasks) of one directory; 0, a process of
// another pid namespace, is left out. Nothing when the cgroup is gone.
absl::StatusOr<std::vector<pid_t>> ReadPids(std::string_view directory,
                                            std::string_view file);

// Names of the directories in `path`, sorted; empty when it is gone.
absl::StatusOr<std::vector<std::string>> Subdirectories(std::string_view path);

// `path` and all directories below, parents before children; empty when it is
// gone.
absl::StatusOr<std::vector<std::string>> Tree(std::string_view path);

}  // namespace caisson::cgroup

#endif  // CAISSON_RUNTIME_CGROUP_FILES_H_
