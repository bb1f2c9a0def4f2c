// Where tests run: the programs beside them, the host, and how slow it is.
//
// Test binaries are relocatable: every program is looked for in
// CAISSON_BIN_DIR, beside the test, and in ../bin.
#ifndef CAISSON_TESTS_TESTING_ENVIRONMENT_H_
#define CAISSON_TESTS_TESTING_ENVIRONMENT_H_

#include <functional>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace caisson::testing {

// The value of an environment variable, or `otherwise`.
std::string EnvironmentOr(const char* name, std::string_view otherwise);

// The absolute path of a program of this tree ("caissond"). Empty when it is
// nowhere.
std::string ProgramPath(std::string_view name);

// CAISSON_TEST_TIMEOUT_SCALE, at least 1; emulated machines set it.
double TimeoutScale();
// A timeout for this machine.
absl::Duration Scaled(absl::Duration timeout);
// How often a repeated test runs on this machine: `count` divided by the
// scale, at least `least`.
int ScaledCount(int count, int least);

// Whether cgroup v2 has the controllers.
bool HasCgroupV2Limits();

// Asks until it is true or the (scaled) time is over; the last answer.
bool PollUntil(absl::Duration timeout, const std::function<bool()>& condition);

// The whole file, empty when it cannot be read.
std::string ReadFileOrEmpty(const std::string& path);
// Creates or replaces a file; ends the test program when that fails.
void WriteFileOrDie(const std::string& path, std::string_view text);

}  // namespace caisson::testing

#endif  // CAISSON_TESTS_TESTING_ENVIRONMENT_H_
