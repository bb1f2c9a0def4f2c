// /proc, /sys, /dev and what is below them, sysctls, and the paths that are
// masked or read-only.
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"

#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/plan/build.h"
#include "runtime/plan/ops.h"

namespace caisson::plan {
namespace {

constexpr uint64_t kNoExecAttributes =
    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
constexpr uint64_t kDevAttributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;

bool HasMountAt(const Launch& launch, std::string_view target) {
  return FindMountAt(launch, target) != nullptr;
}

// Where the host mounts other file systems on its own sysfs. In a new instance
// they are directories that the kernel keeps empty.
constexpr std::string_view kSysMountPoints[] = {
    "/sys/fs/selinux",
    "/sys/kernel/debug",
    "/sys/kernel/security",
    "/sys/kernel/tracing",
};

// Limits are enforced by the unified hierarchy.
bool OnlyUnified(const Launch& launch) {
  return launch.draft.base.facts.LimitsVersion() == cgroup::Version::kV2;
}

// Owner of a file system that the shim mounts for a container with id maps.
void AddOwner(const Launch& launch, MountOptions* options) {
  if (!launch.has_user_namespace()) return;
  options->emplace_back("uid", base::StrCat(launch.root_uid));
  options->emplace_back("gid", base::StrCat(launch.root_gid));
}

uint16_t AddNewMount(Launch& launch, Executor executor, std::string_view type,
                     const MountOptions& options, uint64_t attributes,
                     uint16_t slot, std::string why) {
  Op op = MakeOp(OpKind::kNewMount, executor);
  op.s1 = launch.draft.steps.Str(type);
  op.s2 = launch.draft.steps.List(Flatten(options));
  op.a = attributes;
  op.out = slot;
  launch.draft.Add(op, std::move(why));
  return slot;
}

void AddAttach(Launch& launch, uint16_t slot, std::string_view target,
               std::string why) {
  Op op = MakeOp(OpKind::kAttach, Executor::kChild);
  op.in = slot;
  op.s1 = launch.draft.steps.Str(target);
  op.flags = kOpNoSymlinks;
  if (launch.create_targets) op.flags |= kOpCreate;
  launch.draft.Add(op, std::move(why));
}

// The host's own tree, where a new instance cannot be mounted: its namespace
// belongs to the host, and the container's root has no rights over that.
uint16_t AddHostTree(Launch& launch, std::string_view path, uint64_t attributes,
                     uint16_t slot, std::string why) {
  Op clone = MakeOp(OpKind::kCloneTree, Executor::kPrepare);
  clone.s1 = launch.draft.steps.Str(path);
  clone.flags = kOpRecursive;
  clone.out = slot;
  launch.draft.Add(clone, std::move(why));
  Op set = MakeOp(OpKind::kSetAttributes, Executor::kPrepare);
  set.in = slot;
  set.a = attributes;
  set.c = MS_PRIVATE;
  set.flags = kOpRecursive;
  launch.draft.Add(set, "as restricted as a new one would be");
  return slot;
}

void AddProc(Launch& launch) {
  const bool foreign = launch.has_user_namespace() &&
                       (launch.draft.header.clone_flags & CLONE_NEWPID) == 0;
  if (foreign) {
    AddHostTree(launch, "/proc", kNoExecAttributes, kSlotProc,
                "the pid namespace is the host's");
  } else {
    AddNewMount(launch, Executor::kChild, "proc", {}, kNoExecAttributes,
                kSlotProc,
                "shows the pid namespace of who mounts it; made detached, so "
                "that nothing of the image can stand in for it");
  }
  AddAttach(launch, kSlotProc, "proc", "every program expects it");
}

// `key` as "net.ipv4.ip_forward".
Op SysctlOp(Launch& launch, std::string key, std::string_view value) {
  std::replace(key.begin(), key.end(), '.', '/');
  Op op = MakeOp(OpKind::kSysctl, Executor::kChild);
  op.in = kSlotProc;
  op.s1 = launch.draft.steps.Str(key);
  op.s2 = launch.draft.steps.Str(value);
  return op;
}

// The last group that exists inside, of those from 0 up.
int64_t LastGroup(const Launch& launch) {
  if (!launch.has_user_namespace()) return INT32_MAX;
  for (const spec::IdMap& map :
       launch.spec.user_namespace.explicit_maps->gids) {
    if (map.container_id == 0) return map.size - 1;
  }
  return 0;
}

// A network namespace of its own has no ports and no echo requests to protect
// from its users: what they may do there needs no capability.
void AddNetworkSysctls(Launch& launch) {
  if ((launch.draft.header.clone_flags & CLONE_NEWNET) == 0) return;
  const std::pair<std::string, std::string> defaults[] = {
      {"net.ipv4.ip_unprivileged_port_start", "0"},
      {"net.ipv4.ping_group_range", base::StrCat("0 ", LastGroup(launch))}};
  for (const auto& [key, value] : defaults) {
    if (launch.spec.sysctls.contains(key)) continue;
    Op op = SysctlOp(launch, key, value);
    op.flags = kOpSkipMissing;  // a kernel without IPv4
    launch.draft.Add(op,
                     "the network is the container's own: servers on low "
                     "ports and ping work without capabilities");
  }
}

absl::Status AddSysctls(Launch& launch) {
  for (const auto& [key, value] : launch.spec.sysctls) {
    const bool network = key.starts_with("net.");
    const uint64_t needed = network ? CLONE_NEWNET : CLONE_NEWIPC;
    if ((launch.draft.header.clone_flags & needed) == 0) {
      return BadField(base::StrCat("spec.sysctls[", key, "]"),
                      base::StrCat("needs a private ",
                                   network ? "network" : "ipc", " namespace"));
    }
    launch.draft.Add(SysctlOp(launch, key, value),
                     "asked for; of this container's namespace only");
  }
  AddNetworkSysctls(launch);
  return absl::OkStatus();
}

bool HasForeignSys(const Launch& launch) {
  return launch.has_user_namespace() &&
         (launch.draft.header.clone_flags & CLONE_NEWNET) == 0;
}

void AddSys(Launch& launch) {
  uint64_t attributes = kNoExecAttributes;
  if (!launch.spec.security.privileged) attributes |= MOUNT_ATTR_RDONLY;
  const uint16_t slot = launch.draft.steps.NewSlot();
  if (HasForeignSys(launch)) {
    AddHostTree(launch, "/sys", attributes, slot,
                "the network namespace is the host's");
  } else {
    AddNewMount(launch, Executor::kChild, "sysfs", {}, attributes, slot,
                "shows the devices of the container's network namespace");
  }
  AddAttach(launch, slot, "sys",
            "read-only unless privileged: it acts on the "
            "host's kernel");
}

// On v2 only: a read-only view from the container's own cgroup down. With the
// host's cgroup namespace a new mount would change the host's mount options.
void AddCgroupView(Launch& launch) {
  if (!OnlyUnified(launch) || HasMountAt(launch, "/sys/fs/cgroup")) {
    return;
  }
  uint64_t attributes = kNoExecAttributes;
  if (!launch.spec.security.privileged) attributes |= MOUNT_ATTR_RDONLY;
  const uint16_t slot = launch.draft.steps.NewSlot();
  if (IsPrivate(launch.spec.namespaces.cgroup)) {
    AddNewMount(launch, Executor::kChild, "cgroup2", {}, attributes, slot,
                "programs read their own limits there");
  } else {
    AddHostTree(launch, "/sys/fs/cgroup", attributes, slot,
                "the cgroup namespace is not the container's own");
  }
  AddAttach(launch, slot, "sys/fs/cgroup",
            "read-only: limits are set from outside");
}

void AddDevDirectory(Launch& launch, std::string_view name) {
  Op op = MakeOp(OpKind::kMakeDirectory, Executor::kPrepare);
  op.in = kSlotDev;
  op.s1 = launch.draft.steps.Str(name);
  op.a = 0755;
  launch.draft.Add(op, "mount point on the fresh tmpfs");
}

void AddDevSymlink(Launch& launch, std::string_view target,
                   std::string_view name) {
  Op op = MakeOp(OpKind::kMakeSymlink, Executor::kPrepare);
  op.in = kSlotDev;
  op.s1 = launch.draft.steps.Str(target);
  op.s2 = launch.draft.steps.Str(name);
  launch.draft.Add(op, "part of the standard /dev");
}

void AddDevContents(Launch& launch) {
  AddDevDirectory(launch, "pts");
  AddDevDirectory(launch, "shm");
  AddDevDirectory(launch, "mqueue");
  AddDevSymlink(launch, "pts/ptmx", "ptmx");
  AddDevSymlink(launch, "/proc/self/fd", "fd");
  AddDevSymlink(launch, "/proc/self/fd/0", "stdin");
  AddDevSymlink(launch, "/proc/self/fd/1", "stdout");
  AddDevSymlink(launch, "/proc/self/fd/2", "stderr");
  AddDevSymlink(launch, "/proc/kcore", "core");
}

void AddDevpts(Launch& launch) {
  MountOptions options = {{"ptmxmode", "0666"}, {"mode", "0620"}};
  const std::optional<uint32_t> gid = TerminalGroup(launch.spec.user_namespace);
  if (gid.has_value()) options.emplace_back("gid", base::StrCat(*gid));
  AddNewMount(launch, Executor::kPrepare, "devpts", options, kDevAttributes,
              kSlotDevpts,
              "an instance of its own: no terminal of the host is in it; made "
              "by the shim, which keeps it for the terminals of execs");
}

void AddDev(Launch& launch) {
  MountOptions options = {{"mode", "0755"}, {"size", "64m"}};
  AddOwner(launch, &options);
  AddNewMount(launch, Executor::kPrepare, "tmpfs", options, kDevAttributes,
              kSlotDev,
              "made before the container exists, so that device nodes need no "
              "right inside of it");
  AddDevContents(launch);
  AddDevpts(launch);
}

void AddShm(Launch& launch) {
  if (HasMountAt(launch, "/dev/shm")) return;
  MountOptions options = {{"mode", "1777"}, {"size", "64m"}};
  AddOwner(launch, &options);
  const uint16_t slot =
      AddNewMount(launch, Executor::kPrepare, "tmpfs", options,
                  kNoExecAttributes, launch.draft.steps.NewSlot(),
                  "POSIX shared memory; 64 MiB unless a mount at /dev/shm says "
                  "otherwise");
  AddAttach(launch, slot, "dev/shm", "where shm_open looks");
}

void AddMqueue(Launch& launch) {
  if (HasMountAt(launch, "/dev/mqueue")) return;
  const bool foreign = launch.has_user_namespace() &&
                       (launch.draft.header.clone_flags & CLONE_NEWIPC) == 0;
  // The host's queues cannot be mounted from a user namespace; programs that
  // need them use the system calls.
  if (foreign) return;
  const uint16_t slot = AddNewMount(
      launch, Executor::kChild, "mqueue", {}, kNoExecAttributes,
      launch.draft.steps.NewSlot(), "shows the ipc namespace of who mounts it");
  AddAttach(launch, slot, "dev/mqueue", "POSIX message queues by name");
}

void AddConsole(Launch& launch) {
  Op node = MakeOp(OpKind::kMakeDevice, Executor::kPrepare);
  node.in = kSlotDev;
  node.s1 = launch.draft.steps.Str("console");
  node.a = S_IFREG | 0620;
  launch.draft.Add(node, "mount point for the terminal");
  Op console = MakeOp(OpKind::kBindConsole, Executor::kChild);
  console.in = kSlotPtySlave;
  console.s1 = launch.draft.steps.Str("dev/console");
  launch.draft.Add(console,
                   "by the terminal's own fd, never by a name in the "
                   "container");
}

bool IsEmptyAnyway(const Launch& launch, std::string_view path) {
  if (HasForeignSys(launch)) return false;
  return std::find(std::begin(kSysMountPoints), std::end(kSysMountPoints),
                   path) != std::end(kSysMountPoints);
}

}  // namespace

absl::Status AddStandardMounts(Launch& launch) {
  AddProc(launch);
  CAISSON_RETURN_IF_ERROR(AddSysctls(launch));
  AddSys(launch);
  AddCgroupView(launch);
  AddDev(launch);
  CAISSON_RETURN_IF_ERROR(AddDeviceNodes(launch));
  AddAttach(launch, kSlotDev, "dev", "a tmpfs with the standard nodes only");
  AddShm(launch);
  AddMqueue(launch);
  if (!launch.locks_mounts) AddTerminals(launch);
  return absl::OkStatus();
}

// What the spec mounts at the same place is what the container sees.
void AddTerminals(Launch& launch) {
  const bool own = !HasMountAt(launch, "/dev");
  if (own && !HasMountAt(launch, "/dev/pts")) {
    AddAttach(launch, kSlotDevpts, "dev/pts", "the container's terminals");
  }
  AddPty(launch.spec.process, launch.spec.user_namespace, launch.draft);
  if (own && launch.spec.process.tty && !HasMountAt(launch, "/dev/console")) {
    AddConsole(launch);
  }
}

void AddMasks(Launch& launch) {
  const spec::SecurityOptions& security = launch.spec.security;
  if (security.masked_paths.has_value() && !security.masked_paths->empty()) {
    launch.empty_slot = AddNewMount(
        launch, Executor::kPrepare, "tmpfs",
        {{"size", "4k"}, {"nr_inodes", "1"}, {"mode", "0555"}},
        kNoExecAttributes | MOUNT_ATTR_RDONLY, launch.draft.steps.NewSlot(),
        "one empty read-only file system covers every masked directory");
    for (const std::string& path : *security.masked_paths) {
      if (IsEmptyAnyway(launch, path)) {
        launch.draft.summary.push_back(base::StrCat(
            path, ": not masked, it is empty in the container's own sysfs"));
        continue;
      }
      Op op = MakeOp(OpKind::kMaskPath, Executor::kChild);
      op.s1 = launch.draft.steps.Str(path);
      op.in = kSlotDev;
      op.x = launch.empty_slot;
      launch.draft.Add(op, "tells about the host or acts on it");
    }
  }
  if (!security.readonly_paths.has_value()) return;
  for (const std::string& path : *security.readonly_paths) {
    Op op = MakeOp(OpKind::kReadOnlyPath, Executor::kChild);
    op.s1 = launch.draft.steps.Str(path);
    launch.draft.Add(op, "writing there acts on the host");
  }
}

}  // namespace caisson::plan
