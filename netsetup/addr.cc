#include "netsetup/addr.h"

#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "absl/status/status.h"

#include "runtime/base/status_macros.h"

namespace caisson::netsetup {
namespace {

// The last address of an IPv4 subnet.
std::array<uint8_t, 4> BroadcastOf(const IpPrefix& prefix) {
  const IpAddress network = prefix.Network().address;
  std::array<uint8_t, 4> bytes = {};
  for (size_t i = 0; i < bytes.size(); ++i) {
    const int kept = std::clamp(prefix.length - static_cast<int>(i) * 8, 0, 8);
    bytes[i] = static_cast<uint8_t>(network.bytes()[i] | (0xff >> kept));
  }
  return bytes;
}

Message Build(uint16_t type, uint16_t flags, const LinkAddress& address) {
  const IpAddress& ip = address.prefix.address;
  ifaddrmsg fixed = {};
  fixed.ifa_family = static_cast<uint8_t>(ip.family());
  fixed.ifa_prefixlen = static_cast<uint8_t>(address.prefix.length);
  fixed.ifa_index = static_cast<uint32_t>(address.link);
  fixed.ifa_scope = RT_SCOPE_UNIVERSE;
  if (ip.is_v6()) fixed.ifa_flags = IFA_F_NODAD;
  Message message(type, flags);
  message.Fixed(fixed)
      .Bytes(IFA_LOCAL, ip.bytes())
      .Bytes(IFA_ADDRESS, ip.bytes());
  // A subnet of one or two addresses has no broadcast (RFC 3021).
  if (ip.is_v4() && address.prefix.length < 31) {
    message.Bytes(IFA_BROADCAST, BroadcastOf(address.prefix));
  }
  return message;
}

}  // namespace

Message BuildAddAddress(const LinkAddress& address) {
  return Build(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, address);
}

Message BuildDeleteAddress(const LinkAddress& address) {
  return Build(RTM_DELADDR, 0, address);
}

Message BuildDumpAddresses(int link) {
  ifaddrmsg fixed = {};
  fixed.ifa_family = AF_UNSPEC;
  fixed.ifa_index = static_cast<uint32_t>(link);
  Message message(RTM_GETADDR);
  message.Fixed(fixed);
  return message;
}

absl::StatusOr<LinkAddress> ParseAddress(const Reply& reply) {
  const std::optional<ifaddrmsg> fixed = reply.Fixed<ifaddrmsg>();
  if (reply.type != RTM_NEWADDR || !fixed.has_value()) {
    return absl::InvalidArgumentError(
        "a netlink message that is not an address");
  }
  const Attributes attributes = Attributes::Behind(reply, sizeof(*fixed));
  // Of a pointopoint link ADDRESS is the other side; IPv6 has no LOCAL then.
  const int type = attributes.Has(IFA_LOCAL) ? IFA_LOCAL : IFA_ADDRESS;
  LinkAddress address;
  address.link = static_cast<int>(fixed->ifa_index);
  address.prefix.length = fixed->ifa_prefixlen;
  CAISSON_ASSIGN_OR_RETURN(address.prefix.address,
                           IpAddressFromBytes(attributes.Bytes(type)));
  if (address.prefix.length > address.prefix.address.bits()) {
    return absl::InvalidArgumentError("an address with too long a prefix");
  }
  return address;
}

absl::StatusOr<std::vector<LinkAddress>> ListAddresses(Socket* socket,
                                                       int link) {
  CAISSON_ASSIGN_OR_RETURN(
      const std::vector<OwnedReply> replies,
      socket->Dump(BuildDumpAddresses(link), "list addresses"));
  std::vector<LinkAddress> addresses;
  addresses.reserve(replies.size());
  for (const OwnedReply& reply : replies) {
    CAISSON_ASSIGN_OR_RETURN(LinkAddress address, ParseAddress(reply.view()));
    addresses.push_back(address);
  }
  return addresses;
}

}  // namespace caisson::netsetup
