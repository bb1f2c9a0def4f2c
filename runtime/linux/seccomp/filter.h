// Seccomp filters: from a profile to the program that the kernel runs. Our own
// code generator: system calls with the same answer become ranges in a binary
// tree, so that a call costs a handful of instructions.
//
// Process: daemon (builder of plans only: the names of system calls come from
// libseccomp). Thread: any; pure.
#ifndef CAISSON_RUNTIME_LINUX_SECCOMP_FILTER_H_
#define CAISSON_RUNTIME_LINUX_SECCOMP_FILTER_H_

#include <linux/filter.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace caisson::linux_ {

struct SeccompFilter {
  std::vector<sock_filter> program;
  uint32_t flags = 0;                      // SECCOMP_FILTER_FLAG_*
  std::vector<std::string> unknown_names;  // of the profile, skipped

  // The program as the bytes that seccomp(2) takes.
  std::string Bytes() const;
};
using SeccompFilterPtr = std::shared_ptr<const SeccompFilter>;

// The profile "default/1" for this machine. `capabilities` is the bounding set
// (bit n is capability n): some calls are allowed only with the capability
// that they need. Compiled once per set that differs in what it allows.
absl::StatusOr<SeccompFilterPtr> DefaultSeccompFilter(uint64_t capabilities);

// A profile in the form of the OCI runtime spec ("linux.seccomp"), for this
// machine. INVALID_ARGUMENT with the place of the problem.
absl::StatusOr<SeccompFilterPtr> OciSeccompFilter(std::string_view json);

}  // namespace caisson::linux_

#endif  // CAISSON_RUNTIME_LINUX_SECCOMP_FILTER_H_
