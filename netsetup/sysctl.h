// Sysctls of the network namespace that the calling thread is in. For another
// namespace see RunInNetns.
//
// Process: daemon. Thread: any. /proc/sys/net follows the calling thread.
#ifndef CAISSON_NETSETUP_SYSCTL_H_
#define CAISSON_NETSETUP_SYSCTL_H_

#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

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
// In their order, until one fails. With a thousand namespaces much cheaper than
// one by one: to find the net/ipv6 of one, the kernel goes through those of
// all.
absl::Status WriteSysctls(std::span<const Sysctl> sysctls);
// Without the line feed at its end.
absl::StatusOr<std::string> ReadSysctl(std::string_view key);

}  // namespace caisson::netsetup

#endif  // CAISSON_NETSETUP_SYSCTL_H_
