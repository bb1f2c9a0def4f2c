// Whether a process of the host listens on a port that is to be published. The
// firewall would take its connections away without a word.
//
// Process: caissond. Thread: any of the host's network namespace.
#ifndef CAISSON_SERVER_CORE_NETWORK_PORT_PROBE_H_
#define CAISSON_SERVER_CORE_NETWORK_PORT_PROBE_H_

#include "server/store/network_records.h"

namespace caisson::core {

// By binding to it, for a moment: bind(2) says EADDRINUSE. What cannot be asked
// (no SCTP in this kernel, an address that the host does not have yet) counts
// as free.
bool IsPortFree(const store::PublishedPort& port);

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_NETWORK_PORT_PROBE_H_
