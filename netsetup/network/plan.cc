#include "netsetup/network/plan.h"

#include <sys/socket.h>

#include <algorithm>
#include <set>
#include <utility>

#include "absl/status/status.h"

#include "netsetup/network/plan_parts.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"

namespace caisson::netsetup {
namespace {

using base::StrCat;

constexpr char kForward4[] = "net/ipv4/ip_forward";
constexpr char kForward6[] = "net/ipv6/conf/all/forwarding";

// The link that a network stands on and did not make.
absl::Status CheckInterface(const Network& network, const Observed& observed) {
  const Link* const link = observed.FindLink(network.interface);
  if (link == nullptr) {
    return absl::NotFoundError(StrCat("link '", network.interface, "'"));
  }
  if (network.driver == Driver::kBridge && link->kind != "bridge") {
    return absl::FailedPreconditionError(
        StrCat("link '", network.interface, "' is no bridge"));
  }
  // The kernel would say EBUSY, without a reason.
  if (network.driver != Driver::kBridge && link->master > 0) {
    return absl::FailedPreconditionError(
        StrCat("link '", network.interface, "' is a port of another link"));
  }
  return absl::OkStatus();
}

// What the bridge itself has as its addresses.
std::vector<IpPrefix> BridgeAddresses(const Network& network) {
  std::vector<IpPrefix> addresses;
  for (const Subnet& subnet : network.subnets) {
    if (!subnet.gateway.has_value()) continue;
    addresses.push_back({*subnet.gateway, subnet.prefix.length});
  }
  // Told, since the bridge makes none by itself: without a link-local address
  // that is ready it cannot ask for its first neighbour.
  if (network.HasFamily(AF_INET6)) {
    addresses.push_back({*ParseIpAddress("fe80::1"), 64});
  }
  return addresses;
}

void AddMissingAddresses(const Network& network, const Link* bridge,
                         const Observed& observed, Plan* plan) {
  for (const IpPrefix& prefix : BridgeAddresses(network)) {
    const bool is_there =
        bridge != nullptr &&
        std::find(observed.addresses.begin(), observed.addresses.end(),
                  LinkAddress{.link = bridge->index, .prefix = prefix}) !=
            observed.addresses.end();
    if (!is_there) {
      plan->push_back({"", AddAddress{.link = {.name = BridgeName(network)},
                                      .prefix = prefix}});
    }
  }
}

// What a bridge gets after the message that makes it.
void FinishBridge(std::string_view instance, const Network& network,
                  const Link* bridge, const Observed& observed, Plan* plan) {
  const std::string name = BridgeName(network);
  LinkChange change = {.alias = TagOfNetwork(instance, network.id).ToString(),
                       .address_generation = AddressGeneration::kNone};
  // Not with its creation: a bridge keeps only what it was changed to, else it
  // takes that of its ports, and 1500 when the last one goes (br_change_mtu,
  // br_mtu_auto_adjust).
  const uint32_t mtu = network.mtu > 0 ? network.mtu : observed.DefaultMtu();
  if (mtu > 0) change.mtu = mtu;
  plan->push_back(
      {"", ChangeLink{.link = {.name = name}, .change = std::move(change)}});
  plan->push_back(
      {"", SetSysctl{{StrCat("net/ipv4/conf/", name, "/rp_filter"), "2"}}});
  if (!observed.Sysctl(kForward6).empty()) {
    plan->push_back(
        {"", SetSysctl{{StrCat("net/ipv6/conf/", name, "/accept_ra"), "0"}}});
  }
  AddMissingAddresses(network, bridge, observed, plan);
  plan->push_back(
      {"", ChangeLink{.link = {.name = name}, .change = {.up = true}}});
}

void CreateBridge(std::string_view instance, const Network& network,
                  const Observed& observed, Plan* plan) {
  // While nobody on a bridge sends queries it floods multicast with snooping as
  // well, and then each new port begins the timers of all others anew
  // (br_port_state_selection).
  NewLink link = {.name = BridgeName(network),
                  .kind = BridgeOptions{.multicast_snooping = false},
                  .mac = MacOf("bridge", network.id)};
  plan->push_back({"", CreateLink{.link = std::move(link)}});
  FinishBridge(instance, network, nullptr, observed, plan);
}

void RepairBridge(const Network& network, const Link& bridge,
                  const Observed& observed, Plan* plan) {
  LinkChange change;
  LinkChange undo;
  if (network.mtu > 0 && bridge.mtu != network.mtu) {
    change.mtu = network.mtu;
    undo.mtu = bridge.mtu;
  }
  if (!bridge.up) change.up = true, undo.up = false;
  if (bridge.group != 0) change.group = 0, undo.group = bridge.group;
  if (change != LinkChange{}) {
    plan->push_back(
        {"", ChangeLink{.link = {.index = bridge.index, .name = bridge.name},
                        .change = change,
                        .undo = undo}});
  }
  AddMissingAddresses(network, &bridge, observed, plan);
}

// Forwarding, where it is off. That of IPv6 makes the host ignore router
// advertisements: links that live by them are told to go on first.
void EnableForwarding(const Network& network, const Observed& observed,
                      Plan* plan) {
  if (network.HasFamily(AF_INET) && observed.Sysctl(kForward4) == "0") {
    plan->push_back({"", SetSysctl{{kForward4, "1"}}});
  }
  if (!network.HasFamily(AF_INET6) || observed.Sysctl(kForward6) != "0") {
    return;
  }
  for (const Link& link : observed.links) {
    const std::string key = StrCat("net/ipv6/conf/", link.name, "/accept_ra");
    if (link.name != "lo" && !OwnTag(link).has_value() &&
        observed.Sysctl(key) == "1") {
      plan->push_back({"", SetSysctl{{key, "2"}}});
    }
  }
  plan->push_back({"", SetSysctl{{kForward6, "1"}}});
}

Part PartOf(absl::StatusOr<Plan> plan) {
  Part part;
  if (plan.ok()) {
    part.plan = *std::move(plan);
  } else {
    part.problem = plan.status();
  }
  return part;
}

bool HasEndpoint(const Desired& desired, std::string_view network_id) {
  return std::any_of(desired.endpoints.begin(), desired.endpoints.end(),
                     [&](const Endpoint& endpoint) {
                       return endpoint.network_id == network_id;
                     });
}

// Our links that nobody wants any more.
Part Orphans(std::string_view instance, const Desired& desired,
             const Observed& observed) {
  std::set<std::string> wanted = desired.untouched;
  for (const Network& network : desired.networks) wanted.insert(network.id);
  for (const Endpoint& endpoint : desired.endpoints) wanted.insert(endpoint.id);
  std::vector<const Link*> doomed;
  for (const Link& link : observed.links) {
    const std::optional<Tag> tag = OwnTag(link);
    if (!tag.has_value() || tag->instance != instance) continue;
    const std::string& id =
        tag->endpoint_id.empty() ? tag->network_id : tag->endpoint_id;
    if (!wanted.contains(id)) doomed.push_back(&link);
  }
  Part part;
  plan_parts::Bury(instance, "", doomed, &part.plan);
  return part;
}

}  // namespace

const Link* Observed::FindLink(std::string_view name) const {
  return plan_parts::Find(links, name);
}

const Link* Observed::FindInside(std::string_view endpoint_id,
                                 std::string_view name) const {
  const auto found = inside.find(std::string(endpoint_id));
  return found == inside.end() ? nullptr
                               : plan_parts::Find(found->second, name);
}

std::string Observed::Sysctl(std::string_view key) const {
  const auto found = sysctls.find(std::string(key));
  return found == sysctls.end() ? "" : found->second;
}

uint32_t Observed::DefaultMtu() const {
  uint32_t least = 0;
  for (const Route& route : routes) {
    if (route.destination.length != 0) continue;
    for (const Link& link : links) {
      if (link.index != route.link || link.mtu == 0) continue;
      least = least == 0 ? link.mtu : std::min(least, link.mtu);
    }
  }
  return least;
}

absl::StatusOr<Plan> PlanCreateNetwork(std::string_view instance,
                                       const Network& network,
                                       const Observed& observed) {
  Plan plan;
  if (!network.interface.empty()) {
    CAISSON_RETURN_IF_ERROR(CheckInterface(network, observed));
  }
  if (network.has_own_bridge()) {
    const std::string name = BridgeName(network);
    const Link* const bridge = observed.FindLink(name);
    if (bridge == nullptr) {
      CreateBridge(instance, network, observed, &plan);
    } else if (!BelongsTo(*bridge, TagOfNetwork(instance, network.id))) {
      return absl::AlreadyExistsError(
          StrCat("link '", name, "' belongs to somebody else"));
    } else if (bridge->alias.empty()) {
      FinishBridge(instance, network, bridge, observed, &plan);
    } else {
      RepairBridge(network, *bridge, observed, &plan);
    }
  }
  const bool is_routed =
      network.has_own_bridge() || network.driver == Driver::kPtp;
  if (is_routed && !network.internal) {
    EnableForwarding(network, observed, &plan);
  }
  return plan;
}

Plan PlanDestroyNetwork(std::string_view instance, const Network& network,
                        const Observed& observed) {
  Plan plan;
  const Link* const bridge = network.has_own_bridge()
                                 ? observed.FindLink(BridgeName(network))
                                 : nullptr;
  if (bridge != nullptr &&
      BelongsTo(*bridge, TagOfNetwork(instance, network.id))) {
    plan_parts::Bury(instance, "", {bridge}, &plan);
  }
  return plan;
}

std::vector<Part> PlanNetwork(std::string_view instance, const Desired& desired,
                              const Observed& observed) {
  std::vector<Part> parts;
  std::map<std::string, const Network*> networks;
  for (const Network& network : desired.networks) {
    networks[network.id] = &network;
    // Its device is not missing: a container has it.
    if (network.driver == Driver::kHostDevice &&
        HasEndpoint(desired, network.id)) {
      continue;
    }
    parts.push_back(PartOf(PlanCreateNetwork(instance, network, observed)));
    parts.back().network_id = network.id;
  }
  for (const Endpoint& endpoint : desired.endpoints) {
    const auto network = networks.find(endpoint.network_id);
    parts.push_back(network == networks.end()
                        ? PartOf(absl::NotFoundError(
                              StrCat("network '", endpoint.network_id, "'")))
                        : PartOf(plan_parts::Reattach(
                              instance, *network->second, endpoint, observed)));
    parts.back().endpoint_id = endpoint.id;
  }
  Part orphans = Orphans(instance, desired, observed);
  if (!orphans.plan.empty()) parts.push_back(std::move(orphans));
  return parts;
}

}  // namespace caisson::netsetup
