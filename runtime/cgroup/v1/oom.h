// Notice of memory running out, from the v1 memory controller.
//
// Process: daemon, shim. Thread: any.
#ifndef CAISSON_RUNTIME_CGROUP_V1_OOM_H_
#define CAISSON_RUNTIME_CGROUP_V1_OOM_H_

#include <string>

#include "absl/status/statusor.h"

#include "runtime/base/unique_fd.h"

namespace caisson::cgroup::v1 {

absl::StatusOr<base::UniqueFd> OpenOomEvents(const std::string& directory);

}  // namespace caisson::cgroup::v1

#endif  // CAISSON_RUNTIME_CGROUP_V1_OOM_H_
