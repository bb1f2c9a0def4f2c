// From records of the store to what netsetup works with: networks, endpoints,
// elements of the firewall, leases.
//
// Process: caissond. Thread: any; pure.
#ifndef CAISSON_SERVER_CORE_NETWORK_HOST_VALUES_H_
#define CAISSON_SERVER_CORE_NETWORK_HOST_VALUES_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "netsetup/ipam/pool.h"
#include "netsetup/network/network.h"
#include "netsetup/nft/element.h"
#include "netsetup/nft/ruleset.h"
#include "netsetup/sysctl.h"
#include "server/store/catalog.h"
#include "server/store/records.h"

namespace caisson::core {

// What marks what is ours on the host: the hexadecimal digits of the store's
// id, the first ones.
std::string InstanceOf(std::string_view store_id);

// The errors are INVALID_ARGUMENT, of texts that Validate does not let pass.
absl::StatusOr<netsetup::Network> HostNetwork(
    const store::NetworkRecord& record);
absl::StatusOr<netsetup::Endpoint> HostEndpoint(
    const store::Endpoint& endpoint, const std::string& container_id);

// How the firewall treats a network that passes it.
absl::StatusOr<netsetup::nft::NetworkRules> FirewallRules(
    const store::NetworkRecord& record);
// What the firewall has of a network; nothing for drivers whose packets do not
// pass it.
absl::StatusOr<std::vector<netsetup::nft::Element>> NetworkElements(
    const store::NetworkRecord& record);
// What it has of an endpoint: its published ports, and with a routed network
// its link.
absl::StatusOr<std::vector<netsetup::nft::Element>> EndpointElements(
    const store::NetworkRecord& record, const store::Endpoint& endpoint);
// Lets packets from 127.0.0.0/8 leave through the host's side of the endpoint,
// which ports of loopback need; none where it has no such port. The table drops
// them where they do not belong.
absl::StatusOr<std::optional<netsetup::Sysctl>> LoopbackSysctl(
    const store::NetworkRecord& record, const store::Endpoint& endpoint);
// Of one port; UNIMPLEMENTED for ::1.
absl::StatusOr<std::vector<netsetup::nft::Element>> PortElements(
    const store::PublishedPort& port, const store::Endpoint& endpoint);

absl::StatusOr<netsetup::ipam::PoolConfig> PoolConfigOf(
    const spec::Subnet& subnet);
store::LeaseRow RowOf(const std::string& network_id,
                      const netsetup::ipam::Lease& lease);
absl::StatusOr<netsetup::ipam::Lease> LeaseOf(const store::LeaseRow& row);

// Whether its connections pass the host's firewall.
bool IsFiltered(const store::NetworkRecord& record);
// What the namespace of a container with these endpoints has before its first
// link (netsetup::DefaultSysctls).
std::vector<netsetup::Sysctl> NamespaceSysctls(
    const store::Catalog& catalog,
    const std::vector<store::Endpoint>& endpoints);
// Whether it has subnets if nobody names one.
bool WantsSubnet(const spec::NetworkSpec& spec);

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_NETWORK_HOST_VALUES_H_
