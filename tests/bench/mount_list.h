// The mount list of a plan, in the form that caisson-floor reads.
//
// Process: the benchmark driver. Thread: any; pure.
#ifndef CAISSON_TESTS_BENCH_MOUNT_LIST_H_
#define CAISSON_TESTS_BENCH_MOUNT_LIST_H_

#include <string>

#include "absl/status/statusor.h"

#include "caisson/v1/container_service.pb.h"

namespace caisson::bench {

// Keeps what the floor repeats (the root overlay, every file system mount,
// device node and link) and leaves out what is safety: masks, read-only
// remounts, capabilities, filters. An unknown kind of mount is an error, so
// that a new step cannot silently make the floor cheaper than the plan.
absl::StatusOr<std::string> MountListOf(const v1::Plan& plan);

}  // namespace caisson::bench

#endif  // CAISSON_TESTS_BENCH_MOUNT_LIST_H_
