#include "runtime/linux/seccomp/default_profile.h"

#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace caisson::linux_ {
namespace {

constexpr uint32_t kAllow = SECCOMP_RET_ALLOW;
// The kernel reads these arguments as 32-bit numbers: the upper half must not
// get anything past the test.
constexpr uint64_t kLowHalf = 0xffffffff;

constexpr uint32_t Errno(int err) {
  return SECCOMP_RET_ERRNO | (static_cast<uint32_t>(err) & SECCOMP_RET_DATA);
}

ArgTest LowHalfIs(unsigned index, uint64_t value) {
  return {.index = index,
          .compare = Compare::kMaskedEqual,
          .value = value & kLowHalf,
          .mask = kLowHalf};
}

bool Has(uint64_t capabilities, int capability) {
  return (capabilities >> capability & 1) != 0;
}

void Add(std::string_view name, std::vector<ArgRule> rules,
         SeccompProfile* profile) {
  const int number = SyscallNumber(std::string(name));
  if (number < 0) {
    profile->unknown_names.emplace_back(name);
    return;
  }
  profile->rules[static_cast<uint32_t>(number)] = std::move(rules);
}

// New namespaces only for those who may make them. CLONE_NEWTIME is missing:
// its bit means something else to clone.
void AddClone(SeccompProfile* profile) {
  constexpr uint64_t kNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP |
                                   CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                                   CLONE_NEWPID | CLONE_NEWNET;
  Add("clone",
      {{{{.index = 0,
          .compare = Compare::kMaskedEqual,
          .value = 0,
          .mask = kNamespaces}},
        kAllow}},
      profile);
  // Its flags are behind a pointer. ENOSYS makes C libraries use clone.
  Add("clone3", {{{}, Errno(ENOSYS)}}, profile);
}

// Kinds of sockets that programs use; the others have long lists of kernel
// bugs. The answer is that of a kernel built without them.
void AddSocket(uint64_t capabilities, SeccompProfile* profile) {
  std::vector<ArgRule> rules;
  std::vector<int> families = {AF_UNIX, AF_INET, AF_INET6};
  if (Has(capabilities, CAP_NET_RAW)) families.push_back(AF_PACKET);
  for (const int family : families) {
    rules.push_back({{LowHalfIs(0, static_cast<uint64_t>(family))}, kAllow});
  }
  std::vector<ArgTest> netlink = {LowHalfIs(0, AF_NETLINK)};
  // Protocol 0 is NETLINK_ROUTE, which tells about interfaces and addresses.
  if (!Has(capabilities, CAP_NET_ADMIN)) netlink.push_back(LowHalfIs(2, 0));
  rules.push_back({std::move(netlink), kAllow});
  rules.push_back({{LowHalfIs(0, AF_NETLINK)}, Errno(EPROTONOSUPPORT)});
  rules.push_back({{}, Errno(EAFNOSUPPORT)});
  Add("socket", std::move(rules), profile);
}

// TIOCSTI and TIOCLINUX type into a terminal that others read; TIOCSETD loads
// line disciplines.
void AddIoctl(SeccompProfile* profile) {
  std::vector<ArgRule> rules;
  for (const uint64_t request : {TIOCSTI, TIOCLINUX, TIOCSETD}) {
    rules.push_back({{LowHalfIs(1, request)}, Errno(EPERM)});
  }
  rules.push_back({{}, kAllow});
  Add("ioctl", std::move(rules), profile);
}

// Linux, the 32-bit host name of uname, and the question which one it is.
void AddPersonality(SeccompProfile* profile) {
  constexpr uint64_t kLinux32 = PER_LINUX32;
  constexpr uint64_t kUname26 = UNAME26;
  constexpr auto kValues = std::to_array<uint64_t>(
      {PER_LINUX, kLinux32, kUname26, kLinux32 | kUname26, 0xffffffff});
  std::vector<ArgRule> rules;
  for (const uint64_t value : kValues) {
    rules.push_back({{LowHalfIs(0, value)}, kAllow});
  }
  Add("personality", std::move(rules), profile);
}

}  // namespace

uint64_t DefaultProfileCapabilities() {
  uint64_t mask = uint64_t{1} << CAP_NET_RAW | uint64_t{1} << CAP_NET_ADMIN;
  for (const CapabilityCalls& calls : DefaultCapabilityCalls()) {
    mask |= uint64_t{1} << calls.capability;
  }
  return mask;
}

absl::StatusOr<SeccompProfile> DefaultProfile(uint64_t capabilities) {
  SeccompProfile profile;
  profile.arch = NativeAuditArch();
  if (profile.arch == 0) {
    return absl::UnimplementedError("no seccomp profile for this machine");
  }
  profile.bad_arch_action = SECCOMP_RET_KILL_PROCESS;
  profile.default_action = Errno(EPERM);
  profile.newer_action = Errno(ENOSYS);
  for (const std::string_view name : DefaultAllowedCalls()) {
    Add(name, {{{}, kAllow}}, &profile);
  }
  AddClone(&profile);
  AddSocket(capabilities, &profile);
  AddIoctl(&profile);
  AddPersonality(&profile);
  for (const CapabilityCalls& calls : DefaultCapabilityCalls()) {
    if (!Has(capabilities, calls.capability)) continue;
    for (const std::string_view name : calls.names) {
      Add(name, {{{}, kAllow}}, &profile);
    }
  }
  return profile;
}

}  // namespace caisson::linux_
