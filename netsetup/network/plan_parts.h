// What plans of networks and of endpoints share. Not for use outside of this
// folder.
//
// Process: daemon. Thread: any; pure.
#ifndef CAISSON_NETSETUP_NETWORK_PLAN_PARTS_H_
#define CAISSON_NETSETUP_NETWORK_PLAN_PARTS_H_

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "netsetup/network/plan.h"

namespace caisson::netsetup::plan_parts {

// nullptr when there is none.
const Link* Find(const std::vector<Link>& links, std::string_view name);

// The link of an endpoint without a veth in its container, however its guest
// calls it; nullptr when there is none.
const Link* FindInside(std::string_view instance, const Network& network,
                       const Endpoint& endpoint, const Observed& observed);

// Whether a link of a container is the device that the endpoint has.
bool IsLent(const Network& network, const Endpoint& endpoint, const Link& link);

// Deletes links of one namespace together: the wait for RCU is per request, not
// per link. Nothing for no links.
void Bury(std::string_view instance, const NetnsName& netns,
          const std::vector<const Link*>& links, Plan* plan);

// For an endpoint that was attached before: adopts, repairs, or attaches anew.
absl::StatusOr<Plan> Reattach(std::string_view instance, const Network& network,
                              const Endpoint& endpoint,
                              const Observed& observed);

}  // namespace caisson::netsetup::plan_parts

#endif  // CAISSON_NETSETUP_NETWORK_PLAN_PARTS_H_
