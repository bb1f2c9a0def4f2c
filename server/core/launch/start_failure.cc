#include "server/core/launch/start_failure.h"

#include <errno.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

#include "runtime/base/error_detail.h"
#include "runtime/base/str_cat.h"
#include "runtime/plan/describe.h"
#include "runtime/plan/header.h"
#include "runtime/plan/ops.h"
#include "runtime/spec/signal.h"

namespace caisson::core {
namespace {

// ENOENT is also what execve(2) says of a script whose interpreter is missing,
// as the shell does: "not found".
std::string_view ExecuteReason(int err) {
  switch (err) {
    case ENOENT:
      return "COMMAND_NOT_FOUND";
    case EACCES:
    case ENOEXEC:
    case EISDIR:
    case ENOTDIR:
    case EPERM:
    case ELOOP:
      return "COMMAND_NOT_EXECUTABLE";
    default:
      return "START_FAILED";
  }
}

// What a person wants to know of a program that does not run.
std::string ExecuteText(std::string_view reason, std::string_view program) {
  if (reason != "COMMAND_NOT_FOUND") {
    return base::StrCat("the command '", program, "' cannot be executed");
  }
  if (program.find('/') == std::string_view::npos) {
    return base::StrCat("the command '", program, "' is not in PATH");
  }
  return base::StrCat("the command '", program,
                      "', or its interpreter, does not exist");
}

// A path that the spec names and the host does not have: the root filesystem's,
// a bind mount's or a namespace's. Paths of our own that are gone are not the
// caller's fault.
bool IsMissingSource(const plan::Op& op, int err) {
  return err == ENOENT && (op.flags & plan::kOpSpecPath) != 0;
}

absl::Status Error(std::string_view reason, std::string_view message,
                   base::ErrorMetadata metadata) {
  return base::MakeError(absl::StatusCode::kFailedPrecondition, reason, message,
                         std::move(metadata));
}

}  // namespace

absl::Status StartFailure(std::string_view plan,
                          const shim::FailedBody& failed) {
  if (failed.killed_by_signal != 0) {
    const std::string signal =
        spec::SignalName(static_cast<int>(failed.killed_by_signal));
    return Error("START_FAILED",
                 base::StrCat("the process was killed by ", signal,
                              " before the program ran"),
                 {{"stage", "EXEC"}, {"signal", signal}});
  }
  plan::PlanView view;
  if (!plan::OpenPlan(plan.data(), plan.size(), &view)) {
    return Error("START_FAILED",
                 base::StrCat("start failed: ", plan::ErrnoName(failed.err)),
                 {{"errno", plan::ErrnoName(failed.err)}});
  }
  const plan::FailureText text =
      plan::DescribeFailure(view, failed.op, failed.err);
  base::ErrorMetadata metadata = {
      {"stage", text.stage}, {"syscall", text.syscall}, {"errno", text.error}};
  if (!text.step.empty()) metadata.emplace_back("step", text.step);
  if (!text.path.empty()) metadata.emplace_back("path", text.path);
  if (failed.op >= view.header->op_count) {
    return Error("START_FAILED", text.text, std::move(metadata));
  }
  const plan::Op& op = view.ops[failed.op];
  if (IsMissingSource(op, failed.err)) {
    return base::MakeError(
        absl::StatusCode::kNotFound, "PATH_NOT_FOUND",
        base::StrCat("the host has no '", text.path, "' (", text.text, ")"),
        std::move(metadata));
  }
  if (op.kind != plan::OpKind::kExecute) {
    return Error("START_FAILED", text.text, std::move(metadata));
  }
  const std::string_view reason = ExecuteReason(failed.err);
  return Error(
      reason,
      base::StrCat(ExecuteText(reason, view.Str(op.s1)), " (", text.text, ")"),
      std::move(metadata));
}

}  // namespace caisson::core
