// Routes of the main table, and neighbours that are told rather than found.
//
// Process: daemon. Thread: any. Building and parsing are pure.
#ifndef CAISSON_NETSETUP_ROUTE_H_
#define CAISSON_NETSETUP_ROUTE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "netsetup/ip_address.h"
#include "netsetup/netlink/message.h"
#include "netsetup/netlink/reply.h"
#include "netsetup/netlink/socket.h"

namespace caisson::netsetup {

struct Route {
  // Of length 0: the default route. Its family is that of the route.
  IpPrefix destination;
  // None: what it leads to is on the link itself.
  std::optional<IpAddress> gateway;
  // Take the gateway for a neighbour although no address of the link says so.
  bool onlink = false;
  // 0: the kernel finds it from the gateway.
  int link = 0;
  // 0: the kernel's default, which is 1024 for IPv6.
  uint32_t metric = 0;

  // "default via 10.0.0.1 metric 5".
  std::string ToString() const;
  bool operator==(const Route&) const = default;
};

// EEXIST when there is one with this destination and metric.
Message BuildAddRoute(const Route& route);
// ESRCH when there is none.
Message BuildDeleteRoute(const Route& route);

// The unicast routes of the main table. Multipath routes have no gateway here.
Message BuildDumpRoutes(int family);
// None for what is no unicast route of the main table.
absl::StatusOr<std::optional<Route>> ParseRoute(const Reply& reply);
// Of both families.
absl::StatusOr<std::vector<Route>> ListRoutes(Socket* socket);

struct Neighbour {
  int link = 0;
  IpAddress address;
  MacAddress mac;

  bool operator==(const Neighbour&) const = default;
};
// Permanent; replaces what was found. EINVAL for a link without addresses.
Message BuildAddNeighbour(const Neighbour& neighbour);
// What was found, or told, with another MAC; to be confirmed when it is used.
// ENOENT when there is none.
Message BuildRenewNeighbour(const Neighbour& neighbour);
// ENOENT when there is none.
Message BuildDeleteNeighbour(const Neighbour& neighbour);

}  // namespace caisson::netsetup

#endif  // CAISSON_NETSETUP_ROUTE_H_
