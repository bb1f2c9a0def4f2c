#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

#include "absl/status/status.h"

#include "netsetup/network/plan.h"
#include "netsetup/network/plan_parts.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"

namespace caisson::netsetup {
namespace {

using base::StrCat;
using plan_parts::Bury;

constexpr char kForward6[] = "net/ipv6/conf/all/forwarding";
// lo is 1.
constexpr int kFirstIndex = 2;
constexpr int kMostIndexes = 100;

// The index of eth<n>, so that the container's side can be configured without
// asking for it; 0 for other names. If it is taken, Apply lets the kernel
// choose.
int IndexFor(std::string_view interface) {
  constexpr std::string_view kPrefix = "eth";
  if (!interface.starts_with(kPrefix)) return 0;
  const std::string_view digits = interface.substr(kPrefix.size());
  int number = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size() ||
      number < 0 || number >= kMostIndexes) {
    return 0;
  }
  return kFirstIndex + number;
}

MacAddress MacFor(const Network& network, const Endpoint& endpoint) {
  if (network.has_parents_mac()) return {};
  return endpoint.mac.is_zero() ? MacOf("container", endpoint.id)
                                : endpoint.mac;
}

const Subnet* SubnetOf(const Network& network, const IpPrefix& address) {
  for (const Subnet& subnet : network.subnets) {
    if (subnet.prefix.Contains(address.address)) return &subnet;
  }
  return nullptr;
}

IpPrefix HostPrefix(const IpAddress& address) {
  return {address, address.bits()};
}

IpPrefix DefaultPrefix(const IpAddress& address) {
  return {address.is_v6() ? IpAddress::V6({}) : IpAddress(), 0};
}

// As the kernel tells it.
uint32_t MetricOf(const Route& route) {
  constexpr uint32_t kIp6Default = 1024;
  const bool is_default =
      route.metric == 0 && route.destination.address.is_v6();
  return is_default ? kIp6Default : route.metric;
}

// Hairpin lets an endpoint reach its own published port where bridged packets
// of its family go through iptables: only there does the answer come back as a
// bridged one.
PortOptions PortFor(const Network& network, const Observed& observed) {
  const bool calls =
      std::any_of(std::begin(kBridgeCalls), std::end(kBridgeCalls),
                  [&](const char* key) { return observed.Sysctl(key) == "1"; });
  return {.isolated = network.isolate_endpoints, .hairpin = calls};
}

// One plan's way through an endpoint; each function is a stretch of it.
class AttachPlanner {
 public:
  AttachPlanner(std::string_view instance, const Network& network,
                const Endpoint& endpoint, const Observed& observed)
      : network_(network),
        endpoint_(endpoint),
        observed_(observed),
        network_tag_(TagOfNetwork(instance, network.id)),
        tag_(TagOfEndpoint(instance, endpoint.id).ToString()),
        host_link_{.name = HostLinkName(endpoint.id)},
        inside_link_{.name = endpoint.interface} {}

  Plan RunDefaultRoute(const LinkRef& inside) {
    inside_link_ = inside;
    AddGateways();
    return std::move(plan_);
  }

  absl::StatusOr<Plan> Run() {
    switch (network_.driver) {
      case Driver::kBridge:
        CAISSON_RETURN_IF_ERROR(AttachToBridge());
        break;
      case Driver::kPtp:
        AttachRouted();
        break;
      case Driver::kMacvlan:
      case Driver::kIpvlan:
        CAISSON_RETURN_IF_ERROR(AttachAbove());
        break;
      case Driver::kHostDevice:
        CAISSON_RETURN_IF_ERROR(AttachDevice());
        break;
    }
    return std::move(plan_);
  }

 private:
  void Host(Action action) { plan_.push_back({"", std::move(action)}); }
  void Inside(Action action) {
    plan_.push_back({endpoint_.id, std::move(action)});
  }

  absl::StatusOr<const Link*> FindInterface(const std::string& name) const {
    const Link* const link = observed_.FindLink(name);
    if (link == nullptr) {
      return absl::NotFoundError(StrCat("link '", name, "'"));
    }
    return link;
  }

  CreateLink Veth(uint32_t mtu) const {
    const int peer_index = IndexFor(endpoint_.interface);
    return {
        .link = {.name = host_link_.name,
                 .index = HostIndex(endpoint_.id),
                 .kind = VethOptions{.peer_name = endpoint_.interface,
                                     .peer_mac = MacFor(network_, endpoint_),
                                     .peer_index = peer_index},
                 // Told, so that no host daemon makes up another.
                 .mac = MacOf("host", endpoint_.id),
                 .mtu = mtu,
                 .group = network_.group},
        .inside = endpoint_.id};
  }

  absl::Status AttachToBridge() {
    const std::string name = BridgeName(network_);
    const Link* const bridge = observed_.FindLink(name);
    // One of our own may be made by the same reconciliation.
    if (bridge == nullptr && !network_.has_own_bridge()) {
      return absl::NotFoundError(StrCat("link '", name, "'"));
    }
    if (bridge != nullptr && network_.has_own_bridge() &&
        !BelongsTo(*bridge, network_tag_)) {
      return absl::AlreadyExistsError(
          StrCat("link '", name, "' belongs to somebody else"));
    }
    uint32_t mtu = network_.mtu;
    LinkRef master = {.name = name};
    if (bridge != nullptr) {
      master.index = bridge->index;
      if (mtu == 0) mtu = bridge->mtu;
    }
    CreateLink veth = Veth(mtu);
    veth.master = master;
    Host(std::move(veth));
    AddInsideIpv6();
    // From the host, whose ports forward already; before this one does, since
    // its owner would warn of somebody with the same address.
    if (endpoint_.announce || !network_.has_own_bridge()) {
      AnnounceAddresses("", master, MacFor(network_, endpoint_));
    }
    Host(
        ChangeLink{.link = host_link_,
                   .change = {.up = true,
                              .alias = tag_,
                              .port = PortFor(network_, observed_),
                              .address_generation = AddressGeneration::kNone}});
    FinishHostLink();
    BringUpInside({});
    AddInsideAddresses(AF_INET);
    AddGateways();
    FinishInside();
    return absl::OkStatus();
  }

  void AttachRouted() {
    Host(Veth(network_.mtu));
    // As a bridge of ours has them, and before it is up: what a container sends
    // shall be no router to the host, nor come from where it is not.
    const std::string& name = host_link_.name;
    Host(SetSysctl{{StrCat("net/ipv4/conf/", name, "/rp_filter"), "2"}});
    if (!observed_.Sysctl(kForward6).empty()) {
      Host(SetSysctl{{StrCat("net/ipv6/conf/", name, "/accept_ra"), "0"}});
    }
    Host(
        ChangeLink{.link = host_link_,
                   .change = {.up = true,
                              .alias = tag_,
                              .address_generation = AddressGeneration::kNone}});
    FinishHostLink();
    // See BridgeAddresses.
    if (network_.HasFamily(AF_INET6)) {
      Host(AddAddress{.link = host_link_,
                      .prefix = {*ParseIpAddress("fe80::1"), 64}});
    }
    for (const IpPrefix& address : endpoint_.addresses) {
      const Subnet* const subnet = SubnetOf(network_, address);
      if (subnet != nullptr && subnet->gateway.has_value()) {
        Host(AddAddress{.link = host_link_,
                        .prefix = HostPrefix(*subnet->gateway)});
      }
      Host(AddRoute{.link = host_link_,
                    .route = {.destination = HostPrefix(address.address)}});
    }
    AddLinkLocal();
    BringUpInside({});
    // Nobody but the gateway is on this link, whatever the subnet says.
    for (const IpPrefix& address : endpoint_.addresses) {
      Inside(AddAddress{.link = inside_link_,
                        .prefix = HostPrefix(address.address)});
      const Subnet* const subnet = SubnetOf(network_, address);
      if (subnet == nullptr || !subnet->gateway.has_value()) continue;
      Inside(AddRoute{.link = inside_link_,
                      .route = {.destination = HostPrefix(*subnet->gateway)}});
      Inside(AddRoute{.link = inside_link_,
                      .route = {.destination = subnet->prefix,
                                .gateway = subnet->gateway}});
    }
    AddGateways();
    FinishInside();
  }

  absl::Status AttachAbove() {
    CAISSON_ASSIGN_OR_RETURN(const Link* const parent,
                             FindInterface(network_.interface));
    NewLink link = {.name = endpoint_.interface,
                    .index = HostIndex(endpoint_.id),
                    .mac = MacFor(network_, endpoint_),
                    .mtu = network_.mtu};
    if (network_.driver == Driver::kMacvlan) {
      link.kind = MacvlanOptions{.mode = network_.macvlan_mode};
    } else {
      link.kind = IpvlanOptions{.mode = network_.ipvlan_mode};
    }
    Host(CreateLink{
        .link = std::move(link),
        .inside = endpoint_.id,
        .parent = LinkRef{.index = parent->index, .name = parent->name}});
    BringUpInside({.alias = tag_});
    AddInsideAddresses(AF_INET);
    AddInsideAddresses(AF_INET6);
    AddGateways();
    FinishInside();
    // Where packets are routed nobody asks for a MAC.
    if (network_.driver != Driver::kIpvlan ||
        network_.ipvlan_mode == IpvlanMode::kL2) {
      AnnounceAddresses(endpoint_.id, inside_link_,
                        network_.has_parents_mac()
                            ? parent->mac
                            : MacFor(network_, endpoint_));
    }
    return absl::OkStatus();
  }

  absl::Status AttachDevice() {
    CAISSON_ASSIGN_OR_RETURN(const Link* const device,
                             FindInterface(network_.interface));
    Host(MoveLink{.link = {.index = device->index, .name = device->name},
                  .old_name = device->name,
                  .to = endpoint_.id,
                  .new_name = endpoint_.interface,
                  .new_index = HostIndex(endpoint_.id)});
    LinkChange change;
    if (network_.mtu > 0) change.mtu = network_.mtu;
    if (!endpoint_.mac.is_zero()) change.mac = endpoint_.mac;
    BringUpInside(change);
    AddInsideAddresses(AF_INET);
    AddInsideAddresses(AF_INET6);
    AddGateways();
    FinishInside();
    AnnounceAddresses(endpoint_.id, inside_link_,
                      change.mac.value_or(device->mac));
    return absl::OkStatus();
  }

  // What the host's side of a veth may have besides.
  void FinishHostLink() {
    if (!endpoint_.alternative_name.empty()) {
      Host(AddAlternativeName{.link = host_link_,
                              .name = endpoint_.alternative_name});
    }
    if (endpoint_.ingress.has_value()) {
      Host(SetRate{.link = host_link_, .rate = *endpoint_.ingress});
    }
    if (!endpoint_.egress.has_value()) return;
    const LinkRef ifb = {.name = IfbName(endpoint_.id)};
    Host(CreateLink{.link = {.name = ifb.name,
                             .kind = IfbOptions{},
                             .mac = MacOf("ifb", endpoint_.id)}});
    Host(
        ChangeLink{.link = ifb,
                   .change = {.up = true,
                              .alias = tag_,
                              .address_generation = AddressGeneration::kNone}});
    Host(SetRate{.link = ifb, .rate = *endpoint_.egress});
    Host(AddIngress{.link = host_link_});
    Host(RedirectIngress{.link = host_link_, .target = ifb});
  }

  // What IPv6 says of itself on a link that is up it says to every port of the
  // bridge, and meanwhile nobody else may change a link: with 1,000 ports that
  // is longer than all the rest. Of addresses that are there before, it tells
  // in one report of their multicast groups, some time later.
  void AddInsideIpv6() {
    AddLinkLocal();
    AddInsideAddresses(AF_INET6);
  }

  // Ours in place of the kernel's, which makes one when the link comes up
  // unless it was told before (it goes by the order of messages). Where the
  // network has no IPv6, its endpoints have no such address either.
  void AddLinkLocal() {
    Inside(
        ChangeLink{.link = inside_link_,
                   .change = {.address_generation = AddressGeneration::kNone}});
    if (!network_.HasFamily(AF_INET6)) return;
    Inside(
        AddAddress{.link = inside_link_,
                   .prefix = {LinkLocalOf(MacFor(network_, endpoint_)), 64}});
  }

  void BringUpInside(LinkChange change) {
    change.up = true;
    Inside(ChangeLink{.link = inside_link_, .change = std::move(change)});
  }

  void AddInsideAddresses(int family) {
    for (const IpPrefix& address : endpoint_.addresses) {
      if (address.address.family() != family) continue;
      Inside(AddAddress{.link = inside_link_, .prefix = address});
    }
  }

  // From `netns`, where `link` is. One that is no Ethernet has no such MAC, and
  // nobody to tell.
  void AnnounceAddresses(const NetnsName& netns, const LinkRef& link,
                         const MacAddress& mac) {
    if (mac.is_zero()) return;
    for (const IpPrefix& address : endpoint_.addresses) {
      plan_.push_back(
          {netns,
           Announce{.link = link, .address = address.address, .mac = mac}});
    }
  }

  void AddGateways() {
    if (!endpoint_.default_route || network_.internal) return;
    for (const bool v6 : {false, true}) {
      for (const IpPrefix& address : endpoint_.addresses) {
        const Subnet* const subnet = SubnetOf(network_, address);
        if (address.address.is_v6() != v6 || subnet == nullptr ||
            !subnet->gateway.has_value()) {
          continue;
        }
        const Route route = {.destination = DefaultPrefix(*subnet->gateway),
                             .gateway = subnet->gateway,
                             .metric = endpoint_.metric};
        MakeWayFor(route);
        Inside(AddRoute{.link = inside_link_, .route = route});
        // A second one of the family would only be refused.
        break;
      }
    }
  }

  // The kernel has one route to a place with one metric. Where another endpoint
  // got it when this one went, and its end was not recorded, it goes back.
  void MakeWayFor(const Route& route) {
    const auto there = observed_.inside_routes.find(endpoint_.id);
    if (there == observed_.inside_routes.end()) return;
    for (const Route& other : there->second) {
      if (other.destination != route.destination ||
          MetricOf(other) != MetricOf(route)) {
        continue;
      }
      LinkRef link = {.index = other.link};
      const auto inside = observed_.inside.find(endpoint_.id);
      for (const Link& one : inside->second) {
        if (one.index == other.link) link.name = one.name;
      }
      Inside(DeleteRoute{.link = link, .route = other});
    }
  }

  void FinishInside() {
    for (const Route& route : endpoint_.routes) {
      Inside(AddRoute{.link = inside_link_, .route = route});
    }
    for (const Sysctl& sysctl : endpoint_.sysctls) Inside(SetSysctl{sysctl});
  }

  const Network& network_;
  const Endpoint& endpoint_;
  const Observed& observed_;
  const Tag network_tag_;
  const std::string tag_;
  const LinkRef host_link_;
  LinkRef inside_link_;
  Plan plan_;
};

// Whether a link of a container is the endpoint. Its guest may change names,
// MAC and alias, but no number and no kind. Where the number was not ours to
// choose it is as BelongsTo for links of the host: one that has no tag yet is
// known by its MAC; an ipvlan has none of its own.
bool IsInside(const Network& network, const Endpoint& endpoint, const Tag& tag,
              const Link& link) {
  if (network.driver == Driver::kHostDevice) {
    return plan_parts::IsLent(network, endpoint, link);
  }
  if (link.kind != DriverName(network.driver)) return false;
  if (link.index == InsideIndex(network, endpoint)) return true;
  if (link.name != endpoint.interface) return false;
  if (!link.alias.empty()) return ParseTag(link.alias) == tag;
  return network.has_parents_mac() || link.mac == MacFor(network, endpoint);
}

// What is not as it shall be on the host's side of a veth.
Plan RepairHostLink(const Network& network, const Link& link,
                    const Observed& observed) {
  Plan plan;
  const LinkRef ref = {.index = link.index, .name = link.name};
  LinkChange change;
  LinkChange undo;
  if (!link.up) change.up = true, undo.up = false;
  if (link.group != network.group) {
    change.group = network.group;
    undo.group = link.group;
  }
  std::optional<LinkRef> master;
  std::optional<PortOptions> port;
  if (network.driver == Driver::kBridge) {
    const std::string name = BridgeName(network);
    const Link* const bridge = observed.FindLink(name);
    port = PortFor(network, observed);
    if (bridge == nullptr || link.master != bridge->index) {
      master =
          LinkRef{.index = bridge == nullptr ? 0 : bridge->index, .name = name};
      undo.master = link.master;
    } else if (link.port == port) {
      port.reset();
    }
  }
  if (change != LinkChange{} || master.has_value()) {
    plan.push_back(
        {"",
         ChangeLink{
             .link = ref, .change = change, .master = master, .undo = undo}});
  }
  // Only a port has port options: so after it has become one.
  if (port.has_value()) {
    plan.push_back({"", ChangeLink{.link = ref,
                                   .change = {.port = port},
                                   .undo = LinkChange{.port = link.port}}});
  }
  return plan;
}

}  // namespace

absl::StatusOr<Plan> PlanAttach(std::string_view instance,
                                const Network& network,
                                const Endpoint& endpoint,
                                const Observed& observed) {
  return AttachPlanner(instance, network, endpoint, observed).Run();
}

Plan PlanDefaultRoute(const Network& network, const Endpoint& endpoint,
                      const LinkRef& inside) {
  Endpoint wanted = endpoint;
  wanted.default_route = true;
  return AttachPlanner("", network, wanted, {}).RunDefaultRoute(inside);
}

Plan PlanDetach(std::string_view instance, const Network& network,
                const Endpoint& endpoint, DetachHow how,
                const Observed& observed) {
  Plan plan;
  const Tag tag = TagOfEndpoint(instance, endpoint.id);
  if (!network.has_veth()) {
    const Link* const inside =
        plan_parts::FindInside(instance, network, endpoint, observed);
    if (how == DetachHow::kNow && inside != nullptr) {
      Bury(instance, endpoint.id, {inside}, &plan);
    }
    return plan;
  }
  std::vector<const Link*> doomed;
  const Link* const ifb = observed.FindLink(IfbName(endpoint.id));
  if (ifb != nullptr && BelongsTo(*ifb, tag)) doomed.push_back(ifb);
  const Link* const veth = observed.FindLink(HostLinkName(endpoint.id));
  if (veth != nullptr && BelongsTo(*veth, tag)) {
    if (how == DetachHow::kNow) {
      doomed.push_back(veth);
    } else {
      plan.push_back(
          {"", ChangeLink{.link = {.index = veth->index, .name = veth->name},
                          .change = {.up = false},
                          .may_be_gone = true}});
    }
  }
  Bury(instance, "", doomed, &plan);
  return plan;
}

namespace plan_parts {

const Link* Find(const std::vector<Link>& links, std::string_view name) {
  const auto found =
      std::find_if(links.begin(), links.end(),
                   [&](const Link& link) { return link.name == name; });
  return found == links.end() ? nullptr : &*found;
}

const Link* FindInside(std::string_view instance, const Network& network,
                       const Endpoint& endpoint, const Observed& observed) {
  const auto inside = observed.inside.find(endpoint.id);
  if (inside == observed.inside.end()) return nullptr;
  const Tag tag = TagOfEndpoint(instance, endpoint.id);
  const Link* found = nullptr;
  for (const Link& link : inside->second) {
    if (!IsInside(network, endpoint, tag, link)) continue;
    if (link.index == InsideIndex(network, endpoint)) return &link;
    found = &link;
  }
  return found;
}

void Bury(std::string_view instance, const NetnsName& netns,
          const std::vector<const Link*>& links, Plan* plan) {
  if (links.empty()) return;
  const uint32_t group = GraveyardOf(instance);
  for (const Link* link : links) {
    plan->push_back(
        {netns,
         ChangeLink{.link = {.index = link->index, .name = link->name},
                    .change = {.up = false, .group = group},
                    .undo = LinkChange{.up = link->up, .group = link->group},
                    .may_be_gone = true}});
  }
  plan->push_back({netns, DeleteGroup{.group = group}});
}

absl::StatusOr<Plan> Reattach(std::string_view instance, const Network& network,
                              const Endpoint& endpoint,
                              const Observed& observed) {
  const auto attach = [&] {
    return PlanAttach(instance, network, endpoint, observed);
  };
  const auto is_taken = [](const std::string& name) {
    return absl::AlreadyExistsError(
        StrCat("link '", name, "' belongs to somebody else"));
  };
  if (!network.has_veth()) {
    if (FindInside(instance, network, endpoint, observed) != nullptr) {
      return Plan();
    }
    const std::string& name = endpoint.interface;
    if (observed.FindInside(endpoint.id, name) != nullptr) {
      return is_taken(name);
    }
    return attach();
  }
  const std::string name = HostLinkName(endpoint.id);
  const Link* const link = observed.FindLink(name);
  if (link == nullptr) return attach();
  if (ParseTag(link->alias) != TagOfEndpoint(instance, endpoint.id)) {
    return is_taken(name);
  }
  return RepairHostLink(network, *link, observed);
}

}  // namespace plan_parts

}  // namespace caisson::netsetup
