// One switch over the op kinds. Apply functions take one op, make its calls
// and return 0 or errno: every decision was made by the builder.
#include <errno.h>

#include "runtime/init/context.h"
#include "runtime/plan/ops.h"

namespace caisson::init {
namespace {

using plan::Op;
using plan::OpKind;

int ApplyHostOp(Context& context, const Op& op) noexcept {
  switch (op.kind) {
    case OpKind::kMakeDirectory:
      return MakeDirectory(context, op);
    case OpKind::kWriteFile:
      return WriteFile(context, op);
    case OpKind::kOpenPath:
      return OpenPath(context, op);
    case OpKind::kMatchDirectory:
      return MatchDirectory(context, op);
    case OpKind::kMakeDevice:
      return MakeDevice(context, op);
    case OpKind::kMakeSymlink:
      return MakeSymlink(context, op);
    case OpKind::kOpenPidfd:
      return OpenPidfd(context, op);
    case OpKind::kOpenUserNamespace:
      return OpenUserNamespace(context, op);
    case OpKind::kWriteProcessFile:
      return WriteProcessFile(context, op);
    case OpKind::kAttachDeviceFilter:
      return AttachDeviceFilter(context, op);
    default:
      return EOPNOTSUPP;
  }
}

int ApplyNamespaceOp(Context& context, const Op& op) noexcept {
  switch (op.kind) {
    case OpKind::kJoinCgroup:
      return JoinCgroup(context, op);
    case OpKind::kSetNamespaces:
      return SetNamespaces(context, op);
    case OpKind::kUnshare:
      return Unshare(context, op);
    case OpKind::kWaitBarrier:
      return WaitBarrier(context, op);
    case OpKind::kBecomeRoot:
      return BecomeRoot(context, op);
    case OpKind::kSetHostname:
      return SetHostname(context, op);
    case OpKind::kSetDomainname:
      return SetDomainname(context, op);
    case OpKind::kSysctl:
      return ApplySysctl(context, op);
    case OpKind::kLoopbackUp:
      return LoopbackUp(context, op);
    case OpKind::kStageMounts:
      return StageMounts(context, op);
    default:
      return ApplyHostOp(context, op);
  }
}

int ApplyMountOp(Context& context, const Op& op) noexcept {
  switch (op.kind) {
    case OpKind::kSetPropagation:
      return SetPropagation(context, op);
    case OpKind::kNewMount:
      return NewMount(context, op);
    case OpKind::kNewOverlay:
      return NewOverlay(context, op);
    case OpKind::kCloneTree:
      return CloneTree(context, op);
    case OpKind::kSetAttributes:
      return SetAttributes(context, op);
    case OpKind::kSetOwner:
      return SetOwner(context, op);
    case OpKind::kAttach:
      return Attach(context, op);
    case OpKind::kAttachRoot:
      return AttachRoot(context, op);
    case OpKind::kAttachAt:
      return AttachAt(context, op);
    case OpKind::kDetachAt:
      return DetachAt(context, op);
    case OpKind::kMaskPath:
      return MaskPath(context, op);
    case OpKind::kReadOnlyPath:
      return ReadOnlyPath(context, op);
    case OpKind::kBindConsole:
      return BindConsole(context, op);
    case OpKind::kPivotRoot:
      return PivotRoot(context, op);
    default:
      return ApplyNamespaceOp(context, op);
  }
}

int ApplyProcessOp(Context& context, const Op& op) noexcept {
  switch (op.kind) {
    case OpKind::kOpenPty:
      return OpenPty(context, op);
    case OpKind::kStdio:
      return ConnectStdio(context, op);
    case OpKind::kSessionKeyring:
      return SessionKeyring(context, op);
    case OpKind::kResolveUser:
      return ResolveUser(context, op);
    case OpKind::kChangeDirectory:
      return ChangeDirectory(context, op);
    case OpKind::kSetRlimit:
      return SetRlimit(context, op);
    case OpKind::kSetUmask:
      return SetUmask(context, op);
    case OpKind::kLimitBounding:
      return LimitBounding(context, op);
    case OpKind::kSetIds:
      return SetIds(context, op);
    case OpKind::kSetCapabilities:
      return SetCapabilities(context, op);
    case OpKind::kDeathSignal:
      return DeathSignal(context, op);
    case OpKind::kNoNewPrivileges:
      return NoNewPrivileges(context, op);
    case OpKind::kSeccompFilter:
      return SeccompFilter(context, op);
    case OpKind::kResetSignals:
      return ResetSignals(context, op);
    case OpKind::kCloseFds:
      return CloseFds(context, op);
    case OpKind::kExecute:
      return Execute(context, op);
    default:
      return ApplyMountOp(context, op);
  }
}

}  // namespace

int Apply(Context& context, const Op& op) noexcept {
  const int err = ApplyProcessOp(context, op);
  return (op.flags & plan::kOpIgnoreError) != 0 ? 0 : err;
}

}  // namespace caisson::init
