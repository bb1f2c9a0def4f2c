// What networks and their endpoints shall be: plain values that name no kernel
// object. Names, MAC addresses and tags of kernel objects follow from them.
//
// Process: daemon. Thread: any; pure.
//
// A link is ours when it has both our name (a prefix and digits of the id) and
// our tag (its alias, with the instance of the daemon). What lacks either is
// never changed, except a device or a bridge that a network names.
#ifndef CAISSON_NETSETUP_NETWORK_NETWORK_H_
#define CAISSON_NETSETUP_NETWORK_NETWORK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

#include "netsetup/ip_address.h"
#include "netsetup/link.h"
#include "netsetup/route.h"
#include "netsetup/sysctl.h"
#include "netsetup/tc.h"

namespace caisson::netsetup {

enum class Driver : uint8_t {
  kBridge,      // a veth on a bridge
  kPtp,         // a veth, routed: no other endpoint is a neighbour
  kMacvlan,     // a link with a MAC of its own above `interface`
  kIpvlan,      // the same with the MAC of `interface`
  kHostDevice,  // `interface` itself, for one endpoint at a time
};
std::string_view DriverName(Driver driver);

struct Subnet {
  IpPrefix prefix;
  // What the endpoints send the rest to. With drivers bridge and ptp it is the
  // host's own address; with the others it is somebody's on that link.
  std::optional<IpAddress> gateway;

  bool operator==(const Subnet&) const = default;
};

struct Network {
  // 32 hexadecimal digits.
  std::string id;
  Driver driver = Driver::kBridge;
  // A bridge that exists and stays (driver bridge; empty: one of our own), the
  // link below (macvlan, ipvlan), the device (host-device).
  std::string interface;
  std::vector<Subnet> subnets;
  // 0: that of the link with the default route.
  uint32_t mtu = 0;
  // Of the host's ends (driver ptp): how the firewall knows them.
  uint32_t group = 0;
  // No way out: no default route, no forwarding.
  bool internal = false;
  // Endpoints do not see each other (driver bridge).
  bool isolate_endpoints = false;
  MacvlanMode macvlan_mode = MacvlanMode::kBridge;
  IpvlanMode ipvlan_mode = IpvlanMode::kL2;

  bool has_own_bridge() const {
    return driver == Driver::kBridge && interface.empty();
  }
  // The kernel's only way from the host to what is inside.
  bool has_veth() const {
    return driver == Driver::kBridge || driver == Driver::kPtp;
  }
  // The kernel lets its links have no other MAC than that of the interface
  // below.
  bool has_parents_mac() const {
    return driver == Driver::kIpvlan ||
           (driver == Driver::kMacvlan &&
            macvlan_mode == MacvlanMode::kPassthru);
  }
  bool HasFamily(int family) const;
};

// A device of the host as it was when nobody had it. Addresses, routes and
// sysctls are not part of it: the kernel drops them with the first move, and
// who gave them gives them again.
struct DeviceState {
  int index = 0;
  // As of Link: empty for physical ones.
  std::string kind;
  MacAddress mac;
  uint32_t mtu = 0;
  uint32_t group = 0;
  bool up = false;
  std::string alias;
  std::vector<std::string> alternative_names;
  // Not of one that was too small for IPv6.
  std::optional<AddressGeneration> address_generation;

  bool operator==(const DeviceState&) const = default;
};
DeviceState StateOf(const Link& device);

struct Endpoint {
  // 32 hexadecimal digits.
  std::string id;
  std::string network_id;
  std::string container_id;
  // In the container.
  std::string interface = "eth0";
  // The number of the link there, by which it is known whatever its guest calls
  // it. 0: not told; then it follows from the id where the driver lets it.
  int inside_index = 0;
  // Zero: follows from the id.
  MacAddress mac;
  // With the length of the subnet that each is in.
  std::vector<IpPrefix> addresses;
  // Others may know another owner of one of them. Where others than we give
  // out addresses (any but a bridge of our own) that is so anyway.
  bool announce = false;
  // Whether the gateways of the subnets become default routes, and how they
  // rank; 0: the kernel's default.
  bool default_route = true;
  uint32_t metric = 0;
  // Besides; `link` is not read.
  std::vector<Route> routes;
  // What the container receives and sends (drivers bridge and ptp).
  std::optional<Rate> ingress;
  std::optional<Rate> egress;
  // Of the container's namespace, once the link is there.
  std::vector<Sysctl> sysctls;
  // A further name of the host's link, to be recognised by people.
  std::string alternative_name;
  // What its device goes back as (host-device); none: as it is then.
  std::optional<DeviceState> device;
};

// INVALID_ARGUMENT with a field violation for everything that cannot work.
absl::Status ValidateNetwork(const Network& network);
// Against its network too: families, subnets, what the driver cannot do.
absl::Status ValidateEndpoint(const Network& network, const Endpoint& endpoint);

// --- What follows from ids -------------------------------------------------

// "cb" and 10 digits; or the interface that the network names.
std::string BridgeName(const Network& network);
// "cv" and 11 digits: the host's side of the veth.
std::string HostLinkName(std::string_view endpoint_id);
// "ci" and 11 digits: what holds back what the container sends.
std::string IfbName(std::string_view endpoint_id);

// The index of the link of that name: large, and so far from what the kernel
// gives out. The peer of a veth gets the index that was asked for only when the
// veth is told one as well.
int HostIndex(std::string_view endpoint_id);
// That of the link in the container; 0 where it does not follow from the id.
// With drivers without a veth it does: nothing on the host leads to the link.
int InsideIndex(const Network& network, const Endpoint& endpoint);

// Locally administered, the same for an id for ever. `role` tells apart the
// links of one object: "bridge", "host", "container".
MacAddress MacOf(std::string_view role, std::string_view id);

// The alias of our links.
struct Tag {
  // Of the daemon: hexadecimal digits.
  std::string instance;
  // Either may be empty.
  std::string network_id;
  std::string endpoint_id;

  // "caisson:<instance>:network:<id>", "caisson:<instance>:endpoint:<id>".
  std::string ToString() const;
  bool operator==(const Tag&) const = default;
};
Tag TagOfNetwork(std::string_view instance, std::string_view network_id);
Tag TagOfEndpoint(std::string_view instance, std::string_view endpoint_id);
// None for every other text.
std::optional<Tag> ParseTag(std::string_view alias);

// The tag of a link that has our name too.
std::optional<Tag> OwnTag(const Link& link);

// Whether a link of the host is that of `tag`. Also one that has no tag yet: it
// comes in the message after the one that makes the link, and a daemon may have
// died between the two. Name and MAC, both of the id, tell then.
bool BelongsTo(const Link& link, const Tag& tag);

// The group that links get before they are deleted together.
uint32_t GraveyardOf(std::string_view instance);

}  // namespace caisson::netsetup

#endif  // CAISSON_NETSETUP_NETWORK_NETWORK_H_
