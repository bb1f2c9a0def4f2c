// Any bytes: OpenPlan refuses them, or everything that the child would read
// from the view lies inside of them.
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <vector>

#include "runtime/plan/header.h"
#include "runtime/plan/ops.h"

namespace {

using caisson::plan::NextString;
using caisson::plan::PlanView;
using caisson::plan::StrRef;

// Touches every byte as a string and as a list; returns a sum so that nothing
// is optimised away.
size_t Read(const PlanView& view, StrRef ref) {
  size_t sum = strlen(view.Str(ref));
  uint32_t cursor = 0;
  while (const char* text = NextString(view, ref, &cursor)) {
    sum += strlen(text);
  }
  return sum;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // Exactly as long as the input, so that a sanitizer sees a byte too far.
  std::vector<uint64_t> aligned((size + 7) / 8);
  if (size > 0) memcpy(aligned.data(), data, size);
  PlanView view;
  if (!caisson::plan::OpenPlan(aligned.data(), size, &view)) return 0;
  size_t sum = Read(view, view.header->policy.cgroup_directories) +
               strlen(view.header->policy.container_id);
  for (uint32_t i = 0; i < view.header->op_count; ++i) {
    const caisson::plan::Op& op = view.ops[i];
    sum += Read(view, op.s1) + Read(view, op.s2) + Read(view, op.s3);
  }
  volatile size_t sink = sum;
  (void)sink;
  return 0;
}
