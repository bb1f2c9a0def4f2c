// Sysctls of the network namespace that the calling thread is in. For another
// namespace see RunInNetns.
//
// Process: daemon. Thread: any; a SysctlWriter one at a time. /proc/sys/net
// follows the calling thread.
#ifndef CAISSON_NETSETUP_SYSCTL_H_
#define CAISSON_NETSETUP_SYSCTL_H_

#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "runtime/base/unique_fd.h"

namespace caisson::netsetup {

struct Sysctl {
  // With slashes, below /proc/sys: "net/ipv4/conf/eth0.5/forwarding". Names of
  // links may have dots, so dots separate nothing.
  std::string key;
  std::string value;

  bool operator==(const Sysctl&) const = default;
};

// The path of a key. INVALID_ARGUMENT for one that is not below net/ or that
// climbs.
absl::StatusOr<std::string> SysctlPath(std::string_view key);

// ENOENT for what this kernel does not have.
absl::Status WriteSysctl(const Sysctl& sysctl);
// In their order, until one fails.
absl::Status WriteSysctls(std::span<const Sysctl> sysctls);
// Without the line feed at its end.
absl::StatusOr<std::string> ReadSysctl(std::string_view key);

// A procfs has one directory entry for the net/ipv4 of each namespace, and the
// kernel goes through all that were ever asked for to find one: after a
// thousand, whoever asked for them, that takes longer than all else of an
// attachment. What follows has a procfs of its own, which is mounted nowhere.

// ReadSysctl and WriteSysctl for threads that are in the namespace in which the
// process began: for what every attachment asks there.
absl::StatusOr<std::string> ReadHostSysctl(std::string_view key);
absl::Status WriteHostSysctl(const Sysctl& sysctl);

// WriteSysctls for many namespaces, one after the other: with a fresh procfs
// now and then.
class SysctlWriter {
 public:
  absl::Status Write(std::span<const Sysctl> sysctls);

 private:
  absl::Status Renew();

  base::UniqueFd net_;  // its sys/net
  int uses_left_ = 0;
};

}  // namespace caisson::netsetup

#endif  // CAISSON_NETSETUP_SYSCTL_H_
