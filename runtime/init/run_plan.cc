#include "runtime/init/run_plan.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "runtime/init/context.h"
#include "runtime/plan/header.h"
#include "runtime/plan/ops.h"

namespace caisson::init {

using plan::Executor;
using plan::Op;
using plan::PlanView;

namespace {

bool RunAll(Context& context, Executor executor, OpFailure* failure) noexcept {
  for (uint32_t i = 0; i < context.plan.header->op_count; ++i) {
    const Op& op = context.plan.ops[i];
    if (op.executor != executor) continue;
    const int err = Apply(context, op);
    if (err != 0) {
      *failure = OpFailure{i, err};
      return false;
    }
  }
  return true;
}

[[noreturn]] void Die(const ChildFds& fds, OpFailure failure) noexcept {
  // Nothing can be done about a failed write: the reader then sees EOF and a
  // dead child, which it must tell from success anyway.
  if (::write(fds.error_fd, &failure, sizeof(failure)) < 0) ::_exit(126);
  ::_exit(127);
}

}  // namespace

void InitSlots(const PlanView& plan, int* slots) noexcept {
  for (uint16_t i = 0; i < plan.header->slot_count; ++i) slots[i] = -1;
}

void CloseSlots(int* slots, uint16_t first, uint16_t end) noexcept {
  for (uint16_t i = first; i < end; ++i) {
    if (slots[i] >= 0 && i != plan::kSlotChildPid) ::close(slots[i]);
    slots[i] = -1;
  }
}

bool RunOps(const PlanView& plan, Executor executor, int* slots,
            OpFailure* failure) noexcept {
  Context context{plan, slots, ChildFds{}, Identity{}};
  // Modes in the plan are exact; the caller's mask is its own business.
  const mode_t mask = ::umask(0);
  const bool ok = RunAll(context, executor, failure);
  ::umask(mask);
  return ok;
}

void RunChild(const PlanView& plan, int* slots, const ChildFds& fds) noexcept {
  // Our copy of the shim's end would keep the pipe from ever hanging up.
  if (fds.sync_write_fd >= 0) ::close(fds.sync_write_fd);
  Context context{plan, slots, fds, Identity{}};
  OpFailure failure = {kFailedBarrier, 0};
  failure.err = ArmDeathSignal(fds, SIGKILL);
  // Until execve gives us an image of its own, nobody in a shared pid
  // namespace may trace us or read our fds (CVE-2016-9962).
  if (failure.err == 0 && ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
    failure.err = errno;
  }
  if (failure.err == 0 && fds.waits) {
    failure.err = AwaitBarrier(fds, plan::kGo);
  }
  if (failure.err != 0) Die(fds, failure);
  ::umask(0);
  if (RunAll(context, Executor::kChild, &failure)) {
    RunAll(context, Executor::kExec, &failure);
  }
  Die(fds, failure);
}

bool SendBarrier(int sync_write_fd, plan::Barrier barrier) noexcept {
  const uint8_t value = barrier;
  ssize_t written;
  do {
    written = ::write(sync_write_fd, &value, 1);
  } while (written < 0 && errno == EINTR);
  return written == 1;
}

}  // namespace caisson::init
