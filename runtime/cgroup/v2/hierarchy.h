// What the v2 tree needs before containers can have limits: each controller is
// handed down cgroup by cgroup.
//
// Process: daemon. Thread: any.
#ifndef CAISSON_RUNTIME_CGROUP_V2_HIERARCHY_H_
#define CAISSON_RUNTIME_CGROUP_V2_HIERARCHY_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace caisson::cgroup::v2 {

// Hands cpu, cpuset, memory and pids down from `mount_point` to the children
// of `base`, touching nothing above `base` that has done so already (under
// systemd that is systemd's). Returns those that the children of `base` have.
// FAILED_PRECONDITION when `base` itself has processes: the kernel allows them
// in leaves only.
absl::StatusOr<std::vector<std::string>> Delegate(
    const std::string& mount_point, const std::string& base);

}  // namespace caisson::cgroup::v2

#endif  // CAISSON_RUNTIME_CGROUP_V2_HIERARCHY_H_
