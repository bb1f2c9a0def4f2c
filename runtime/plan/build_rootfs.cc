// The root file system: a directory of the host, seen read-only, through a
// private overlay, or written through.
#include <fcntl.h>
#include <stdint.h>
#include <sys/mount.h>

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"

#include "runtime/base/status_macros.h"
#include "runtime/linux/host_facts.h"
#include "runtime/plan/build.h"
#include "runtime/plan/ops.h"

namespace caisson::plan {
namespace {

// Devices come from /dev only; setuid bits have no effect under no_new_privs
// anyway, and none may be planted for the host's users in a shared layer.
uint64_t RootAttributes(const Launch& launch) {
  uint64_t attributes = MOUNT_ATTR_NODEV;
  if (!launch.spec.process.allow_new_privileges) {
    attributes |= MOUNT_ATTR_NOSUID;
  }
  return attributes;
}

uint16_t AddOpen(Launch& launch, std::string_view path, std::string why,
                 uint32_t flags = 0) {
  Op op = MakeOp(OpKind::kOpenPath, Executor::kPrepare);
  op.s1 = launch.draft.steps.Str(path);
  op.a = O_PATH | O_DIRECTORY;
  op.flags = flags;
  op.out = launch.draft.steps.NewSlot();
  launch.draft.Add(op, std::move(why));
  return op.out;
}

Op HostPathOp(Launch& launch, OpKind kind, std::string_view path) {
  Op op = MakeOp(kind, Executor::kPrepare);
  op.s1 = launch.draft.steps.Str(path);
  return op;
}

// Before kernel 6.13 overlay takes layers by name only, so an idmapped layer
// must be attached somewhere while the overlay is made: over itself, in a
// mount namespace that only this shim sees.
void AddMappedLayer(Launch& launch, const std::string& path) {
  Op unshare = MakeOp(OpKind::kUnshare, Executor::kPrepare);
  unshare.a = CLONE_NEWNS;
  launch.draft.Add(unshare,
                   "the idmapped layer is attached for a moment, "
                   "where nobody else sees it");
  Op slave = HostPathOp(launch, OpKind::kSetPropagation, "/");
  slave.a = MS_REC | MS_SLAVE;
  launch.draft.Add(slave,
                   "nothing of it reaches the host, while unmounts of "
                   "the host still arrive");
  Op clone = HostPathOp(launch, OpKind::kCloneTree, path);
  clone.flags = kOpSpecPath;
  clone.out = launch.draft.steps.NewSlot();
  launch.draft.Add(clone, "the layer that gets the id map");
  Op map = MakeOp(OpKind::kSetAttributes, Executor::kPrepare);
  map.in = clone.out;
  map.x = launch.map_slot;
  launch.draft.Add(map,
                   "files of host id 0 belong to the container's root; "
                   "nothing is changed on disk");
  Op attach = HostPathOp(launch, OpKind::kAttachAt, path);
  attach.in = clone.out;
  launch.draft.Add(attach, "over the directory itself");
}

void AddOverlay(Launch& launch, const std::string& path) {
  if (launch.has_user_namespace()) AddMappedLayer(launch, path);
  const uint16_t lower =
      AddOpen(launch, path, "the shared lower directory, never written to",
              kOpSpecPath);
  Op match = HostPathOp(launch, OpKind::kMatchDirectory, path);
  match.s2 = launch.draft.steps.Str(launch.context.upper_path);
  launch.draft.Add(match,
                   "an overlay shows the owner and mode of its upper "
                   "directory as those of /");
  Op overlay = MakeOp(OpKind::kNewOverlay, Executor::kPrepare);
  overlay.in = lower;
  overlay.b = AddOpen(launch, launch.context.upper_path,
                      "this container's own changes");
  overlay.c = AddOpen(launch, launch.context.work_path,
                      "scratch space of the overlay itself");
  // Not left to the module's defaults: features that need marks in the layers
  // would trust marks that came with a hostile image.
  MountOptions options = {{"index", "off"}, {"metacopy", "off"}};
  const bool fleeting = launch.context.volatile_state &&
                        launch.draft.facts.Has(linux_::kFeatureOverlayVolatile);
  if (fleeting) options.emplace_back("volatile", "");
  overlay.s2 = launch.draft.steps.List(Flatten(options));
  overlay.a = RootAttributes(launch);
  overlay.out = kSlotRoot;
  launch.draft.Add(overlay,
                   fleeting
                       ? "private copy-on-write layer; volatile: it is deleted "
                         "with the container, so nothing need reach the disk"
                       : "private copy-on-write layer: many containers share "
                         "one directory");
  if (launch.has_user_namespace()) {
    launch.draft.Add(HostPathOp(launch, OpKind::kDetachAt, path),
                     "the overlay holds the layer itself now");
  }
}

void AddBind(Launch& launch, const std::string& path) {
  Op clone = HostPathOp(launch, OpKind::kCloneTree, path);
  clone.flags = kOpSpecPath;
  clone.out = kSlotRoot;
  launch.draft.Add(clone,
                   "the directory itself, without file systems mounted "
                   "below it, as an overlay would show it");
  Op attributes = MakeOp(OpKind::kSetAttributes, Executor::kPrepare);
  attributes.in = kSlotRoot;
  attributes.a = RootAttributes(launch);
  attributes.c = MS_PRIVATE;
  attributes.x = launch.map_slot;
  const bool read_only = launch.spec.rootfs.read_only;
  if (read_only) attributes.a |= MOUNT_ATTR_RDONLY;
  launch.draft.Add(attributes,
                   read_only ? "no writable layer was asked for: read-only "
                               "from the start"
                             : "the spec asks to write through to the host");
  launch.create_targets = !read_only;
}

void AddRootAttachment(Launch& launch) {
  Op propagation = MakeOp(OpKind::kSetPropagation, Executor::kChild);
  propagation.s1 = launch.draft.steps.Str("/");
  propagation.a = MS_REC | MS_PRIVATE;
  launch.draft.Add(propagation,
                   "the host's tree may be shared: nothing "
                   "mounted from here on reaches it");
  Op attach = MakeOp(OpKind::kAttachRoot, Executor::kChild);
  attach.in = kSlotRoot;
  launch.draft.Add(attach,
                   "pivot_root needs the new root attached; over / it "
                   "needs no staging directory");
}

absl::Status Need(const Launch& launch, std::string_view feature) {
  const linux_::Feature* const found = launch.draft.facts.FindFeature(feature);
  if (found != nullptr && found->available) return absl::OkStatus();
  return FeatureMissing(feature,
                        found != nullptr ? found->reason : "not looked for");
}

absl::Status CheckFeatures(const Launch& launch) {
  const bool overlay =
      launch.spec.rootfs.host_directory->writable_layer.value_or(true);
  if (overlay) {
    CAISSON_RETURN_IF_ERROR(Need(launch, linux_::kFeatureOverlay));
  }
  if (!launch.has_user_namespace()) return absl::OkStatus();
  CAISSON_RETURN_IF_ERROR(Need(launch, linux_::kFeatureIdmappedMounts));
  return overlay ? Need(launch, linux_::kFeatureOverlayIdmap)
                 : absl::OkStatus();
}

}  // namespace

absl::Status AddRootfs(Launch& launch) {
  const spec::Rootfs& rootfs = launch.spec.rootfs;
  if (!rootfs.host_directory.has_value()) {
    return BadField("spec.rootfs", "a root file system is required");
  }
  CAISSON_RETURN_IF_ERROR(CheckFeatures(launch));
  const std::string& path = rootfs.host_directory->path;
  if (rootfs.host_directory->writable_layer.value_or(true)) {
    AddOverlay(launch, path);
  } else {
    AddBind(launch, path);
  }
  AddRootAttachment(launch);
  return absl::OkStatus();
}

void AddPivot(Launch& launch) {
  if (launch.spec.rootfs.read_only && launch.create_targets) {
    Op read_only = MakeOp(OpKind::kSetAttributes, Executor::kChild);
    read_only.in = kSlotRoot;
    read_only.a = MOUNT_ATTR_RDONLY;
    launch.draft.Add(read_only,
                     "the spec asks for it; last, because mount "
                     "points were made in the private layer");
  }
  Op pivot = MakeOp(OpKind::kPivotRoot, Executor::kChild);
  pivot.in = kSlotRoot;
  launch.draft.Add(pivot, "the host's whole tree leaves this mount namespace");
}

}  // namespace caisson::plan
