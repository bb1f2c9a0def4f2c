// Memory of the processes under measurement, from /proc (proc(5)).
//
// Process: the benchmark driver. Thread: any.
#ifndef CAISSON_TESTS_BENCH_MEMORY_H_
#define CAISSON_TESTS_BENCH_MEMORY_H_

#include <sys/types.h>

namespace caisson::bench {

// VmRSS in KiB; 0 when the process is gone.
double RssKib(pid_t pid);

// Mean proportional set size, in KiB, of the shims that belong to the keeper
// of this daemon: the children of the caisson-shim process that lives in the
// same network namespace as the daemon. 0 when there is none.
double MeanShimPssKib(pid_t daemon_pid);

}  // namespace caisson::bench

#endif  // CAISSON_TESTS_BENCH_MEMORY_H_
