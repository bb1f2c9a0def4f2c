#include "runtime/base/status_macros.h"

#include <memory>
#include <string>

#include "gtest/gtest.h"

#include "runtime/base/error_detail.h"
#include "runtime/base/status_matchers.h"

namespace caisson::base {
namespace {

absl::StatusOr<std::unique_ptr<int>> Make(bool fail) {
  if (fail) return absl::NotFoundError("none");
  return std::make_unique<int>(7);
}

absl::StatusOr<int> Use(bool fail) {
  CAISSON_ASSIGN_OR_RETURN(const std::unique_ptr<int> value, Make(fail));
  CAISSON_ASSIGN_OR_RETURN(const std::unique_ptr<int> again, Make(false));
  return *value + *again;
}

absl::Status Both(const absl::Status& first, const absl::StatusOr<int>& then) {
  CAISSON_RETURN_IF_ERROR(first);
  CAISSON_RETURN_IF_ERROR(then);
  return absl::OkStatus();
}

TEST(StatusMacrosTest, AssignOrReturn) {
  EXPECT_THAT(Use(false), IsOkAndHolds(14));
  EXPECT_THAT(Use(true), StatusIs(absl::StatusCode::kNotFound, "none"));
}

TEST(StatusMacrosTest, ReturnIfError) {
  EXPECT_THAT(Both(absl::OkStatus(), 1), IsOk());
  EXPECT_THAT(Both(absl::AbortedError("a"), 1),
              StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(Both(absl::OkStatus(), absl::AbortedError("b")),
              StatusIs(absl::StatusCode::kAborted, "b"));
}

TEST(StatusMacrosTest, AnnotateKeepsCodeAndPayloads) {
  const absl::Status error =
      MakeError(absl::StatusCode::kNotFound, "EXEC_NOT_FOUND", "gone");
  const absl::Status annotated =
      Annotate(error, "exec ", std::string_view("x"), 3);
  EXPECT_THAT(annotated,
              StatusIs(absl::StatusCode::kNotFound, "exec x3: gone"));
  EXPECT_THAT(annotated, ReasonIs("EXEC_NOT_FOUND"));
  EXPECT_THAT(Annotate(absl::OkStatus(), "x"), IsOk());
}

}  // namespace
}  // namespace caisson::base
