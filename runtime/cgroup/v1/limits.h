// Limits as writes to the files of v1 controllers. Pure.
//
// Process: daemon. Thread: any.
#ifndef CAISSON_RUNTIME_CGROUP_V1_LIMITS_H_
#define CAISSON_RUNTIME_CGROUP_V1_LIMITS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

#include "runtime/cgroup/layout.h"

namespace caisson::cgroup::v1 {

// Appends the writes for `directory`, whose hierarchy has `controller`.
// UNIMPLEMENTED for what v1 has no file for.
absl::Status AppendLimits(const Base& base, const std::string& directory,
                          std::string_view controller,
                          const ContainerLimits& limits,
                          std::vector<CgroupStep>* steps);

// The values that programs look up in their own cgroup, again for the leaf
// that they see. Not the memory limit: the leaf would be where memory runs
// out, and its parent's event file would stay silent.
void AppendMirror(const std::string& leaf, std::string_view controller,
                  const ContainerLimits& limits,
                  std::vector<CgroupStep>* steps);

// A new cpuset must have both before a process joins.
void AppendCpuset(const Base& base, const std::string& directory,
                  const spec::Cpu& cpu, std::vector<CgroupStep>* steps);

// Whether anything asks for a cpuset of its own.
bool NeedsCpuset(const ContainerLimits& limits);

}  // namespace caisson::cgroup::v1

#endif  // CAISSON_RUNTIME_CGROUP_V1_LIMITS_H_
