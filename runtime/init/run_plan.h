// Executes a plan: dull calls in a fixed order, no decisions.
//
// Process: shim (RunOps, SpawnChild) and its clone (RunChild).
// Thread: the only one. Nothing here allocates, throws, locks or logs.
// Ownership: slots[0 .. header->slot_count) belong to the caller, who closes
// them (CloseSlots) on every path; all fds are close-on-exec.
//
//   shim                                    child
//   RunOps(kPrepare)
//   SpawnChild ---------- clone3 ---------> RunChild
//   SendBarrier(kGo) ------ sync ---------> if it waits
//   RunOps(kParent)                           CHILD ops
//   SendBarrier(kMapped) ---- sync ---------> (kWaitBarrier)
//   read(error pipe) <------- OpFailure ----- a step failed, _exit(127)
//                    <------- EOF ----------- execve done, or died: check
#ifndef CAISSON_RUNTIME_INIT_RUN_PLAN_H_
#define CAISSON_RUNTIME_INIT_RUN_PLAN_H_

#include <stdint.h>
#include <sys/types.h>

#include "runtime/plan/header.h"
#include "runtime/plan/ops.h"

namespace caisson::init {

// A step that failed: its index in the plan, and why. Travels as 8 bytes on
// the error pipe (one write, atomic).
struct OpFailure {
  uint32_t op;
  int32_t err;
};
// OpFailure::op when the failure is not that of an op.
inline constexpr uint32_t kFailedSpawn = 0xffffffff;    // clone and around it
inline constexpr uint32_t kFailedBarrier = 0xfffffffe;  // the shim went away

// What the child needs besides the slots. `sync_fd` is the read end of a pipe
// whose write end only the shim holds: it carries barriers, and its hang-up
// means that the shim is dead. `sync_write_fd` is that write end, inherited by
// the clone and closed by RunChild first. `error_fd` is the write end of the
// error pipe. All three are needed, and all above 2. `waits` says that the
// child does nothing before it has read kGo.
struct ChildFds {
  int sync_fd = -1;
  int sync_write_fd = -1;
  int error_fd = -1;
  bool waits = false;
};

// All slots empty.
void InitSlots(const plan::PlanView& plan, int* slots) noexcept;

// Closes the fds in slots [first, end); kSlotChildPid is not an fd and is only
// emptied.
void CloseSlots(int* slots, uint16_t first, uint16_t end) noexcept;

// Runs all ops of `executor` (kPrepare or kParent) in order. False: *failure
// says which op and errno; slots filled so far stay with the caller. What
// other undo there is (cgroup directories) is listed in the plan's policy.
bool RunOps(const plan::PlanView& plan, plan::Executor executor, int* slots,
            OpFailure* failure) noexcept;

// Clones the process of the plan (the fds in kSlotStdin to kSlotStderr must be
// above 2): into kSlotCgroup if that is filled, into the
// pid namespace of header->join_pid_slot if that is set (the caller's own is
// restored before it returns). Returns 0 in the child, which must call
// RunChild at once; the pid in the parent, with *pidfd (close-on-exec, owned
// by the caller) and slots[kSlotChildPid] set; -1 with *failure on error.
pid_t SpawnChild(const plan::PlanView& plan, int* slots, int* pidfd,
                 OpFailure* failure) noexcept;

// The child: arms the death signal, runs the CHILD and then the EXEC ops,
// waits where the plan says so. Never returns: it becomes the program, or
// writes an OpFailure and exits with 127.
[[noreturn]] void RunChild(const plan::PlanView& plan, int* slots,
                           const ChildFds& fds) noexcept;

// Lets the child pass a barrier. False with errno when the child is gone; the
// caller must have SIGPIPE ignored.
bool SendBarrier(int sync_write_fd, plan::Barrier barrier) noexcept;

}  // namespace caisson::init

#endif  // CAISSON_RUNTIME_INIT_RUN_PLAN_H_
