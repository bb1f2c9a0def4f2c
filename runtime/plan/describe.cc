#include "runtime/plan/describe.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "runtime/base/str_cat.h"
#include "runtime/plan/names.h"
#include "runtime/spec/capability.h"
#include "runtime/spec/rlimit.h"
#include "runtime/spec/signal.h"

namespace caisson::plan {
namespace {

struct KindInfo {
  OpKind kind;
  std::string_view name;
  std::string_view verb;     // begins the line for people
  std::string_view syscall;  // the call that fails when the op fails
};

constexpr KindInfo kKinds[] = {
    {OpKind::kMakeDirectory, "make_directory", "make directory", "mkdir"},
    {OpKind::kWriteFile, "write_file", "write", "write"},
    {OpKind::kOpenPath, "open_path", "open", "open"},
    {OpKind::kMatchDirectory, "match_directory",
     "give the upper directory the owner and mode of", "fchown"},
    {OpKind::kMakeDevice, "make_device", "make device", "mknod"},
    {OpKind::kMakeSymlink, "make_symlink", "make symbolic link", "symlink"},
    {OpKind::kOpenPidfd, "open_pidfd", "hold process", "pidfd_open"},
    {OpKind::kOpenUserNamespace, "open_user_namespace",
     "make a user namespace with the id maps", "clone"},
    {OpKind::kWriteProcessFile, "write_process_file", "write the process's",
     "write"},
    {OpKind::kJoinCgroup, "join_cgroup", "join cgroup", "write"},
    {OpKind::kSetNamespaces, "set_namespaces", "join namespaces", "setns"},
    {OpKind::kUnshare, "unshare", "new namespaces", "unshare"},
    {OpKind::kWaitBarrier, "wait_barrier", "wait until", "read"},
    {OpKind::kBecomeRoot, "become_root", "become root of the user namespace",
     "setresuid"},
    {OpKind::kSetHostname, "set_hostname", "set hostname", "sethostname"},
    {OpKind::kSetDomainname, "set_domainname", "set domain name",
     "setdomainname"},
    {OpKind::kSysctl, "sysctl", "set sysctl", "write"},
    {OpKind::kLoopbackUp, "loopback_up", "bring up loopback", "ioctl"},
    {OpKind::kStageMounts, "stage_mounts",
     "enter a mount namespace of a nested user namespace", "setns"},
    {OpKind::kSetPropagation, "set_propagation", "set propagation of", "mount"},
    {OpKind::kNewMount, "new_mount", "mount", "fsmount"},
    {OpKind::kNewOverlay, "new_overlay", "mount overlay", "fsconfig"},
    {OpKind::kCloneTree, "clone_tree", "bind", "open_tree"},
    {OpKind::kSetAttributes, "set_attributes", "set attributes",
     "mount_setattr"},
    {OpKind::kAttach, "attach", "attach", "move_mount"},
    {OpKind::kAttachRoot, "attach_root", "attach the root", "move_mount"},
    {OpKind::kAttachAt, "attach_at", "attach over", "move_mount"},
    {OpKind::kDetachAt, "detach_at", "detach from", "umount"},
    {OpKind::kMaskPath, "mask_path", "mask", "move_mount"},
    {OpKind::kReadOnlyPath, "read_only_path", "make read-only",
     "mount_setattr"},
    {OpKind::kBindConsole, "bind_console", "bind the terminal on",
     "move_mount"},
    {OpKind::kPivotRoot, "pivot_root", "change the root", "pivot_root"},
    {OpKind::kSetOwner, "set_owner", "give to the container's root",
     "fchownat"},
    {OpKind::kOpenPty, "open_pty", "open a terminal", "ioctl"},
    {OpKind::kStdio, "stdio", "connect standard streams", "dup2"},
    {OpKind::kSessionKeyring, "session_keyring", "new session keyring",
     "keyctl"},
    {OpKind::kResolveUser, "resolve_user", "look up user", "open"},
    {OpKind::kChangeDirectory, "change_directory", "change directory to",
     "fchdir"},
    {OpKind::kSetRlimit, "set_rlimit", "limit", "setrlimit"},
    {OpKind::kSetUmask, "set_umask", "set umask", "umask"},
    {OpKind::kLimitBounding, "limit_bounding", "limit capabilities to",
     "prctl"},
    {OpKind::kSetIds, "set_ids", "set groups, gid and uid", "setresuid"},
    {OpKind::kSetCapabilities, "set_capabilities", "set capabilities",
     "capset"},
    {OpKind::kDeathSignal, "death_signal", "die with the shim by", "prctl"},
    {OpKind::kNoNewPrivileges, "no_new_privileges", "no new privileges",
     "prctl"},
    {OpKind::kSeccompFilter, "seccomp_filter", "load seccomp filter",
     "seccomp"},
    {OpKind::kResetSignals, "reset_signals", "reset signals", "sigaction"},
    {OpKind::kCloseFds, "close_fds", "close all other fds", "close_range"},
    {OpKind::kExecute, "execute", "execute", "execve"},
    {OpKind::kAttachDeviceFilter, "attach_device_filter",
     "attach the device filter to", "bpf"},
};

const KindInfo& InfoOf(OpKind kind) {
  for (const KindInfo& info : kKinds) {
    if (info.kind == kind) return info;
  }
  static constexpr KindInfo kUnknown = {OpKind::kMakeDirectory, "unknown",
                                        "unknown", "unknown"};
  return kUnknown;
}

std::string_view View(const PlanView& plan, StrRef ref) {
  return std::string_view(plan.Str(ref), ref.size);
}

std::string Octal(uint64_t mode) {
  return absl::StrFormat("%04o", static_cast<unsigned>(mode & 07777));
}

// "k=v,flag" of a key and value list.
std::string OptionText(const PlanView& plan, StrRef list) {
  std::string text;
  uint32_t cursor = 0;
  while (const char* key = NextString(plan, list, &cursor)) {
    const char* const value = NextString(plan, list, &cursor);
    absl::StrAppend(&text, text.empty() ? "" : ",", key);
    if (value != nullptr && value[0] != '\0')
      absl::StrAppend(&text, "=", value);
  }
  return text;
}

std::string ListText(const PlanView& plan, StrRef list) {
  std::string text;
  uint32_t cursor = 0;
  while (const char* item = NextString(plan, list, &cursor)) {
    absl::StrAppend(&text, text.empty() ? "" : " ", item);
  }
  return text;
}

// What made the thing in `slot`: "tmpfs", "bind of /x".
std::string SourceOf(const PlanView& plan, uint16_t slot) {
  for (uint32_t i = 0; i < plan.header->op_count; ++i) {
    const Op& op = plan.ops[i];
    if (slot == kNoSlot || op.out != slot) continue;
    switch (op.kind) {
      case OpKind::kNewMount:
        return std::string(View(plan, op.s1));
      case OpKind::kNewOverlay:
        return "overlay";
      case OpKind::kCloneTree:
        return base::StrCat("bind of ", View(plan, op.s1));
      default:
        return std::string(View(plan, op.s1));
    }
  }
  return "";
}

// Where the mount in `slot` ends up inside; empty: nowhere by itself.
std::string PlaceOf(const PlanView& plan, uint16_t slot) {
  if (slot == kSlotRoot) return "/";
  for (uint32_t i = 0; i < plan.header->op_count; ++i) {
    const Op& op = plan.ops[i];
    if (op.kind != OpKind::kAttach || op.in != slot) continue;
    const std::string_view path = View(plan, op.s1);
    return path.starts_with('/') ? std::string(path) : base::StrCat("/", path);
  }
  return "";
}

std::string Absolute(std::string_view path) {
  return path.starts_with('/') ? std::string(path) : base::StrCat("/", path);
}

void Add(StepText* out, std::string key, std::string value) {
  if (!value.empty())
    out->detail.emplace_back(std::move(key), std::move(value));
}

void DescribeMount(const PlanView& plan, const Op& op, StepText* out) {
  switch (op.kind) {
    case OpKind::kNewMount:
    case OpKind::kNewOverlay:
      out->target = PlaceOf(plan, op.out);
      if (op.kind == OpKind::kNewMount) {
        Add(out, "type", std::string(View(plan, op.s1)));
      } else {
        Add(out, "lower", SourceOf(plan, op.in));
        Add(out, "upper", SourceOf(plan, static_cast<uint16_t>(op.b)));
      }
      Add(out, "options", OptionText(plan, op.s2));
      Add(out, "attributes", AttributeNames(op.a));
      break;
    case OpKind::kCloneTree:
      out->target = std::string(View(plan, op.s1));
      Add(out, "on", PlaceOf(plan, op.out));
      Add(out, "recursive", (op.flags & kOpRecursive) != 0 ? "true" : "");
      break;
    case OpKind::kSetAttributes:
      out->target = PlaceOf(plan, op.in);
      if (out->target.empty()) out->target = SourceOf(plan, op.in);
      Add(out, "set", AttributeNames(op.a));
      Add(out, "clear", AttributeNames(op.b));
      Add(out, "propagation", op.c != 0 ? PropagationNames(op.c) : "");
      Add(out, "idMap", op.x != kNoSlot ? "true" : "");
      Add(out, "recursive", (op.flags & kOpRecursive) != 0 ? "true" : "");
      break;
    case OpKind::kAttach:
      out->target = Absolute(View(plan, op.s1));
      Add(out, "source", SourceOf(plan, op.in));
      Add(out, "ifMissing",
          (op.flags & kOpSkipMissing) == 0 ? ""
          : (op.flags & kOpCreate) != 0    ? "made"
                                           : "left out");
      break;
    case OpKind::kSetOwner:
      out->target = SourceOf(plan, op.in);
      Add(out, "owner", absl::StrCat(op.c, ":", op.d));
      break;
    case OpKind::kSetPropagation:
      out->target = std::string(View(plan, op.s1));
      Add(out, "propagation", PropagationNames(op.a));
      break;
    case OpKind::kBindConsole:
      out->target = Absolute(View(plan, op.s1));
      break;
    case OpKind::kPivotRoot:
    case OpKind::kAttachRoot:
      out->target = "/";
      break;
    default:
      out->target = std::string(View(plan, op.s1));
      break;
  }
}

void DescribeFile(const PlanView& plan, const Op& op, StepText* out) {
  out->target = std::string(View(plan, op.s1));
  switch (op.kind) {
    case OpKind::kMakeDirectory:
      if (op.in == kSlotDev) out->target = base::StrCat("/dev/", out->target);
      Add(out, "mode", Octal(op.a));
      break;
    case OpKind::kWriteFile:
    case OpKind::kWriteProcessFile:
    case OpKind::kSysctl:
      Add(out, "value", std::string(View(plan, op.s2)));
      break;
    case OpKind::kMatchDirectory:
      Add(out, "upper", std::string(View(plan, op.s2)));
      break;
    case OpKind::kMakeDevice:
      out->target = base::StrCat("/dev/", out->target);
      Add(out, "device",
          absl::StrCat(S_ISBLK(op.a) ? "b " : "c ", major(op.b), ":",
                       minor(op.b)));
      Add(out, "mode", Octal(op.a));
      break;
    case OpKind::kMakeSymlink:
      out->target = base::StrCat("/dev/", View(plan, op.s2));
      Add(out, "to", std::string(View(plan, op.s1)));
      break;
    case OpKind::kAttachDeviceFilter:
      out->target = std::string(View(plan, op.s2));
      Add(out, "instructions", absl::StrCat(op.s1.size / 8));
      break;
    default:
      break;
  }
}

void DescribeNamespace(const PlanView& plan, const Op& op, StepText* out) {
  switch (op.kind) {
    case OpKind::kOpenPidfd:
      out->target = absl::StrCat(op.a);
      Add(out, "memberOf", std::string(View(plan, op.s1)));
      break;
    case OpKind::kOpenUserNamespace:
      Add(out, "uidMap", std::string(View(plan, op.s1)));
      Add(out, "gidMap", std::string(View(plan, op.s2)));
      break;
    case OpKind::kJoinCgroup:
      out->target = SourceOf(plan, op.in);
      break;
    case OpKind::kSetNamespaces:
    case OpKind::kUnshare:
      out->target = NamespaceNames(op.a);
      break;
    case OpKind::kWaitBarrier:
      out->target = "ids are mapped";
      break;
    default:
      out->target = std::string(View(plan, op.s1));
      break;
  }
}

std::string CapabilityText(uint64_t mask) {
  std::string text;
  for (const std::string& name : spec::CapabilityNames(mask)) {
    absl::StrAppend(&text, text.empty() ? "" : ",", name);
  }
  return text.empty() ? "none" : text;
}

std::string LimitText(uint64_t value) {
  return value == UINT64_MAX ? "unlimited" : absl::StrCat(value);
}

void DescribeProcess(const PlanView& plan, const Op& op, StepText* out) {
  switch (op.kind) {
    case OpKind::kResolveUser:
      out->target = std::string(View(plan, op.s1));
      Add(out, "group", std::string(View(plan, op.s2)));
      Add(out, "extraGroups", ListText(plan, op.s3));
      break;
    case OpKind::kSetRlimit:
      out->target = std::string(spec::RlimitName(static_cast<int>(op.a)));
      Add(out, "soft", LimitText(op.b));
      Add(out, "hard", LimitText(op.c));
      break;
    case OpKind::kSetUmask:
      out->target = Octal(op.a);
      break;
    case OpKind::kLimitBounding:
      out->target = CapabilityText(op.a);
      break;
    case OpKind::kSetCapabilities:
      Add(out, "permitted", CapabilityText(op.a));
      Add(out, "effective", CapabilityText(op.b));
      Add(out, "inheritable", CapabilityText(op.c));
      Add(out, "ambient", CapabilityText(op.d));
      break;
    case OpKind::kDeathSignal:
      out->target = spec::SignalName(static_cast<int>(op.a));
      break;
    case OpKind::kSeccompFilter:
      Add(out, "instructions", absl::StrCat(op.s1.size / 8));
      break;
    case OpKind::kStdio:
      Add(out, "terminal", (op.flags & kOpTty) != 0 ? "true" : "false");
      break;
    case OpKind::kExecute:
      out->target = plan.Str(op.s1);
      Add(out, "arguments", ListText(plan, op.s1));
      Add(out, "searchPath", std::string(View(plan, op.s3)));
      // Names only: values may be secrets.
      Add(out, "variables", absl::StrCat(op.b));
      break;
    default:
      out->target = std::string(View(plan, op.s1));
      break;
  }
}

std::string LineFor(const PlanView& plan, const Op& op, const StepText& step) {
  std::string line(InfoOf(op.kind).verb);
  if (op.kind == OpKind::kNewMount)
    base::StrAppend(&line, " ", View(plan, op.s1));
  if (op.kind == OpKind::kAttach) {
    base::StrAppend(&line, " ", SourceOf(plan, op.in));
  }
  const bool on =
      op.kind == OpKind::kNewMount || op.kind == OpKind::kNewOverlay ||
      op.kind == OpKind::kAttach || op.kind == OpKind::kSetAttributes;
  if (!step.target.empty()) {
    base::StrAppend(&line, on ? " on " : " ", step.target);
  }
  std::string rest;
  for (const auto& [key, value] : step.detail) {
    if (key == "type" || key == "source") continue;
    base::StrAppend(&rest, rest.empty() ? "" : ", ", key, " ", value);
  }
  if (!rest.empty()) base::StrAppend(&line, " (", rest, ")");
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return line;
}

// Ops whose errno is a message of ours.
std::string_view SpecialMeaning(OpKind kind, int err) {
  if (kind == OpKind::kResolveUser) {
    if (err == ESRCH) return "no such user in the container";
    if (err == ENODATA) return "no such group in the container";
    if (err == EFBIG)
      return "the container's passwd or group file is too large";
    if (err == EINVAL) return "passwd or group is not a regular file";
  }
  if (kind == OpKind::kAttach && err == EPERM) {
    return "the target lies in /proc";
  }
  if (kind == OpKind::kAttach && err == ELOOP) {
    return "the target is or contains a symbolic link";
  }
  if (kind == OpKind::kOpenPidfd && err == ESRCH) {
    return "the container whose namespaces are shared is gone";
  }
  return "";
}

}  // namespace

std::string_view StageName(Executor executor) {
  switch (executor) {
    case Executor::kPrepare:
      return "PREPARE";
    case Executor::kParent:
      return "PARENT";
    case Executor::kChild:
      return "CHILD";
    case Executor::kExec:
      return "EXEC";
  }
  return "UNKNOWN";
}

std::string_view OpName(OpKind kind) {
  return InfoOf(kind).name;
}

StepText DescribeOp(const PlanView& plan, uint32_t index) {
  const Op& op = plan.ops[index];
  StepText out;
  out.stage = StageName(op.executor);
  out.op = OpName(op.kind);
  if (op.kind <= OpKind::kMakeSymlink || op.kind == OpKind::kWriteProcessFile ||
      op.kind == OpKind::kSysctl || op.kind == OpKind::kAttachDeviceFilter) {
    DescribeFile(plan, op, &out);
  } else if (op.kind <= OpKind::kStageMounts) {
    DescribeNamespace(plan, op, &out);
  } else if (op.kind <= OpKind::kSetOwner) {
    DescribeMount(plan, op, &out);
  } else {
    DescribeProcess(plan, op, &out);
  }
  out.text = LineFor(plan, op, out);
  return out;
}

std::string ErrnoName(int err) {
  const char* const name = ::strerrorname_np(err);
  return name != nullptr ? name : absl::StrCat("E", err);
}

FailureText DescribeFailure(const PlanView& plan, uint32_t op, int32_t err) {
  FailureText out;
  out.error = ErrnoName(err);
  if (op >= plan.header->op_count) {
    out.stage = "CLONE";
    out.syscall = "clone3";
    out.text = base::StrCat("making the process: ", out.error);
    return out;
  }
  const Op& failed = plan.ops[op];
  const StepText step = DescribeOp(plan, op);
  out.stage = step.stage;
  out.step = absl::StrCat(op + 1, " of ", plan.header->op_count);
  out.syscall = InfoOf(failed.kind).syscall;
  if (step.target.starts_with('/')) out.path = step.target;
  std::string what(InfoOf(failed.kind).verb);
  if (failed.kind == OpKind::kNewMount) {
    base::StrAppend(&what, " ", View(plan, failed.s1));
  }
  if (!step.target.empty()) base::StrAppend(&what, " ", step.target);
  const std::string_view meaning = SpecialMeaning(failed.kind, err);
  out.text = base::StrCat("step ", out.step, ": ", what, ": ", out.error);
  if (!meaning.empty()) base::StrAppend(&out.text, " (", meaning, ")");
  return out;
}

}  // namespace caisson::plan
