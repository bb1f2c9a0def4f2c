// The plan while it is being built: ops of the four executors, each with the
// reason for it, one arena, and the numbering of slots. Internal to the
// builder.
//
// Process: daemon. Thread: any; a Steps belongs to one call.
#ifndef CAISSON_RUNTIME_PLAN_STEPS_H_
#define CAISSON_RUNTIME_PLAN_STEPS_H_

#include <stdint.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/plan/codec.h"
#include "runtime/plan/header.h"
#include "runtime/plan/ops.h"

namespace caisson::plan {

class Steps {
 public:
  // Ops run in the order in which they are added, within their executor.
  void Add(const Op& op, std::string why);

  uint16_t NewSlot() { return next_slot_++; }
  uint16_t slot_count() const { return next_slot_; }

  StrRef Str(std::string_view text) { return arena_.AddString(text); }
  StrRef List(const std::vector<std::string>& items) {
    return arena_.AddList(items);
  }
  StrRef Aligned(std::string_view bytes) { return arena_.AddAligned(bytes); }

  // All ops, executor by executor, and their reasons in the same order.
  std::vector<Op> TakeOps(std::vector<std::string>* whys);
  const Arena& arena() const { return arena_; }

 private:
  struct Step {
    Op op;
    std::string why;
  };

  std::array<std::vector<Step>, kExecutorCount> steps_;
  Arena arena_;
  uint16_t next_slot_ = kFirstFreeSlot;
};

// Key and value pairs for kNewMount and kNewOverlay.
using MountOptions = std::vector<std::pair<std::string, std::string>>;
std::vector<std::string> Flatten(const MountOptions& options);

}  // namespace caisson::plan

#endif  // CAISSON_RUNTIME_PLAN_STEPS_H_
