// What a v1 hierarchy needs before processes can live in a new cgroup of it.
//
// Process: daemon, keeper. Thread: any.
#ifndef CAISSON_RUNTIME_CGROUP_V1_HIERARCHY_H_
#define CAISSON_RUNTIME_CGROUP_V1_HIERARCHY_H_

#include <string>

#include "absl/status/status.h"

namespace caisson::cgroup::v1 {

// A new cpuset has neither cpus nor memory nodes and refuses every process:
// gives it those of its parent where it has none of its own.
absl::Status InheritCpuset(const std::string& path);

// What `path` has; empty when it cannot be read.
void ReadCpuset(const std::string& path, std::string* cpus, std::string* mems);

}  // namespace caisson::cgroup::v1

#endif  // CAISSON_RUNTIME_CGROUP_V1_HIERARCHY_H_
