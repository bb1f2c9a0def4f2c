// The processes of a container, read from the host's /proc: nothing is run in
// the container and nothing of its files is trusted.
//
// Process: caissond. Thread: one that may wait for the kernel; a read of /proc
// can hang when a process is stuck.
#ifndef CAISSON_SERVER_CORE_HOST_PROCESS_TABLE_H_
#define CAISSON_SERVER_CORE_HOST_PROCESS_TABLE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "runtime/cgroup/group.h"
#include "server/core/container_manager.h"

namespace caisson::core {

// Some of the container's processes: those of its own cgroup, or of one exec.
struct ProcessGroup {
  cgroup::Group group;
  std::string exec;  // id; empty: the main process and its descendants
};

// All processes of the groups, by pid. Ones that end meanwhile are left out;
// a group that is gone has none. `user` is the effective uid as the host
// counts it: names are the container's own matter.
absl::StatusOr<std::vector<ProcessEntry>> ReadProcesses(
    const std::vector<ProcessGroup>& groups);

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_HOST_PROCESS_TABLE_H_
