// The cgroups of a container or exec, as its plan names them: what the shim
// asks of them. Kernel errors end here: a group that is gone is an empty one.
//
// Process: shim. Thread: main only. Allocates while it works: used at starts,
// kills and ends only.
#ifndef CAISSON_RUNTIME_SHIM_GROUP_H_
#define CAISSON_RUNTIME_SHIM_GROUP_H_

#include <stdint.h>

#include "runtime/base/unique_fd.h"
#include "runtime/plan/header.h"
#include "runtime/record/exit_record.h"

namespace caisson::shim {

// SIGKILL for every process in the group and below.
void KillGroup(const plan::PlanView& plan) noexcept;

// Any signal, to every process there is. 0 or errno.
int SignalGroup(const plan::PlanView& plan, int signal) noexcept;

bool IsGroupPopulated(const plan::PlanView& plan) noexcept;

// Removes the directories; does not wait long for processes that are dying.
void RemoveGroup(const plan::PlanView& plan) noexcept;

// CPU time used so far; -1: the host cannot tell.
int64_t GroupCpuNs(const plan::PlanView& plan) noexcept;

// How many processes the out-of-memory killer ended.
int64_t GroupOomKills(const plan::PlanView& plan) noexcept;

// Readable when memory ran out (cgroup/driver.h); invalid without a memory
// controller.
base::UniqueFd OpenGroupOomEvents(const plan::PlanView& plan) noexcept;

// The counters of the group, into `usage` and the oom fields of the record.
void FillUsage(const plan::PlanView& plan, record::ExitRecord* record) noexcept;

// Who is still in the group: held_by and tree_running.
void FillHolders(const plan::PlanView& plan,
                 record::ExitRecord* record) noexcept;

}  // namespace caisson::shim

#endif  // CAISSON_RUNTIME_SHIM_GROUP_H_
