// What the kernel can do that only asking it tells. Internal to host_facts.cc.
//
// Process: daemon. Thread: any.
#ifndef CAISSON_RUNTIME_LINUX_FEATURES_H_
#define CAISSON_RUNTIME_LINUX_FEATURES_H_

#include <vector>

#include "runtime/linux/host_facts.h"

namespace caisson::linux_ {

// Every kFeature* of host_facts.h, in that order. Needs the kernel's version
// in `facts`.
std::vector<Feature> DetectFeatures(const HostFacts& facts);

}  // namespace caisson::linux_

#endif  // CAISSON_RUNTIME_LINUX_FEATURES_H_
