#include "netsetup/route.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "absl/status/status.h"

#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/base/syscall_error.h"

namespace caisson::netsetup {
namespace {

Message BuildRoute(uint16_t type, uint16_t flags, const Route& route) {
  const IpPrefix destination = route.destination.Network();
  rtmsg fixed = {};
  fixed.rtm_family = static_cast<uint8_t>(destination.address.family());
  fixed.rtm_dst_len = static_cast<uint8_t>(destination.length);
  fixed.rtm_table = RT_TABLE_MAIN;
  fixed.rtm_protocol = RTPROT_STATIC;
  fixed.rtm_type = RTN_UNICAST;
  // Said, never guessed: IPv4 knows what is on the link by its scope.
  fixed.rtm_scope = route.gateway.has_value() || destination.address.is_v6()
                        ? static_cast<uint8_t>(RT_SCOPE_UNIVERSE)
                        : static_cast<uint8_t>(RT_SCOPE_LINK);
  if (route.onlink) fixed.rtm_flags = RTNH_F_ONLINK;
  Message message(type, flags);
  message.Fixed(fixed);
  if (destination.length > 0) {
    message.Bytes(RTA_DST, destination.address.bytes());
  }
  if (route.gateway.has_value()) {
    message.Bytes(RTA_GATEWAY, route.gateway->bytes());
  }
  if (route.link > 0) message.S32(RTA_OIF, route.link);
  if (route.metric > 0) message.U32(RTA_PRIORITY, route.metric);
  return message;
}

Message BuildNeighbour(uint16_t type, uint16_t flags, uint16_t state,
                       const Neighbour& neighbour) {
  ndmsg fixed = {};
  fixed.ndm_family = static_cast<uint8_t>(neighbour.address.family());
  fixed.ndm_ifindex = neighbour.link;
  fixed.ndm_state = state;
  Message message(type, flags);
  message.Fixed(fixed).Bytes(NDA_DST, neighbour.address.bytes());
  if (!neighbour.mac.is_zero()) {
    message.Bytes(NDA_LLADDR, neighbour.mac.bytes);
  }
  return message;
}

}  // namespace

std::string Route::ToString() const {
  std::string text =
      destination.length == 0
          ? std::string(destination.address.is_v6() ? "default (IPv6)"
                                                    : "default")
          : destination.ToString();
  if (gateway.has_value()) base::StrAppend(&text, " via ", gateway->ToString());
  if (onlink) base::StrAppend(&text, " onlink");
  if (metric > 0) base::StrAppend(&text, " metric ", metric);
  return text;
}

Message BuildAddRoute(const Route& route) {
  return BuildRoute(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, route);
}

Message BuildDeleteRoute(const Route& route) {
  return BuildRoute(RTM_DELROUTE, 0, route);
}

Message BuildDumpRoutes(int family) {
  rtmsg fixed = {};
  fixed.rtm_family = static_cast<uint8_t>(family);
  fixed.rtm_table = RT_TABLE_MAIN;
  Message message(RTM_GETROUTE);
  message.Fixed(fixed);
  return message;
}

absl::StatusOr<std::optional<Route>> ParseRoute(const Reply& reply) {
  const std::optional<rtmsg> fixed = reply.Fixed<rtmsg>();
  if (reply.type != RTM_NEWROUTE || !fixed.has_value()) {
    return absl::InvalidArgumentError("a netlink message that is not a route");
  }
  const bool v6 = fixed->rtm_family == AF_INET6;
  if (fixed->rtm_type != RTN_UNICAST || fixed->rtm_table != RT_TABLE_MAIN ||
      (!v6 && fixed->rtm_family != AF_INET)) {
    return std::nullopt;
  }
  const Attributes attributes = Attributes::Behind(reply, sizeof(*fixed));
  Route route;
  if (v6) route.destination.address = IpAddress::V6({});
  if (attributes.Has(RTA_DST)) {
    CAISSON_ASSIGN_OR_RETURN(route.destination.address,
                             IpAddressFromBytes(attributes.Bytes(RTA_DST)));
  }
  route.destination.length = fixed->rtm_dst_len;
  if (route.destination.address.is_v6() != v6 ||
      route.destination.length > route.destination.address.bits()) {
    return absl::InvalidArgumentError("a route to no prefix of its family");
  }
  if (attributes.Has(RTA_GATEWAY)) {
    CAISSON_ASSIGN_OR_RETURN(route.gateway,
                             IpAddressFromBytes(attributes.Bytes(RTA_GATEWAY)));
  }
  route.onlink = (fixed->rtm_flags & RTNH_F_ONLINK) != 0;
  route.link = attributes.GetOr<int>(RTA_OIF, 0);
  route.metric = attributes.GetOr<uint32_t>(RTA_PRIORITY, 0);
  return route;
}

absl::StatusOr<std::vector<Route>> ListRoutes(Socket* socket) {
  std::vector<Route> routes;
  for (const int family : {AF_INET, AF_INET6}) {
    const absl::StatusOr<std::vector<OwnedReply>> replies =
        socket->Dump(BuildDumpRoutes(family), "list routes");
    // The table comes with the first address of the namespace.
    if (base::ErrnoOf(replies.status()) == ENOENT) continue;
    if (!replies.ok()) return replies.status();
    for (const OwnedReply& reply : *replies) {
      CAISSON_ASSIGN_OR_RETURN(const std::optional<Route> route,
                               ParseRoute(reply.view()));
      if (route.has_value()) routes.push_back(*route);
    }
  }
  return routes;
}

Message BuildAddNeighbour(const Neighbour& neighbour) {
  return BuildNeighbour(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE,
                        NUD_PERMANENT, neighbour);
}

Message BuildRenewNeighbour(const Neighbour& neighbour) {
  return BuildNeighbour(RTM_NEWNEIGH, NLM_F_REPLACE, NUD_STALE, neighbour);
}

Message BuildDeleteNeighbour(const Neighbour& neighbour) {
  return BuildNeighbour(RTM_DELNEIGH, 0, NUD_PERMANENT, neighbour);
}

}  // namespace caisson::netsetup
