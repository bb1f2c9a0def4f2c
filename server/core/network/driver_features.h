// Whether this kernel has what a network needs.
//
// Process: caissond. Thread: any; pure.
#ifndef CAISSON_SERVER_CORE_NETWORK_DRIVER_FEATURES_H_
#define CAISSON_SERVER_CORE_NETWORK_DRIVER_FEATURES_H_

#include <vector>

#include "absl/status/status.h"

#include "runtime/linux/host_facts.h"
#include "runtime/spec/network.h"

namespace caisson::core {

// UNIMPLEMENTED FEATURE_UNAVAILABLE with the field that asks for what is
// missing and the kernel's reason. `features` are those of GetInfo; what is not
// among them was not looked for, and counts as there.
absl::Status CheckDriver(const spec::NetworkSpec& spec,
                         const std::vector<linux_::Feature>& features);

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_NETWORK_DRIVER_FEATURES_H_
