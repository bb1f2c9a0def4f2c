#include "server/core/network/host_values.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"

#include "netsetup/netns.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"

namespace caisson::core {
namespace {

using netsetup::Driver;
namespace ipam = netsetup::ipam;
namespace nft = netsetup::nft;

absl::Status NotKnown(std::string_view what, std::string_view text) {
  return absl::InvalidArgumentError(
      base::StrCat(what, " '", text, "' is not known"));
}

bool IsLoopback(const netsetup::IpAddress& address) {
  return address.is_v4() && address.bytes()[0] == 127;
}

absl::StatusOr<Driver> DriverOf(std::string_view name) {
  if (name.empty()) return Driver::kBridge;
  for (const Driver driver : {Driver::kBridge, Driver::kPtp, Driver::kMacvlan,
                              Driver::kIpvlan, Driver::kHostDevice}) {
    if (netsetup::DriverName(driver) == name) return driver;
  }
  return NotKnown("driver", name);
}

absl::Status SetMode(const spec::NetworkSpec& spec, netsetup::Network* out) {
  if (spec.mode.empty()) return absl::OkStatus();
  if (out->driver == Driver::kIpvlan) {
    using Mode = netsetup::IpvlanMode;
    constexpr std::pair<std::string_view, Mode> kModes[] = {
        {"l2", Mode::kL2}, {"l3", Mode::kL3}, {"l3s", Mode::kL3s}};
    for (const auto& [name, mode] : kModes) {
      if (name != spec.mode) continue;
      out->ipvlan_mode = mode;
      return absl::OkStatus();
    }
  } else if (out->driver == Driver::kMacvlan) {
    using Mode = netsetup::MacvlanMode;
    constexpr std::pair<std::string_view, Mode> kModes[] = {
        {"bridge", Mode::kBridge},
        {"private", Mode::kPrivate},
        {"vepa", Mode::kVepa},
        {"passthru", Mode::kPassthru}};
    for (const auto& [name, mode] : kModes) {
      if (name != spec.mode) continue;
      out->macvlan_mode = mode;
      return absl::OkStatus();
    }
  }
  return NotKnown("mode", spec.mode);
}

// Far from the groups that people use, and the same for a network for ever.
uint32_t GroupOf(const store::NetworkRecord& record) {
  constexpr uint32_t kFirst = 0x40000000;
  return kFirst | static_cast<uint32_t>(std::strtoul(
                      record.id.substr(0, 7).c_str(), nullptr, 16));
}

absl::StatusOr<nft::Nat> NatOf(const spec::Nat& nat) {
  nft::Nat out;
  if (nat.routed) {
    out.mode = nft::Nat::Mode::kRouted;
  } else if (!nat.source.empty()) {
    out.mode = nft::Nat::Mode::kSource;
    CAISSON_ASSIGN_OR_RETURN(out.source, netsetup::ParseIpAddress(nat.source));
  }
  return out;
}

std::optional<netsetup::Rate> RateOf(
    const std::optional<spec::Bandwidth>& bandwidth) {
  if (!bandwidth.has_value()) return std::nullopt;
  return netsetup::Rate{
      .bytes_per_second = static_cast<uint64_t>(bandwidth->bits_per_second) / 8,
      .burst_bytes = static_cast<uint32_t>(bandwidth->burst_bytes)};
}

absl::StatusOr<nft::Protocol> ProtocolOf(std::string_view name) {
  if (name == "tcp") return nft::Protocol::kTcp;
  if (name == "udp") return nft::Protocol::kUdp;
  if (name == "sctp") return nft::Protocol::kSctp;
  return NotKnown("protocol", name);
}

}  // namespace

bool IsFiltered(const store::NetworkRecord& record) {
  const std::string& driver = record.spec->driver;
  return driver.empty() || driver == "bridge" || driver == "ptp";
}

std::vector<netsetup::Sysctl> NamespaceSysctls(
    const store::Catalog& catalog,
    const std::vector<store::Endpoint>& endpoints) {
  // Of none yet, nobody knows.
  const bool all_end_here =
      !endpoints.empty() &&
      std::all_of(endpoints.begin(), endpoints.end(),
                  [&](const store::Endpoint& endpoint) {
                    const store::NetworkPtr network =
                        catalog.NetworkById(endpoint.network_id);
                    // A bridge of somebody else may have the world at another
                    // port.
                    return network != nullptr && IsFiltered(*network) &&
                           network->spec->interface.empty();
                  });
  return netsetup::DefaultSysctls(all_end_here ? netsetup::LinkEnds::kOwnBridges
                                               : netsetup::LinkEnds::kAnywhere);
}

bool WantsSubnet(const spec::NetworkSpec& spec) {
  return spec.driver.empty() || spec.driver == "bridge" || spec.driver == "ptp";
}

std::string InstanceOf(std::string_view store_id) {
  constexpr size_t kDigits = 16;
  std::string digits;
  for (const char c : store_id) {
    if (digits.size() < kDigits && absl::ascii_isxdigit(c)) digits.push_back(c);
  }
  return digits;
}

absl::StatusOr<netsetup::Network> HostNetwork(
    const store::NetworkRecord& record) {
  const spec::NetworkSpec& spec = *record.spec;
  netsetup::Network out;
  out.id = record.id;
  CAISSON_ASSIGN_OR_RETURN(out.driver, DriverOf(spec.driver));
  out.interface = spec.interface;
  for (const spec::Subnet& subnet : record.subnets) {
    netsetup::Subnet one;
    CAISSON_ASSIGN_OR_RETURN(one.prefix, netsetup::ParseIpPrefix(subnet.cidr));
    if (!subnet.gateway.empty()) {
      CAISSON_ASSIGN_OR_RETURN(one.gateway,
                               netsetup::ParseIpAddress(subnet.gateway));
    }
    out.subnets.push_back(one);
  }
  out.mtu = static_cast<uint32_t>(spec.mtu);
  out.internal = spec.internal;
  out.isolate_endpoints = spec.isolate_endpoints;
  if (out.driver == Driver::kPtp) out.group = GroupOf(record);
  CAISSON_RETURN_IF_ERROR(SetMode(spec, &out));
  return out;
}

absl::StatusOr<netsetup::Endpoint> HostEndpoint(
    const store::Endpoint& endpoint, const std::string& container_id) {
  netsetup::Endpoint out;
  out.id = endpoint.id;
  out.network_id = endpoint.network_id;
  out.container_id = container_id;
  out.interface = endpoint.interface;
  out.inside_index = endpoint.inside_index;
  if (!endpoint.mac.empty()) {
    CAISSON_ASSIGN_OR_RETURN(out.mac, netsetup::ParseMacAddress(endpoint.mac));
  }
  for (const std::string& address : endpoint.addresses) {
    CAISSON_ASSIGN_OR_RETURN(out.addresses.emplace_back(),
                             netsetup::ParseIpPrefix(address));
  }
  out.announce = endpoint.announce;
  out.default_route = endpoint.default_route;
  for (const spec::NetworkRoute& route : endpoint.routes) {
    netsetup::Route one;
    CAISSON_ASSIGN_OR_RETURN(one.destination,
                             netsetup::ParseIpPrefix(route.destination));
    if (!route.gateway.empty()) {
      CAISSON_ASSIGN_OR_RETURN(one.gateway,
                               netsetup::ParseIpAddress(route.gateway));
    }
    one.metric = static_cast<uint32_t>(route.metric);
    out.routes.push_back(one);
  }
  out.ingress = RateOf(endpoint.ingress);
  out.egress = RateOf(endpoint.egress);
  return out;
}

absl::StatusOr<nft::NetworkRules> FirewallRules(
    const store::NetworkRecord& record) {
  const spec::NetworkSpec& spec = *record.spec;
  nft::NetworkRules rules;
  switch (spec.isolation) {
    case spec::NetworkIsolation::kNone:
      rules.isolation = nft::Isolation::kOpen;
      break;
    case spec::NetworkIsolation::kStrict:
      rules.isolation = nft::Isolation::kStrict;
      break;
    case spec::NetworkIsolation::kUnspecified:
    case spec::NetworkIsolation::kNetwork:
      rules.isolation = nft::Isolation::kPublished;
      break;
  }
  rules.siblings = !spec.isolate_endpoints;
  rules.internal = spec.internal;
  rules.ingress = spec.ingress;
  // A bridge that somebody else made may be the host's own way to the world.
  rules.guards_host =
      spec.interface.empty() &&
      (spec.internal || spec.isolation != spec::NetworkIsolation::kNone);
  CAISSON_ASSIGN_OR_RETURN(rules.nat4, NatOf(spec.nat4));
  CAISSON_ASSIGN_OR_RETURN(rules.nat6, NatOf(spec.nat6));
  if (spec.driver == "ptp") rules.group = GroupOf(record);
  return rules;
}

absl::StatusOr<std::vector<nft::Element>> NetworkElements(
    const store::NetworkRecord& record) {
  if (!IsFiltered(record)) return std::vector<nft::Element>();
  CAISSON_ASSIGN_OR_RETURN(const nft::NetworkRules rules,
                           FirewallRules(record));
  if (rules.group != 0) return nft::BuildGroupElements(rules);
  CAISSON_ASSIGN_OR_RETURN(const netsetup::Network network,
                           HostNetwork(record));
  return nft::BuildInterfaceElements(rules, netsetup::BridgeName(network));
}

absl::StatusOr<std::vector<nft::Element>> PortElements(
    const store::PublishedPort& port, const store::Endpoint& endpoint) {
  nft::PublishedPort out;
  CAISSON_ASSIGN_OR_RETURN(out.protocol, ProtocolOf(port.protocol));
  CAISSON_ASSIGN_OR_RETURN(const netsetup::IpAddress host,
                           netsetup::ParseIpAddress(port.host_ip));
  if (!host.is_unspecified()) out.host_address = host;
  out.host_port = static_cast<uint16_t>(port.host_port);
  out.container_port = static_cast<uint16_t>(port.container_port);
  out.count = static_cast<uint16_t>(port.count);
  for (const std::string& text : endpoint.addresses) {
    CAISSON_ASSIGN_OR_RETURN(const netsetup::IpPrefix address,
                             netsetup::ParseIpPrefix(text));
    if (address.address.family() != host.family()) continue;
    out.container_address = address.address;
    return nft::BuildPortElements(out);
  }
  return absl::InvalidArgumentError(
      base::StrCat("the container has no address of the family of '",
                   port.host_ip, "' there"));
}

absl::StatusOr<std::vector<nft::Element>> EndpointElements(
    const store::NetworkRecord& record, const store::Endpoint& endpoint) {
  std::vector<nft::Element> elements;
  if (!IsFiltered(record)) return elements;
  CAISSON_ASSIGN_OR_RETURN(const nft::NetworkRules rules,
                           FirewallRules(record));
  if (rules.group != 0) {
    CAISSON_ASSIGN_OR_RETURN(elements,
                             nft::BuildInterfaceElements(
                                 rules, netsetup::HostLinkName(endpoint.id)));
  }
  for (const store::PublishedPort& port : endpoint.ports) {
    CAISSON_ASSIGN_OR_RETURN(const std::vector<nft::Element> one,
                             PortElements(port, endpoint));
    elements.insert(elements.end(), one.begin(), one.end());
  }
  return elements;
}

absl::StatusOr<std::optional<netsetup::Sysctl>> LoopbackSysctl(
    const store::NetworkRecord& record, const store::Endpoint& endpoint) {
  for (const store::PublishedPort& port : endpoint.ports) {
    CAISSON_ASSIGN_OR_RETURN(const netsetup::IpAddress address,
                             netsetup::ParseIpAddress(port.host_ip));
    if (!IsLoopback(address) &&
        !(address.is_v4() && address.is_unspecified())) {
      continue;
    }
    CAISSON_ASSIGN_OR_RETURN(const netsetup::Network network,
                             HostNetwork(record));
    const std::string link = network.driver == Driver::kBridge
                                 ? netsetup::BridgeName(network)
                                 : netsetup::HostLinkName(endpoint.id);
    return netsetup::Sysctl{
        .key = base::StrCat("net/ipv4/conf/", link, "/route_localnet"),
        .value = "1"};
  }
  return std::nullopt;
}

absl::StatusOr<ipam::PoolConfig> PoolConfigOf(const spec::Subnet& subnet) {
  ipam::PoolConfig out;
  CAISSON_ASSIGN_OR_RETURN(out.subnet, netsetup::ParseIpPrefix(subnet.cidr));
  if (!subnet.gateway.empty()) {
    CAISSON_ASSIGN_OR_RETURN(out.gateway,
                             netsetup::ParseIpAddress(subnet.gateway));
  }
  for (const spec::AddressRange& range : subnet.ranges) {
    ipam::AddressRange one;
    CAISSON_ASSIGN_OR_RETURN(one.first, netsetup::ParseIpAddress(range.first));
    CAISSON_ASSIGN_OR_RETURN(one.last, netsetup::ParseIpAddress(range.last));
    out.ranges.push_back(one);
  }
  for (const std::string& address : subnet.reserved) {
    CAISSON_ASSIGN_OR_RETURN(out.reserved.emplace_back(),
                             netsetup::ParseIpAddress(address));
  }
  return out;
}

store::LeaseRow RowOf(const std::string& network_id, const ipam::Lease& lease) {
  return {
      .network_id = network_id,
      .address = lease.address.ToString(),
      .endpoint_id = lease.endpoint,
      .state = static_cast<int32_t>(lease.state),
      .quarantined_until_ns = absl::ToInt64Nanoseconds(lease.quarantined_until),
      .boot_id = lease.boot_id,
      .generation = static_cast<int64_t>(lease.generation)};
}

absl::StatusOr<ipam::Lease> LeaseOf(const store::LeaseRow& row) {
  if (row.state < 0 ||
      row.state > static_cast<int32_t>(ipam::LeaseState::kQuarantined)) {
    return absl::InvalidArgumentError(
        base::StrCat("lease of ", row.address, ": state ", row.state));
  }
  ipam::Lease lease;
  CAISSON_ASSIGN_OR_RETURN(lease.address,
                           netsetup::ParseIpAddress(row.address));
  lease.endpoint = row.endpoint_id;
  lease.state = static_cast<ipam::LeaseState>(row.state);
  lease.quarantined_until = absl::Nanoseconds(row.quarantined_until_ns);
  lease.boot_id = row.boot_id;
  lease.generation = static_cast<uint64_t>(row.generation);
  return lease;
}

}  // namespace caisson::core
