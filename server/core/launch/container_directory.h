// What a container and an exec have on disk:
//
//   <root>/containers/<id>/lock   held by the shim while it lives
//                         /exit   two slots, allocated before the start
//                         /upper /work   the private layer
//                         /log.<seq> log.<seq>.idx   made by the shim
//                         /x/<n>/exit log.*   one directory for each exec
//
// Process: caissond. Thread: any; a few calls on a local file system.
#ifndef CAISSON_SERVER_CORE_LAUNCH_CONTAINER_DIRECTORY_H_
#define CAISSON_SERVER_CORE_LAUNCH_CONTAINER_DIRECTORY_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "runtime/base/unique_fd.h"
#include "runtime/record/exit_record.h"

namespace caisson::core {

// Makes the directory with all that a start needs; its parent exists.
absl::Status CreateContainerDirectory(const std::string& path);

// The directory, for a shim and for openat.
absl::StatusOr<base::UniqueFd> OpenContainerDirectory(const std::string& path);

// Makes x/<number> with its exit slots and opens it.
absl::StatusOr<base::UniqueFd> CreateExecDirectory(int container_fd,
                                                   int64_t number);

// "<directory>/x/<number>".
std::string ExecDirectory(const std::string& container, int64_t number);

// What the shim recorded about the end of `run`, in the container's directory
// or an exec's; nullopt: nothing (yet).
std::optional<record::ExitRecord> ReadExit(const std::string& directory,
                                           int64_t run);

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_LAUNCH_CONTAINER_DIRECTORY_H_
