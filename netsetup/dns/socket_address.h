// Addresses of sockets, and the sockets that a server and its clients use. All
// are non-blocking and closed on exec.
//
// Process: daemon. Thread: any.
#ifndef CAISSON_NETSETUP_DNS_SOCKET_ADDRESS_H_
#define CAISSON_NETSETUP_DNS_SOCKET_ADDRESS_H_

#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "netsetup/dns/message.h"
#include "netsetup/ip_address.h"
#include "runtime/base/unique_fd.h"

namespace caisson::netsetup::dns {

struct SocketAddress {
  IpAddress address;
  uint16_t port = 53;
  // Index of the interface, for link-local addresses of IPv6; else 0.
  uint32_t scope = 0;

  // "'10.0.0.1' port 53".
  std::string ToString() const;
};

// The form of the kernel.
struct RawSocketAddress {
  sockaddr_storage storage = {};
  socklen_t size = sizeof(sockaddr_storage);

  const sockaddr* get() const {
    return reinterpret_cast<const sockaddr*>(&storage);
  }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};
RawSocketAddress ToRaw(const SocketAddress& address);
SocketAddress FromRaw(const RawSocketAddress& raw);

// A socket at an address of this host, for packets of one interface if
// `device` is not empty. TCP: listening. Port 0 is any. The error says which
// address and why, with the errno as payload: EADDRINUSE when somebody else
// has the port, EADDRNOTAVAIL when the host does not have the address, ENODEV
// when it does not have the device.
absl::StatusOr<base::UniqueFd> OpenServerSocket(Transport transport,
                                                const SocketAddress& address,
                                                const std::string& device);

// A connected socket with a port that the kernel picks at random, for each
// query a new one. TCP: connecting.
absl::StatusOr<base::UniqueFd> OpenClientSocket(Transport transport,
                                                const SocketAddress& server);

// What a socket is bound to.
absl::StatusOr<SocketAddress> LocalAddressOf(int socket_fd);

}  // namespace caisson::netsetup::dns

#endif  // CAISSON_NETSETUP_DNS_SOCKET_ADDRESS_H_
