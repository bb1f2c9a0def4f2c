// Limits as writes to the files of v2 controllers. Pure.
//
// Process: daemon. Thread: any.
#ifndef CAISSON_RUNTIME_CGROUP_V2_LIMITS_H_
#define CAISSON_RUNTIME_CGROUP_V2_LIMITS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

#include "runtime/cgroup/layout.h"

namespace caisson::cgroup::v2 {

// Appends the writes of one controller for `directory`.
absl::Status AppendLimits(const Base& base, const std::string& directory,
                          std::string_view controller,
                          const ContainerLimits& limits,
                          std::vector<CgroupStep>* steps);

// The values that programs look up in their own cgroup, again for the leaf
// that they see.
void AppendMirror(const std::string& leaf, std::string_view controller,
                  const ContainerLimits& limits,
                  std::vector<CgroupStep>* steps);

}  // namespace caisson::cgroup::v2

#endif  // CAISSON_RUNTIME_CGROUP_V2_LIMITS_H_
