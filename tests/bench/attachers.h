// Those who attach namespaces to a bridge network with one published port:
// Caisson's library, the plugins of CNI, netavark.
//
// Process: the network benchmark. Thread: one, in the namespace that plays the
// host.
#ifndef CAISSON_TESTS_BENCH_ATTACHERS_H_
#define CAISSON_TESTS_BENCH_ATTACHERS_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "netsetup/network/host.h"

namespace caisson::bench {

// `number`, 0..999, tells apart what is attached, once each. It chooses the
// host's port, and the address with those who do not choose one themselves.
struct Attacher {
  std::string name;
  std::function<absl::Status(int number, int netns_fd)> attach;
  std::function<absl::Status(int number, int netns_fd)> detach;
  // What a detach leaves to the end of the namespace; may be empty.
  std::function<absl::Status(int number, int netns_fd)> end;
};

struct OwnOptions {
  std::string name;
  std::string instance;  // and cidr: as of OwnNetwork
  std::string cidr;
  netsetup::DetachHow how = netsetup::DetachHow::kNamespaceEnds;
  int first_port = 0;
};
absl::StatusOr<Attacher> OpenOwn(const OwnOptions& options);

// bridge with host-local, then portmap, as libcni calls them: one process
// each, the result of the first handed to the second. `scratch` holds the
// leases. NOT_FOUND when a plugin is not in `directory`.
absl::StatusOr<Attacher> OpenCni(const std::string& directory,
                                 const std::string& scratch);

// One process; addresses are chosen for it, as podman does. NOT_FOUND when
// there is no such program.
absl::StatusOr<Attacher> OpenNetavark(const std::string& program);

}  // namespace caisson::bench

#endif  // CAISSON_TESTS_BENCH_ATTACHERS_H_
