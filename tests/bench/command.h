// Runs one command and times it as a whole process.
//
// Process: the benchmark driver. Thread: any.
#ifndef CAISSON_TESTS_BENCH_COMMAND_H_
#define CAISSON_TESTS_BENCH_COMMAND_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace caisson::bench {

// Spawns argv (PATH is searched), with standard input and output on /dev/null
// and standard error inherited, and waits. Returns the nanoseconds from before
// the spawn to after the wait. A status other than 0 is an INTERNAL error: a
// sample of a command that failed is no sample.
absl::StatusOr<int64_t> TimeCommand(const std::vector<std::string>& argv);

// With `input` on standard input and standard output returned, which is in the
// error of a command that failed too.
absl::StatusOr<std::string> RunCommand(const std::vector<std::string>& argv,
                                       const std::string& input);

}  // namespace caisson::bench

#endif  // CAISSON_TESTS_BENCH_COMMAND_H_
