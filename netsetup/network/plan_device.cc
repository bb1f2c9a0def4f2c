// Devices that are lent (driver host-device): which link one is, whatever its
// guest made of it, and the way back.

#include <errno.h>

#include <algorithm>
#include <utility>

#include "netsetup/netlink/net_error.h"
#include "netsetup/network/plan.h"
#include "netsetup/network/plan_parts.h"
#include "runtime/base/str_cat.h"

namespace caisson::netsetup {
namespace {

bool HasMac(const Link& link, const Endpoint& endpoint) {
  return link.mac == endpoint.device->mac || link.mac == endpoint.mac;
}

// The device among the host's links. It has its number again, or its name; a
// physical one that the kernel brought back, when its namespace ended, has
// neither. What stands on a device has its MAC as well, but has a kind.
const Link* FindHome(const Network& network, const Endpoint& endpoint,
                     const std::vector<Link>& links) {
  const Link* const named = plan_parts::Find(links, network.interface);
  if (!endpoint.device.has_value()) return named;
  const DeviceState& device = *endpoint.device;
  if (named != nullptr && named->kind == device.kind &&
      (named->index == device.index || HasMac(*named, endpoint))) {
    return named;
  }
  if (!device.kind.empty() || device.mac.is_zero()) return nullptr;
  const auto physical =
      std::find_if(links.begin(), links.end(), [&](const Link& link) {
        return link.kind.empty() && HasMac(link, endpoint);
      });
  return physical == links.end() ? nullptr : &*physical;
}

LinkChange Difference(const Network& network, const Link& link,
                      const DeviceState& device) {
  LinkChange change;
  if (link.name != network.interface) change.name = network.interface;
  if (link.mac != device.mac && !device.mac.is_zero()) change.mac = device.mac;
  if (link.mtu != device.mtu) change.mtu = device.mtu;
  if (link.group != device.group) change.group = device.group;
  if (link.alias != device.alias) change.alias = device.alias;
  if (link.up != device.up) change.up = device.up;
  return change;
}

// The kernel forgets it with the move. The secret of RFC 7217 went as well, and
// is nobody's to give.
void FixAddressGeneration(const Link& link, const DeviceState& device,
                          Plan* plan) {
  const std::optional<AddressGeneration> wanted = device.address_generation;
  if (!wanted.has_value() || !link.address_generation.has_value() ||
      link.address_generation == wanted ||
      wanted == AddressGeneration::kStablePrivacy) {
    return;
  }
  plan->push_back(
      {"", ChangeLink{.link = {.index = link.index, .name = link.name},
                      .change = {.address_generation = wanted}}});
}

void FixAlternativeNames(const NetnsName& netns, const Link& link,
                         const DeviceState& device, Plan* plan) {
  const LinkRef ref = {.index = link.index, .name = link.name};
  const auto has = [](const std::vector<std::string>& names,
                      const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (const std::string& name : link.alternative_names) {
    if (has(device.alternative_names, name)) continue;
    plan->push_back({netns, RemoveAlternativeName{.link = ref, .name = name}});
  }
  // Its guest's namespace needs none of them.
  if (!netns.empty()) return;
  for (const std::string& name : device.alternative_names) {
    if (has(link.alternative_names, name)) continue;
    plan->push_back({netns, AddAlternativeName{.link = ref, .name = name}});
  }
}

}  // namespace

namespace plan_parts {

bool IsLent(const Network& network, const Endpoint& endpoint,
            const Link& link) {
  if (endpoint.device.has_value() && link.kind != endpoint.device->kind) {
    return false;
  }
  if (link.index == InsideIndex(network, endpoint)) return true;
  return link.name == endpoint.interface &&
         (!endpoint.device.has_value() || HasMac(link, endpoint));
}

}  // namespace plan_parts

absl::StatusOr<Plan> PlanReturn(const Network& network,
                                const Endpoint& endpoint,
                                const Observed& observed) {
  Plan plan;
  const Link* const lent =
      plan_parts::FindInside("", network, endpoint, observed);
  if (lent == nullptr) return plan;
  // The kernel would move it all the same, and then refuse the name.
  if (observed.FindLink(network.interface) != nullptr) {
    return NetErrorFrom(EEXIST, "move link to the host", network.interface);
  }
  // One that the host has as well would keep it from coming.
  if (endpoint.device.has_value()) {
    FixAlternativeNames(endpoint.id, *lent, *endpoint.device, &plan);
  }
  MoveLink move = {.link = {.index = lent->index, .name = lent->name},
                   .old_name = lent->name,
                   .new_name = network.interface};
  if (endpoint.device.has_value()) {
    move.new_index = endpoint.device->index;
    move.group = endpoint.device->group;
  }
  plan.push_back({endpoint.id, std::move(move)});
  return plan;
}

Plan PlanGrow(const Network& network, const Endpoint& endpoint,
              const Observed& observed) {
  Plan plan;
  const Link* const home = FindHome(network, endpoint, observed.links);
  if (home == nullptr || !endpoint.device.has_value()) return plan;
  const uint32_t mtu = endpoint.device->mtu;
  if (home->mtu < kSmallestIpv6Mtu && mtu >= kSmallestIpv6Mtu) {
    plan.push_back(
        {"", ChangeLink{.link = {.index = home->index, .name = home->name},
                        .change = {.mtu = mtu}}});
  }
  return plan;
}

absl::StatusOr<Plan> PlanSettle(const Network& network,
                                const Endpoint& endpoint,
                                const Observed& observed) {
  Plan plan;
  const Link* const home = FindHome(network, endpoint, observed.links);
  if (home == nullptr) {
    return NetErrorFrom(ENODEV, "find device", network.interface);
  }
  if (!endpoint.device.has_value()) return plan;
  FixAddressGeneration(*home, *endpoint.device, &plan);
  LinkChange change = Difference(network, *home, *endpoint.device);
  if (change.name.has_value() &&
      observed.FindLink(network.interface) != nullptr) {
    return NetErrorFrom(EEXIST, "set name of link", network.interface);
  }
  if (change != LinkChange{}) {
    plan.push_back(
        {"", ChangeLink{.link = {.index = home->index, .name = home->name},
                        .change = std::move(change)}});
  }
  FixAlternativeNames("", *home, *endpoint.device, &plan);
  return plan;
}

}  // namespace caisson::netsetup
