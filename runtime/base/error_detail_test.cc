#include "runtime/base/error_detail.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/status_matchers.h"

namespace caisson::base {
namespace {

TEST(ErrorDetailTest, EverythingComesBack) {
  ErrorDetail detail;
  detail.reason = "WRONG_STATE";
  detail.metadata = {{"state", "EXITED"}, {"", std::string("a\0b", 3)}};
  detail.violations = {{"spec.name", "bad"}, {"", ""}};
  detail.retry_after = absl::Milliseconds(250);
  const absl::Status status =
      WithDetail(absl::FailedPreconditionError("no"), detail);
  EXPECT_EQ(DetailOf(status), detail);
  EXPECT_EQ(status.message(), "no");
}

TEST(ErrorDetailTest, OkHasNoDetail) {
  EXPECT_THAT(WithDetail(absl::OkStatus(), {.reason = "X"}), IsOk());
  EXPECT_EQ(DetailOf(absl::OkStatus()), ErrorDetail());
  EXPECT_EQ(DetailOf(absl::InternalError("x")).reason, "");
}

TEST(ErrorDetailTest, MakeError) {
  const absl::Status status =
      MakeError(absl::StatusCode::kNotFound, "CONTAINER_NOT_FOUND",
                "no container 'x'", {{"container", "x"}});
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kNotFound, "no container 'x'"));
  EXPECT_THAT(DetailOf(status).metadata,
              testing::ElementsAre(testing::Pair("container", "x")));
}

TEST(ErrorDetailTest, InvalidFieldsShowTheFirst) {
  const absl::Status status = InvalidFields({{"a", "is bad"}, {"b", "worse"}});
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument,
                               "a: is bad (and 1 more)"));
  EXPECT_THAT(status, ReasonIs("INVALID_FIELD"));
  EXPECT_EQ(DetailOf(status).violations.size(), 2u);
  EXPECT_THAT(InvalidFields({{"a", "x"}}),
              StatusIs(absl::StatusCode::kInvalidArgument, "a: x"));
}

}  // namespace
}  // namespace caisson::base
