#include "runtime/spec/capability.h"

#include <array>

#include "absl/strings/ascii.h"

#include "runtime/base/str_cat.h"

namespace caisson::spec {
namespace {

constexpr std::string_view kPrefix = "CAP_";

// By number: <linux/capability.h>.
constexpr auto kNames = std::to_array<std::string_view>({
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
});
static_assert(kNames.size() == kLastKnownCapability + 1);

}  // namespace

std::optional<int> ParseCapability(std::string_view text) {
  const std::string upper = absl::AsciiStrToUpper(base::AbslView(text));
  std::string_view name = upper;
  if (name.substr(0, kPrefix.size()) == kPrefix) {
    name.remove_prefix(kPrefix.size());
  }
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<int>(i);
  }
  return std::nullopt;
}

std::string CapabilityName(int capability) {
  if (capability < 0 || capability > kLastKnownCapability) {
    return base::StrCat(kPrefix, capability);
  }
  return base::StrCat(kPrefix, kNames[static_cast<size_t>(capability)]);
}

uint64_t CapabilityMask(const std::vector<std::string>& names) {
  uint64_t mask = 0;
  for (const std::string& name : names) {
    if (const std::optional<int> bit = ParseCapability(name)) {
      mask |= uint64_t{1} << *bit;
    }
  }
  return mask;
}

std::vector<std::string> CapabilityNames(uint64_t mask) {
  std::vector<std::string> names;
  for (int bit = 0; bit < 64; ++bit) {
    if ((mask >> bit & 1) != 0) names.push_back(CapabilityName(bit));
  }
  return names;
}

}  // namespace caisson::spec
