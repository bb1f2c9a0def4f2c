#include "netsetup/link.h"

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/status/status.h"

#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"

namespace caisson::netsetup {
namespace {

constexpr size_t kMaxName = IFNAMSIZ - 1;

void PutRef(Message* message, const LinkRef& link) {
  if (link.index > 0 || link.name.empty()) return;
  // The attribute for names refuses what is longer than a name.
  message->Text(link.name.size() > kMaxName ? IFLA_ALT_IFNAME : IFLA_IFNAME,
                link.name);
}

ifinfomsg InfoOf(const LinkRef& link) {
  ifinfomsg info = {};
  info.ifi_index = link.index;
  return info;
}

void PutMac(Message* message, const MacAddress& mac) {
  if (!mac.is_zero()) message->Bytes(IFLA_ADDRESS, mac.bytes);
}

void PutData(Message* message, const BridgeOptions& options) {
  const Nest data(message, IFLA_INFO_DATA);
  message->U32(IFLA_BR_STP_STATE, 0).U32(IFLA_BR_FORWARD_DELAY, 0);
  // Only what is not the default: a kernel that is built without them refuses
  // to be told even that.
  if (!options.multicast_snooping) message->U8(IFLA_BR_MCAST_SNOOPING, 0);
  if (options.vlan_filtering) message->U8(IFLA_BR_VLAN_FILTERING, 1);
}

void PutPeer(Message* message, const VethOptions& options, uint32_t mtu) {
  const Nest data(message, IFLA_INFO_DATA);
  const Nest peer(message, VETH_INFO_PEER);
  // A peer that is "up" is refused with ENOTCONN.
  message->Fixed(InfoOf({.index = options.peer_index}));
  message->Text(IFLA_IFNAME, options.peer_name);
  PutMac(message, options.peer_mac);
  if (mtu > 0) message->U32(IFLA_MTU, mtu);
  if (options.peer_netns_fd >= 0) {
    message->S32(IFLA_NET_NS_FD, options.peer_netns_fd);
  }
}

void PutData(Message* message, const MacvlanOptions& options) {
  uint32_t mode = MACVLAN_MODE_BRIDGE;
  switch (options.mode) {
    case MacvlanMode::kBridge:
      break;
    case MacvlanMode::kPrivate:
      mode = MACVLAN_MODE_PRIVATE;
      break;
    case MacvlanMode::kVepa:
      mode = MACVLAN_MODE_VEPA;
      break;
    case MacvlanMode::kPassthru:
      mode = MACVLAN_MODE_PASSTHRU;
      break;
  }
  const Nest data(message, IFLA_INFO_DATA);
  message->U32(IFLA_MACVLAN_MODE, mode);
}

void PutData(Message* message, const IpvlanOptions& options) {
  uint16_t mode = IPVLAN_MODE_L2;
  if (options.mode == IpvlanMode::kL3) mode = IPVLAN_MODE_L3;
  if (options.mode == IpvlanMode::kL3s) mode = IPVLAN_MODE_L3S;
  const Nest data(message, IFLA_INFO_DATA);
  message->U16(IFLA_IPVLAN_MODE, mode);
}

void PutData(Message* message, const VxlanOptions& options, int parent) {
  const Nest data(message, IFLA_INFO_DATA);
  const auto port =
      static_cast<uint16_t>(options.port >> 8 | (options.port & 0xff) << 8);
  message->U32(IFLA_VXLAN_ID, options.id)
      .U16(IFLA_VXLAN_PORT, port)
      .U8(IFLA_VXLAN_LEARNING, 0);
  if (parent > 0) message->U32(IFLA_VXLAN_LINK, static_cast<uint32_t>(parent));
  if (options.local.has_value()) {
    message->Bytes(
        options.local->is_v6() ? IFLA_VXLAN_LOCAL6 : IFLA_VXLAN_LOCAL,
        options.local->bytes());
  }
}

void PutKind(Message* message, const NewLink& link) {
  const Nest info(message, IFLA_LINKINFO);
  message->Text(IFLA_INFO_KIND, KindName(link.kind));
  if (const auto* bridge = std::get_if<BridgeOptions>(&link.kind)) {
    PutData(message, *bridge);
  } else if (const auto* veth = std::get_if<VethOptions>(&link.kind)) {
    PutPeer(message, *veth, link.mtu);
  } else if (const auto* macvlan = std::get_if<MacvlanOptions>(&link.kind)) {
    PutData(message, *macvlan);
  } else if (const auto* ipvlan = std::get_if<IpvlanOptions>(&link.kind)) {
    PutData(message, *ipvlan);
  } else if (const auto* vxlan = std::get_if<VxlanOptions>(&link.kind)) {
    PutData(message, *vxlan, link.parent);
  }
}

void PutPort(Message* message, const PortOptions& port) {
  const Nest info(message, IFLA_LINKINFO);
  message->Text(IFLA_INFO_SLAVE_KIND, "bridge");
  const Nest data(message, IFLA_INFO_SLAVE_DATA);
  message->U8(IFLA_BRPORT_ISOLATED, port.isolated ? 1 : 0)
      .U8(IFLA_BRPORT_MODE, port.hairpin ? 1 : 0);
}

void PutAlternativeName(Message* message, const LinkRef& link,
                        std::string_view name) {
  message->Fixed(InfoOf(link));
  PutRef(message, link);
  const Nest list(message, IFLA_PROP_LIST);
  message->Text(IFLA_ALT_IFNAME, name);
}

std::optional<PortOptions> PortOf(const Attributes& info) {
  if (info.Text(IFLA_INFO_SLAVE_KIND) != "bridge") return std::nullopt;
  const Attributes data = info.Nested(IFLA_INFO_SLAVE_DATA);
  return PortOptions{
      .isolated = data.GetOr<uint8_t>(IFLA_BRPORT_ISOLATED, 0) != 0,
      .hairpin = data.GetOr<uint8_t>(IFLA_BRPORT_MODE, 0) != 0};
}

std::optional<AddressGeneration> GenerationOf(const Attributes& attributes) {
  static_assert(static_cast<int>(AddressGeneration::kRandom) ==
                IN6_ADDR_GEN_MODE_RANDOM);
  constexpr uint8_t kNotTold = 255;
  const uint8_t mode = attributes.Nested(IFLA_AF_SPEC)
                           .Nested(AF_INET6)
                           .GetOr<uint8_t>(IFLA_INET6_ADDR_GEN_MODE, kNotTold);
  if (mode > IN6_ADDR_GEN_MODE_RANDOM) return std::nullopt;
  return static_cast<AddressGeneration>(mode);
}

// By IF_OPER_*.
std::string_view StateName(uint8_t state) {
  constexpr std::string_view kStates[] = {
      "unknown", "notpresent", "down", "lowerlayerdown",
      "testing", "dormant",    "up"};
  return state < std::size(kStates) ? kStates[state] : kStates[0];
}

std::optional<LinkCounters> CountersOf(const Attributes& attributes) {
  const std::optional<rtnl_link_stats64> stats =
      attributes.Get<rtnl_link_stats64>(IFLA_STATS64);
  if (!stats.has_value()) return std::nullopt;
  return LinkCounters{
      .rx_bytes = stats->rx_bytes,
      .rx_packets = stats->rx_packets,
      .rx_errors = stats->rx_errors,
      .rx_dropped = stats->rx_dropped,
      .tx_bytes = stats->tx_bytes,
      .tx_packets = stats->tx_packets,
      .tx_errors = stats->tx_errors,
      .tx_dropped = stats->tx_dropped,
  };
}

}  // namespace

std::string LinkRef::ToString() const {
  return index > 0 ? base::StrCat(index) : name;
}

std::string_view KindName(const KindOptions& options) {
  constexpr std::string_view kNames[] = {"bridge", "veth",  "macvlan",
                                         "ipvlan", "vxlan", "ifb"};
  static_assert(std::size(kNames) == std::variant_size_v<KindOptions>);
  return kNames[options.index()];
}

Message BuildCreateLink(const NewLink& link) {
  Message message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  message.Fixed(InfoOf({.index = link.index})).Text(IFLA_IFNAME, link.name);
  PutMac(&message, link.mac);
  if (link.mtu > 0) message.U32(IFLA_MTU, link.mtu);
  if (link.group > 0) message.U32(IFLA_GROUP, link.group);
  if (link.master > 0) message.S32(IFLA_MASTER, link.master);
  if (link.parent > 0 && !std::holds_alternative<VxlanOptions>(link.kind)) {
    message.S32(IFLA_LINK, link.parent);
  }
  if (link.netns_fd >= 0) message.S32(IFLA_NET_NS_FD, link.netns_fd);
  // One queue: with as many as there are CPUs an ifb alone costs a thread each.
  if (std::holds_alternative<IfbOptions>(link.kind)) {
    message.U32(IFLA_NUM_TX_QUEUES, 1).U32(IFLA_NUM_RX_QUEUES, 1);
  }
  PutKind(&message, link);
  return message;
}

Message BuildChangeLink(const LinkRef& link, const LinkChange& change) {
  Message message(RTM_NEWLINK);
  ifinfomsg info = InfoOf(link);
  if (change.up.has_value()) {
    info.ifi_change = IFF_UP;
    info.ifi_flags = *change.up ? IFF_UP : 0;
  }
  message.Fixed(info);
  PutRef(&message, link);
  if (change.master) message.S32(IFLA_MASTER, *change.master);
  if (change.mtu) message.U32(IFLA_MTU, *change.mtu);
  if (change.group) message.U32(IFLA_GROUP, *change.group);
  if (change.alias) message.Text(IFLA_IFALIAS, *change.alias);
  if (change.name) message.Text(IFLA_IFNAME, *change.name);
  if (change.mac) message.Bytes(IFLA_ADDRESS, change.mac->bytes);
  if (change.netns_fd >= 0) message.S32(IFLA_NET_NS_FD, change.netns_fd);
  if (change.new_index > 0) message.S32(IFLA_NEW_IFINDEX, change.new_index);
  if (change.port) PutPort(&message, *change.port);
  if (change.address_generation) {
    const Nest families(&message, IFLA_AF_SPEC);
    const Nest inet6(&message, AF_INET6);
    message.U8(IFLA_INET6_ADDR_GEN_MODE,
               static_cast<uint8_t>(*change.address_generation));
  }
  return message;
}

Message BuildAddAlternativeName(const LinkRef& link, std::string_view name) {
  Message message(RTM_NEWLINKPROP, NLM_F_CREATE | NLM_F_EXCL | NLM_F_APPEND);
  PutAlternativeName(&message, link, name);
  return message;
}

Message BuildRemoveAlternativeName(const LinkRef& link, std::string_view name) {
  Message message(RTM_DELLINKPROP);
  PutAlternativeName(&message, link, name);
  return message;
}

Message BuildDeleteLink(const LinkRef& link) {
  Message message(RTM_DELLINK);
  message.Fixed(InfoOf(link));
  PutRef(&message, link);
  return message;
}

Message BuildDeleteGroup(uint32_t group) {
  Message message(RTM_DELLINK);
  message.Fixed(ifinfomsg{}).U32(IFLA_GROUP, group);
  return message;
}

Message BuildGetLink(const LinkRef& link, WithCounters with) {
  Message message(RTM_GETLINK);
  message.Fixed(InfoOf(link));
  PutRef(&message, link);
  if (with == WithCounters::kNo) {
    message.U32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  }
  return message;
}

Message BuildDumpLinks(WithCounters with) {
  Message message(RTM_GETLINK);
  message.Fixed(ifinfomsg{});
  if (with == WithCounters::kNo) {
    message.U32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  }
  return message;
}

absl::StatusOr<Link> ParseLink(const Reply& reply) {
  const std::optional<ifinfomsg> info = reply.Fixed<ifinfomsg>();
  if (reply.type != RTM_NEWLINK || !info.has_value()) {
    return absl::InvalidArgumentError("a netlink message that is not a link");
  }
  const Attributes attributes = Attributes::Behind(reply, sizeof(*info));
  const Attributes link_info = attributes.Nested(IFLA_LINKINFO);
  Link link;
  link.index = info->ifi_index;
  link.up = (info->ifi_flags & IFF_UP) != 0;
  link.running = link.up && (info->ifi_flags & IFF_LOWER_UP) != 0;
  link.state = StateName(attributes.GetOr<uint8_t>(IFLA_OPERSTATE, 0));
  link.name = attributes.Text(IFLA_IFNAME);
  link.kind = link_info.Text(IFLA_INFO_KIND);
  link.mac.bytes = attributes.GetOr(IFLA_ADDRESS, link.mac.bytes);
  link.mtu = attributes.GetOr<uint32_t>(IFLA_MTU, 0);
  link.group = attributes.GetOr<uint32_t>(IFLA_GROUP, 0);
  link.master = attributes.GetOr<int>(IFLA_MASTER, 0);
  link.parent = attributes.GetOr<int>(IFLA_LINK, 0);
  link.alias = attributes.Text(IFLA_IFALIAS);
  link.alternative_names =
      TextsOf(attributes.Bytes(IFLA_PROP_LIST), IFLA_ALT_IFNAME);
  link.address_generation = GenerationOf(attributes);
  link.port = PortOf(link_info);
  link.counters = CountersOf(attributes);
  return link;
}

absl::StatusOr<Link> GetLink(Socket* socket, const LinkRef& link,
                             WithCounters with) {
  CAISSON_ASSIGN_OR_RETURN(
      const OwnedReply reply,
      socket->Get(BuildGetLink(link, with), "get link", link.ToString()));
  return ParseLink(reply.view());
}

absl::StatusOr<std::vector<Link>> ListLinks(Socket* socket, WithCounters with) {
  CAISSON_ASSIGN_OR_RETURN(const std::vector<OwnedReply> replies,
                           socket->Dump(BuildDumpLinks(with), "list links"));
  std::vector<Link> links;
  links.reserve(replies.size());
  for (const OwnedReply& reply : replies) {
    CAISSON_ASSIGN_OR_RETURN(Link link, ParseLink(reply.view()));
    links.push_back(std::move(link));
  }
  return links;
}

bool IsLinkName(std::string_view name) {
  if (name.empty() || name.size() > kMaxName || name == "." || name == "..") {
    return false;
  }
  return std::all_of(name.begin(), name.end(), [](char c) {
    return c > ' ' && c < 0x7f && c != '/' && c != ':';
  });
}

}  // namespace caisson::netsetup
