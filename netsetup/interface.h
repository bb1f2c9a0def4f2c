// Interfaces of a namespace as people see them: links with their addresses and
// counters.
//
// Process: daemon. Thread: any.
#ifndef CAISSON_NETSETUP_INTERFACE_H_
#define CAISSON_NETSETUP_INTERFACE_H_

#include <vector>

#include "absl/status/statusor.h"

#include "netsetup/ip_address.h"
#include "netsetup/link.h"
#include "netsetup/netlink/socket.h"

namespace caisson::netsetup {

struct Interface {
  Link link;  // with counters
  std::vector<IpPrefix> addresses;
};

// All of the socket's namespace, by index. One that goes or comes meanwhile may
// be missing.
absl::StatusOr<std::vector<Interface>> ListInterfaces(Socket* socket);

}  // namespace caisson::netsetup

#endif  // CAISSON_NETSETUP_INTERFACE_H_
