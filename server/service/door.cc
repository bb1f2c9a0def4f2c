#include "server/service/door.h"

#include <chrono>
#include <utility>

#include "grpcpp/impl/codegen/proto_utils.h"

#include "runtime/base/error_detail.h"
#include "runtime/base/log.h"
#include "runtime/base/random_id.h"
#include "runtime/base/str_cat.h"
#include "server/translate/message.h"
#include "server/translate/status.h"

namespace caisson::service {
namespace {

constexpr size_t kReferenceDigits = 12;

// Errors that say by themselves what happened, though nobody gave a cause.
std::string_view ReasonOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kCancelled:
      return "CALL_CANCELLED";
    case absl::StatusCode::kDeadlineExceeded:
      return "DEADLINE_PASSED";
    default:
      return "";
  }
}

absl::Status WithReason(const absl::Status& status, std::string_view reason) {
  base::ErrorDetail detail = base::DetailOf(status);
  detail.reason = std::string(reason);
  return base::WithDetail(status, detail);
}

absl::Status AsBug(const absl::Status& status, std::string_view reference) {
  return base::MakeError(absl::StatusCode::kInternal, "BUG",
                         base::StrCat("internal error (", reference,
                                      " in the log): ", status.message()),
                         {{"ref", std::string(reference)}});
}

void LogFailure(const CallInfo& call, const absl::Status& status,
                std::string_view reason, std::string_view reference) {
  using base::LogField;
  const bool bug = !reference.empty();
  const base::LogLevel level =
      bug ? base::LogLevel::kError : base::LogLevel::kInfo;
  if (!base::LogEnabled(level)) return;
  const LogField method("method", call.method);
  const LogField code("code", absl::StatusCodeToString(status.code()));
  const LogField why("reason", reason);
  const LogField cause("cause", base::StdView(status.message()));
  const LogField uid("uid", static_cast<int64_t>(call.peer.uid));
  const LogField pid("pid", call.peer.pid);
  const LogField role("role", RoleName(call.role));
  const LogField micros("micros",
                        absl::ToInt64Microseconds(absl::Now() - call.start));
  if (bug) {
    base::Log(level, "call failed",
              {method, code, why, LogField("ref", reference), cause, uid, pid,
               role, micros});
  } else {
    base::Log(level, "call failed",
              {method, code, why, cause, uid, pid, role, micros});
  }
}

}  // namespace

CallInfo Door::Describe(std::string_view method,
                        const grpc::CallbackServerContext& context) const {
  CallInfo call{
      .method = method, .role = role_, .peer = {}, .start = absl::Now()};
  if (auto peer = connections_->Find(context.peer())) {
    call.peer = *std::move(peer);
  }
  return call;
}

absl::Status ParseBuffer(const grpc::ByteBuffer& buffer,
                         google::protobuf::Message* message) {
  grpc::ByteBuffer copy(buffer);  // shares the bytes
  grpc::ProtoBufferReader reader(&copy);
  // A reader that failed has no bytes: that is an empty message, or none.
  if (!reader.status().ok()) {
    return base::MakeError(absl::StatusCode::kInvalidArgument,
                           "MALFORMED_MESSAGE", "the request cannot be read");
  }
  return translate::ParseMessage(&reader, message);
}

grpc::ByteBuffer ToBuffer(const google::protobuf::Message& message) {
  grpc::ByteBuffer buffer;
  bool own_buffer = false;
  const grpc::Status status = grpc::GenericSerialize<grpc::ProtoBufferWriter,
                                                     google::protobuf::Message>(
      message, &buffer, &own_buffer);
  // Only a message of 2 GiB or more cannot be serialised.
  if (!status.ok() || !buffer.Valid()) {
    const grpc::Slice empty;
    return grpc::ByteBuffer(&empty, 1);
  }
  return buffer;
}

grpc::Status FinishStatus(const CallInfo& call, absl::Status status) {
  if (status.ok()) return grpc::Status::OK;
  std::string reason = base::DetailOf(status).reason;
  if (reason.empty()) {
    reason = std::string(ReasonOf(status.code()));
    if (!reason.empty()) status = WithReason(status, reason);
  }
  if (!reason.empty()) {
    LogFailure(call, status, reason, "");
    return translate::ToGrpcStatus(status);
  }
  const std::string reference = base::RandomId().substr(0, kReferenceDigits);
  LogFailure(call, status, "BUG", reference);
  return translate::ToGrpcStatus(AsBug(status, reference));
}

absl::Status CancelledStatus(const grpc::CallbackServerContext& context) {
  if (context.deadline() <= std::chrono::system_clock::now()) {
    return base::MakeError(absl::StatusCode::kDeadlineExceeded,
                           "DEADLINE_PASSED",
                           "the deadline of the call passed");
  }
  return base::MakeError(absl::StatusCode::kCancelled, "CALL_CANCELLED",
                         "the call was cancelled");
}

}  // namespace caisson::service
