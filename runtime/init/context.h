// What the functions that execute ops share: the plan, the slots, and what one
// op learns for a later one. Internal to runtime/init.
//
// Process: shim and child. Thread: the only one. Lives on the stack.
#ifndef CAISSON_RUNTIME_INIT_CONTEXT_H_
#define CAISSON_RUNTIME_INIT_CONTEXT_H_

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/init/run_plan.h"
#include "runtime/init/syscalls.h"
#include "runtime/plan/header.h"
#include "runtime/plan/ops.h"

namespace caisson::init {

inline constexpr size_t kMaxGroups = 256;
inline constexpr size_t kMaxHome = 1024;

// Who the program runs as; filled by kResolveUser from the container's files.
struct Identity {
  uid_t uid = 0;
  gid_t gid = 0;
  gid_t groups[kMaxGroups];
  size_t group_count = 0;
  char home[kMaxHome] = "/";
};

struct Context {
  const plan::PlanView& plan;
  int* slots;
  ChildFds fds;
  Identity identity;
  // The file that was written last, and its absolute path.
  ScopedFd written{-1};
  const char* written_path = "";
  // Masks: the null device that was checked, and whether the empty directory
  // is attached somewhere.
  int null_fd = -1;
  bool empty_attached = false;

  const char* Str(plan::StrRef ref) const noexcept { return plan.Str(ref); }
  int Get(uint16_t slot) const noexcept {
    return slot == plan::kNoSlot ? -1 : slots[slot];
  }
};

// Every function below performs one kind of op and returns 0 or an errno.

// files.cc
int MakeDirectory(Context& context, const plan::Op& op) noexcept;
int WriteFile(Context& context, const plan::Op& op) noexcept;
int OpenPath(Context& context, const plan::Op& op) noexcept;
int MatchDirectory(Context& context, const plan::Op& op) noexcept;
int MakeDevice(Context& context, const plan::Op& op) noexcept;
int MakeSymlink(Context& context, const plan::Op& op) noexcept;
int ApplySysctl(Context& context, const plan::Op& op) noexcept;

// namespaces.cc
// Reads one byte of the sync pipe, which must be `barrier`.
int AwaitBarrier(const ChildFds& fds, plan::Barrier barrier) noexcept;
int OpenPidfd(Context& context, const plan::Op& op) noexcept;
int WriteProcessFile(Context& context, const plan::Op& op) noexcept;
int JoinCgroup(Context& context, const plan::Op& op) noexcept;
int SetNamespaces(Context& context, const plan::Op& op) noexcept;
int Unshare(Context& context, const plan::Op& op) noexcept;
int WaitBarrier(Context& context, const plan::Op& op) noexcept;
int SetHostname(Context& context, const plan::Op& op) noexcept;
int SetDomainname(Context& context, const plan::Op& op) noexcept;
int LoopbackUp(Context& context, const plan::Op& op) noexcept;

// userns.cc
int OpenUserNamespace(Context& context, const plan::Op& op) noexcept;
int BecomeRoot(Context& context, const plan::Op& op) noexcept;
int StageMounts(Context& context, const plan::Op& op) noexcept;

// mounts.cc
int SetPropagation(Context& context, const plan::Op& op) noexcept;
int NewMount(Context& context, const plan::Op& op) noexcept;
int NewOverlay(Context& context, const plan::Op& op) noexcept;
int CloneTree(Context& context, const plan::Op& op) noexcept;
int SetAttributes(Context& context, const plan::Op& op) noexcept;
int SetOwner(Context& context, const plan::Op& op) noexcept;

// attach.cc
int Attach(Context& context, const plan::Op& op) noexcept;
int AttachRoot(Context& context, const plan::Op& op) noexcept;
int AttachAt(Context& context, const plan::Op& op) noexcept;
int DetachAt(Context& context, const plan::Op& op) noexcept;
int MaskPath(Context& context, const plan::Op& op) noexcept;
int ReadOnlyPath(Context& context, const plan::Op& op) noexcept;
int BindConsole(Context& context, const plan::Op& op) noexcept;
int PivotRoot(Context& context, const plan::Op& op) noexcept;

// terminal.cc
int OpenPty(Context& context, const plan::Op& op) noexcept;
int ConnectStdio(Context& context, const plan::Op& op) noexcept;

// identity.cc
int ResolveUser(Context& context, const plan::Op& op) noexcept;

// credentials.cc
// Arms the death signal and checks that the shim still lives (ECANCELED).
int ArmDeathSignal(const ChildFds& fds, int signal) noexcept;
int SessionKeyring(Context& context, const plan::Op& op) noexcept;
int SetRlimit(Context& context, const plan::Op& op) noexcept;
int SetUmask(Context& context, const plan::Op& op) noexcept;
int LimitBounding(Context& context, const plan::Op& op) noexcept;
int SetIds(Context& context, const plan::Op& op) noexcept;
int SetCapabilities(Context& context, const plan::Op& op) noexcept;
int DeathSignal(Context& context, const plan::Op& op) noexcept;
int NoNewPrivileges(Context& context, const plan::Op& op) noexcept;
int SeccompFilter(Context& context, const plan::Op& op) noexcept;

// execute.cc
int ChangeDirectory(Context& context, const plan::Op& op) noexcept;
int ResetSignals(Context& context, const plan::Op& op) noexcept;
int CloseFds(Context& context, const plan::Op& op) noexcept;
int Execute(Context& context, const plan::Op& op) noexcept;

// device_filter.cc
int AttachDeviceFilter(Context& context, const plan::Op& op) noexcept;

// apply.cc: performs any op; kOpIgnoreError is honoured here.
int Apply(Context& context, const plan::Op& op) noexcept;

}  // namespace caisson::init

#endif  // CAISSON_RUNTIME_INIT_CONTEXT_H_
