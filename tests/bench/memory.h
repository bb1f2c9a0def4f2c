// Memory and processor time of the processes under measurement, from /proc
// (proc(5)).
//
// Process: the benchmark driver. Thread: any.
#ifndef CAISSON_TESTS_BENCH_MEMORY_H_
#define CAISSON_TESTS_BENCH_MEMORY_H_

#include <sys/types.h>

#include "absl/status/statusor.h"

namespace caisson::bench {

// VmRSS in KiB; 0 when the process is gone.
double RssKib(pid_t pid);

// Mean proportional set size, in KiB, of the daemon's shims: of every
// caisson-shim in its network namespace. NOT_FOUND when there is none.
absl::StatusOr<double> MeanShimPssKib(pid_t daemon_pid);

// How many shims the daemon has now.
size_t CountShims(pid_t daemon_pid);

// User and system time that a process has used itself, in seconds.
double CpuSeconds(pid_t pid);

// The same of all shims that have ended, and of their containers: what the
// keeper of this daemon has waited for. NOT_FOUND when there is no keeper.
absl::StatusOr<double> EndedShimsCpuSeconds(pid_t daemon_pid);

}  // namespace caisson::bench

#endif  // CAISSON_TESTS_BENCH_MEMORY_H_
