// Links: requests that make, change, find and delete them, and what the kernel
// says about one. Building and parsing are pure; a Socket sends.
//
// Process: daemon. Thread: any.
//
// How links are made here (each measured): a veth gets its peer into the target
// namespace in the message that makes it, because moving or renaming one later
// waits 20 ms for RCU. Some attributes are ignored or refused at creation:
// alias and port options are, and so they come in a second message, with "up".
// Deleting one link waits 20 ms, a whole group 1 ms for each.
#ifndef CAISSON_NETSETUP_LINK_H_
#define CAISSON_NETSETUP_LINK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"

#include "netsetup/ip_address.h"
#include "netsetup/netlink/message.h"
#include "netsetup/netlink/reply.h"
#include "netsetup/netlink/socket.h"

namespace caisson::netsetup {

// One link of the namespace that is asked: by index where it is known, else by
// name or alternative name.
struct LinkRef {
  int index = 0;
  std::string name;

  // "7" or the name, for errors.
  std::string ToString() const;
  bool operator==(const LinkRef&) const = default;
};

// --- What a link may be -------------------------------------------------

// STP is off and there is no forward delay: a port forwards at once.
struct BridgeOptions {
  bool multicast_snooping = true;
  bool vlan_filtering = false;
  bool operator==(const BridgeOptions&) const = default;
};
struct VethOptions {
  std::string peer_name;
  MacAddress peer_mac;
  // 0: the kernel chooses. It does so too when NewLink has no index.
  int peer_index = 0;
  // Where the peer is made; -1: here.
  int peer_netns_fd = -1;
  bool operator==(const VethOptions&) const = default;
};
enum class MacvlanMode : uint8_t { kBridge, kPrivate, kVepa, kPassthru };
struct MacvlanOptions {
  MacvlanMode mode = MacvlanMode::kBridge;
  bool operator==(const MacvlanOptions&) const = default;
};
enum class IpvlanMode : uint8_t { kL2, kL3, kL3s };
struct IpvlanOptions {
  IpvlanMode mode = IpvlanMode::kL2;
  bool operator==(const IpvlanOptions&) const = default;
};
// Static forwarding entries only: no learning.
struct VxlanOptions {
  uint32_t id = 0;
  uint16_t port = 4789;
  std::optional<IpAddress> local;
  bool operator==(const VxlanOptions&) const = default;
};
struct IfbOptions {
  bool operator==(const IfbOptions&) const = default;
};
using KindOptions = std::variant<BridgeOptions, VethOptions, MacvlanOptions,
                                 IpvlanOptions, VxlanOptions, IfbOptions>;
// "bridge", "veth" ... as the kernel names it.
std::string_view KindName(const KindOptions& options);

struct NewLink {
  std::string name;
  // Chosen, so that nobody has to ask for it; 0: the kernel chooses.
  int index = 0;
  KindOptions kind;
  // Zero: the kernel's choice. For ipvlan it must be zero.
  MacAddress mac;
  uint32_t mtu = 0;
  uint32_t group = 0;
  int master = 0;
  // The link below, of the asked namespace: macvlan, ipvlan, vxlan.
  int parent = 0;
  // Where it is made; -1: here.
  int netns_fd = -1;

  bool operator==(const NewLink&) const = default;
};
// EEXIST when the name or the index is taken, EBUSY when that of the peer is.
Message BuildCreateLink(const NewLink& link);

// --- Changes -------------------------------------------------------------

struct PortOptions {
  // No frames between two isolated ports of one bridge.
  bool isolated = false;
  // Frames may leave through the port that they came in by.
  bool hairpin = false;
  bool operator==(const PortOptions&) const = default;
};

// With less a link knows no IPv6 (RFC 8200, section 5).
inline constexpr uint32_t kSmallestIpv6Mtu = 1280;
// How a link gets its IPv6 link-local address (IFLA_INET6_ADDR_GEN_MODE):
// IN6_ADDR_GEN_MODE_*, RFC 4291 appendix A, not at all, RFC 7217.
enum class AddressGeneration : uint8_t {
  kEui64,
  kNone,
  kStablePrivacy,
  kRandom
};

// What is not set stays as it is.
struct LinkChange {
  std::optional<bool> up;
  std::optional<int> master;  // 0: none
  std::optional<uint32_t> mtu;
  std::optional<uint32_t> group;
  std::optional<std::string> alias;
  // Only for a link that is named by its index.
  std::optional<std::string> name;
  std::optional<MacAddress> mac;
  // For a port of a bridge.
  std::optional<PortOptions> port;
  // Of one that comes up the kernel makes the address first: a message earlier
  // where the other side is up already.
  std::optional<AddressGeneration> address_generation;
  // Into another namespace; with `name` under that name, with `new_index` under
  // that number: EBUSY, and nothing is moved, where another link has it. A name
  // that is taken is refused after the move (do_setlink).
  int netns_fd = -1;
  int new_index = 0;

  bool operator==(const LinkChange&) const = default;
};
Message BuildChangeLink(const LinkRef& link, const LinkChange& change);

// At most 127 bytes, as any name of its namespace.
Message BuildAddAlternativeName(const LinkRef& link, std::string_view name);
Message BuildRemoveAlternativeName(const LinkRef& link, std::string_view name);

Message BuildDeleteLink(const LinkRef& link);
// Every link of the namespace that has this group. ENODEV when none has.
Message BuildDeleteGroup(uint32_t group);

// --- What there is -------------------------------------------------------

struct LinkCounters {
  uint64_t rx_bytes = 0, rx_packets = 0, rx_errors = 0, rx_dropped = 0;
  uint64_t tx_bytes = 0, tx_packets = 0, tx_errors = 0, tx_dropped = 0;
};

struct Link {
  int index = 0;
  std::string name;
  // As of KindName; empty for devices without one: physical, loopback.
  std::string kind;
  MacAddress mac;
  uint32_t mtu = 0;
  uint32_t group = 0;
  bool up = false;
  // Up, and so is the other side.
  bool running = false;
  // Operational state of RFC 2863, as `ip` has it in lower case.
  std::string_view state = "unknown";
  int master = 0;
  int parent = 0;
  std::string alias;
  std::vector<std::string> alternative_names;
  // Of a link with IPv6; kernels before 6.15 tell it only with counters.
  std::optional<AddressGeneration> address_generation;
  // Of a port of a bridge.
  std::optional<PortOptions> port;
  std::optional<LinkCounters> counters;
};

enum class WithCounters : bool { kNo, kYes };
Message BuildGetLink(const LinkRef& link, WithCounters with);
Message BuildDumpLinks(WithCounters with = WithCounters::kNo);
// INVALID_ARGUMENT when the reply is not a link.
absl::StatusOr<Link> ParseLink(const Reply& reply);

// ENODEV when there is none.
absl::StatusOr<Link> GetLink(Socket* socket, const LinkRef& link,
                             WithCounters with = WithCounters::kNo);
absl::StatusOr<std::vector<Link>> ListLinks(
    Socket* socket, WithCounters with = WithCounters::kNo);

// A name that the kernel takes: 1 to 15 bytes, no '/', no ':', no space, not
// "." or "..", printable ASCII only.
bool IsLinkName(std::string_view name);

}  // namespace caisson::netsetup

#endif  // CAISSON_NETSETUP_LINK_H_
