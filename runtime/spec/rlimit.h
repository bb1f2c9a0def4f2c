// Names and numbers of resource limits.
//
// Process: daemon. Thread: any; pure.
#ifndef CAISSON_RUNTIME_SPEC_RLIMIT_H_
#define CAISSON_RUNTIME_SPEC_RLIMIT_H_

#include <optional>
#include <string_view>

namespace caisson::spec {

// RLIMIT_* for "NOFILE" or "RLIMIT_NOFILE", in either case.
std::optional<int> ParseRlimit(std::string_view text);

// "NOFILE"; empty for a number that is none.
std::string_view RlimitName(int resource);

}  // namespace caisson::spec

#endif  // CAISSON_RUNTIME_SPEC_RLIMIT_H_
