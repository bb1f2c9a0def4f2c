// SpawnChild: the clone itself, with what must surround it.
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "runtime/init/context.h"
#include "runtime/init/run_plan.h"
#include "runtime/init/syscalls.h"
#include "runtime/plan/header.h"
#include "runtime/plan/ops.h"

namespace caisson::init {
namespace {

using plan::PlanView;

// The pipes belong to the inner root, or programs in a user namespace could
// not open /dev/stdout.
int GivePipes(const PlanView& plan, const int* slots) noexcept {
  const plan::PlanHeader& header = *plan.header;
  if (header.inner_root_uid == 0 && header.inner_root_gid == 0) return 0;
  for (int i = plan::kSlotStdin; i <= plan::kSlotStderr; ++i) {
    if (slots[i] >= 0 &&
        ::fchown(slots[i], header.inner_root_uid, header.inner_root_gid) != 0) {
      return errno;
    }
  }
  return 0;
}

pid_t Clone(const PlanView& plan, const int* slots, int* pidfd) noexcept {
  clone_args args = {};
  args.flags = plan.header->clone_flags | CLONE_PIDFD;
  args.pidfd = reinterpret_cast<uintptr_t>(pidfd);
  args.exit_signal = SIGCHLD;
  if (slots[plan::kSlotNetwork] >= 0) args.flags &= ~uint64_t{CLONE_NEWNET};
  if (slots[plan::kSlotCgroup] >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<uint64_t>(slots[plan::kSlotCgroup]);
  }
  const auto pid =
      static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof(args)));
  // What fails after the kernel has chosen a number leaves it behind.
  if (pid < 0) *pidfd = -1;
  return pid;
}

// A process enters a pid namespace only by birth: the shim points its own
// "namespace for children" there for the length of one clone. Checked before
// the clone: a dead init would leave the child in the host's namespace.
pid_t CloneInto(const PlanView& plan, const int* slots, int pid_namespace_of,
                int* pidfd, int* err) noexcept {
  const ScopedFd own(::open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC));
  if (!own.ok() || ::setns(pid_namespace_of, CLONE_NEWPID) != 0) {
    *err = errno;
    return -1;
  }
  const pid_t pid = Clone(plan, slots, pidfd);
  if (pid == 0) return 0;
  *err = pid < 0 ? errno : 0;
  if (::setns(own.get(), CLONE_NEWPID) != 0) {
    // Every later child would be born in the wrong place; no way to go on.
    *err = errno;
    if (pid > 0) ::kill(pid, SIGKILL);
    return -1;
  }
  return pid;
}

}  // namespace

pid_t SpawnChild(const PlanView& plan, int* slots, int* pidfd,
                 OpFailure* failure) noexcept {
  *failure = OpFailure{kFailedSpawn, 0};
  *pidfd = -1;
  failure->err = GivePipes(plan, slots);
  if (failure->err != 0) return -1;
  pid_t pid = -1;
  if (plan.header->join_pid_slot != plan::kNoSlot) {
    pid = CloneInto(plan, slots, slots[plan.header->join_pid_slot], pidfd,
                    &failure->err);
  } else {
    pid = Clone(plan, slots, pidfd);
    if (pid < 0) failure->err = errno;
  }
  if (pid > 0) slots[plan::kSlotChildPid] = pid;
  return pid;
}

}  // namespace caisson::init
