// What a container wants of networks, and what a network is to be. Part of
// spec.h.
//
// Process: daemon. Thread: any; plain values, no I/O.
#ifndef CAISSON_RUNTIME_SPEC_NETWORK_H_
#define CAISSON_RUNTIME_SPEC_NETWORK_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace caisson::spec {

// --- Of a container --------------------------------------------------------

enum class NetworkMode : int {
  kDefault = 0,
  kNone,
  kHost,
  kContainer,
  kAttach,         // to `networks`
  kNamespace,      // one of the service's, with a name
  kNamespacePath,  // one of the host's
};

// The most that one container has.
inline constexpr size_t kMaxAttachments = 16;
inline constexpr size_t kMaxPortMappings = 1024;
// All mappings together: each port is an element of a map in the kernel.
inline constexpr int64_t kMaxPublishedPorts = 65536;

struct Bandwidth {
  int64_t bits_per_second = 0;
  int64_t burst_bytes = 0;  // 0: what the rate needs

  bool operator==(const Bandwidth&) const = default;
};

struct NetworkRoute {
  std::string destination;  // "10.9.0.0/16"
  std::string gateway;      // empty: on the link
  int64_t metric = 0;

  bool operator==(const NetworkRoute&) const = default;
};

struct NetworkAttachment {
  std::string network;    // id or name
  std::string interface;  // empty: "eth<n>"
  // Wanted ones, without a length; a family that is missing gets one of the
  // network's choice.
  std::vector<std::string> addresses;
  std::string mac;  // empty: follows from an id
  std::vector<std::string> aliases;
  // Unset: the first attachment alone has the default route.
  std::optional<bool> default_route;
  std::vector<NetworkRoute> routes;
  std::optional<Bandwidth> ingress;  // what the container receives
  std::optional<Bandwidth> egress;

  bool operator==(const NetworkAttachment&) const = default;
};

struct PortMapping {
  int32_t container_port = 0;
  int32_t host_port = 0;  // 0: one is chosen
  std::string host_ip;    // empty: "127.0.0.1"; "0.0.0.0", "::": all of them
  std::string protocol;   // empty: "tcp"; "udp", "sctp"
  int32_t count = 0;      // of consecutive ports; 0: one
  std::string network;    // empty: the first one with a suitable address

  bool operator==(const PortMapping&) const = default;
};

struct Dns {
  std::vector<std::string> servers;
  std::vector<std::string> searches;
  std::vector<std::string> options;

  bool operator==(const Dns&) const = default;
};

struct ExtraHost {
  std::string name;
  std::string address;

  bool operator==(const ExtraHost&) const = default;
};

// kDefault is kNone: a namespace with loopback only. What follows `networks`
// goes with kAttach.
struct Network {
  NetworkMode mode = NetworkMode::kDefault;
  std::string container;       // kContainer: id or name
  std::string namespace_name;  // kNamespace
  std::string namespace_path;  // kNamespacePath: absolute
  std::vector<NetworkAttachment> networks;
  std::vector<PortMapping> ports;
  std::optional<Dns> dns;
  std::vector<ExtraHost> extra_hosts;

  bool operator==(const Network&) const = default;
};

// Whether the network namespace is the container's alone, and goes with it.
inline bool HasOwnNetwork(const Network& network) {
  return network.mode == NetworkMode::kDefault ||
         network.mode == NetworkMode::kNone ||
         network.mode == NetworkMode::kAttach;
}

// --- Of a network ----------------------------------------------------------

struct AddressRange {
  std::string first;
  std::string last;

  bool operator==(const AddressRange&) const = default;
};

struct Subnet {
  std::string cidr;
  std::string gateway;  // empty: the first address, unless the driver has none
  std::vector<AddressRange> ranges;   // empty: all of it
  std::vector<std::string> reserved;  // only for who asks for them

  bool operator==(const Subnet&) const = default;
};

// How connections to the outside leave. At most one is set; none: masquerade.
struct Nat {
  bool routed = false;  // with the container's own address
  std::string source;   // with this address of the host

  bool operator==(const Nat&) const = default;
};

enum class NetworkIsolation : int {
  kUnspecified = 0,  // kNetwork
  kNone,             // other networks of this kind reach it
  kNetwork,          // others reach published ports only
  kStrict,           // others reach nothing
};

// The vocabularies are those of ip-link(8).
struct NetworkSpec {
  std::string name;
  std::map<std::string, std::string> labels;
  std::string driver;     // empty: "bridge"; ptp, macvlan, ipvlan, host-device
  std::string interface;  // an existing bridge, the parent, the device
  std::string mode;       // macvlan: "bridge"...; ipvlan: "l2"...
  std::vector<Subnet> subnets;  // empty: one of IPv4 is chosen
  int64_t mtu = 0;              // 0: that of the default route
  bool internal = false;
  NetworkIsolation isolation = NetworkIsolation::kUnspecified;
  bool isolate_endpoints = false;
  bool ingress = false;  // the outside reaches the containers' addresses
  Nat nat4;
  Nat nat6;
  bool no_dns = false;

  bool operator==(const NetworkSpec&) const = default;
};

}  // namespace caisson::spec

#endif  // CAISSON_RUNTIME_SPEC_NETWORK_H_
