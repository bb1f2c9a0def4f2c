// An endpoint with what it belongs to, for those who work on the host.
//
// Process: caissond. Thread: any; plain values.
#ifndef CAISSON_SERVER_CORE_NETWORK_ENDPOINT_REF_H_
#define CAISSON_SERVER_CORE_NETWORK_ENDPOINT_REF_H_

#include <string>

#include "server/store/records.h"

namespace caisson::core {

struct EndpointRef {
  store::NetworkPtr network;
  store::Endpoint endpoint;
  std::string container_id;
};

// One that shall be there after a recovery; the descriptor is borrowed, -1
// where the namespace cannot be opened.
struct LiveEndpoint {
  EndpointRef ref;
  int netns_fd = -1;
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_NETWORK_ENDPOINT_REF_H_
