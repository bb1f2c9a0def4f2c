// Small makers of steps. Internal to the layout.
//
// Process: daemon. Thread: any; pure.
#ifndef CAISSON_RUNTIME_CGROUP_STEPS_H_
#define CAISSON_RUNTIME_CGROUP_STEPS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

#include "runtime/cgroup/layout.h"

namespace caisson::cgroup {

void Mkdir(const std::string& path, std::string_view why,
           std::vector<CgroupStep>* steps);
void Write(const std::string& directory, std::string_view file,
           std::string value, std::string_view why,
           std::vector<CgroupStep>* steps);
// The same for a file that older kernels lack.
void WriteIfPresent(const std::string& directory, std::string_view file,
                    std::string value, std::string_view why,
                    std::vector<CgroupStep>* steps);

// "max" for -1.
std::string PidsValue(int64_t limit);

// UNIMPLEMENTED FEATURE_UNAVAILABLE.
absl::Status MissingFeature(std::string_view feature, std::string_view why);

}  // namespace caisson::cgroup

#endif  // CAISSON_RUNTIME_CGROUP_STEPS_H_
