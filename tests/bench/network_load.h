// What networks cost when there is much of them: endpoints, published ports,
// packets. Each adds figures and targets to the report.
//
// Process: the network benchmark. Thread: one, in the namespace that plays the
// host.
#ifndef CAISSON_TESTS_BENCH_NETWORK_LOAD_H_
#define CAISSON_TESTS_BENCH_NETWORK_LOAD_H_

#include "absl/status/status.h"

#include "tests/bench/report.h"

namespace caisson::bench {

// Attaching the last tenth of `crowd` endpoints of one bridge, to the first.
absl::Status MeasureNetworkCrowd(int crowd, Report& report);

// Publishing a port beside 50,000, to publishing the first one.
absl::Status MeasurePublishing(Report& report);

// Connections from outside through one published port, alone and beside 4,999
// others, in turn.
absl::Status MeasureConnections(int rounds, Report& report);

// One stream between two containers, and between two namespaces on a bridge
// made by hand, in turn.
absl::Status MeasureThroughput(int rounds, Report& report);

}  // namespace caisson::bench

#endif  // CAISSON_TESTS_BENCH_NETWORK_LOAD_H_
