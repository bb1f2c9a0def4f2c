// From what shall be and what is to the steps between: every decision about
// networks. The same input gives the same plan.
//
// Process: daemon. Thread: any; pure.
//
// A plan either brings one object to where it shall be or, undone, leaves what
// was there. `instance` is the daemon's part of every tag.
#ifndef CAISSON_NETSETUP_NETWORK_PLAN_H_
#define CAISSON_NETSETUP_NETWORK_PLAN_H_

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "netsetup/addr.h"
#include "netsetup/link.h"
#include "netsetup/network/network.h"
#include "netsetup/network/op.h"
#include "netsetup/route.h"

namespace caisson::netsetup {

// Where one is 1, bridged packets go through iptables or ip6tables.
inline constexpr const char* kBridgeCalls[] = {
    "net/bridge/bridge-nf-call-iptables",
    "net/bridge/bridge-nf-call-ip6tables"};

// What there is. Whoever looked at less than all of it leaves the rest empty;
// each plan says what it reads.
struct Observed {
  // Of the host's namespace.
  std::vector<Link> links;
  std::vector<LinkAddress> addresses;
  std::vector<Route> routes;
  // By key; those that this kernel does not have are missing.
  std::map<std::string, std::string> sysctls;
  // What the containers have, by endpoint; none for those not looked into.
  std::map<std::string, std::vector<Link>> inside;
  std::map<std::string, std::vector<Route>> inside_routes;

  // nullptr when there is none.
  const Link* FindLink(std::string_view name) const;
  const Link* FindInside(std::string_view endpoint_id,
                         std::string_view name) const;
  // "" when it is missing.
  std::string Sysctl(std::string_view key) const;
  // The least of the links with a default route; 0 when there is none.
  uint32_t DefaultMtu() const;
};

// What Observe would see of the host's namespace once `plan` is done, as far as
// plans read it: to plan what comes next before anything is done.
Observed After(const Plan& plan, Observed observed);

// The host's side of a network: its bridge with MAC, addresses and MTU, and
// forwarding unless it is internal. Repairs what differs; empty when all is as
// it shall be. Reads everything but `inside`.
//   ALREADY_EXISTS       somebody else's link has the bridge's name
//   NOT_FOUND            the interface that the network names is not there
//   FAILED_PRECONDITION  it is, and cannot be used for this driver
absl::StatusOr<Plan> PlanCreateNetwork(std::string_view instance,
                                       const Network& network,
                                       const Observed& observed);

// Removes the bridge. Empty when it is gone or not ours; forwarding stays.
// Reads the bridge.
Plan PlanDestroyNetwork(std::string_view instance, const Network& network,
                        const Observed& observed);

// Everything that an endpoint has, in the container and on the host, from
// nothing. Reads the bridge or the interface of the network, the sysctls
// kBridgeCalls and net/ipv6/conf/all/forwarding, and of `inside_routes` default
// routes that have taken the place of its own: they go.
//   NOT_FOUND       bridge or interface is not there
//   ALREADY_EXISTS  somebody else's link has the bridge's name
absl::StatusOr<Plan> PlanAttach(std::string_view instance,
                                const Network& network,
                                const Endpoint& endpoint,
                                const Observed& observed);

// The default routes of an endpoint that is attached without one, as `inside`.
Plan PlanDefaultRoute(const Network& network, const Endpoint& endpoint,
                      const LinkRef& inside);

enum class DetachHow : uint8_t {
  // The container's namespace goes away: the kernel removes what is inside, and
  // the veth with it. Fast.
  kNamespaceEnds,
  // The container lives on. Waits for RCU, some 20 ms.
  kNow,
};
// Takes away what is there of the endpoint; empty when nothing is. Reads the
// host's links of the endpoint and `inside`. A device is given back instead:
// see below.
Plan PlanDetach(std::string_view instance, const Network& network,
                const Endpoint& endpoint, DetachHow how,
                const Observed& observed);

// A device goes back in two steps, so that it is the host's whatever becomes of
// the second: out of the container, and then as it was. The first is empty when
// the container does not have it. Both read the host's links, and `inside`.
// Between them comes PlanGrow, often empty, and another look: a link that was
// too small for IPv6 tells only then what is to be settled of it.
//   ALREADY_EXISTS (EEXIST)  another link of the host has its name
//   NOT_FOUND (ENODEV)       to settle: the host does not have it
absl::StatusOr<Plan> PlanReturn(const Network& network,
                                const Endpoint& endpoint,
                                const Observed& observed);
Plan PlanGrow(const Network& network, const Endpoint& endpoint,
              const Observed& observed);
absl::StatusOr<Plan> PlanSettle(const Network& network,
                                const Endpoint& endpoint,
                                const Observed& observed);

// One object of a reconciliation. Each is executed for itself, so that one that
// fails takes no other with it.
struct Part {
  // One of them is set; none for links without an owner.
  std::string network_id;
  std::string endpoint_id;
  // What to do; empty when all is well or when it cannot be helped.
  Plan plan;
  // Why it cannot be planned.
  absl::Status problem;
};

struct Desired {
  std::vector<Network> networks;
  // Those whose attach was completed and whose container has a namespace now.
  // One that was begun and not completed is to be detached, then attached.
  std::vector<Endpoint> endpoints;
  // Ids of networks and endpoints of which no more is known: what they have
  // stays as it is.
  std::set<std::string> untouched;
};

// Networks first, then endpoints, then what is ours and belongs to nobody any
// more. Reads everything.
std::vector<Part> PlanNetwork(std::string_view instance, const Desired& desired,
                              const Observed& observed);

}  // namespace caisson::netsetup

#endif  // CAISSON_NETSETUP_NETWORK_PLAN_H_
