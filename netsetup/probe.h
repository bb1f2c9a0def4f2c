// Which kinds of links and queues this kernel has, found by making one of each
// in a namespace that is then thrown away.
//
// Process: daemon. Thread: any; takes some milliseconds.
#ifndef CAISSON_NETSETUP_PROBE_H_
#define CAISSON_NETSETUP_PROBE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace caisson::netsetup {

struct Feature {
  // "bridge", "veth", "macvlan", "ipvlan", "vxlan", "ifb", "tbf", "redirect",
  // "isolated-port", "alternative-name", "ipv6".
  std::string name;
  // Empty: it is there. Else the kernel's words.
  std::string missing_because;

  bool is_there() const { return missing_because.empty(); }
};

// In a fixed order. An error only when no namespace can be made at all.
absl::StatusOr<std::vector<Feature>> DetectFeatures();

}  // namespace caisson::netsetup

#endif  // CAISSON_NETSETUP_PROBE_H_
