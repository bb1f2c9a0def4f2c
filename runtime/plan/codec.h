// Builds the flat bytes of a plan: an arena of strings, an array of ops, and
// the header in front.
//
// Process: daemon. Thread: any; a PlanWriter belongs to one thread.
#ifndef CAISSON_RUNTIME_PLAN_CODEC_H_
#define CAISSON_RUNTIME_PLAN_CODEC_H_

#include <stdint.h>

#include <string>
#include <string_view>
#include <vector>

#include "runtime/plan/header.h"
#include "runtime/plan/ops.h"

namespace caisson::plan {

// An op with no slots, strings or flags: what the builder starts from.
Op MakeOp(OpKind kind, Executor executor);

// The strings and filter programs of a plan.
class Arena {
 public:
  Arena();

  // Bytes after the first NUL of `text` would be lost to the child, which sees
  // C strings: callers check their input for NUL.
  StrRef AddString(std::string_view text);
  StrRef AddList(const std::vector<std::string>& items);
  // For programs: starts at a multiple of 8.
  StrRef AddAligned(std::string_view bytes);

  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// The bytes of a plan. Fills the counts, sizes, magic and version of `header`.
// The result passes OpenPlan as long as every StrRef came from `arena`.
std::string EncodePlan(PlanHeader header, const std::vector<Op>& ops,
                       const Arena& arena);

}  // namespace caisson::plan

#endif  // CAISSON_RUNTIME_PLAN_CODEC_H_
