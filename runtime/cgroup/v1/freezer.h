// Freezing with the v1 freezer controller.
//
// Process: daemon, shim. Thread: any.
#ifndef CAISSON_RUNTIME_CGROUP_V1_FREEZER_H_
#define CAISSON_RUNTIME_CGROUP_V1_FREEZER_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace caisson::cgroup::v1 {

absl::Status SetFrozen(const std::string& directory, bool frozen);
absl::StatusOr<bool> IsFrozen(const std::string& directory);

}  // namespace caisson::cgroup::v1

#endif  // CAISSON_RUNTIME_CGROUP_V1_FREEZER_H_
