#include "server/translate/status.h"

#include <string>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"

#include "runtime/base/error_detail.h"
#include "runtime/base/str_cat.h"

namespace caisson::translate {
namespace {

template <typename Detail>
Detail Find(const grpc::Status& status) {
  google::rpc::Status rpc;
  EXPECT_TRUE(rpc.ParseFromString(status.error_details()));
  Detail found;
  int count = 0;
  for (const auto& any : rpc.details()) count += any.UnpackTo(&found) ? 1 : 0;
  EXPECT_LE(count, 1);
  return found;
}

base::ErrorDetail Big(size_t violations, size_t size) {
  base::ErrorDetail detail;
  detail.reason = "INVALID_FIELD";
  for (size_t i = 0; i < violations; ++i) {
    detail.metadata.emplace_back(base::StrCat("key", i),
                                 std::string(size, 'm'));
    detail.violations.push_back(
        {base::StrCat("f[", i, "]"), std::string(size, '\xFF')});
  }
  detail.retry_after = absl::Seconds(1);
  return detail;
}

TEST(StatusTest, OkStaysOk) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
}

TEST(StatusTest, CarriesReasonMetadataAndRetry) {
  base::ErrorDetail detail;
  detail.reason = "RECOVERING";
  detail.metadata = {{"stage", "shims"}, {"errno", "EAGAIN"}};
  detail.retry_after = absl::Milliseconds(1500);
  const grpc::Status status = ToGrpcStatus(
      base::WithDetail(absl::UnavailableError("recovering"), detail));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(status.error_message(), "recovering");
  const auto info = Find<google::rpc::ErrorInfo>(status);
  EXPECT_EQ(info.domain(), "caisson");
  EXPECT_EQ(info.reason(), "RECOVERING");
  EXPECT_EQ(info.metadata().at("stage"), "shims");
  EXPECT_EQ(info.metadata().at("errno"), "EAGAIN");
  const auto retry = Find<google::rpc::RetryInfo>(status);
  EXPECT_EQ(retry.retry_delay().seconds(), 1);
  EXPECT_EQ(retry.retry_delay().nanos(), 500'000'000);
}

TEST(StatusTest, CarriesEveryViolationThatFits) {
  base::ErrorDetail detail;
  detail.reason = "INVALID_FIELD";
  detail.violations = {{"spec.name", "too long"}, {"spec.rootfs", "unset"}};
  const grpc::Status status = ToGrpcStatus(
      base::WithDetail(absl::InvalidArgumentError("2 fields"), detail));
  const auto bad = Find<google::rpc::BadRequest>(status);
  ASSERT_EQ(bad.field_violations_size(), 2);
  EXPECT_EQ(bad.field_violations(0).field(), "spec.name");
  EXPECT_EQ(bad.field_violations(1).description(), "unset");
  EXPECT_EQ(status.error_message(), "2 fields");
}

TEST(StatusTest, NeverGrowsBeyondTheLimit) {
  for (const size_t count : {1, 5, 40, 400}) {
    for (const size_t size : {1, 100, 1000, 100000}) {
      const grpc::Status status = ToGrpcStatus(base::WithDetail(
          absl::InvalidArgumentError(std::string(size, '\xE2')),
          Big(count, size)));
      EXPECT_LE(status.error_details().size(), kMaxStatusDetailBytes)
          << count << " of " << size;
      const auto info = Find<google::rpc::ErrorInfo>(status);
      EXPECT_EQ(info.reason(), "INVALID_FIELD");
      const auto bad = Find<google::rpc::BadRequest>(status);
      EXPECT_GE(bad.field_violations_size(), 1);
      EXPECT_EQ(Find<google::rpc::RetryInfo>(status).retry_delay().seconds(),
                1);
      const size_t taken = static_cast<size_t>(bad.field_violations_size());
      if (taken < count) {
        EXPECT_THAT(status.error_message(),
                    testing::HasSubstr(base::StrCat("and ", count - taken)));
      }
    }
  }
}

TEST(StatusTest, AStatusWithoutDetailKeepsCodeAndMessage) {
  const grpc::Status status = ToGrpcStatus(absl::NotFoundError("x\xFFy"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "x\xEF\xBF\xBDy");
}

}  // namespace
}  // namespace caisson::translate
