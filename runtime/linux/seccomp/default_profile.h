// The profile "default/1": what programs need, and nothing that only serves to
// administer a kernel.
//
// Process: daemon. Thread: any; pure.
#ifndef CAISSON_RUNTIME_LINUX_SECCOMP_DEFAULT_PROFILE_H_
#define CAISSON_RUNTIME_LINUX_SECCOMP_DEFAULT_PROFILE_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "absl/status/statusor.h"

#include "runtime/linux/seccomp/profile.h"

namespace caisson::linux_ {

// Calls that everybody may make, whatever the arguments.
std::span<const std::string_view> DefaultAllowedCalls();

// Calls that are allowed with a capability (its number) in the bounding set.
struct CapabilityCalls {
  int capability;
  std::span<const std::string_view> names;
};
std::span<const CapabilityCalls> DefaultCapabilityCalls();

// The bits of a bounding set that change the profile.
uint64_t DefaultProfileCapabilities();

// UNIMPLEMENTED on a machine that has no list.
absl::StatusOr<SeccompProfile> DefaultProfile(uint64_t capabilities);

}  // namespace caisson::linux_

#endif  // CAISSON_RUNTIME_LINUX_SECCOMP_DEFAULT_PROFILE_H_
