// Links made by hand: the outside world of a benchmark, and the bridge that
// Caisson's is compared with.
//
// Process: the network benchmark. Thread: one, in the namespace that plays the
// host.
#ifndef CAISSON_TESTS_BENCH_WIRING_H_
#define CAISSON_TESTS_BENCH_WIRING_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "netsetup/netns.h"

namespace caisson::bench {

// The index of a bridge that is up.
absl::StatusOr<int> CreateBridge(const std::string& name);

// A veth, up on both sides: `name` here, on the bridge of the index `master`
// or alone (0), and "eth0" with `address` ("10.0.0.2/24") in the namespace.
// Returns the index here.
absl::StatusOr<int> CreateVeth(const std::string& name, int master,
                               int netns_fd, const std::string& address);

absl::Status AddAddress(int link, const std::string& address);

}  // namespace caisson::bench

#endif  // CAISSON_TESTS_BENCH_WIRING_H_
