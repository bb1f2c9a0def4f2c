// The DNS servers of all networks of a host: each answers its containers with
// the names of their network (answer.h), and asks the host's servers for what
// is none of them. Nothing is resolved by libc, and nothing waits.
//
// A server answers at the gateway addresses of its network. Bound to the
// bridge, it hears nobody else: the outside may have a route to a gateway.
//
// Process: daemon. Thread: any. The work is done by one thread of its own.
#ifndef CAISSON_NETSETUP_DNS_RESPONDER_H_
#define CAISSON_NETSETUP_DNS_RESPONDER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "netsetup/dns/forwarder.h"
#include "netsetup/dns/socket_address.h"
#include "netsetup/dns/zone.h"
#include "netsetup/ip_address.h"

namespace caisson::netsetup::dns {

struct ResponderLimits {
  ForwardLimits forward;
  // A client may have many addresses, but only one network.
  size_t pending_of_network = 256;
  // TCP connections, and how long one may do nothing.
  size_t streams_of_network = 64;
  size_t streams_of_client = 16;
  absl::Duration idle = absl::Seconds(10);
};

struct ServerOptions {
  // Of this host already.
  std::vector<IpAddress> addresses;
  // The bridge; empty: any interface.
  std::string device;
  // 0: any, for each address the same with both transports.
  uint16_t port = 53;
};

struct ResponderStats {
  uint64_t queries = 0;
  uint64_t forwarded = 0;
  uint64_t dropped = 0;
  size_t pending = 0;  // of the forwarded ones
  size_t streams = 0;
};

class Responder {
 public:
  static absl::StatusOr<std::unique_ptr<Responder>> Open(
      const ResponderLimits& limits = {});
  ~Responder();

  // Serves a network from its return on. Returns where. Everything or nothing:
  // an error names the address that could not be had and says why, with the
  // errno as payload; EADDRINUSE means that somebody else has the port.
  // ALREADY_EXISTS for a network that is served.
  absl::StatusOr<std::vector<SocketAddress>> Add(const std::string& network,
                                                 const ServerOptions& options);

  // The names of a network; every query that comes after the return is
  // answered by it. Also for a network that is not served, since containers
  // that are on another one too see its names there. While there is none,
  // queries to the network's server get SERVFAIL.
  void SetZone(const std::string& network, ZonePtr zone);

  // Closes the sockets before it returns, and forgets the zone. No error when
  // there is no such network. A bridge that was made anew needs Remove and
  // Add: the sockets are bound to the old one.
  void Remove(const std::string& network);

  // The servers of the host, in the order in which they are asked; more than
  // three are not. None: what is not known here gets SERVFAIL.
  void SetUpstreams(std::vector<SocketAddress> upstreams);

  ResponderStats Stats();

 private:
  class Impl;
  explicit Responder(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
};

}  // namespace caisson::netsetup::dns

#endif  // CAISSON_NETSETUP_DNS_RESPONDER_H_
