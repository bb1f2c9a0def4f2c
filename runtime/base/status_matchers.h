// gMock matchers for absl::Status and absl::StatusOr.
//
// Process: tests. Thread: any.
//
//   EXPECT_THAT(WriteAll(fd, "x"), IsOk());
//   EXPECT_THAT(Parse("7"), IsOkAndHolds(7));
//   EXPECT_THAT(Parse("x"), StatusIs(absl::StatusCode::kInvalidArgument));
//   EXPECT_THAT(Open("/none", O_RDONLY), ErrnoIs(ENOENT));
//   EXPECT_THAT(status, ReasonIs("WRONG_STATE"));
#ifndef CAISSON_RUNTIME_BASE_STATUS_MATCHERS_H_
#define CAISSON_RUNTIME_BASE_STATUS_MATCHERS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/error_detail.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"

namespace caisson::base {

MATCHER(IsOk, negation ? "is an error" : "is OK") {
  const absl::Status& status = internal::StatusOf(arg);
  *result_listener << status;
  return status.ok();
}

MATCHER_P(IsOkAndHolds, matcher, "is OK and holds the expected value") {
  if (!arg.ok()) {
    *result_listener << arg.status();
    return false;
  }
  return ::testing::ExplainMatchResult(matcher, *arg, result_listener);
}

MATCHER_P(StatusIs, code, "has code " + absl::StatusCodeToString(code)) {
  const absl::Status& status = internal::StatusOf(arg);
  *result_listener << status;
  return status.code() == code;
}

// Code and a matcher of the message.
MATCHER_P2(StatusIs, code, message,
           "has code " + absl::StatusCodeToString(code) +
               " and the expected message") {
  const absl::Status& status = internal::StatusOf(arg);
  *result_listener << status;
  return status.code() == code &&
         ::testing::ExplainMatchResult(message, std::string(status.message()),
                                       result_listener);
}

MATCHER_P(ErrnoIs, err,
          "is the failure of a system call with " + ErrnoName(err)) {
  const absl::Status& status = internal::StatusOf(arg);
  *result_listener << status;
  return ErrnoOf(status) == err;
}

// Reason of the structured detail, as "WRONG_STATE".
MATCHER_P(ReasonIs, reason, std::string("has reason ") + reason) {
  const absl::Status& status = internal::StatusOf(arg);
  *result_listener << status;
  return DetailOf(status).reason == reason;
}

}  // namespace caisson::base

#define CAISSON_ASSERT_OK(expression) \
  ASSERT_THAT((expression), ::caisson::base::IsOk())
#define CAISSON_EXPECT_OK(expression) \
  EXPECT_THAT((expression), ::caisson::base::IsOk())

#define CAISSON_ASSERT_OK_AND_ASSIGN(target, expression) \
  CAISSON_ASSERT_OK_AND_ASSIGN_IMPL_(                    \
      CAISSON_STATUS_CONCAT_(caisson_or_, __LINE__), target, expression)

#define CAISSON_ASSERT_OK_AND_ASSIGN_IMPL_(holder, target, expression) \
  auto holder = (expression);                                          \
  ASSERT_THAT(holder, ::caisson::base::IsOk());                        \
  target = *std::move(holder)

#endif  // CAISSON_RUNTIME_BASE_STATUS_MATCHERS_H_
