#include "runtime/linux/seccomp/profile.h"

#include <linux/audit.h>

#include <seccomp.h>

namespace caisson::linux_ {

uint32_t NativeAuditArch() {
#if defined(__x86_64__)
  return AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
  return AUDIT_ARCH_AARCH64;
#else
  return 0;
#endif
}

int SyscallNumber(const std::string& name) {
  const int number = ::seccomp_syscall_resolve_name(name.c_str());
  // Below zero: unknown, or a name that only other machines have.
  return number < 0 ? -1 : number;
}

}  // namespace caisson::linux_
