// What the programs that measure do around it: flags that are wrong, and the
// report.
#ifndef CAISSON_TESTS_BENCH_PROGRAM_H_
#define CAISSON_TESTS_BENCH_PROGRAM_H_

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

#include "tests/bench/report.h"

namespace caisson::bench {

// The exit status of `body`, or 1 and a message for what it throws: CLI11 does,
// for a table of flags that is wrong. `program` begins the message.
int RunProgram(const char* program, absl::FunctionRef<int()> body);

// Prints the tables, and writes JSON to `json` unless that is empty. Returns
// the exit status: 1, with a message, when `measured` is an error.
int Finish(const char* program, const absl::Status& measured,
           const Report& report, const std::string& baseline,
           const std::string& json);

}  // namespace caisson::bench

#endif  // CAISSON_TESTS_BENCH_PROGRAM_H_
