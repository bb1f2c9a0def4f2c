// Carries the steps that cgroup/layout.h decides on into the plan: the shim
// makes the directories and limits, the child joins.
#include <fcntl.h>
#include <sys/stat.h>

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/cgroup/layout.h"
#include "runtime/plan/build.h"
#include "runtime/plan/ops.h"
#include "runtime/spec/defaults.h"

namespace caisson::plan {
namespace {

using cgroup::CgroupStep;
using cgroup::StepKind;

Op FileOp(Draft& draft, OpKind kind, const CgroupStep& step) {
  Op op = MakeOp(kind, Executor::kPrepare);
  op.s1 = draft.steps.Str(step.path);
  if (step.optional) op.flags |= kOpSkipMissing;
  return op;
}

// Who joins: a container in CHILD, an exec before everything else.
void AddJoin(Draft& draft, const CgroupStep& step) {
  Op open = FileOp(draft, OpKind::kOpenPath, step);
  open.a = O_WRONLY;
  open.out = draft.steps.NewSlot();
  draft.Add(open, step.why);
  Op join = MakeOp(OpKind::kJoinCgroup, draft.header.kind == PlanKind::kExec
                                            ? Executor::kExec
                                            : Executor::kChild);
  join.in = open.out;
  draft.Add(join,
            "the process joins by itself: a pid written from outside "
            "waits for all processors");
}

void AddStep(Draft& draft, const CgroupStep& step) {
  switch (step.kind) {
    case StepKind::kMkdir: {
      Op op = FileOp(draft, OpKind::kMakeDirectory, step);
      op.a = 0755;
      // The daemon may have been faster: CreateContainerDirectories.
      if (draft.header.kind == PlanKind::kContainer) op.flags |= kOpExistOk;
      draft.Add(op, step.why);
      break;
    }
    case StepKind::kWrite: {
      Op op = FileOp(draft, OpKind::kWriteFile, step);
      op.s2 = draft.steps.Str(step.value);
      draft.Add(op, step.why);
      break;
    }
    case StepKind::kAttachDeviceBpf: {
      Op op = MakeOp(OpKind::kAttachDeviceFilter, Executor::kPrepare);
      op.s1 = draft.steps.Aligned(step.value);
      op.s2 = draft.steps.Str(step.path);
      draft.Add(op, step.why);
      break;
    }
    case StepKind::kOpenTasks:
      AddJoin(draft, step);
      break;
    case StepKind::kOpenDirForClone: {
      Op op = FileOp(draft, OpKind::kOpenPath, step);
      op.a = O_PATH | O_DIRECTORY;
      op.out = kSlotCgroup;
      draft.Add(op, step.why);
      break;
    }
  }
}

void AddLayout(Draft& draft, const cgroup::Layout& layout) {
  for (const CgroupStep& step : layout.steps) AddStep(draft, step);
  std::vector<std::string> directories;
  for (const cgroup::Directory& directory : layout.group.directories) {
    directories.push_back(directory.what);
    directories.push_back(directory.path);
  }
  draft.header.policy.cgroup_directories = draft.steps.List(directories);
  if (layout.group.has_kill) draft.header.flags |= kPlanCgroupKill;
  draft.cgroup_path = layout.display_path;
}

std::vector<cgroup::DeviceRule> DeviceRules(
    const spec::ContainerSpec& spec,
    const std::map<std::string, HostDevice>& devices) {
  std::vector<cgroup::DeviceRule> rules = cgroup::DefaultDeviceRules();
  for (const spec::Device& device : spec.devices) {
    const auto found = devices.find(device.host_path);
    if (found == devices.end()) continue;
    cgroup::DeviceRule rule;
    rule.type = S_ISBLK(found->second.mode) ? 'b' : 'c';
    rule.major = found->second.major;
    rule.minor = found->second.minor;
    rule.access = device.permissions.empty() ? "rwm" : device.permissions;
    rules.push_back(rule);
  }
  return rules;
}

cgroup::ContainerLimits Limits(const spec::ContainerSpec& spec) {
  cgroup::ContainerLimits limits;
  limits.cpu = spec.resources.cpu;
  limits.memory = spec.resources.memory;
  limits.pids_limit =
      spec.resources.pids_limit.value_or(spec::kDefaultPidsLimit);
  limits.all_devices = spec.security.privileged;
  return limits;
}

// v2 kernels kill a group that ran out of memory together, v1 kernels one
// process of it: there the shim does the rest.
void AddOomKill(const spec::Memory& memory, const cgroup::Group& group,
                Draft& draft) {
  const cgroup::Directory* directory = group.Find("memory");
  if (directory == nullptr || directory->what == cgroup::kUnified) return;
  if (!memory.kill_group.value_or(true)) return;
  draft.header.flags |= kPlanOomKillsTree;
  if (memory.limit_bytes.has_value()) {
    draft.summary.push_back(
        "memory: when it runs out the kernel kills one process, and the shim "
        "then all others");
  }
}

}  // namespace

absl::Status AddCgroup(Launch& launch) {
  cgroup::ContainerLimits limits = Limits(launch.spec);
  limits.devices = DeviceRules(launch.spec, launch.context.devices);
  CAISSON_ASSIGN_OR_RETURN(
      const cgroup::Layout layout,
      cgroup::BuildContainerLayout(launch.draft.base,
                                   launch.context.container_id, limits));
  AddLayout(launch.draft, layout);
  AddOomKill(limits.memory, layout.group, launch.draft);
  return absl::OkStatus();
}

absl::Status AddExecCgroup(const spec::ContainerSpec& container,
                           const ExecContext& context, Draft& draft) {
  CAISSON_ASSIGN_OR_RETURN(
      const cgroup::Layout layout,
      cgroup::BuildExecLayout(draft.base, context.container_id,
                              context.exec_number, Limits(container)));
  AddLayout(draft, layout);
  return absl::OkStatus();
}

}  // namespace caisson::plan
