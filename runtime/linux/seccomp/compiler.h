// From a profile to the classic BPF program that the kernel runs for every
// system call. Pure.
//
// Process: daemon. Thread: any.
#ifndef CAISSON_RUNTIME_LINUX_SECCOMP_COMPILER_H_
#define CAISSON_RUNTIME_LINUX_SECCOMP_COMPILER_H_

#include <linux/filter.h>

#include <vector>

#include "absl/status/statusor.h"

#include "runtime/linux/seccomp/profile.h"

namespace caisson::linux_ {

// INVALID_ARGUMENT when the program would be longer than the kernel takes
// (4096 instructions) or a test names an argument that does not exist.
//
//   load arch; other -> bad_arch_action
//   load nr; binary tree of ranges with the same answer
//     leaf: return, or the argument tests of one call
absl::StatusOr<std::vector<sock_filter>> CompileProfile(
    const SeccompProfile& profile);

}  // namespace caisson::linux_

#endif  // CAISSON_RUNTIME_LINUX_SECCOMP_COMPILER_H_
