// Ops that reduce what the process may do. Their order is the builder's and
// must not change:
//   bounding set    needs CAP_SETPCAP, so while we still have it
//   ids             kept capabilities survive (PR_SET_KEEPCAPS)
//   capabilities    after the ids: a change of uid clears the effective set
//   death signal    a change of ids cleared it
//   no_new_privs    lets the filter be loaded without CAP_SYS_ADMIN
//   seccomp         last, so that the filter need not allow all of the above;
//                   without no_new_privs it must come first, while
//                   CAP_SYS_ADMIN is still there
#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/init/context.h"
#include "runtime/init/syscalls.h"
#include "runtime/plan/ops.h"

namespace caisson::init {

using plan::Op;

namespace {

int WriteCapabilities(uint64_t permitted, uint64_t effective,
                      uint64_t inheritable) noexcept {
  __user_cap_header_struct header = {};
  header.version = _LINUX_CAPABILITY_VERSION_3;
  __user_cap_data_struct data[2] = {};
  for (int i = 0; i < 2; ++i) {
    data[i].permitted = static_cast<uint32_t>(permitted >> (32 * i));
    data[i].effective = static_cast<uint32_t>(effective >> (32 * i));
    data[i].inheritable = static_cast<uint32_t>(inheritable >> (32 * i));
  }
  return ErrnoIf(::syscall(SYS_capset, &header, data) != 0);
}

// Inherited ambient capabilities survive execve of anybody: start from none.
int WriteAmbient(uint64_t ambient) noexcept {
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) {
    return errno;
  }
  for (int cap = 0; cap < 64; ++cap) {
    if ((ambient >> cap & 1) != 0 &&
        ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) != 0) {
      return errno;
    }
  }
  return 0;
}

}  // namespace

// The parent may have died before prctl: then nobody sends the signal, but the
// pipe that only it wrote to has hung up.
int ArmDeathSignal(const ChildFds& fds, int signal) noexcept {
  if (::prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0) != 0) return errno;
  pollfd hang_up = {fds.sync_fd, 0, 0};
  if (::poll(&hang_up, 1, 0) < 0) return errno;
  return (hang_up.revents & POLLHUP) != 0 ? ECANCELED : 0;
}

// Keys of the host's session must not be readable inside.
int SessionKeyring(Context&, const Op&) noexcept {
  const long key =  // NOLINT(google-runtime-int): syscall(2)
      ::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr);
  // A kernel without keyrings has none to leak.
  return key >= 0 || errno == ENOSYS ? 0 : errno;
}

int SetRlimit(Context&, const Op& op) noexcept {
  const rlimit limit = {op.b, op.c};
  return ErrnoIf(::setrlimit(static_cast<__rlimit_resource_t>(op.a), &limit) !=
                 0);
}

int SetUmask(Context&, const Op& op) noexcept {
  ::umask(static_cast<mode_t>(op.a));
  return 0;
}

int LimitBounding(Context&, const Op& op) noexcept {
  for (int cap = 0; cap < 64; ++cap) {
    if ((op.a >> cap & 1) != 0) continue;
    if (::prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0) continue;
    // EINVAL: beyond the last capability that this kernel knows.
    return errno == EINVAL ? 0 : errno;
  }
  return 0;
}

// Raw calls: glibc's wrappers would signal threads that do not exist here.
// The list always contains the primary group, so that a rule which denies by
// group cannot be dodged (CVE-2022-2989).
int SetIds(Context& context, const Op&) noexcept {
  const Identity& who = context.identity;
  if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 ||
      ::syscall(SYS_setgroups, who.group_count, who.groups) != 0 ||
      ::syscall(SYS_setresgid, who.gid, who.gid, who.gid) != 0 ||
      ::syscall(SYS_setresuid, who.uid, who.uid, who.uid) != 0) {
    return errno;
  }
  // A change of ids may have made us dumpable again.
  return ErrnoIf(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0);
}

int SetCapabilities(Context& context, const Op& op) noexcept {
  uint64_t permitted = op.a;
  uint64_t effective = op.b;
  if ((op.flags & plan::kOpRootOnly) != 0 && context.identity.uid != 0) {
    // Only what is ambient outlives the execve of another user anyway.
    permitted = op.d;
    effective = op.d;
  }
  const int err = WriteCapabilities(permitted, effective, op.c | op.d);
  return err != 0 ? err : WriteAmbient(op.d);
}

int DeathSignal(Context& context, const Op& op) noexcept {
  return ArmDeathSignal(context.fds, static_cast<int>(op.a));
}

int NoNewPrivileges(Context&, const Op&) noexcept {
  return ErrnoIf(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0);
}

int SeccompFilter(Context& context, const Op& op) noexcept {
  sock_fprog program = {};
  program.len = static_cast<uint16_t>(op.s1.size / sizeof(sock_filter));
  // The kernel only reads it; the type has no const.
  program.filter = const_cast<sock_filter*>(  // NOLINT
      reinterpret_cast<const sock_filter*>(context.Str(op.s1)));
  return ErrnoIf(
      ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, op.a, &program) != 0);
}

}  // namespace caisson::init
