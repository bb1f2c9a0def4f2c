#include "netsetup/nft/schema.h"

#include <linux/netfilter.h>

#include <array>

namespace caisson::netsetup::nft {
namespace {

constexpr Field kInterfaceKey[] = {Field::kInterface};
constexpr Field kPairKey[] = {Field::kInterface, Field::kInterface};
constexpr Field kGroupsKey[] = {Field::kGroup, Field::kGroup};
constexpr Field kPortKey[] = {Field::kProtocol, Field::kPort};
constexpr Field kPortAt4Key[] = {Field::kIp4, Field::kProtocol, Field::kPort};
constexpr Field kPortAt6Key[] = {Field::kIp6, Field::kProtocol, Field::kPort};
constexpr Field kIp4Value[] = {Field::kIp4};
constexpr Field kIp6Value[] = {Field::kIp6};
constexpr Field kTarget4[] = {Field::kIp4, Field::kPort};
constexpr Field kTarget6[] = {Field::kIp6, Field::kPort};

constexpr std::array<SetSchema, kSetCount> kSets = {{
    {SetId::kNets, "nets", kInterfaceKey, {}},
    {SetId::kOwn, "own", kPairKey, {}},
    {SetId::kSiblings, "siblings", kPairKey, {}},
    {SetId::kSiblingGroups, "sibling_groups", kGroupsKey, {}},
    {SetId::kOpen, "open", kInterfaceKey, {}},
    {SetId::kStrict, "strict", kInterfaceKey, {}},
    {SetId::kInternal, "internal", kInterfaceKey, {}},
    {SetId::kGuarded, "guarded", kInterfaceKey, {}},
    {SetId::kEgress, "egress", kInterfaceKey, {}},
    {SetId::kIngress, "ingress", kInterfaceKey, {}},
    {SetId::kMasquerade4, "masquerade4", kInterfaceKey, {}},
    {SetId::kMasquerade6, "masquerade6", kInterfaceKey, {}},
    {SetId::kSource4, "source4", kInterfaceKey, kIp4Value},
    {SetId::kSource6, "source6", kInterfaceKey, kIp6Value},
    {SetId::kPorts4, "ports4", kPortKey, kTarget4},
    {SetId::kPorts6, "ports6", kPortKey, kTarget6},
    {SetId::kPortsAt4, "ports_at4", kPortAt4Key, kTarget4},
    {SetId::kPortsAt6, "ports_at6", kPortAt6Key, kTarget6},
}};

// Priorities are the kernel's NF_IP_PRI_*, which nft prints by name.
constexpr std::array<ChainSchema, kChainCount> kChains = {{
    {ChainId::kPublished, "published"},
    {ChainId::kManaged, "managed"},
    {ChainId::kToHost, "to_host"},
    {ChainId::kRaw, "raw_prerouting", "filter", "prerouting",
     NF_INET_PRE_ROUTING, -300},
    {ChainId::kPrerouting, "nat_prerouting", "nat", "prerouting",
     NF_INET_PRE_ROUTING, -100},
    {ChainId::kOutput, "nat_output", "nat", "output", NF_INET_LOCAL_OUT, -100},
    {ChainId::kInput, "input", "filter", "input", NF_INET_LOCAL_IN, 0},
    {ChainId::kForwarding, "forwarding", "filter", "forward", NF_INET_FORWARD,
     0},
    {ChainId::kPostrouting, "nat_postrouting", "nat", "postrouting",
     NF_INET_POST_ROUTING, 100},
}};

using T = TermKind;

// The more exact address wins.
constexpr Term kPublishAt4[] = {{T::kDestinationAtFrom, SetId::kPortsAt4}};
constexpr Term kPublishAt6[] = {{T::kDestinationAtFrom, SetId::kPortsAt6}};
constexpr Term kPublish4[] = {{T::kIsIp4},
                              {T::kDestinationFrom, SetId::kPorts4}};
constexpr Term kPublish6[] = {{T::kIsIp6},
                              {T::kDestinationFrom, SetId::kPorts6}};

constexpr Term kAcceptKnown[] = {{T::kKnown}, {T::kAccept}};
constexpr Term kDropInvalid[] = {{T::kInvalid}, {T::kDrop}};
constexpr Term kAcceptSiblings[] = {{T::kPairIn, SetId::kSiblings},
                                    {T::kAccept}};
constexpr Term kAcceptGroups[] = {{T::kGroupsIn, SetId::kSiblingGroups},
                                  {T::kAccept}};
// Without siblings a published port is still for everybody, oneself included.
constexpr Term kAcceptOwnPorts[] = {
    {T::kPairIn, SetId::kOwn}, {T::kDestination}, {T::kAccept}};
constexpr Term kDropFromInternal[] = {{T::kInputIn, SetId::kInternal},
                                      {T::kDrop}};
constexpr Term kDropToInternal[] = {{T::kOutputIn, SetId::kInternal},
                                    {T::kDrop}};
constexpr Term kDropFromStrict[] = {
    {T::kInputIn, SetId::kStrict}, {T::kOutputIn, SetId::kNets}, {T::kDrop}};
constexpr Term kDropToStrict[] = {
    {T::kOutputIn, SetId::kStrict}, {T::kInputIn, SetId::kNets}, {T::kDrop}};
constexpr Term kAcceptPublished[] = {{T::kDestination}, {T::kAccept}};
constexpr Term kAcceptOpen[] = {
    {T::kInputIn, SetId::kOpen}, {T::kOutputIn, SetId::kOpen}, {T::kAccept}};
constexpr Term kDropBetween[] = {
    {T::kInputIn, SetId::kNets}, {T::kOutputIn, SetId::kNets}, {T::kDrop}};
constexpr Term kAcceptEgress[] = {{T::kInputIn, SetId::kEgress}, {T::kAccept}};
constexpr Term kAcceptIngress[] = {{T::kOutputIn, SetId::kIngress},
                                   {T::kAccept}};
constexpr Term kDropRest[] = {{T::kDrop}};

// A bridge with route_localnet would let containers in at 127.0.0.1, and from
// there.
constexpr Term kDropToLoopback[] = {
    {T::kInputIn, SetId::kNets}, {T::kToLoopback4}, {T::kDrop}};
constexpr Term kDropFromLoopback[] = {
    {T::kInputIn, SetId::kNets}, {T::kFromLoopback4}, {T::kDrop}};

// What is bound to 127.0.0.1 is for this host alone, also where somebody set
// route_localnet on the interface to the outside.
constexpr Term kSkipLoopback4[] = {{T::kToLoopback4}, {T::kReturn}};
// There is no route_localnet for IPv6: a translated ::1 would hang where a
// plain one is refused at once.
constexpr Term kSkipLoopback6[] = {{T::kToLoopback6}, {T::kReturn}};
constexpr Term kJumpPublished[] = {
    {T::kToHost}, {.kind = T::kJump, .chain = ChainId::kPublished}};

constexpr Term kGotoFrom[] = {{T::kInputIn, SetId::kNets},
                              {.kind = T::kGoto, .chain = ChainId::kManaged}};
constexpr Term kGotoTo[] = {{T::kOutputIn, SetId::kNets},
                            {.kind = T::kGoto, .chain = ChainId::kManaged}};

// Services of the host are for who can reach it in another way: containers
// have its names, and may ask whether it is there. What neighbour discovery and
// the path's size need is ICMP too.
constexpr Term kGotoHost[] = {{T::kInputIn, SetId::kGuarded},
                              {.kind = T::kGoto, .chain = ChainId::kToHost}};
constexpr Term kAcceptIcmp4[] = {{T::kIcmp4}, {T::kAccept}};
constexpr Term kAcceptIcmp6[] = {{T::kIcmp6}, {T::kAccept}};
constexpr Term kAcceptNamesUdp[] = {
    {T::kToInput}, {T::kNamesUdp}, {T::kAccept}};
constexpr Term kAcceptNamesTcp[] = {
    {T::kToInput}, {T::kNamesTcp}, {T::kAccept}};

// Back through the interface it came from: else the answer would take the
// short way, past the translation.
constexpr Term kHairpin[] = {
    {T::kPairIn, SetId::kOwn}, {T::kDestination}, {T::kMasquerade}};
// From the host itself: 127.0.0.1 would mean the container once the packet is
// there. And hairpins of bridged packets, of which netfilter knows no input.
constexpr Term kFromHost[] = {{T::kNoInput},
                              {T::kOutputIn, SetId::kNets},
                              {T::kDestination},
                              {T::kMasquerade}};
constexpr Term kKeepBetween[] = {
    {T::kInputIn, SetId::kNets}, {T::kOutputIn, SetId::kNets}, {T::kReturn}};
constexpr Term kSnat4[] = {{T::kIsIp4}, {T::kSourceFrom, SetId::kSource4}};
constexpr Term kSnat6[] = {{T::kIsIp6}, {T::kSourceFrom, SetId::kSource6}};
constexpr Term kMasq4[] = {
    {T::kIsIp4}, {T::kInputIn, SetId::kMasquerade4}, {T::kMasquerade}};
constexpr Term kMasq6[] = {
    {T::kIsIp6}, {T::kInputIn, SetId::kMasquerade6}, {T::kMasquerade}};

constexpr RuleSchema kRules[] = {
    {ChainId::kPublished, kPublishAt4},
    {ChainId::kPublished, kPublish4},
    {ChainId::kPublished, kPublishAt6},
    {ChainId::kPublished, kPublish6},
    {ChainId::kManaged, kAcceptKnown},
    {ChainId::kManaged, kDropInvalid},
    {ChainId::kManaged, kAcceptSiblings},
    {ChainId::kManaged, kAcceptGroups},
    {ChainId::kManaged, kDropFromInternal},
    {ChainId::kManaged, kDropToInternal},
    {ChainId::kManaged, kAcceptOwnPorts},
    {ChainId::kManaged, kDropFromStrict},
    {ChainId::kManaged, kDropToStrict},
    {ChainId::kManaged, kAcceptPublished},
    {ChainId::kManaged, kAcceptOpen},
    {ChainId::kManaged, kDropBetween},
    {ChainId::kManaged, kAcceptEgress},
    {ChainId::kManaged, kAcceptIngress},
    {ChainId::kManaged, kDropRest},
    {ChainId::kToHost, kAcceptKnown},
    {ChainId::kToHost, kDropInvalid},
    {ChainId::kToHost, kAcceptIcmp4},
    {ChainId::kToHost, kAcceptIcmp6},
    {ChainId::kToHost, kAcceptNamesUdp},
    {ChainId::kToHost, kAcceptNamesTcp},
    {ChainId::kToHost, kDropRest},
    {ChainId::kRaw, kDropToLoopback},
    {ChainId::kRaw, kDropFromLoopback},
    {ChainId::kPrerouting, kSkipLoopback4},
    {ChainId::kPrerouting, kJumpPublished},
    {ChainId::kOutput, kSkipLoopback6},
    {ChainId::kOutput, kJumpPublished},
    {ChainId::kInput, kGotoHost},
    {ChainId::kForwarding, kGotoFrom},
    {ChainId::kForwarding, kGotoTo},
    {ChainId::kPostrouting, kHairpin},
    {ChainId::kPostrouting, kFromHost},
    {ChainId::kPostrouting, kKeepBetween},
    {ChainId::kPostrouting, kSnat4},
    {ChainId::kPostrouting, kSnat6},
    {ChainId::kPostrouting, kMasq4},
    {ChainId::kPostrouting, kMasq6},
};

size_t SumOf(std::span<const Field> fields) {
  size_t bytes = 0;
  for (const Field field : fields) bytes += FieldBytes(field);
  return bytes;
}

}  // namespace

size_t FieldBytes(Field field) {
  switch (field) {
    case Field::kInterface:
    case Field::kIp6:
      return 16;
    case Field::kGroup:
    case Field::kIp4:
    case Field::kProtocol:
    case Field::kPort:
      return 4;
  }
  return 0;
}

std::string_view FieldTypeName(Field field) {
  switch (field) {
    case Field::kInterface:
      return "ifname";
    case Field::kGroup:
      return "devgroup";
    case Field::kIp4:
      return "ipv4_addr";
    case Field::kIp6:
      return "ipv6_addr";
    case Field::kProtocol:
      return "inet_proto";
    case Field::kPort:
      return "inet_service";
  }
  return "";
}

std::span<const SetSchema, kSetCount> Sets() {
  return kSets;
}

const SetSchema& SetOf(SetId id) {
  return kSets[static_cast<size_t>(id)];
}

const SetSchema* FindSet(std::string_view name) {
  for (const SetSchema& set : kSets) {
    if (set.name == name) return &set;
  }
  return nullptr;
}

size_t KeyBytes(const SetSchema& set) {
  return SumOf(set.key);
}
size_t ValueBytes(const SetSchema& set) {
  return SumOf(set.value);
}

std::span<const ChainSchema, kChainCount> Chains() {
  return kChains;
}

const ChainSchema& ChainOf(ChainId id) {
  return kChains[static_cast<size_t>(id)];
}

std::span<const RuleSchema> Rules() {
  return kRules;
}

bool IsIp6Map(SetId id) {
  const SetSchema& set = SetOf(id);
  return set.is_map() && set.value[0] == Field::kIp6;
}

}  // namespace caisson::netsetup::nft
