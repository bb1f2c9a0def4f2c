// Notice of memory running out, from the v2 tree.
//
// Process: daemon, shim. Thread: any.
#ifndef CAISSON_RUNTIME_CGROUP_V2_OOM_H_
#define CAISSON_RUNTIME_CGROUP_V2_OOM_H_

#include <string>

#include "absl/status/statusor.h"

#include "runtime/base/unique_fd.h"

namespace caisson::cgroup::v2 {

absl::StatusOr<base::UniqueFd> OpenOomEvents(const std::string& directory);

}  // namespace caisson::cgroup::v2

#endif  // CAISSON_RUNTIME_CGROUP_V2_OOM_H_
