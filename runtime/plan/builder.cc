#include "runtime/plan/builder.h"

#include <sched.h>
#include <stdint.h>
#include <string.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "runtime/base/error_detail.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/plan/build.h"
#include "runtime/plan/codec.h"
#include "runtime/plan/header.h"
#include "runtime/plan/ops.h"

namespace caisson::plan {
namespace {

Draft NewDraft(PlanKind kind, const linux_::HostFacts& facts,
               const cgroup::Base& base) {
  Draft draft{facts, base, {}, {}, {}, {}};
  // Padding too: the same input gives the same bytes.
  memset(&draft.header, 0, sizeof(draft.header));
  draft.header.kind = kind;
  draft.header.join_pid_slot = kNoSlot;
  return draft;
}

absl::StatusOr<Plan> Finish(Draft& draft) {
  std::vector<std::string> whys;
  const std::vector<Op> ops = draft.steps.TakeOps(&whys);
  draft.header.slot_count = draft.steps.slot_count();
  if (draft.header.slot_count > kMaxSlots || ops.size() > kMaxOps) {
    return base::MakeError(absl::StatusCode::kResourceExhausted,
                           "LIMIT_REACHED",
                           "the container needs too many mounts or devices",
                           {{"limit", "plan_steps"}});
  }
  Plan plan;
  plan.bytes = EncodePlan(draft.header, ops, draft.steps.arena());
  if (plan.bytes.size() > kMaxPlanBytes) {
    return base::MakeError(absl::StatusCode::kResourceExhausted,
                           "LIMIT_REACHED",
                           "arguments, environment and filter are too large",
                           {{"limit", "plan_bytes"}});
  }
  for (std::string& why : whys) plan.notes.push_back(OpNote{std::move(why)});
  plan.summary = std::move(draft.summary);
  plan.cgroup_path = std::move(draft.cgroup_path);
  return plan;
}

void Summarize(const Launch& launch) {
  std::vector<std::string>& summary = launch.draft.summary;
  if (!launch.has_user_namespace()) {
    summary.push_back(
        "user namespace: the host's; capabilities, filter and masks are what "
        "holds root back (give id maps for a namespace of its own)");
  }
  if (launch.spec.process.allow_new_privileges) {
    summary.push_back("no_new_privs: off, as asked: setuid programs work");
  }
  if (launch.spec.security.seccomp.unconfined) {
    summary.push_back("seccomp: no filter, as asked");
  }
  if (launch.spec.security.privileged) {
    summary.push_back(
        "privileged: all capabilities and devices, no filter, no masks");
  }
}

// The order of the ops: see the comments of the parts for what forces it.
absl::Status AddAll(Launch& launch) {
  Draft& draft = launch.draft;
  CAISSON_RETURN_IF_ERROR(AddCgroup(launch));
  CAISSON_RETURN_IF_ERROR(
      AddOomScore(launch.spec.process, launch.has_user_namespace(), draft));
  CAISSON_RETURN_IF_ERROR(AddUserNamespace(launch));
  CAISSON_RETURN_IF_ERROR(AddMountStage(launch));
  CAISSON_RETURN_IF_ERROR(AddNamespaces(launch));
  // Before the root: that may leave the host's mount namespace.
  CAISSON_RETURN_IF_ERROR(AddMountSources(launch));
  AddNameFileSources(launch);
  CAISSON_RETURN_IF_ERROR(AddRootfs(launch));
  CAISSON_RETURN_IF_ERROR(AddStandardMounts(launch));
  // Before the spec's own mounts: what somebody mounts on purpose is seen.
  AddMasks(launch);
  CAISSON_RETURN_IF_ERROR(AddMountTargets(launch));
  AddNameFileTargets(launch);
  AddPivot(launch);
  AddMountLock(launch);
  AddNames(launch);
  const spec::Process& process = launch.spec.process;
  CAISSON_RETURN_IF_ERROR(
      AddProcess({process, launch.spec.security.seccomp,
                  launch.create_targets && !launch.spec.rootfs.read_only},
                 draft));
  FillPolicy(launch);
  Summarize(launch);
  return absl::OkStatus();
}

// All namespaces that are the container's own or that it shares with somebody.
uint64_t NamespacesToJoin(const spec::ContainerSpec& container) {
  const spec::Namespaces& wanted = container.namespaces;
  const auto differs = [](const spec::Namespace& ns) {
    return ns.mode != spec::NamespaceMode::kHost;
  };
  uint64_t flags = CLONE_NEWNS;
  if (differs(wanted.pid)) flags |= CLONE_NEWPID;
  if (differs(wanted.ipc)) flags |= CLONE_NEWIPC;
  if (differs(wanted.uts)) flags |= CLONE_NEWUTS;
  if (differs(wanted.cgroup)) flags |= CLONE_NEWCGROUP;
  if (container.network.mode != spec::NetworkMode::kHost) {
    flags |= CLONE_NEWNET;
  }
  if (differs(wanted.time) &&
      wanted.time.mode != spec::NamespaceMode::kDefault) {
    flags |= 0x80;  // CLONE_NEWTIME, which glibc 2.36 does not name
  }
  // Joining the namespace one is in already is an error (EINVAL).
  if (container.user_namespace.explicit_maps.has_value()) {
    flags |= CLONE_NEWUSER;
  }
  return flags;
}

void AddJoinContainer(const spec::ContainerSpec& container, Draft& draft) {
  const uint64_t flags = NamespacesToJoin(container);
  if ((flags & CLONE_NEWPID) != 0) {
    draft.header.join_pid_slot = kSlotInitPidfd;
  }
  Op join = MakeOp(OpKind::kSetNamespaces, Executor::kExec);
  join.in = kSlotInitPidfd;
  join.a = flags;
  draft.Add(join,
            "all at once and by pidfd: either every namespace is this "
            "container's, or the exec fails");
  if ((flags & CLONE_NEWUSER) != 0) {
    draft.Add(MakeOp(OpKind::kBecomeRoot, Executor::kExec),
              "the host's root has no id inside");
  }
}

void FillExecUserNamespace(const spec::ContainerSpec& container,
                           PlanHeader* header) {
  if (!container.user_namespace.explicit_maps.has_value()) return;
  const spec::IdMapping& maps = *container.user_namespace.explicit_maps;
  header->inner_root_uid = HostId(maps.uids, 0).value_or(0);
  header->inner_root_gid = HostId(maps.gids, 0).value_or(0);
}

}  // namespace

absl::Status BadField(std::string_view field, std::string_view description) {
  return base::InvalidFields({{std::string(field), std::string(description)}});
}

absl::Status HostRefuses(std::string_view what) {
  return base::MakeError(absl::StatusCode::kFailedPrecondition, "START_FAILED",
                         what, {{"stage", "PLAN"}});
}

absl::Status FeatureMissing(std::string_view feature, std::string_view why) {
  return base::MakeError(
      absl::StatusCode::kUnimplemented, "FEATURE_UNAVAILABLE",
      base::StrCat("this host has no ", feature, ": ", why),
      {{"feature", std::string(feature)}, {"why", std::string(why)}});
}

absl::StatusOr<Plan> BuildLaunchPlan(const spec::ContainerSpec& effective,
                                     const linux_::HostFacts& facts,
                                     const cgroup::Base& base,
                                     const LaunchContext& context) {
  Draft draft = NewDraft(PlanKind::kContainer, facts, base);
  Launch launch(effective, context, draft);
  CAISSON_RETURN_IF_ERROR(AddAll(launch));
  return Finish(draft);
}

absl::StatusOr<Plan> BuildExecPlan(const spec::ExecSpec& effective,
                                   const spec::ContainerSpec& container,
                                   const linux_::HostFacts& facts,
                                   const cgroup::Base& base,
                                   const ExecContext& context) {
  Draft draft = NewDraft(PlanKind::kExec, facts, base);
  const spec::Process& process = effective.process;
  CAISSON_RETURN_IF_ERROR(CheckExecMounts(process, container, facts));
  CAISSON_RETURN_IF_ERROR(AddExecCgroup(container, context, draft));
  CAISSON_RETURN_IF_ERROR(AddOomScore(process, false, draft));
  FillExecUserNamespace(container, &draft.header);
  AddPty(process, container.user_namespace, draft);
  AddJoinContainer(container, draft);
  CAISSON_RETURN_IF_ERROR(
      AddProcess({process, container.security.seccomp, false}, draft));
  FillExecPolicy(effective, context, container, draft);
  return Finish(draft);
}

}  // namespace caisson::plan
