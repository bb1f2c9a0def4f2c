// Locked mounts: a container with id maps may be given CAP_SYS_ADMIN, which is
// then a right over its own mount namespace. It may mount what it likes, but
// must not make writable what the spec makes read-only, nor uncover what is
// masked.
//
// The kernel locks mounts in one case only: when it copies a mount namespace
// for another user namespace than that which owns it (mount_namespaces(7),
// "Restrictions on mount namespaces"). What is mounted or moved in later, as
// everything of ours is, stays open to the container's root. So the tree is
// built on a stage and copied when it is complete:
//
//   host's user namespace        shim's mount namespace
//     +- container's             final copy <---- unshare(CLONE_NEWNS): locks
//          +- nested             stage: everything is mounted and pivoted here
//
// The stage belongs to a user namespace below the container's: the child has
// every right there, and it is another one than its own. Before the host's
// tree leaves the stage, procfs and sysfs find their fully visible peers in it,
// without which the kernel refuses a new instance.
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"

#include "runtime/base/str_cat.h"
#include "runtime/linux/host_facts.h"
#include "runtime/plan/build.h"
#include "runtime/plan/ops.h"
#include "runtime/spec/capability.h"

namespace caisson::plan {
namespace {

constexpr std::string_view kMountRight = "CAP_SYS_ADMIN";

bool MayMount(const spec::Process& process, const linux_::HostFacts& facts) {
  if (!process.capabilities.has_value() ||
      !process.capabilities->exact.has_value()) {
    return false;
  }
  const uint64_t bounding =
      spec::CapabilityMask(process.capabilities->exact->bounding) &
      facts.bounding_capabilities;
  return (bounding & spec::CapabilityMask({std::string(kMountRight)})) != 0;
}

// Without the right to mount nothing inside can use what is not locked.
absl::Status CheckUnlocked(const spec::Process& process,
                           const linux_::HostFacts& facts) {
  if (!MayMount(process, facts)) return absl::OkStatus();
  const linux_::Feature* const found =
      facts.FindFeature(linux_::kFeatureNestedUserNamespace);
  return FeatureMissing(
      linux_::kFeatureNestedUserNamespace,
      base::StrCat(found != nullptr ? found->reason : "not looked for",
                   ", so that ", kMountRight,
                   " could make read-only mounts of the container writable"));
}

}  // namespace

absl::Status AddMountStage(Launch& launch) {
  if (!launch.has_user_namespace()) return absl::OkStatus();
  Draft& draft = launch.draft;
  if (!draft.facts.Has(linux_::kFeatureNestedUserNamespace)) {
    draft.summary.push_back(
        "mounts: not locked, this host has no nested user namespaces; nothing "
        "inside has the right to change them");
    return CheckUnlocked(launch.spec.process, draft.facts);
  }
  if (launch.spec.resources.pids_limit == 1) {
    return BadField("spec.resources.pids_limit",
                    "must be at least 2 for a container with id maps: its "
                    "setup needs a second process for a moment");
  }
  launch.locks_mounts = true;
  draft.Add(MakeOp(OpKind::kStageMounts, Executor::kChild),
            "where the mount tree is built: a copy of this namespace for "
            "another user namespace will lock it");
  return absl::OkStatus();
}

void AddMountLock(Launch& launch) {
  if (!launch.locks_mounts) return;
  Op copy = MakeOp(OpKind::kUnshare, Executor::kChild);
  copy.a = CLONE_NEWNS;
  launch.draft.Add(copy,
                   "the copy belongs to the container's user namespace: its "
                   "root can mount more, but neither remove nor loosen what is "
                   "there");
  Op root = MakeOp(OpKind::kOpenPath, Executor::kChild);
  root.s1 = launch.draft.steps.Str("/");
  root.a = O_PATH | O_DIRECTORY;
  root.out = kSlotRoot;
  launch.draft.Add(root, "the root of the copy");
  // After the copy: the shim opens terminals through this very mount, and
  // their names are those of the namespace that it is attached in.
  AddTerminals(launch);
}

absl::Status CheckExecMounts(const spec::Process& process,
                             const spec::ContainerSpec& container,
                             const linux_::HostFacts& facts) {
  if (!container.user_namespace.explicit_maps.has_value() ||
      facts.Has(linux_::kFeatureNestedUserNamespace)) {
    return absl::OkStatus();
  }
  return CheckUnlocked(process, facts);
}

}  // namespace caisson::plan
