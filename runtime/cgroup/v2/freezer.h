// Freezing with the v2 tree's cgroup.freeze.
//
// Process: daemon, shim. Thread: any.
#ifndef CAISSON_RUNTIME_CGROUP_V2_FREEZER_H_
#define CAISSON_RUNTIME_CGROUP_V2_FREEZER_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace caisson::cgroup::v2 {

absl::Status SetFrozen(const std::string& directory, bool frozen);
absl::StatusOr<bool> IsFrozen(const std::string& directory);

}  // namespace caisson::cgroup::v2

#endif  // CAISSON_RUNTIME_CGROUP_V2_FREEZER_H_
