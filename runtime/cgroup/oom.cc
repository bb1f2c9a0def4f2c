#include "runtime/cgroup/v1/oom.h"

#include "absl/status/status.h"

#include "runtime/cgroup/driver.h"
#include "runtime/cgroup/v2/oom.h"

namespace caisson::cgroup {

absl::StatusOr<base::UniqueFd> OpenOomEvents(const Group& group) {
  const Directory* directory = group.Find("memory");
  if (directory == nullptr) {
    return absl::NotFoundError("no memory controller");
  }
  return directory->what == kUnified ? v2::OpenOomEvents(directory->path)
                                     : v1::OpenOomEvents(directory->path);
}

}  // namespace caisson::cgroup
