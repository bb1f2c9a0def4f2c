// What our table always looks like: its sets and maps, its chains, its rules.
// Only the elements of the sets ever change (element.h). The rules are data,
// from which text (describe.h) and messages (messages.h) are both made.
//
//   foreign packet    forwarding: two lookups that miss, and out
//   new connection    published (dnat) -> forwarding -> managed -> postrouting
//   known connection  forwarding -> managed: accepted by the first rule
//   to the host       input -> to_host: names, echoes and known connections
//
// Process: daemon. Thread: any; constants.
#ifndef CAISSON_NETSETUP_NFT_SCHEMA_H_
#define CAISSON_NETSETUP_NFT_SCHEMA_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace caisson::netsetup::nft {

// One field of a key or of a value; a set may join several. Sizes are those
// in the kernel's registers, where every field takes whole words.
enum class Field : uint8_t {
  kInterface,  // 16 bytes, zero padded
  kGroup,      // device group, 4 bytes in host order
  kIp4,
  kIp6,
  kProtocol,  // 1 byte and padding
  kPort,      // 2 bytes in network order and padding
};

size_t FieldBytes(Field field);
// The name that nft has for the type: "inet_proto".
std::string_view FieldTypeName(Field field);

enum class SetId : uint8_t {
  kNets,           // every interface of ours
  kOwn,            // x . x of every interface of ours
  kSiblings,       // x . x where containers behind x may talk to each other
  kSiblingGroups,  // the same by device group: routed networks
  kOpen,           // networks that may talk to other open ones
  kStrict,         // networks that no other may reach, published or not
  kInternal,       // networks without a way to or from anywhere
  kGuarded,        // networks whose containers do not reach the host itself
  kEgress,         // networks that may begin connections to the outside
  kIngress,        // networks whose containers the outside may reach directly
  kMasquerade4,
  kMasquerade6,
  kSource4,  // interface : address that its connections leave with
  kSource6,
  kPorts4,  // protocol . port : container . port, at any address of the host
  kPorts6,
  kPortsAt4,  // address . protocol . port : container . port
  kPortsAt6,
};
inline constexpr size_t kSetCount = 18;

struct SetSchema {
  SetId id;
  std::string_view name;
  std::span<const Field> key;
  std::span<const Field> value;  // empty: a set, not a map

  bool is_map() const { return !value.empty(); }
};

// In the order of SetId.
std::span<const SetSchema, kSetCount> Sets();
const SetSchema& SetOf(SetId id);
// Null for a name that is not ours.
const SetSchema* FindSet(std::string_view name);
size_t KeyBytes(const SetSchema& set);
size_t ValueBytes(const SetSchema& set);

enum class ChainId : uint8_t {
  kPublished,
  kManaged,
  kToHost,
  kRaw,
  kPrerouting,
  kOutput,
  kInput,
  kForwarding,
  kPostrouting,
};
inline constexpr size_t kChainCount = 9;

struct ChainSchema {
  ChainId id;
  std::string_view name;
  // Empty for a chain that is only jumped to.
  std::string_view type;
  std::string_view hook;
  uint32_t hook_number = 0;
  int32_t priority = 0;

  bool is_base() const { return !type.empty(); }
};

// Those that are jumped to come first.
std::span<const ChainSchema, kChainCount> Chains();
const ChainSchema& ChainOf(ChainId id);

// One match or one verdict of a rule.
enum class TermKind : uint8_t {
  kInputIn,   // iifname @set
  kOutputIn,  // oifname @set
  kPairIn,    // iifname . oifname @set
  kGroupsIn,  // iifgroup . oifgroup @set
  kIsIp4,
  kIsIp6,
  kNoInput,  // made on this host, or seen while it is bridged
  kFromLoopback4,
  kToLoopback4,
  kToLoopback6,
  kToHost,   // the destination is an address of this host
  kToInput,  // the destination is an address of the input interface
  kIcmp4,
  kIcmp6,
  kNamesUdp,  // to port 53
  kNamesTcp,
  kKnown,        // established or related
  kInvalid,      // what conntrack cannot place
  kDestination,  // its destination was translated: a published port
  kAccept,
  kDrop,
  kReturn,
  kJump,
  kGoto,
  kMasquerade,
  kSourceFrom,         // snat to interface map @set
  kDestinationFrom,    // dnat to protocol . port map @set
  kDestinationAtFrom,  // dnat to address . protocol . port map @set
};

struct Term {
  TermKind kind;
  SetId set = SetId::kNets;             // of terms that look something up
  ChainId chain = ChainId::kPublished;  // of kJump and kGoto
};

struct RuleSchema {
  ChainId chain;
  std::span<const Term> terms;
};

// In the order in which they are appended.
std::span<const RuleSchema> Rules();

// The family of the addresses in the map that a term uses: true for IPv6.
bool IsIp6Map(SetId id);

// "caisson_<tag>": the table of one instance of the service.
inline constexpr std::string_view kTablePrefix = "caisson_";

}  // namespace caisson::netsetup::nft

#endif  // CAISSON_NETSETUP_NFT_SCHEMA_H_
