// The device allow list as a BPF program for the v2 tree, which has no devices
// controller. Pure.
//
// Process: daemon. Thread: any.
#ifndef CAISSON_RUNTIME_CGROUP_V2_DEVICES_H_
#define CAISSON_RUNTIME_CGROUP_V2_DEVICES_H_

#include <linux/bpf.h>

#include <string>
#include <vector>

#include "runtime/cgroup/layout.h"

namespace caisson::cgroup::v2 {

// BPF_PROG_TYPE_CGROUP_DEVICE: returns 1 when a rule allows all that is asked
// for, 0 otherwise.
std::vector<bpf_insn> DeviceProgram(const std::vector<DeviceRule>& rules);

// Appends the step that attaches it; nothing when all devices are allowed. It
// holds for the whole tree below.
void AppendDevices(const std::string& directory, const ContainerLimits& limits,
                   std::vector<CgroupStep>* steps);

}  // namespace caisson::cgroup::v2

#endif  // CAISSON_RUNTIME_CGROUP_V2_DEVICES_H_
