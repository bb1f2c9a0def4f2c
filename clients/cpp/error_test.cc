#include "clients/cpp/error.h"

#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"

namespace caisson::client {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

grpc::Status StatusWith(grpc::StatusCode code, const std::string& message,
                        const google::rpc::ErrorInfo& info,
                        const google::rpc::BadRequest& bad = {}) {
  google::rpc::Status rich;
  rich.set_code(code);
  rich.set_message(message);
  rich.add_details()->PackFrom(info);
  if (bad.field_violations_size() > 0) rich.add_details()->PackFrom(bad);
  return grpc::Status(code, message, rich.SerializeAsString());
}

google::rpc::ErrorInfo Info(const std::string& reason) {
  google::rpc::ErrorInfo info;
  info.set_domain("caisson");
  info.set_reason(reason);
  return info;
}

TEST(RenderErrorTest, AddsFactsThatTheMessageLacks) {
  google::rpc::ErrorInfo info = Info("START_FAILED");
  (*info.mutable_metadata())["step"] = "12";
  (*info.mutable_metadata())["errno"] = "EINVAL";
  const grpc::Status status =
      StatusWith(grpc::StatusCode::FAILED_PRECONDITION,
                 "step 12 of 31: mount overlay on /", info);
  EXPECT_EQ(RenderError("run", status, "unix:///s"),
            "run: step 12 of 31: mount overlay on / (errno EINVAL)");
}

TEST(RenderErrorTest, NamesTheFieldsThatAreWrong) {
  google::rpc::BadRequest bad;
  auto* violation = bad.add_field_violations();
  violation->set_field("spec.hostname");
  violation->set_description("is longer than 64 bytes");
  EXPECT_EQ(
      RenderError("create",
                  StatusWith(grpc::StatusCode::INVALID_ARGUMENT,
                             "the spec is wrong", Info("INVALID_FIELD"), bad),
                  "unix:///s"),
      "create: the spec is wrong; spec.hostname: is longer than 64 "
      "bytes");
}

TEST(RenderErrorTest, SaysWhereNobodyAnswers) {
  EXPECT_THAT(RenderError("ps",
                          grpc::Status(grpc::StatusCode::UNAVAILABLE,
                                       "connection refused"),
                          "unix:///s"),
              HasSubstr("caissond does not answer at unix:///s"));
  // The service's own UNAVAILABLE is another matter.
  EXPECT_THAT(RenderError("ps",
                          StatusWith(grpc::StatusCode::UNAVAILABLE, "stopping",
                                     Info("SHUTTING_DOWN")),
                          "unix:///s"),
              Not(HasSubstr("does not answer")));
}

TEST(RenderErrorTest, StaysOneLine) {
  EXPECT_EQ(
      RenderError("x", grpc::Status(grpc::StatusCode::INTERNAL, "a\nb\x1b[31m"),
                  ""),
      "x: a b [31m");
}

TEST(ExitStatusTest, IsThatOfShells) {
  const auto status = [](const char* reason) {
    return StatusWith(grpc::StatusCode::FAILED_PRECONDITION, "", Info(reason));
  };
  EXPECT_EQ(ExitStatusOf(status("COMMAND_NOT_EXECUTABLE")), 126);
  EXPECT_EQ(ExitStatusOf(status("COMMAND_NOT_FOUND")), 127);
  EXPECT_EQ(ExitStatusOf(status("START_FAILED")), 125);
  EXPECT_EQ(ExitStatusOf(grpc::Status(grpc::StatusCode::UNAVAILABLE, "")), 125);
}

TEST(CauseTest, IgnoresOtherDomains) {
  google::rpc::ErrorInfo info = Info("X");
  info.set_domain("elsewhere");
  EXPECT_EQ(CauseOf(StatusWith(grpc::StatusCode::ABORTED, "", info)).reason,
            "");
}

}  // namespace
}  // namespace caisson::client
