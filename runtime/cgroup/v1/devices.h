// The device allow list of the v1 devices controller. Pure.
//
// Process: daemon. Thread: any.
#ifndef CAISSON_RUNTIME_CGROUP_V1_DEVICES_H_
#define CAISSON_RUNTIME_CGROUP_V1_DEVICES_H_

#include <string>
#include <vector>

#include "runtime/cgroup/layout.h"

namespace caisson::cgroup::v1 {

// Denies everything, then allows the list; nothing when all devices are
// allowed. Must come before `directory` has children: they would keep the
// rules of their birth, and the kernel refuses the first write.
void AppendDevices(const std::string& directory, const ContainerLimits& limits,
                   std::vector<CgroupStep>* steps);

}  // namespace caisson::cgroup::v1

#endif  // CAISSON_RUNTIME_CGROUP_V1_DEVICES_H_
