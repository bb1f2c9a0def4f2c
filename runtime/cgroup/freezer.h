// One way to stop and continue the processes of a directory. Internal: v1 and
// v2 have one each, driver.h is for everybody else.
//
// Process: daemon, shim. Thread: any.
#ifndef CAISSON_RUNTIME_CGROUP_FREEZER_H_
#define CAISSON_RUNTIME_CGROUP_FREEZER_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "runtime/cgroup/group.h"

namespace caisson::cgroup {

struct Freezer {
  // Asks for it; does not wait.
  absl::Status (*set)(const std::string& directory, bool frozen);
  // Whether everything stands still.
  absl::StatusOr<bool> (*is_frozen)(const std::string& directory);
  std::string directory;
};

// NOT_FOUND when this host can freeze nothing.
absl::StatusOr<Freezer> FreezerOf(const Group& group);

}  // namespace caisson::cgroup

#endif  // CAISSON_RUNTIME_CGROUP_FREEZER_H_
