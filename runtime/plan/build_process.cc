// From the container's user to execve: the same for a container and an exec.
#include <linux/capability.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/linux/host_facts.h"
#include "runtime/linux/seccomp/filter.h"
#include "runtime/plan/build.h"
#include "runtime/plan/ops.h"
#include "runtime/spec/capability.h"
#include "runtime/spec/defaults.h"
#include "runtime/spec/rlimit.h"
#include "runtime/spec/user.h"

namespace caisson::plan {
namespace {

std::string PrincipalText(const spec::Principal& principal) {
  return principal.number.has_value() ? base::StrCat(*principal.number)
                                      : principal.name;
}

absl::Status AddUser(const spec::Process& process, Draft& draft) {
  const absl::StatusOr<spec::UserRef> user = spec::ParseUser(process.user);
  if (!user.ok()) {
    return BadField("spec.process.user",
                    base::StdView(user.status().message()));
  }
  Op op = MakeOp(OpKind::kResolveUser, Executor::kExec);
  op.s1 = draft.steps.Str(PrincipalText(user->user));
  if (user->group.has_value()) {
    op.s2 = draft.steps.Str(PrincipalText(*user->group));
  }
  op.s3 = draft.steps.List(process.extra_groups);
  if (process.strict_groups) op.flags |= kOpStrict;
  draft.Add(op,
            "by the container's own passwd and group files, read by a bounded "
            "parser after the root has changed; digits are always numbers");
  return absl::OkStatus();
}

void AddDirectory(const ProcessInput& input, Draft& draft) {
  const std::string& path = input.process.working_dir;
  Op op = MakeOp(OpKind::kChangeDirectory, Executor::kExec);
  op.s1 = draft.steps.Str(path.empty() ? "/" : path);
  if (input.create_directory) op.flags |= kOpCreate;
  draft.Add(op,
            "magic links are refused, and the result must lie inside the "
            "root");
}

void AddStdio(const spec::Process& process, Draft& draft) {
  Op op = MakeOp(OpKind::kStdio, Executor::kExec);
  if (process.tty) op.flags |= kOpTty;
  draft.Add(op, process.tty
                    ? "a session with the terminal as its own"
                    : "a session without a terminal; pipes to the shim");
}

// The most that this host gives to `resource`.
uint64_t HostLimit(const linux_::HostFacts& facts, int resource) {
  const uint64_t hard = facts.rlimits[static_cast<size_t>(resource)].rlim_max;
  return resource == RLIMIT_NOFILE ? std::min(hard, facts.nr_open) : hard;
}

std::string LimitText(uint64_t value) {
  return value == RLIM_INFINITY ? "unlimited" : base::StrCat(value);
}

absl::Status AddRlimit(const spec::Rlimit& limit, size_t index, Draft& draft) {
  const std::optional<int> resource = spec::ParseRlimit(limit.name);
  if (!resource.has_value()) {
    return BadField(base::StrCat("spec.process.rlimits[", index, "].name"),
                    "unknown limit");
  }
  const auto number = [](int64_t value) {
    return value < 0 ? uint64_t{RLIM_INFINITY} : static_cast<uint64_t>(value);
  };
  uint64_t soft = number(limit.soft);
  uint64_t hard = number(limit.hard);
  const uint64_t host = HostLimit(draft.facts, *resource);
  std::string why = limit.from_default ? "default" : "asked for";
  if (hard > host) {
    if (!limit.from_default) {
      return HostRefuses(base::StrCat("spec.process.rlimits[", index,
                                      "]: ", limit.name, " ", LimitText(hard),
                                      " is above this host's hard limit ",
                                      LimitText(host)));
    }
    why = base::StrCat("default, lowered from ", LimitText(hard),
                       " to what this host allows");
    draft.summary.push_back(
        base::StrCat("rlimit ", limit.name, ": ", why, ", ", LimitText(host)));
    hard = host;
    soft = std::min(soft, hard);
  }
  Op op = MakeOp(OpKind::kSetRlimit, Executor::kExec);
  op.a = static_cast<uint64_t>(*resource);
  op.b = soft;
  op.c = hard;
  draft.Add(op, why);
  return absl::OkStatus();
}

absl::StatusOr<linux_::SeccompFilterPtr> Filter(const spec::Seccomp& seccomp,
                                                uint64_t bounding) {
  if (seccomp.unconfined) return linux_::SeccompFilterPtr();
  if (seccomp.oci_json.has_value()) {
    return linux_::OciSeccompFilter(*seccomp.oci_json);
  }
  return linux_::DefaultSeccompFilter(bounding);
}

void AddSeccomp(const linux_::SeccompFilterPtr& filter, bool no_new_privileges,
                Draft& draft) {
  if (filter == nullptr) return;
  Op op = MakeOp(OpKind::kSeccompFilter, Executor::kExec);
  op.s1 = draft.steps.Aligned(filter->Bytes());
  op.a = filter->flags;
  draft.Add(op, no_new_privileges
                    ? "last: it need not allow what the setup itself does"
                    : "before capabilities go: without no_new_privs loading a "
                      "filter needs CAP_SYS_ADMIN");
}

struct Masks {
  uint64_t bounding = 0;
  uint64_t permitted = 0;
  uint64_t effective = 0;
  uint64_t inheritable = 0;
  uint64_t ambient = 0;
};

// Cut to what this host has: raising another one would fail.
Masks CapabilityMasks(const spec::Process& process, Draft& draft) {
  Masks masks;
  if (!process.capabilities.has_value() ||
      !process.capabilities->exact.has_value()) {
    return masks;
  }
  const spec::CapabilitySets& sets = *process.capabilities->exact;
  const uint64_t host = draft.facts.bounding_capabilities;
  masks.bounding = spec::CapabilityMask(sets.bounding);
  const uint64_t missing = masks.bounding & ~host;
  for (const std::string& name : spec::CapabilityNames(missing)) {
    draft.summary.push_back(
        base::StrCat("capability ", name, ": not given, this host lacks it"));
  }
  masks.bounding &= host;
  masks.permitted = spec::CapabilityMask(sets.permitted) & host;
  masks.effective = spec::CapabilityMask(sets.effective) & host;
  masks.inheritable = spec::CapabilityMask(sets.inheritable) & host;
  masks.ambient = spec::CapabilityMask(sets.ambient) & host;
  return masks;
}

void AddBounding(const Masks& masks, Draft& draft) {
  Op op = MakeOp(OpKind::kLimitBounding, Executor::kExec);
  op.a = masks.bounding;
  draft.Add(op,
            "what no program in the container can ever regain; while "
            "CAP_SETPCAP is still there");
}

void AddCredentials(const Masks& masks, Draft& draft) {
  draft.Add(MakeOp(OpKind::kSetIds, Executor::kExec),
            "groups before the ids that give the right to set them; the "
            "list has exactly the groups found");
  Op op = MakeOp(OpKind::kSetCapabilities, Executor::kExec);
  op.a = masks.permitted;
  op.b = masks.effective;
  op.c = masks.inheritable;
  op.d = masks.ambient;
  op.flags = kOpRootOnly;
  draft.Add(op,
            "inheritable and ambient are empty unless asked for: else "
            "files could give them back; a user other than root gets "
            "ambient ones only");
  Op death = MakeOp(OpKind::kDeathSignal, Executor::kExec);
  death.a = SIGKILL;
  draft.Add(death, "the change of ids cleared it");
}

std::vector<std::string> EnvironmentList(
    const std::map<std::string, std::string>& environment) {
  std::vector<std::string> list;
  for (const auto& [name, value] : environment) {
    list.push_back(base::StrCat(name, "=", value));
  }
  return list;
}

absl::Status AddExecute(const ProcessInput& input, Draft& draft) {
  const std::vector<std::string> argv = spec::Argv(input.process);
  if (argv.empty() || argv.front().empty()) {
    return BadField("spec.process", "a command is required");
  }
  Op op = MakeOp(OpKind::kExecute, Executor::kExec);
  op.s1 = draft.steps.List(argv);
  op.a = argv.size();
  const std::map<std::string, std::string> environment =
      spec::Environment(input.process);
  op.s2 = draft.steps.List(EnvironmentList(environment));
  op.b = environment.size();
  const auto path = environment.find("PATH");
  op.s3 =
      draft.steps.Str(path != environment.end() ? std::string_view(path->second)
                                                : spec::kDefaultPath);
  if (!environment.contains("HOME")) op.flags |= kOpAddHome;
  draft.Add(op,
            "searched in the container's PATH, as its user; HOME comes "
            "from its passwd file unless it is set");
  return absl::OkStatus();
}

}  // namespace

std::optional<uint32_t> TerminalGroup(const spec::UserNamespace& user) {
  constexpr int64_t kTtyGroup = 5;
  if (!user.explicit_maps.has_value()) return kTtyGroup;
  return HostId(user.explicit_maps->gids, kTtyGroup);
}

void AddPty(const spec::Process& process, const spec::UserNamespace& user,
            Draft& draft) {
  if (!process.tty) return;
  Op op = MakeOp(OpKind::kOpenPty, Executor::kPrepare);
  op.in = kSlotDevpts;
  if (user.explicit_maps.has_value()) {
    op.c = HostId(user.explicit_maps->uids, 0).value_or(0);
    op.d = TerminalGroup(user).value_or(
        HostId(user.explicit_maps->gids, 0).value_or(0));
  }
  draft.Add(op,
            "in the container's own devpts; the shim holds the master, and "
            "the size is set before the program runs");
}

absl::Status AddOomScore(const spec::Process& process, bool from_parent,
                         Draft& draft) {
  const int lowest =
      (draft.facts.effective_capabilities >> CAP_SYS_RESOURCE & 1) != 0
          ? -1000
          : draft.facts.oom_score_adj_min;
  if (process.oom_score_adj.has_value() && *process.oom_score_adj < lowest) {
    return HostRefuses(base::StrCat("spec.process.oom_score_adj ",
                                    *process.oom_score_adj,
                                    " is below the host's ", lowest));
  }
  const int value = process.oom_score_adj.value_or(std::max(0, lowest));
  const Executor child =
      draft.header.kind == PlanKind::kExec ? Executor::kExec : Executor::kChild;
  Op op = from_parent ? MakeOp(OpKind::kWriteProcessFile, Executor::kParent)
                      : MakeOp(OpKind::kWriteFile, child);
  if (from_parent) op.in = kSlotChildPid;
  op.s1 = draft.steps.Str(from_parent ? "oom_score_adj"
                                      : "/proc/self/oom_score_adj");
  op.s2 = draft.steps.Str(base::StrCat(value));
  draft.Add(op, process.oom_score_adj.has_value()
                    ? "asked for"
                    : "the shim's own protects it from the kernel; a "
                      "container must not inherit that");
  return absl::OkStatus();
}

absl::Status AddProcess(const ProcessInput& input, Draft& draft) {
  const spec::Process& process = input.process;
  CAISSON_RETURN_IF_ERROR(AddUser(process, draft));
  AddDirectory(input, draft);
  AddStdio(process, draft);
  for (size_t i = 0; i < process.rlimits.size(); ++i) {
    CAISSON_RETURN_IF_ERROR(AddRlimit(process.rlimits[i], i, draft));
  }
  Op umask = MakeOp(OpKind::kSetUmask, Executor::kExec);
  umask.a = static_cast<uint64_t>(process.umask.value_or(spec::kDefaultUmask));
  draft.Add(umask, process.umask.has_value() ? "asked for" : "default");
  draft.Add(MakeOp(OpKind::kResetSignals, Executor::kExec),
            "what the shim blocks or ignores must not follow the program");
  const Masks masks = CapabilityMasks(process, draft);
  CAISSON_ASSIGN_OR_RETURN(const linux_::SeccompFilterPtr filter,
                           Filter(input.seccomp, masks.bounding));
  const bool no_new_privileges = !process.allow_new_privileges;
  if (!no_new_privileges) AddSeccomp(filter, false, draft);
  AddBounding(masks, draft);
  AddCredentials(masks, draft);
  draft.Add(MakeOp(OpKind::kCloseFds, Executor::kExec),
            "nothing of the host stays open (CVE-2024-21626)");
  if (no_new_privileges) {
    draft.Add(MakeOp(OpKind::kNoNewPrivileges, Executor::kExec),
              "setuid programs gain nothing; default");
    AddSeccomp(filter, true, draft);
  }
  return AddExecute(input, draft);
}

}  // namespace caisson::plan
