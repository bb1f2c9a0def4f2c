// Kernel parameters that belong to a namespace, and so may be set for a
// container.
//
// Process: daemon. Thread: any; pure.
#ifndef CAISSON_RUNTIME_SPEC_SYSCTL_H_
#define CAISSON_RUNTIME_SPEC_SYSCTL_H_

#include <string_view>

namespace caisson::spec {

enum class SysctlScope {
  kHost,  // everybody's, or unknown: never allowed
  kIpc,
  kNetwork,
};

// Of a name with dots, as "net.core.somaxconn". Names with slashes, ".." or
// empty parts are kHost.
SysctlScope SysctlScopeOf(std::string_view name);

// 1..256 of [0-9A-Za-z .:/_-] and tab.
bool IsSysctlValue(std::string_view value);

}  // namespace caisson::spec

#endif  // CAISSON_RUNTIME_SPEC_SYSCTL_H_
