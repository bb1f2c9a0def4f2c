// Looks up the devices of the host that a spec names: the one part of planning
// that needs the host, so that the builder stays pure.
//
// Process: daemon. Thread: any; a few stat calls.
#ifndef CAISSON_RUNTIME_PLAN_HOST_DEVICES_H_
#define CAISSON_RUNTIME_PLAN_HOST_DEVICES_H_

#include <map>
#include <string>

#include "runtime/plan/builder.h"
#include "runtime/spec/spec.h"

namespace caisson::plan {

// By host_path. What does not exist, or is no device, is left out: the builder
// says which of the spec's devices that was.
std::map<std::string, HostDevice> DetectDevices(
    const spec::ContainerSpec& spec);

}  // namespace caisson::plan

#endif  // CAISSON_RUNTIME_PLAN_HOST_DEVICES_H_
