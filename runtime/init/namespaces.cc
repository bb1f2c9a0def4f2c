// Ops on namespaces, and on what a fresh one needs: names, loopback, cgroup.
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include "runtime/init/context.h"
#include "runtime/init/syscalls.h"
#include "runtime/plan/ops.h"

namespace caisson::init {

using plan::Op;

namespace {

// Is `needle` in the text of /proc/<pid>/cgroup? 0, ESRCH when not.
int CheckMembership(uint64_t pid, const char* needle) noexcept {
  char path[64];
  if (!FormatPath(path, sizeof(path), "/proc/", pid, "/cgroup")) return EINVAL;
  const ScopedFd fd(::open(path, O_RDONLY | O_CLOEXEC));
  if (!fd.ok()) return errno;
  char text[8192];
  size_t used = 0;
  while (used + 1 < sizeof(text)) {
    const ssize_t n = ::read(fd.get(), text + used, sizeof(text) - 1 - used);
    if (n < 0) return errno;
    if (n == 0) break;
    used += static_cast<size_t>(n);
  }
  text[used] = '\0';
  return strstr(text, needle) != nullptr ? 0 : ESRCH;
}

}  // namespace

// A pid from a record may have been reused: the process must (still) be in a
// cgroup of the container it is taken for. Checked after the pidfd exists, so
// that both speak of the same process.
int OpenPidfd(Context& context, const Op& op) noexcept {
  const long fd =  // NOLINT(google-runtime-int): syscall(2)
      ::syscall(SYS_pidfd_open, static_cast<pid_t>(op.a), 0);
  if (fd < 0) return errno;
  context.slots[op.out] = static_cast<int>(fd);
  return op.s1.size == 0 ? 0 : CheckMembership(op.a, context.Str(op.s1));
}

int WriteProcessFile(Context& context, const Op& op) noexcept {
  char path[128];
  char suffix[64] = "/";
  const int pid = context.Get(op.in);
  if (pid <= 0 || op.s1.size + 2 > sizeof(suffix)) return EINVAL;
  memcpy(suffix + 1, context.Str(op.s1), op.s1.size + 1);
  if (!FormatPath(path, sizeof(path), "/proc/", static_cast<uint64_t>(pid),
                  suffix)) {
    return ENAMETOOLONG;
  }
  const ScopedFd fd(::open(path, O_WRONLY | O_CLOEXEC));
  if (!fd.ok()) return errno;
  return WriteOnce(fd.get(), context.Str(op.s2), op.s2.size);
}

// "0" moves the writer, and one thread only: no wait for RCU, unlike a pid
// written to cgroup.procs. The kernel checks the opener's rights.
int JoinCgroup(Context& context, const Op& op) noexcept {
  return WriteOnce(context.Get(op.in), "0", 1);
}

int SetNamespaces(Context& context, const Op& op) noexcept {
  if (context.Get(op.in) < 0 && (op.flags & plan::kOpSkipMissing) != 0) {
    return 0;
  }
  return ErrnoIf(::setns(context.Get(op.in), static_cast<int>(op.a)) != 0);
}

int Unshare(Context&, const Op& op) noexcept {
  return ErrnoIf(::unshare(static_cast<int>(op.a)) != 0);
}

int AwaitBarrier(const ChildFds& fds, plan::Barrier barrier) noexcept {
  uint8_t value = 0;
  ssize_t n;
  do {
    n = ::read(fds.sync_fd, &value, 1);
  } while (n < 0 && errno == EINTR);
  if (n < 0) return errno;
  if (n == 0) return ECANCELED;  // the shim is gone
  return value == barrier ? 0 : EPROTO;
}

int WaitBarrier(Context& context, const Op& op) noexcept {
  return AwaitBarrier(context.fds, static_cast<plan::Barrier>(op.a));
}

int SetHostname(Context& context, const Op& op) noexcept {
  return ErrnoIf(::sethostname(context.Str(op.s1), op.s1.size) != 0);
}

int SetDomainname(Context& context, const Op& op) noexcept {
  return ErrnoIf(::setdomainname(context.Str(op.s1), op.s1.size) != 0);
}

// An ioctl instead of netlink: two calls, and nothing to parse.
int LoopbackUp(Context&, const Op&) noexcept {
  const ScopedFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.ok()) return errno;
  ifreq request = {};
  memcpy(request.ifr_name, "lo", 3);
  request.ifr_flags = IFF_UP;
  return ErrnoIf(::ioctl(fd.get(), SIOCSIFFLAGS, &request) != 0);
}

}  // namespace caisson::init
