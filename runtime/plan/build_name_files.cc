// /etc/hosts, /etc/resolv.conf and /etc/hostname of a container with networks:
// files that the daemon keeps, mounted over those of the image.
//
// After the spec's own mounts: images have links where these files are, and
// what they lead to may be one of those (a tmpfs on /run).
#include <stdint.h>
#include <sys/mount.h>

#include <string>
#include <string_view>

#include "runtime/base/path_safe.h"
#include "runtime/base/str_cat.h"
#include "runtime/plan/build.h"
#include "runtime/plan/ops.h"

namespace caisson::plan {
namespace {

constexpr std::string_view kDirectory = "/etc";

uint64_t Attributes(const Launch& launch) {
  uint64_t attributes =
      MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  if (launch.spec.rootfs.read_only) attributes |= MOUNT_ATTR_RDONLY;
  return attributes;
}

void AddSource(Launch& launch, NameFile& file) {
  file.slot = launch.draft.steps.NewSlot();
  Op clone = MakeOp(OpKind::kCloneTree, Executor::kPrepare);
  clone.s1 = launch.draft.steps.Str(file.source);
  clone.out = file.slot;
  launch.draft.Add(clone, "written by the daemon, for this container alone");
  if (launch.has_user_namespace()) {
    Op owner = MakeOp(OpKind::kSetOwner, Executor::kPrepare);
    owner.in = file.slot;
    owner.c = launch.root_uid;
    owner.d = launch.root_gid;
    launch.draft.Add(owner, "the container's root may edit it");
  }
  Op set = MakeOp(OpKind::kSetAttributes, Executor::kPrepare);
  set.in = file.slot;
  set.a = Attributes(launch);
  set.c = MS_PRIVATE;
  launch.draft.Add(set, launch.spec.rootfs.read_only
                            ? "text and nothing else; read-only as the root is"
                            : "text and nothing else");
}

// A directory that the spec binds there is somebody's data: no mount point of
// ours is made in it.
bool MayCreate(const Launch& launch) {
  const spec::Mount* const mount = FindMountAt(launch, kDirectory);
  return launch.create_targets &&
         (mount == nullptr || !mount->bind.has_value());
}

}  // namespace

void AddNameFileSources(Launch& launch) {
  const LaunchContext& context = launch.context;
  launch.name_files = {{"/etc/hosts", context.hosts_path},
                       {"/etc/resolv.conf", context.resolv_conf_path},
                       {"/etc/hostname", context.hostname_path}};
  for (NameFile& file : launch.name_files) {
    if (file.source.empty()) continue;
    if (FindMountAt(launch, file.target) != nullptr) {
      launch.draft.summary.push_back(
          base::StrCat(file.target, ": the spec's own mount"));
      continue;
    }
    AddSource(launch, file);
  }
}

void AddNameFileTargets(Launch& launch) {
  const bool create = MayCreate(launch);
  for (const NameFile& file : launch.name_files) {
    if (file.slot == kNoSlot) continue;
    Op op = MakeOp(OpKind::kAttach, Executor::kChild);
    op.in = file.slot;
    op.s1 = launch.draft.steps.Str(file.target);
    op.flags = kOpSkipMissing;
    if (create) op.flags |= kOpCreate;
    launch.draft.Add(
        op,
        "links are followed inside the root; where there is no such file "
        "and none can be made, the container goes without");
    if (create) continue;
    launch.draft.summary.push_back(base::StrCat(
        file.target, ": left out if the image has none, it cannot be made in ",
        launch.create_targets ? "the directory that is mounted at /etc"
                              : "a read-only root without a layer"));
  }
}

}  // namespace caisson::plan
