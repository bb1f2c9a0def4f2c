#include "runtime/spec/sysctl.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace caisson::spec {
namespace {

constexpr size_t kMaxNameBytes = 256;
constexpr size_t kMaxValueBytes = 256;

// System V IPC; the rest of "kernel." is the host's. (Host name and domain name
// are fields of the spec.)
constexpr auto kIpcNames = std::to_array<std::string_view>(
    {"kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem",
     "kernel.shmall", "kernel.shmmax", "kernel.shmmni",
     "kernel.shm_rmid_forced"});

bool IsAlphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
         (c >= 'A' && c <= 'Z');
}

// Parts of [0-9A-Za-z_-] with single dots between them: nothing that could
// name another file once the dots have become slashes.
bool IsWellFormed(std::string_view name) {
  if (name.empty() || name.size() > kMaxNameBytes) return false;
  char previous = '.';
  for (const char c : name) {
    if (c == '.' && previous == '.') return false;
    if (c != '.' && c != '_' && c != '-' && !IsAlphanumeric(c)) return false;
    previous = c;
  }
  return previous != '.';
}

bool HasPrefix(std::string_view name, std::string_view prefix) {
  return name.substr(0, prefix.size()) == prefix;
}

}  // namespace

SysctlScope SysctlScopeOf(std::string_view name) {
  if (!IsWellFormed(name)) return SysctlScope::kHost;
  if (HasPrefix(name, "net.")) return SysctlScope::kNetwork;
  if (HasPrefix(name, "fs.mqueue.") ||
      std::find(kIpcNames.begin(), kIpcNames.end(), name) != kIpcNames.end()) {
    return SysctlScope::kIpc;
  }
  return SysctlScope::kHost;
}

bool IsSysctlValue(std::string_view value) {
  return !value.empty() && value.size() <= kMaxValueBytes &&
         std::all_of(value.begin(), value.end(), [](char c) {
           return IsAlphanumeric(c) || std::string_view(" \t.:/_-").find(c) !=
                                           std::string_view::npos;
         });
}

}  // namespace caisson::spec
