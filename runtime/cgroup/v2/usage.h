// Counters of the v2 tree.
//
// Process: daemon, shim. Thread: any.
#ifndef CAISSON_RUNTIME_CGROUP_V2_USAGE_H_
#define CAISSON_RUNTIME_CGROUP_V2_USAGE_H_

#include <string>

#include "absl/status/status.h"

#include "runtime/cgroup/driver.h"

namespace caisson::cgroup::v2 {

// Each fills in what its controller tells about `directory` and all below;
// what the kernel does not tell stays as it is.
void AddCpu(const std::string& directory, Usage* usage);

absl::Status AddMemory(const std::string& directory, Usage* usage);
void AddPids(const std::string& directory, Usage* usage);

}  // namespace caisson::cgroup::v2

#endif  // CAISSON_RUNTIME_CGROUP_V2_USAGE_H_
