// Whether the host itself has what a container is to get: a process listens on
// a port that is to be published, whose connections the firewall would take
// away without a word; or an interface has the address.
//
// Process: caissond. Thread: any of the host's network namespace.
#ifndef CAISSON_SERVER_CORE_NETWORK_PORT_PROBE_H_
#define CAISSON_SERVER_CORE_NETWORK_PORT_PROBE_H_

#include "netsetup/ip_address.h"
#include "server/store/network_records.h"

namespace caisson::core {

// By binding to it, for a moment: bind(2) says EADDRINUSE. What cannot be asked
// (no SCTP in this kernel, an address that the host does not have yet) counts
// as free.
bool IsPortFree(const store::PublishedPort& port);

// In the same way. Where everybody may bind to what the host does not have
// (net.ipv4.ip_nonlocal_bind) every address counts as free.
bool IsAddressFree(const netsetup::IpAddress& address);

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_NETWORK_PORT_PROBE_H_
