// User namespaces: one that only carries an id map for idmapped mounts, the
// switch to the inner root, and one that only owns a mount namespace.
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/init/context.h"
#include "runtime/init/syscalls.h"
#include "runtime/plan/ops.h"

namespace caisson::init {

using plan::Op;

namespace {

int WriteMap(pid_t pid, const char* name, const char* bytes,
             size_t size) noexcept {
  char path[64];
  if (!FormatPath(path, sizeof(path), "/proc/", static_cast<uint64_t>(pid),
                  name)) {
    return ENAMETOOLONG;
  }
  const ScopedFd fd(::open(path, O_WRONLY | O_CLOEXEC));
  if (!fd.ok()) return errno;
  return WriteOnce(fd.get(), bytes, size);
}

int MapAndOpen(Context& context, const Op& op, pid_t pid) noexcept {
  int err = WriteMap(pid, "/uid_map", context.Str(op.s1), op.s1.size);
  if (err == 0) {
    err = WriteMap(pid, "/gid_map", context.Str(op.s2), op.s2.size);
  }
  if (err != 0) return err;
  char path[64];
  if (!FormatPath(path, sizeof(path), "/proc/", static_cast<uint64_t>(pid),
                  "/ns/user")) {
    return ENAMETOOLONG;
  }
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  context.slots[op.out] = fd;
  return 0;
}

// Runs beside the child, with the same table of fds: puts its own mount
// namespace where `fd` is and is gone. Its exit code is the errno.
[[noreturn]] void HandOverMountNamespace(int fd) noexcept {
  const int own = ::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
  if (own < 0) ::_exit(errno);
  const int err = ErrnoIf(::dup3(own, fd, O_CLOEXEC) < 0);
  ::close(own);
  ::_exit(err);
}

}  // namespace

// mount_setattr takes its id map from a user namespace, and before clone there
// is none: a process that only waits holds one open for a moment. Exit signal
// 0: the shim's own SIGCHLD handling never hears of it.
int OpenUserNamespace(Context& context, const Op& op) noexcept {
  clone_args args = {};
  args.flags = CLONE_NEWUSER;
  const auto pid =
      static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof(args)));
  if (pid < 0) return errno;
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    for (;;) ::pause();
  }
  const int err = MapAndOpen(context, op, pid);
  ::kill(pid, SIGKILL);
  while (::waitpid(pid, nullptr, __WALL) < 0 && errno == EINTR) {
  }
  return err;
}

// Until here the child is the host's root, which the new namespace does not
// map: what it makes in the container would have no owner (EOVERFLOW).
int BecomeRoot(Context& context, const Op&) noexcept {
  if (::syscall(SYS_setgroups, 0, nullptr) != 0 ||
      ::syscall(SYS_setresgid, 0, 0, 0) != 0 ||
      ::syscall(SYS_setresuid, 0, 0, 0) != 0) {
    return errno;
  }
  // A change of ids makes the process dumpable for its new owner's peers and
  // forgets the death signal (CVE-2016-9962 is what a dumpable init allows).
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return errno;
  return ArmDeathSignal(context.fds, SIGKILL);
}

// A copy of our mount namespace that a new user namespace below ours owns. We
// have every capability over what lies below us (user_namespaces(7)), so we may
// enter and mount there; why we want to is said in plan/build_mount_lock.cc.
// The maker hands its namespace over by fd: opening it from here, through the
// maker's procfs, is refused, because the maker is no more dumpable than we.
int StageMounts(Context& context, const Op&) noexcept {
  const ScopedFd stage(::fcntl(context.fds.sync_fd, F_DUPFD_CLOEXEC, 3));
  if (!stage.ok()) return errno;
  clone_args args = {};
  args.flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_FILES;
  const auto pid =
      static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof(args)));
  if (pid < 0) return errno;
  if (pid == 0) HandOverMountNamespace(stage.get());
  int status = 0;
  while (::waitpid(pid, &status, __WALL) < 0) {
    if (errno != EINTR) return errno;
  }
  if (!WIFEXITED(status)) return ECHILD;
  if (WEXITSTATUS(status) != 0) return WEXITSTATUS(status);
  return ErrnoIf(::setns(stage.get(), CLONE_NEWNS) != 0);
}

}  // namespace caisson::init
