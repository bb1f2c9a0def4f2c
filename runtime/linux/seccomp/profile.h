// A seccomp profile as plain data: what to answer to each system call.
//
// Process: daemon. Thread: any; plain values.
#ifndef CAISSON_RUNTIME_LINUX_SECCOMP_PROFILE_H_
#define CAISSON_RUNTIME_LINUX_SECCOMP_PROFILE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace caisson::linux_ {

enum class Compare {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kMaskedEqual,  // (argument & mask) == value
};

// One condition on an argument, as a 64-bit unsigned number.
struct ArgTest {
  unsigned index = 0;  // 0..5
  Compare compare = Compare::kEqual;
  uint64_t value = 0;
  uint64_t mask = 0;  // kMaskedEqual only
};

// `action` is a SECCOMP_RET_* with its data, as the filter returns it.
struct ArgRule {
  std::vector<ArgTest> tests;  // all must hold; none: always
  uint32_t action = 0;
};

struct SeccompProfile {
  uint32_t arch = 0;             // AUDIT_ARCH_*
  uint32_t bad_arch_action = 0;  // calls of any other architecture
  uint32_t default_action = 0;   // calls that are not in `rules`
  // Calls with a higher number than every one in `rules`: they are newer than
  // the profile, and a C library falls back only when it gets ENOSYS.
  uint32_t newer_action = 0;
  // By number; the first rule that matches answers, default_action if none.
  std::map<uint32_t, std::vector<ArgRule>> rules;
  std::vector<std::string> unknown_names;  // skipped
};

// AUDIT_ARCH_* of this build; 0 for a machine that is not supported.
uint32_t NativeAuditArch();

// The number of a system call on this machine, -1 when it has none or
// libseccomp does not know it.
int SyscallNumber(const std::string& name);

}  // namespace caisson::linux_

#endif  // CAISSON_RUNTIME_LINUX_SECCOMP_PROFILE_H_
