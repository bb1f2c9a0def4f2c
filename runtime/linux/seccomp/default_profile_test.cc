#include "runtime/linux/seccomp/default_profile.h"

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/status_matchers.h"
#include "runtime/linux/seccomp/filter.h"
#include "runtime/linux/seccomp/simulator.h"

namespace caisson::linux_ {
namespace {

constexpr uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr uint32_t kPerm = SECCOMP_RET_ERRNO | EPERM;
constexpr uint32_t kNosys = SECCOMP_RET_ERRNO | ENOSYS;

uint64_t Bit(int capability) {
  return uint64_t{1} << capability;
}

class DefaultProfileTest : public testing::Test {
 protected:
  uint32_t AnswerNumber(uint64_t capabilities, int nr,
                        std::vector<uint64_t> args = {}) {
    absl::StatusOr<SeccompFilterPtr> filter =
        DefaultSeccompFilter(capabilities);
    EXPECT_THAT(filter, base::IsOk());
    seccomp_data data = {};
    data.nr = nr;
    data.arch = NativeAuditArch();
    for (size_t i = 0; i < args.size(); ++i) data.args[i] = args[i];
    const std::optional<Verdict> verdict = Simulate((*filter)->program, data);
    EXPECT_TRUE(verdict.has_value()) << nr;
    steps_ = verdict->steps;
    return verdict->action;
  }
  uint32_t Answer(const std::string& name, std::vector<uint64_t> args = {},
                  uint64_t capabilities = 0) {
    const int nr = SyscallNumber(name);
    EXPECT_GE(nr, 0) << name;
    return AnswerNumber(capabilities, nr, std::move(args));
  }

  int steps_ = 0;
};

TEST_F(DefaultProfileTest, AllowsWhatProgramsNeed) {
  for (const char* name :
       {"read", "write", "openat", "execve", "mmap", "futex", "ptrace",
        "clock_gettime", "epoll_wait", "getrandom", "prctl", "seccomp", "chown",
        "mknod", "setuid", "capset", "exit_group", "rseq"}) {
    EXPECT_EQ(Answer(name), kAllow) << name;
  }
}

TEST_F(DefaultProfileTest, DeniesWhatReachesTheHost) {
  for (const char* name : {"mount",
                           "umount2",
                           "pivot_root",
                           "open_tree",
                           "move_mount",
                           "fsopen",
                           "mount_setattr",
                           "unshare",
                           "setns",
                           "chroot",
                           "init_module",
                           "finit_module",
                           "kexec_load",
                           "reboot",
                           "swapon",
                           "bpf",
                           "perf_event_open",
                           "userfaultfd",
                           "keyctl",
                           "add_key",
                           "request_key",
                           "io_uring_setup",
                           "io_uring_enter",
                           "open_by_handle_at",
                           "iopl",
                           "clock_settime",
                           "settimeofday",
                           "syslog",
                           "acct",
                           "quotactl",
                           "memfd_secret",
                           "process_madvise",
                           "vhangup",
                           "sethostname"}) {
    EXPECT_EQ(Answer(name), kPerm) << name;
  }
}

TEST_F(DefaultProfileTest, ACapabilityAllowsTheCallsThatNeedIt) {
  const uint64_t admin = Bit(CAP_SYS_ADMIN);
  EXPECT_EQ(Answer("mount", {}, admin), kAllow);
  EXPECT_EQ(Answer("unshare", {}, admin), kAllow);
  EXPECT_EQ(Answer("clone", {CLONE_NEWUSER}, admin), kAllow);
  EXPECT_EQ(Answer("clone3", {}, admin), kAllow);
  EXPECT_EQ(Answer("chroot", {}, admin), kPerm);
  EXPECT_EQ(Answer("chroot", {}, Bit(CAP_SYS_CHROOT)), kAllow);
  EXPECT_EQ(Answer("reboot", {}, Bit(CAP_SYS_BOOT)), kAllow);
  for (const CapabilityCalls& calls : DefaultCapabilityCalls()) {
    for (const std::string_view name : calls.names) {
      if (SyscallNumber(std::string(name)) < 0) continue;
      EXPECT_EQ(Answer(std::string(name), {}, Bit(calls.capability)), kAllow)
          << name;
    }
  }
}

TEST_F(DefaultProfileTest, CloneMakesProcessesButNoNamespaces) {
  EXPECT_EQ(Answer("clone", {SIGCHLD}), kAllow);
  EXPECT_EQ(Answer("clone", {CLONE_VM | CLONE_THREAD | CLONE_SIGHAND}), kAllow);
  for (const uint64_t flag :
       {CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID,
        CLONE_NEWNET, CLONE_NEWCGROUP}) {
    EXPECT_EQ(Answer("clone", {flag | SIGCHLD}), kPerm) << flag;
  }
  EXPECT_EQ(Answer("clone3"), kNosys);
}

TEST_F(DefaultProfileTest, SocketsOfFewFamilies) {
  constexpr uint32_t kNoFamily = SECCOMP_RET_ERRNO | EAFNOSUPPORT;
  constexpr uint32_t kNoProtocol = SECCOMP_RET_ERRNO | EPROTONOSUPPORT;
  for (uint64_t family = 0; family <= AF_MAX; ++family) {
    const bool allowed = family == AF_UNIX || family == AF_INET ||
                         family == AF_INET6 || family == AF_NETLINK;
    EXPECT_EQ(Answer("socket", {family, SOCK_STREAM, 0}),
              allowed ? kAllow : kNoFamily)
        << family;
  }
  // The kernel takes 32 bits: the rest must not get past the test.
  EXPECT_EQ(Answer("socket", {0x100000000 | AF_ALG, 0, 0}), kNoFamily);
  EXPECT_EQ(Answer("socket", {0x100000000 | AF_INET, 0, 0}), kAllow);
  constexpr uint64_t kAudit = 9;
  EXPECT_EQ(Answer("socket", {AF_NETLINK, 0, kAudit}), kNoProtocol);
  EXPECT_EQ(Answer("socket", {AF_NETLINK, 0, kAudit}, Bit(CAP_NET_ADMIN)),
            kAllow);
  EXPECT_EQ(Answer("socket", {AF_PACKET, 0, 0}, Bit(CAP_NET_RAW)), kAllow);
}

TEST_F(DefaultProfileTest, NobodyTypesIntoTheTerminal) {
  for (const uint64_t request : {TIOCSTI, TIOCLINUX, TIOCSETD}) {
    EXPECT_EQ(Answer("ioctl", {0, request}), kPerm);
    // The attack of CVE-2019-10063: the kernel drops the upper half.
    EXPECT_EQ(Answer("ioctl", {0, request | 0x100000000}), kPerm);
  }
  EXPECT_EQ(Answer("ioctl", {0, TCGETS}), kAllow);
  EXPECT_EQ(Answer("ioctl", {0, TIOCGWINSZ}), kAllow);
}

TEST_F(DefaultProfileTest, HarmlessPersonalitiesOnly) {
  for (const uint64_t value : {0ul, 8ul, 0x20000ul, 0x20008ul, 0xfffffffful}) {
    EXPECT_EQ(Answer("personality", {value}), kAllow) << value;
  }
  constexpr uint64_t kAddrNoRandomize = 0x0040000;
  EXPECT_EQ(Answer("personality", {kAddrNoRandomize}), kPerm);
}

TEST_F(DefaultProfileTest, AnotherArchitectureKillsTheProcess) {
  absl::StatusOr<SeccompFilterPtr> filter = DefaultSeccompFilter(0);
  CAISSON_ASSERT_OK(filter);
  seccomp_data data = {};
  data.arch = AUDIT_ARCH_I386;
  EXPECT_EQ(Simulate((*filter)->program, data)->action,
            SECCOMP_RET_KILL_PROCESS);
}

TEST_F(DefaultProfileTest, EveryNumberHasItsAnswerInFewSteps) {
  CAISSON_ASSERT_OK_AND_ASSIGN(const SeccompProfile profile, DefaultProfile(0));
  const int newest = static_cast<int>(profile.rules.rbegin()->first);
  for (int nr = 0; nr < 1024; ++nr) {
    const auto rules = profile.rules.find(static_cast<uint32_t>(nr));
    const uint32_t answer = AnswerNumber(0, nr);
    EXPECT_LE(steps_, 64) << nr;
    if (rules == profile.rules.end()) {
      EXPECT_EQ(answer, nr > newest ? kNosys : kPerm) << nr;
      EXPECT_LE(steps_, 16) << nr;
    } else if (rules->second.front().tests.empty()) {
      EXPECT_EQ(answer, rules->second.front().action) << nr;
      EXPECT_LE(steps_, 16) << nr;
    }
  }
  EXPECT_EQ(AnswerNumber(0, 0x40000000), kNosys);
}

TEST_F(DefaultProfileTest, OnlyNewNamesAreUnknown) {
  CAISSON_ASSERT_OK_AND_ASSIGN(const SeccompProfile profile,
                               DefaultProfile(~uint64_t{0}));
  // Calls that kernels learnt after this libseccomp; each is ENOSYS then.
  const std::vector<std::string> newer = {
      "cachestat",  "fchmodat2",        "futex_requeue", "futex_wait",
      "futex_wake", "getxattrat",       "listmount",     "listxattrat",
      "mseal",      "map_shadow_stack", "removexattrat", "setxattrat",
      "statmount",  "uretprobe"};
#if defined(__x86_64__)
  for (const std::string& name : profile.unknown_names) {
    EXPECT_THAT(newer, testing::Contains(name));
  }
#endif
}

TEST_F(DefaultProfileTest, IsCompiledOncePerSetThatDiffers) {
  CAISSON_ASSERT_OK_AND_ASSIGN(const SeccompFilterPtr first,
                               DefaultSeccompFilter(Bit(CAP_CHOWN)));
  CAISSON_ASSERT_OK_AND_ASSIGN(const SeccompFilterPtr same,
                               DefaultSeccompFilter(Bit(CAP_KILL)));
  CAISSON_ASSERT_OK_AND_ASSIGN(const SeccompFilterPtr other,
                               DefaultSeccompFilter(Bit(CAP_SYS_ADMIN)));
  EXPECT_EQ(first, same);
  EXPECT_NE(first, other);
  EXPECT_EQ(first->Bytes().size(), first->program.size() * sizeof(sock_filter));
}

TEST_F(DefaultProfileTest, IsShort) {
  CAISSON_ASSERT_OK_AND_ASSIGN(const SeccompFilterPtr filter,
                               DefaultSeccompFilter(0));
  // Loading time grows with the length: about 0.06 ms for 200 instructions.
  EXPECT_LT(filter->program.size(), 256u);
}

}  // namespace
}  // namespace caisson::linux_
