#include "runtime/plan/codec.h"

#include <stddef.h>
#include <string.h>

#include <string>
#include <string_view>
#include <vector>

#include "runtime/plan/header.h"
#include "runtime/plan/ops.h"

namespace caisson::plan {

Op MakeOp(OpKind kind, Executor executor) {
  Op op;
  // Padding too: the same input gives the same bytes.
  memset(&op, 0, sizeof(op));
  op.kind = kind;
  op.executor = executor;
  op.in = kNoSlot;
  op.out = kNoSlot;
  op.x = kNoSlot;
  return op;
}

// Offset 0 is the empty string: a zeroed StrRef is valid.
Arena::Arena() : bytes_(1, '\0') {}

StrRef Arena::AddString(std::string_view text) {
  if (text.empty()) return StrRef{0, 0};
  const StrRef ref{static_cast<uint32_t>(bytes_.size()),
                   static_cast<uint32_t>(text.size())};
  bytes_.append(text);
  bytes_.push_back('\0');
  return ref;
}

StrRef Arena::AddList(const std::vector<std::string>& items) {
  if (items.empty()) return StrRef{0, 0};
  const size_t begin = bytes_.size();
  for (const std::string& item : items) {
    bytes_.append(item);
    bytes_.push_back('\0');
  }
  const size_t size = bytes_.size() - begin;
  // One more NUL: like every string, a list is followed by one.
  bytes_.push_back('\0');
  return StrRef{static_cast<uint32_t>(begin), static_cast<uint32_t>(size)};
}

StrRef Arena::AddAligned(std::string_view bytes) {
  // The arena itself starts at a multiple of 8: header and ops are such.
  static_assert(sizeof(PlanHeader) % 8 == 0 && sizeof(Op) % 8 == 0);
  bytes_.resize((bytes_.size() + 7) / 8 * 8, '\0');
  const StrRef ref{static_cast<uint32_t>(bytes_.size()),
                   static_cast<uint32_t>(bytes.size())};
  bytes_.append(bytes);
  bytes_.push_back('\0');
  return ref;
}

std::string EncodePlan(PlanHeader header, const std::vector<Op>& ops,
                       const Arena& arena) {
  header.magic = kPlanMagic;
  header.version = kPlanVersion;
  header.header_bytes = sizeof(PlanHeader);
  header.op_count = static_cast<uint32_t>(ops.size());
  header.arena_bytes = static_cast<uint32_t>(arena.bytes().size());
  const size_t ops_bytes = ops.size() * sizeof(Op);
  header.total_bytes =
      static_cast<uint32_t>(sizeof(header) + ops_bytes + arena.bytes().size());
  std::string out;
  out.reserve(header.total_bytes);
  out.append(reinterpret_cast<const char*>(&header), sizeof(header));
  out.append(reinterpret_cast<const char*>(ops.data()), ops_bytes);
  out.append(arena.bytes());
  return out;
}

}  // namespace caisson::plan
