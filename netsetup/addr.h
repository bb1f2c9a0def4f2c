// Addresses of links.
//
// Process: daemon. Thread: any. Building and parsing are pure.
#ifndef CAISSON_NETSETUP_ADDR_H_
#define CAISSON_NETSETUP_ADDR_H_

#include <vector>

#include "absl/status/statusor.h"

#include "netsetup/ip_address.h"
#include "netsetup/netlink/message.h"
#include "netsetup/netlink/reply.h"
#include "netsetup/netlink/socket.h"

namespace caisson::netsetup {

struct LinkAddress {
  int link = 0;
  IpPrefix prefix;

  bool operator==(const LinkAddress&) const = default;
};

// IPv6 without duplicate address detection: usable at once. EEXIST when the
// link has it.
Message BuildAddAddress(const LinkAddress& address);
// EADDRNOTAVAIL when the link does not have it.
Message BuildDeleteAddress(const LinkAddress& address);

// Of all links, or of one; 0: all.
Message BuildDumpAddresses(int link);
absl::StatusOr<LinkAddress> ParseAddress(const Reply& reply);
absl::StatusOr<std::vector<LinkAddress>> ListAddresses(Socket* socket,
                                                       int link = 0);

}  // namespace caisson::netsetup

#endif  // CAISSON_NETSETUP_ADDR_H_
