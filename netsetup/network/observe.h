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

// The link of an endpoint without a veth in its container, or what has its
// name: two questions, however many links its guest has made besides.
absl::Status ObserveLinkInside(Socket* container, const Network& network,
                               const Endpoint& endpoint, Observed* observed);

// All links and routes of a container: for an endpoint that is attached anew.
absl::Status ObserveInside(Socket* container, std::string_view endpoint_id,
                           Observed* observed);

}  // namespace caisson::netsetup

#endif  // CAISSON_NETSETUP_NETWORK_OBSERVE_H_
