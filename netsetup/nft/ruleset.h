// What networks and published ports want of the firewall, as elements of the
// table's sets. Networks, interfaces and ports are built one by one: what one
// function made for an object is what is to be removed with it.
//
//   bridge network   BuildInterfaceElements of the bridge
//   routed network   BuildGroupElements once, BuildInterfaceElements of the
//                    host's end of every endpoint, all in the same group
//
// Process: daemon. Thread: any; pure.
#ifndef CAISSON_NETSETUP_NFT_RULESET_H_
#define CAISSON_NETSETUP_NFT_RULESET_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "netsetup/ip_address.h"
#include "netsetup/nft/element.h"

namespace caisson::netsetup::nft {

// What other networks may begin with a network. Its own containers are a
// matter of NetworkRules::siblings, the outside of internal and ingress.
enum class Isolation : uint8_t {
  kOpen,       // everything, where the other is open too
  kPublished,  // connections to published ports
  kStrict,     // nothing
};

// How connections to the outside leave, for one family.
struct Nat {
  enum class Mode : uint8_t {
    kRouted,      // with the container's address
    kMasquerade,  // with the address of the interface they leave through
    kSource,      // with `source`
  };
  Mode mode = Mode::kMasquerade;
  IpAddress source;
};

struct NetworkRules {
  Isolation isolation = Isolation::kPublished;
  // Its containers reach each other.
  bool siblings = true;
  // Neither to the outside nor from there, nor to other networks.
  bool internal = false;
  // Its containers begin no connections to the host itself, but for names of
  // the interface's own address. Not for an interface that others use as well.
  bool guards_host = false;
  // The outside may begin connections to its containers' own addresses.
  bool ingress = false;
  Nat nat4;
  Nat nat6;
  // The device group that the interfaces of a routed network have, and no
  // other interface of the host; 0: it is a bridge, and has none.
  uint32_t group = 0;
};

// INVALID_ARGUMENT for a name that no interface can have, or a source address
// of the wrong family.
absl::StatusOr<std::vector<Element>> BuildInterfaceElements(
    const NetworkRules& network, std::string_view interface);

std::vector<Element> BuildGroupElements(const NetworkRules& network);

enum class Protocol : uint8_t { kTcp, kUdp, kSctp };

// A range of ports of the host that leads to as many ports of a container. A
// port of both families is published twice, for each address of the container.
struct PublishedPort {
  Protocol protocol = Protocol::kTcp;
  // Where the host listens; without it at all its addresses.
  std::optional<IpAddress> host_address;
  uint16_t host_port = 0;
  IpAddress container_address;
  uint16_t container_port = 0;
  uint16_t count = 1;
};

// One element for each port, so that every two owners of a port collide,
// however their ranges lie. INVALID_ARGUMENT for families that differ, port 0
// and ranges that pass 65535; UNIMPLEMENTED for ::1, which the kernel cannot
// route into another namespace.
absl::StatusOr<std::vector<Element>> BuildPortElements(
    const PublishedPort& port);

// To whom the elements lead what is sent to a port of the host; nothing: to the
// host itself. `protocol` is an IPPROTO_*.
std::optional<IpAddress> OwnerOfPort(const Elements& elements, uint8_t protocol,
                                     const IpAddress& host_address,
                                     uint16_t port);

}  // namespace caisson::netsetup::nft

#endif  // CAISSON_NETSETUP_NFT_RULESET_H_
