// Counters of the v1 controllers.
//
// Process: daemon, shim. Thread: any.
#ifndef CAISSON_RUNTIME_CGROUP_V1_USAGE_H_
#define CAISSON_RUNTIME_CGROUP_V1_USAGE_H_

#include <string>

#include "absl/status/status.h"

#include "runtime/cgroup/driver.h"

namespace caisson::cgroup::v1 {

// Each fills in what its controller tells about `directory` and all below;
// what the kernel does not tell stays as it is.
void AddCpu(const std::string& directory, Usage* usage);
void AddThrottled(const std::string& directory, Usage* usage);
absl::Status AddMemory(const std::string& directory, Usage* usage);
void AddPids(const std::string& directory, Usage* usage);

}  // namespace caisson::cgroup::v1

#endif  // CAISSON_RUNTIME_CGROUP_V1_USAGE_H_
