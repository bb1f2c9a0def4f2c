// What we change of bridges that are not ours: a port that is published on a
// loopback address needs route_localnet of the bridge. The network's row tells
// that we have set it, before we do, and so it is set back with the network.
//
// Process: caissond. Thread: the network executor's one thread.
#ifndef CAISSON_SERVER_CORE_NETWORK_BORROWED_BRIDGES_H_
#define CAISSON_SERVER_CORE_NETWORK_BORROWED_BRIDGES_H_

#include <string>

#include "absl/status/status.h"

#include "server/core/network/endpoint_ref.h"
#include "server/store/store.h"

namespace caisson::core {

class BorrowedBridges {
 public:
  BorrowedBridges(store::Store* store, std::string boot_id);

  // Connections to a loopback address may be led over the link of an endpoint
  // whose ports need it.
  absl::Status AllowLoopback(const EndpointRef& ref) const;
  // What AllowLoopback has set of a bridge that stays. No error when it is
  // gone.
  absl::Status Restore(const store::NetworkRecord& network) const;

 private:
  absl::Status Remember(const std::string& network_id) const;

  store::Store* const store_;
  const std::string boot_id_;
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_NETWORK_BORROWED_BRIDGES_H_
