// Profiles in the form of the OCI runtime spec ("linux.seccomp").
//
// Process: daemon. Thread: any; pure. The text comes from clients.
#ifndef CAISSON_RUNTIME_LINUX_SECCOMP_OCI_PROFILE_H_
#define CAISSON_RUNTIME_LINUX_SECCOMP_OCI_PROFILE_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

#include "runtime/linux/seccomp/profile.h"

namespace caisson::linux_ {

// For this machine only: calls of other architectures that the profile lists
// get its default action. A rule without tests decides about its calls alone;
// otherwise the first that matches does. Calls that do not exist here are
// skipped. `flags` gets SECCOMP_FILTER_FLAG_*. INVALID_ARGUMENT with the place
// of the problem; SCMP_ACT_NOTIFY is one, nobody would listen.
absl::StatusOr<SeccompProfile> ParseOciProfile(std::string_view json,
                                               uint32_t* flags);

}  // namespace caisson::linux_

#endif  // CAISSON_RUNTIME_LINUX_SECCOMP_OCI_PROFILE_H_
