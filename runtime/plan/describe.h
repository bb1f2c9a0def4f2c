// Plans in words: what each op would do, and what went wrong with one.
//
// Process: daemon. Thread: any; pure.
#ifndef CAISSON_RUNTIME_PLAN_DESCRIBE_H_
#define CAISSON_RUNTIME_PLAN_DESCRIBE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/plan/header.h"
#include "runtime/plan/ops.h"

namespace caisson::plan {

using Details = std::vector<std::pair<std::string, std::string>>;

struct StepText {
  std::string stage;   // "PREPARE", "PARENT", "CHILD", "EXEC"
  std::string op;      // "new_mount"
  std::string target;  // what it acts on: a path, a name, or empty
  Details detail;      // lowerCamelCase keys
  std::string text;    // a line for people: "mount proc on /proc (nosuid,...)"
};

// `index` must be below op_count.
StepText DescribeOp(const PlanView& plan, uint32_t index);

// "PREPARE" ...
std::string_view StageName(Executor executor);
// "new_mount" ...
std::string_view OpName(OpKind kind);

// A failure as data and as text.
struct FailureText {
  std::string stage;
  std::string step;     // "12 of 31"; empty when it is not that of an op
  std::string syscall;  // the call that most likely failed
  std::string error;    // "ENOENT"
  std::string path;     // may be empty
  std::string text;     // "step 12 of 31: mount proc on /proc: ENOENT"
};
// `op` and `err` as in init::OpFailure.
FailureText DescribeFailure(const PlanView& plan, uint32_t op, int32_t err);

// "ENOENT" for 2; "E<number>" for a number without a name.
std::string ErrnoName(int err);

}  // namespace caisson::plan

#endif  // CAISSON_RUNTIME_PLAN_DESCRIBE_H_
