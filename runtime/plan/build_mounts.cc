// The mounts that a spec asks for. Sources are opened by the shim, before the
// container exists; targets are resolved inside the container's root.
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"

#include "runtime/base/path_safe.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/plan/build.h"
#include "runtime/plan/mount_options.h"
#include "runtime/plan/ops.h"

namespace caisson::plan {
namespace {

// What every mount gets unless its options say otherwise.
constexpr uint64_t kDefaultAttributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
constexpr uint64_t kSpecialAttributes = kDefaultAttributes | MOUNT_ATTR_NOEXEC;

absl::StatusOr<ParsedOptions> Options(const spec::Mount& mount,
                                      uint64_t defaults,
                                      const std::string& field) {
  absl::StatusOr<ParsedOptions> parsed = ParseMountOptions(mount.options);
  if (!parsed.ok()) {
    return BadField(base::StrCat(field, ".options"),
                    base::StdView(parsed.status().message()));
  }
  parsed->set |= defaults & ~parsed->clear;
  if (mount.read_only || mount.recursive_read_only) {
    parsed->set |= MOUNT_ATTR_RDONLY;
  }
  if (!mount.propagation.empty()) {
    bool recursive = false;
    absl::StatusOr<uint64_t> propagation =
        ParsePropagation(mount.propagation, &recursive);
    if (!propagation.ok()) {
      return BadField(base::StrCat(field, ".propagation"),
                      "must be private, shared, slave or unbindable, or the "
                      "same with an r in front");
    }
    parsed->propagation = *propagation;
  }
  if (parsed->propagation == 0) parsed->propagation = MS_PRIVATE;
  return parsed;
}

// One call sets everything on the whole tree: a mount below a read-only one
// that stays writable was a hole in more than one engine.
void AddAttributes(Launch& launch, uint16_t slot, const ParsedOptions& options,
                   bool recursive) {
  Op op = MakeOp(OpKind::kSetAttributes, Executor::kPrepare);
  op.in = slot;
  op.a = options.set;
  op.b = options.clear;
  op.c = options.propagation;
  if (options.id_map) op.x = launch.map_slot;
  if (recursive) op.flags |= kOpRecursive;
  launch.draft.Add(op, (options.set & MOUNT_ATTR_RDONLY) != 0
                           ? "read-only with everything below it"
                           : "nosuid and nodev unless the options say "
                             "otherwise; with everything below it");
}

absl::Status AddBindSource(Launch& launch, const spec::Mount& mount,
                           const std::string& field, uint16_t slot) {
  CAISSON_ASSIGN_OR_RETURN(const ParsedOptions options,
                           Options(mount, kDefaultAttributes, field));
  if (!options.data.empty()) {
    return BadField(base::StrCat(field, ".options"),
                    base::StrCat("a bind mount takes no \"",
                                 options.data.front().first, "\""));
  }
  if (options.id_map && !launch.has_user_namespace()) {
    return BadField(base::StrCat(field, ".options"),
                    "idmap needs a container with id maps");
  }
  if (options.propagation == MS_SHARED && launch.has_user_namespace()) {
    return BadField(base::StrCat(field, ".propagation"),
                    "must not be shared for a container with id maps: the "
                    "kernel carries no mount from there to the host");
  }
  if (mount.bind->create_source) {
    Op make = MakeOp(OpKind::kMakeDirectory, Executor::kPrepare);
    make.s1 = launch.draft.steps.Str(mount.bind->source);
    make.a = 0755;
    make.flags = kOpExistOk | kOpParents;
    launch.draft.Add(make, "create_source was asked for");
  }
  const bool recursive = !mount.bind->non_recursive;
  Op clone = MakeOp(OpKind::kCloneTree, Executor::kPrepare);
  clone.s1 = launch.draft.steps.Str(mount.bind->source);
  clone.out = slot;
  clone.flags = kOpSpecPath;
  if (recursive) clone.flags |= kOpRecursive;
  launch.draft.Add(clone,
                   "opened once, by the shim: what the name means later "
                   "does not matter");
  AddAttributes(launch, slot, options, recursive);
  return absl::OkStatus();
}

absl::Status AddTmpfsSource(Launch& launch, const spec::Mount& mount,
                            const std::string& field, uint16_t slot) {
  CAISSON_ASSIGN_OR_RETURN(const ParsedOptions options,
                           Options(mount, kDefaultAttributes, field));
  MountOptions data;
  if (mount.tmpfs->size_bytes.has_value()) {
    data.emplace_back("size", base::StrCat(*mount.tmpfs->size_bytes));
  }
  const int32_t mode = mount.tmpfs->mode.value_or(01777);
  std::string octal;
  for (int shift = 9; shift >= 0; shift -= 3) {
    octal.push_back(static_cast<char>('0' + (mode >> shift & 7)));
  }
  data.emplace_back("mode", octal);
  if (launch.has_user_namespace()) {
    data.emplace_back("uid", base::StrCat(launch.root_uid));
    data.emplace_back("gid", base::StrCat(launch.root_gid));
  }
  data.insert(data.end(), options.data.begin(), options.data.end());
  Op op = MakeOp(OpKind::kNewMount, Executor::kPrepare);
  op.s1 = launch.draft.steps.Str("tmpfs");
  op.s2 = launch.draft.steps.List(Flatten(data));
  op.a = options.set;
  op.out = slot;
  launch.draft.Add(op, "asked for; lives and dies with the container");
  return absl::OkStatus();
}

// File systems that show a namespace of who mounts them: the child's.
absl::Status AddSpecialSource(Launch& launch, const spec::Mount& mount,
                              const std::string& field, uint16_t slot) {
  CAISSON_ASSIGN_OR_RETURN(const ParsedOptions options,
                           Options(mount, kSpecialAttributes, field));
  std::string type = *mount.special;
  if (type == "cgroup") {
    if (launch.draft.base.facts.LimitsVersion() != cgroup::Version::kV2) {
      return FeatureMissing("cgroup_v2",
                            "limits are enforced by the v1 hierarchies");
    }
    if (!IsPrivate(launch.spec.namespaces.cgroup)) {
      return BadField(field, "a cgroup mount needs a private cgroup namespace");
    }
    type = "cgroup2";
  }
  Op op = MakeOp(OpKind::kNewMount, Executor::kChild);
  op.s1 = launch.draft.steps.Str(type);
  op.s2 = launch.draft.steps.List(Flatten(options.data));
  op.a = options.set;
  if (type == "sysfs" || type == "cgroup2") {
    if (!launch.spec.security.privileged) op.a |= MOUNT_ATTR_RDONLY;
  }
  op.out = slot;
  launch.draft.Add(op, "asked for; shows the namespaces of who mounts it");
  return absl::OkStatus();
}

absl::Status AddSource(Launch& launch, const spec::Mount& mount,
                       const std::string& field, uint16_t slot) {
  if (mount.bind.has_value()) {
    return AddBindSource(launch, mount, field, slot);
  }
  if (mount.tmpfs.has_value()) {
    return AddTmpfsSource(launch, mount, field, slot);
  }
  // Made where it is attached: see AddMountTargets.
  return absl::OkStatus();
}

std::string FieldOf(size_t index) {
  return base::StrCat("spec.mounts[", index, "]");
}

}  // namespace

const spec::Mount* FindMountAt(const Launch& launch, std::string_view target) {
  for (const spec::Mount& mount : launch.spec.mounts) {
    if (base::NormalizePath(mount.target) == target) return &mount;
  }
  return nullptr;
}

absl::Status AddMountSources(Launch& launch) {
  for (size_t i = 0; i < launch.spec.mounts.size(); ++i) {
    const uint16_t slot = launch.draft.steps.NewSlot();
    launch.user_mount_slots.push_back(slot);
    CAISSON_RETURN_IF_ERROR(
        AddSource(launch, launch.spec.mounts[i], FieldOf(i), slot));
  }
  return absl::OkStatus();
}

absl::Status AddMountTargets(Launch& launch) {
  for (size_t i = 0; i < launch.spec.mounts.size(); ++i) {
    const spec::Mount& mount = launch.spec.mounts[i];
    if (mount.special.has_value()) {
      CAISSON_RETURN_IF_ERROR(AddSpecialSource(launch, mount, FieldOf(i),
                                               launch.user_mount_slots[i]));
    }
    Op op = MakeOp(OpKind::kAttach, Executor::kChild);
    op.in = launch.user_mount_slots[i];
    // A slash at the end would ask for a directory, also for a file.
    op.s1 = launch.draft.steps.Str(base::NormalizePath(mount.target));
    if (launch.create_targets) op.flags |= kOpCreate;
    launch.draft.Add(op,
                     "asked for; the target is resolved inside the root, "
                     "to an fd, and refused if it leads into /proc");
  }
  return absl::OkStatus();
}

}  // namespace caisson::plan
