// Namespaces: which are new, which are another container's, the user
// namespace, and what a new one needs before programs use it.
#include <sched.h>
#include <stdint.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

#include "runtime/base/error_detail.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/plan/build.h"
#include "runtime/plan/ops.h"

namespace caisson::plan {
namespace {

using spec::NamespaceMode;

// Time is CLONE_NEWTIME: glibc's sched.h of Debian 12 lacks the name.
constexpr uint64_t kNewTime = 0x80;

struct Kind {
  std::string_view name;
  std::string_view field;
  uint64_t flag;
  std::string_view host_note;  // what sharing the host's means
};

constexpr Kind kPid = {"pid", "spec.namespaces.pid", CLONE_NEWPID,
                       "sees and can signal the host's processes"};
constexpr Kind kIpc = {"ipc", "spec.namespaces.ipc", CLONE_NEWIPC,
                       "shares the host's queues and shared memory"};
constexpr Kind kUts = {"uts", "spec.namespaces.uts", CLONE_NEWUTS,
                       "has the host's name"};
constexpr Kind kCgroup = {"cgroup", "spec.namespaces.cgroup", CLONE_NEWCGROUP,
                          "sees the host's cgroup paths"};
constexpr Kind kTime = {"time", "spec.namespaces.time", kNewTime,
                        "has the host's clocks"};
constexpr Kind kNet = {"network", "spec.network", CLONE_NEWNET,
                       "uses the host's interfaces and ports"};

spec::Namespace NetworkNamespace(const Launch& launch) {
  const spec::Network& network = launch.spec.network;
  switch (network.mode) {
    case spec::NetworkMode::kHost:
      return {NamespaceMode::kHost, ""};
    case spec::NetworkMode::kContainer:
      return {NamespaceMode::kContainer, network.container};
    case spec::NetworkMode::kNamespace:
      return {NamespaceMode::kPath, launch.context.network_namespace_path};
    case spec::NetworkMode::kNamespacePath:
      return {NamespaceMode::kPath, network.namespace_path};
    default:
      return {NamespaceMode::kPrivate, ""};
  }
}

std::string MapText(const std::vector<spec::IdMap>& maps) {
  std::string text;
  for (const spec::IdMap& map : maps) {
    base::StrAppend(&text, map.container_id, " ", map.host_id, " ", map.size,
                    "\n");
  }
  return text;
}

// Opens what a shared namespace is taken from; one slot for each owner.
class Sources {
 public:
  explicit Sources(Launch& launch) : launch_(launch) {}

  absl::StatusOr<uint16_t> SlotFor(const Kind& kind,
                                   const spec::Namespace& ns) {
    const auto known = slots_.find(ns.target);
    if (known != slots_.end()) return known->second;
    const uint16_t slot = launch_.draft.steps.NewSlot();
    if (ns.mode == NamespaceMode::kPath) {
      AddOpenPath(kind, ns.target, slot);
    } else {
      CAISSON_RETURN_IF_ERROR(AddOpenPidfd(kind, ns.target, slot));
    }
    slots_.emplace(ns.target, slot);
    return slot;
  }

 private:
  void AddOpenPath(const Kind& kind, const std::string& path, uint16_t slot) {
    Op op = MakeOp(OpKind::kOpenPath, Executor::kPrepare);
    op.s1 = launch_.draft.steps.Str(path);
    op.a = 0;  // O_RDONLY
    op.out = slot;
    op.flags = kOpSpecPath;
    const spec::Network& network = launch_.spec.network;
    const bool named = kind.flag == CLONE_NEWNET &&
                       network.mode == spec::NetworkMode::kNamespace;
    launch_.draft.Add(
        op,
        named ? base::StrCat("the network namespace \"", network.namespace_name,
                             "\", which lives on when the container ends")
              : "a namespace that the spec names by path");
  }

  absl::Status AddOpenPidfd(const Kind& kind, const std::string& target,
                            uint16_t slot) {
    const auto owner = launch_.context.owners.find(target);
    if (owner == launch_.context.owners.end()) {
      return base::MakeError(absl::StatusCode::kFailedPrecondition,
                             "NAMESPACE_OWNER_GONE",
                             base::StrCat(kind.field, ": container \"", target,
                                          "\" is not running"),
                             {{"container", target}});
    }
    Op op = MakeOp(OpKind::kOpenPidfd, Executor::kPrepare);
    op.a = static_cast<uint64_t>(owner->second.pid);
    op.s1 = launch_.draft.steps.Str(
        base::StrCat("/", owner->second.container_id, "/"));
    op.out = slot;
    launch_.draft.Add(op,
                      "holds the process, so that its number cannot come to "
                      "mean another one, and checks that it is a member of "
                      "that container's cgroup");
    return absl::OkStatus();
  }

  Launch& launch_;
  std::map<std::string, uint16_t> slots_;
};

absl::Status CheckUserNamespace(const Launch& launch, const Kind& kind,
                                const spec::Namespace& ns) {
  if (!launch.has_user_namespace()) return absl::OkStatus();
  return BadField(kind.field,
                  base::StrCat("a container with id maps cannot join the ",
                               kind.name, " namespace of \"", ns.target,
                               "\": it belongs to another user namespace"));
}

// A namespace that is entered after clone.
void AddJoin(Launch& launch, const Kind& kind, uint16_t slot) {
  Op op = MakeOp(OpKind::kSetNamespaces, Executor::kChild);
  op.in = slot;
  op.a = kind.flag;
  launch.draft.Add(
      op, base::StrCat("the spec shares this ", kind.name, " namespace"));
}

absl::Status AddNamespace(Launch& launch, const Kind& kind,
                          const spec::Namespace& ns, Sources& sources) {
  PlanHeader& header = launch.draft.header;
  if (IsShared(ns)) {
    CAISSON_RETURN_IF_ERROR(CheckUserNamespace(launch, kind, ns));
    CAISSON_ASSIGN_OR_RETURN(const uint16_t slot, sources.SlotFor(kind, ns));
    if (kind.flag == CLONE_NEWPID) {
      header.join_pid_slot = slot;
      header.flags |= kPlanSharedPidNamespace;
    } else {
      AddJoin(launch, kind, slot);
    }
    return absl::OkStatus();
  }
  if (ns.mode == NamespaceMode::kHost) {
    launch.draft.summary.push_back(base::StrCat(
        kind.name, " namespace: the host's, as asked: it ", kind.host_note));
    if (kind.flag == CLONE_NEWPID) header.flags |= kPlanSharedPidNamespace;
    return absl::OkStatus();
  }
  // The cgroup namespace is rooted where its maker is: only after the child
  // has joined its cgroup. clone3 would root it at the shim's.
  if (kind.flag != CLONE_NEWCGROUP) header.clone_flags |= kind.flag;
  return absl::OkStatus();
}

// Most of a clone's time goes into a network namespace, so the keeper makes
// some before. They belong to the host's user namespace.
void AddFreshNetwork(Launch& launch) {
  PlanHeader& header = launch.draft.header;
  if ((header.clone_flags & CLONE_NEWNET) == 0 || launch.has_user_namespace()) {
    return;
  }
  header.flags |= kPlanFreshNetwork;
  Op op = MakeOp(OpKind::kSetNamespaces, Executor::kChild);
  op.in = kSlotNetwork;
  op.a = CLONE_NEWNET;
  op.flags = kOpSkipMissing;
  launch.draft.Add(op,
                   "one that was made before, if there is; else the clone has "
                   "made its own");
}

// One that others are in, too, or will be.
void TellJoinedNetwork(Launch& launch) {
  const spec::NetworkMode mode = launch.spec.network.mode;
  if (mode != spec::NetworkMode::kNamespace &&
      mode != spec::NetworkMode::kNamespacePath) {
    return;
  }
  launch.draft.summary.push_back(base::StrCat(
      "network namespace: that at ", NetworkNamespace(launch).target,
      ", as it is: it has the interfaces, ports and rules that are set up "
      "there"));
}

// Interfaces and addresses are the daemon's matter, before the child does
// anything: no op is needed.
void HandNetworkOut(Launch& launch) {
  if (launch.spec.network.mode != spec::NetworkMode::kAttach) return;
  launch.draft.header.flags |= kPlanNeedsNetwork;
  launch.draft.summary.push_back(
      "network namespace: the container's own; its interfaces, addresses and "
      "routes are there before the first step inside");
}

void AddCgroupNamespace(Launch& launch) {
  if (!IsPrivate(launch.spec.namespaces.cgroup)) return;
  Op op = MakeOp(OpKind::kUnshare, Executor::kChild);
  op.a = CLONE_NEWCGROUP;
  launch.draft.Add(op,
                   "hides the host's cgroup paths; after the join, because "
                   "it is rooted where the process is now");
}

void AddMapStep(Launch& launch, std::string_view file,
                const std::vector<spec::IdMap>& maps) {
  Op op = MakeOp(OpKind::kWriteProcessFile, Executor::kParent);
  op.in = kSlotChildPid;
  op.s1 = launch.draft.steps.Str(file);
  op.s2 = launch.draft.steps.Str(MapText(maps));
  launch.draft.Add(op,
                   "the map that the spec gives; written by the shim, "
                   "which has the right to map these ids");
}

}  // namespace

bool IsPrivate(const spec::Namespace& ns) {
  return ns.mode == NamespaceMode::kPrivate ||
         ns.mode == NamespaceMode::kDefault;
}

bool IsShared(const spec::Namespace& ns) {
  return ns.mode == NamespaceMode::kContainer ||
         ns.mode == NamespaceMode::kPath;
}

std::optional<uint32_t> HostId(const std::vector<spec::IdMap>& maps,
                               int64_t container_id) {
  for (const spec::IdMap& map : maps) {
    if (container_id >= map.container_id &&
        container_id - map.container_id < map.size) {
      return static_cast<uint32_t>(map.host_id + container_id -
                                   map.container_id);
    }
  }
  return std::nullopt;
}

absl::Status AddUserNamespace(Launch& launch) {
  if (!launch.has_user_namespace()) return absl::OkStatus();
  const spec::IdMapping& maps = *launch.spec.user_namespace.explicit_maps;
  const std::optional<uint32_t> uid = HostId(maps.uids, 0);
  const std::optional<uint32_t> gid = HostId(maps.gids, 0);
  if (!uid.has_value() || !gid.has_value()) {
    return BadField("spec.user_namespace.explicit",
                    "id 0 must be mapped: the container's own setup runs as "
                    "its root");
  }
  launch.root_uid = *uid;
  launch.root_gid = *gid;
  PlanHeader& header = launch.draft.header;
  header.inner_root_uid = *uid;
  header.inner_root_gid = *gid;
  header.clone_flags |= CLONE_NEWUSER;
  header.flags |= kPlanNeedsMapped;

  launch.map_slot = launch.draft.steps.NewSlot();
  Op map = MakeOp(OpKind::kOpenUserNamespace, Executor::kPrepare);
  map.s1 = launch.draft.steps.Str(MapText(maps.uids));
  map.s2 = launch.draft.steps.Str(MapText(maps.gids));
  map.out = launch.map_slot;
  launch.draft.Add(map,
                   "idmapped mounts take their map from a user namespace, "
                   "and the container's own does not exist yet");

  AddMapStep(launch, "uid_map", maps.uids);
  AddMapStep(launch, "gid_map", maps.gids);
  Op wait = MakeOp(OpKind::kWaitBarrier, Executor::kChild);
  wait.a = kMapped;
  launch.draft.Add(wait, "without a map the process has no id inside");
  launch.draft.Add(MakeOp(OpKind::kBecomeRoot, Executor::kChild),
                   "the files it makes must have an owner inside");
  return absl::OkStatus();
}

absl::Status AddNamespaces(Launch& launch) {
  const spec::Namespaces& wanted = launch.spec.namespaces;
  // The clone is a mount namespace of its own, always: there is no container
  // without its own root. A staged one is made by the first mount op.
  if (!launch.locks_mounts) launch.draft.header.clone_flags |= CLONE_NEWNS;
  Sources sources(launch);
  CAISSON_RETURN_IF_ERROR(AddNamespace(launch, kPid, wanted.pid, sources));
  CAISSON_RETURN_IF_ERROR(AddNamespace(launch, kIpc, wanted.ipc, sources));
  CAISSON_RETURN_IF_ERROR(AddNamespace(launch, kUts, wanted.uts, sources));
  CAISSON_RETURN_IF_ERROR(
      AddNamespace(launch, kNet, NetworkNamespace(launch), sources));
  AddFreshNetwork(launch);
  HandNetworkOut(launch);
  TellJoinedNetwork(launch);
  if (wanted.time.mode != NamespaceMode::kDefault) {
    CAISSON_RETURN_IF_ERROR(AddNamespace(launch, kTime, wanted.time, sources));
  }
  CAISSON_RETURN_IF_ERROR(
      AddNamespace(launch, kCgroup, wanted.cgroup, sources));
  AddCgroupNamespace(launch);
  return absl::OkStatus();
}

// What only a namespace of the container's own may be given.
void AddNames(Launch& launch) {
  const spec::ContainerSpec& spec = launch.spec;
  if (IsPrivate(spec.namespaces.uts)) {
    Op op = MakeOp(OpKind::kSetHostname, Executor::kChild);
    op.s1 = launch.draft.steps.Str(spec.hostname);
    launch.draft.Add(op, "the spec's hostname, by default the short id");
    if (!spec.domainname.empty()) {
      Op domain = MakeOp(OpKind::kSetDomainname, Executor::kChild);
      domain.s1 = launch.draft.steps.Str(spec.domainname);
      launch.draft.Add(domain, "the spec's domain name");
    }
  }
  if ((launch.draft.header.clone_flags & CLONE_NEWNET) != 0) {
    launch.draft.Add(MakeOp(OpKind::kLoopbackUp, Executor::kChild),
                     "a new network namespace has one interface, and it is "
                     "down");
  }
  launch.draft.Add(MakeOp(OpKind::kSessionKeyring, Executor::kChild),
                   "keys of the host's session stay outside");
}

}  // namespace caisson::plan
