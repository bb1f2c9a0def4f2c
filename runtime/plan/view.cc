// OpenPlan: the one place that checks a plan's bounds.
#include <sched.h>
#include <stddef.h>
#include <string.h>

#include "runtime/plan/header.h"
#include "runtime/plan/ops.h"

namespace caisson::plan {
namespace {

bool ValidKind(OpKind kind) noexcept {
  const auto in = [kind](OpKind first, OpKind last) {
    return kind >= first && kind <= last;
  };
  return in(OpKind::kMakeDirectory, OpKind::kMakeSymlink) ||
         in(OpKind::kOpenPidfd, OpKind::kStageMounts) ||
         in(OpKind::kSetPropagation, OpKind::kSetOwner) ||
         in(OpKind::kOpenPty, OpKind::kExecute) ||
         kind == OpKind::kAttachDeviceFilter;
}

// A string lies in the arena and its NUL too. This also makes a list safe to
// walk: it ends at a NUL at the latest.
bool ValidString(const PlanHeader& header, const char* arena,
                 StrRef ref) noexcept {
  const uint64_t end = uint64_t{ref.offset} + ref.size;
  return end < header.arena_bytes && arena[end] == '\0';
}

bool ValidSlot(const PlanHeader& header, uint64_t slot) noexcept {
  return slot == kNoSlot || slot < header.slot_count;
}

// Fields that one kind of op uses in a way of its own.
bool ValidDetails(const PlanHeader& header, const Op& op) noexcept {
  switch (op.kind) {
    case OpKind::kNewOverlay:
      return ValidSlot(header, op.b) && ValidSlot(header, op.c) &&
             op.out != kNoSlot;
    case OpKind::kOpenPath:
    case OpKind::kOpenPidfd:
    case OpKind::kOpenUserNamespace:
    case OpKind::kNewMount:
    case OpKind::kCloneTree:
      return op.out != kNoSlot;
    case OpKind::kSeccompFilter:
    case OpKind::kAttachDeviceFilter:
      return op.s1.size % 8 == 0 && op.s1.offset % 8 == 0;
    default:
      return true;
  }
}

bool ValidOp(const PlanHeader& header, const char* arena,
             const Op& op) noexcept {
  return ValidKind(op.kind) &&
         static_cast<uint8_t>(op.executor) < kExecutorCount &&
         ValidSlot(header, op.in) && ValidSlot(header, op.out) &&
         ValidSlot(header, op.x) && ValidString(header, arena, op.s1) &&
         ValidString(header, arena, op.s2) &&
         ValidString(header, arena, op.s3) && ValidDetails(header, op);
}

bool ValidPolicy(const PlanHeader& header, const char* arena) noexcept {
  const PlanPolicy& policy = header.policy;
  return memchr(policy.container_id, '\0', sizeof(policy.container_id)) !=
             nullptr &&
         policy.stdin_mode <= StdinMode::kOnce &&
         policy.log_driver <= LogDriver::kDiscard &&
         policy.output_action <= OutputAction::kDiscard &&
         policy.on_disconnect <= DisconnectAction::kStop &&
         ValidString(header, arena, policy.cgroup_directories);
}

bool ValidHeader(const PlanHeader& header, uint64_t size) noexcept {
  if (header.magic != kPlanMagic || header.version != kPlanVersion ||
      header.header_bytes != sizeof(PlanHeader) || header.total_bytes != size ||
      header.op_count > kMaxOps || header.slot_count < kFirstFreeSlot ||
      header.slot_count > kMaxSlots || header.kind > PlanKind::kExec) {
    return false;
  }
  // What the daemon gets to configure must not be the host's.
  if ((header.flags & kPlanNeedsNetwork) != 0 &&
      (header.clone_flags & CLONE_NEWNET) == 0) {
    return false;
  }
  return header.arena_bytes > 0 &&
         sizeof(PlanHeader) + uint64_t{header.op_count} * sizeof(Op) +
                 header.arena_bytes ==
             size &&
         ValidSlot(header, header.join_pid_slot);
}

}  // namespace

bool OpenPlan(const void* data, uint64_t size, PlanView* view) noexcept {
  if (data == nullptr || size < sizeof(PlanHeader) || size > kMaxPlanBytes ||
      reinterpret_cast<uintptr_t>(data) % alignof(PlanHeader) != 0) {
    return false;
  }
  const char* const bytes = static_cast<const char*>(data);
  const auto* header = reinterpret_cast<const PlanHeader*>(data);
  if (!ValidHeader(*header, size)) return false;
  const auto* ops =
      reinterpret_cast<const Op*>(bytes + sizeof(PlanHeader));  // NOLINT
  const char* const arena =
      bytes + sizeof(PlanHeader) + size_t{header->op_count} * sizeof(Op);
  if (!ValidPolicy(*header, arena)) return false;
  for (uint32_t i = 0; i < header->op_count; ++i) {
    if (!ValidOp(*header, arena, ops[i])) return false;
  }
  *view = PlanView{header, ops, arena};
  return true;
}

const char* NextString(const PlanView& view, StrRef ref,
                       uint32_t* cursor) noexcept {
  if (*cursor >= ref.size) return nullptr;
  const char* const text = view.Str(ref) + *cursor;
  *cursor += static_cast<uint32_t>(strlen(text)) + 1;
  return text;
}

}  // namespace caisson::plan
