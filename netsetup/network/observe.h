// Looks at a namespace: what plans are made from.
//
// Process: daemon. Thread: any of the host's network namespace.
#ifndef CAISSON_NETSETUP_NETWORK_OBSERVE_H_
#define CAISSON_NETSETUP_NETWORK_OBSERVE_H_

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "netsetup/netlink/socket.h"
#include "netsetup/network/network.h"
#include "netsetup/network/plan.h"

namespace caisson::netsetup {

// All of the host, in four dumps: for a network that is made, and at start.
absl::StatusOr<Observed> Observe(Socket* host);

// What PlanAttach reads and no more: at most one link and one sysctl.
absl::StatusOr<Observed> ObserveForAttach(Socket* host, const Network& network);

// What PlanDetach reads of the host.
absl::StatusOr<Observed> ObserveForDetach(Socket* host,
                                          std::string_view endpoint_id);

// The links of a container.
absl::Status ObserveInside(Socket* container, std::string_view endpoint_id,
                           Observed* observed);

}  // namespace caisson::netsetup

#endif  // CAISSON_NETSETUP_NETWORK_OBSERVE_H_
