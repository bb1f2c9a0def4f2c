// One bridge network of Caisson without a daemon: what the daemon does to
// attach a container, from the reservation to the firewall, but for the rows
// of the store, which it commits with those of the container.
//
// Process: the network benchmark. Thread: one, in the namespace that plays the
// host.
#ifndef CAISSON_TESTS_BENCH_OWN_NETWORK_H_
#define CAISSON_TESTS_BENCH_OWN_NETWORK_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "server/core/network/network_book.h"
#include "server/core/network/network_lane.h"

namespace caisson::bench {

class OwnNetwork {
 public:
  // `cidr` as "10.90.0.0/16". `instance`: hexadecimal digits that no other of
  // this namespace has.
  static absl::StatusOr<std::unique_ptr<OwnNetwork>> Create(
      const std::string& instance, const std::string& cidr);

  // With an address of the network's choice. `ports` of all the host's
  // addresses where they name none.
  absl::StatusOr<store::Endpoint> Attach(int netns_fd,
                                         std::vector<spec::PortMapping> ports);
  absl::Status Detach(const store::Endpoint& endpoint, netsetup::DetachHow how,
                      int netns_fd = -1);
  // As the end of the namespace does for one that was detached before it.
  absl::Status End(const store::Endpoint& endpoint, int netns_fd);

 private:
  OwnNetwork(store::NetworkPtr network,
             std::unique_ptr<core::NetworkLane> lane);

  const store::NetworkPtr network_;
  const std::unique_ptr<core::NetworkLane> lane_;
  core::NetworkBook book_;
};

}  // namespace caisson::bench

#endif  // CAISSON_TESTS_BENCH_OWN_NETWORK_H_
