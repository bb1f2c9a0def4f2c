// Ops on the terminal and on file descriptors 0 to 2.
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "runtime/init/context.h"
#include "runtime/init/syscalls.h"
#include "runtime/plan/header.h"
#include "runtime/plan/ops.h"

namespace caisson::init {

using plan::Op;

namespace {

// The container's null device as standard input. Its root may have put
// something else at that name since: a fifo must not block us, and nothing but
// the null device will do.
int OpenNullInput(const Context& context) noexcept {
  const int dev_fd = context.slots[plan::kSlotDev];
  const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC;
  const int fd = dev_fd >= 0 ? ::openat(dev_fd, "null", flags)
                             : ::open("/dev/null", flags);
  if (fd < 0) return -1;
  struct stat info;
  if (::fstat(fd, &info) != 0 || !S_ISCHR(info.st_mode) ||
      info.st_rdev != ::makedev(1, 3)) {
    ::close(fd);
    errno = ENODEV;
    return -1;
  }
  return fd;
}

// Programs open /dev/stdout again by name: a pipe must belong to the user they
// run as. Best effort: a file system may refuse, and then reopening fails too.
void GiveToUser(const Context& context, int fd) noexcept {
  if (context.identity.uid == 0) return;
  if (::fchown(fd, context.identity.uid, static_cast<gid_t>(-1)) != 0) {
    errno = 0;
  }
}

int ConnectTerminal(const Context& context) noexcept {
  const int slave_fd = context.slots[plan::kSlotPtySlave];
  if (slave_fd < 3) return EBADF;
  if (::ioctl(slave_fd, TIOCSCTTY, 0) != 0) return errno;
  GiveToUser(context, slave_fd);
  for (int fd = 0; fd < 3; ++fd) {
    if (::dup2(slave_fd, fd) < 0) return errno;
  }
  return 0;
}

int ConnectPipes(const Context& context) noexcept {
  static_assert(plan::kSlotStdin == 0 && plan::kSlotStderr == 2);
  for (int fd = 0; fd < 3; ++fd) {
    const int pipe_fd = context.slots[fd];
    if (fd == 0 && pipe_fd < 0) {
      const ScopedFd null(OpenNullInput(context));
      if (!null.ok()) return errno;
      if (::dup2(null.get(), 0) < 0 || ::fcntl(0, F_SETFL, O_RDONLY) != 0) {
        return errno;
      }
      continue;
    }
    // Below 3 the one would overwrite the other.
    if (pipe_fd < 3) return EBADF;
    GiveToUser(context, pipe_fd);
    if (::dup2(pipe_fd, fd) < 0) return errno;
  }
  return 0;
}

}  // namespace

// In the container's own devpts instance: the program's terminal has a name
// there, and no other terminal of the host exists in it.
int OpenPty(Context& context, const Op& op) noexcept {
  const int master_fd = ::openat(context.Get(op.in), "ptmx",
                                 O_RDWR | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
  if (master_fd < 0) return errno;
  context.slots[plan::kSlotPtyMaster] = master_fd;
  const int unlock = 0;
  if (::ioctl(master_fd, TIOCSPTLCK, &unlock) != 0) return errno;
  // By the master's fd and not by name: nothing can be put in between.
  const int slave_fd =
      ::ioctl(master_fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (slave_fd < 0) return errno;
  context.slots[plan::kSlotPtySlave] = slave_fd;
  if ((op.c != 0 || op.d != 0) && ::fchown(slave_fd, static_cast<uid_t>(op.c),
                                           static_cast<gid_t>(op.d)) != 0) {
    return errno;
  }
  winsize size = {};
  size.ws_row = context.plan.header->policy.rows;
  size.ws_col = context.plan.header->policy.cols;
  return ErrnoIf(::ioctl(slave_fd, TIOCSWINSZ, &size) != 0);
}

// A session of its own, always: without it the program would keep the
// controlling terminal of whoever started the shim and could type into it
// (TIOCSTI).
int ConnectStdio(Context& context, const Op& op) noexcept {
  if (::setsid() < 0) return errno;
  return (op.flags & plan::kOpTty) != 0 ? ConnectTerminal(context)
                                        : ConnectPipes(context);
}

}  // namespace caisson::init
