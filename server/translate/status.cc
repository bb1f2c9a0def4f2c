#include "server/translate/status.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

#include "runtime/base/error_detail.h"
#include "runtime/base/str_cat.h"
#include "server/translate/utf8.h"

namespace caisson::translate {
namespace {

constexpr std::string_view kDomain = "caisson";
// The message travels twice, as grpc-message (where a byte may take three) and
// inside of the details.
constexpr size_t kMaxMessageBytes = 1024;
constexpr size_t kMaxMetadataEntries = 16;
constexpr size_t kMaxMetadataKeyBytes = 64;
constexpr size_t kMaxMetadataValueBytes = 512;
constexpr size_t kMaxFieldBytes = 256;
constexpr size_t kMaxDescriptionBytes = 256;

// What the Any around a detail and its tags take, at most.
constexpr size_t kAnyOverhead = 64;

std::string Clip(std::string_view text, size_t max) {
  if (text.size() <= max) {
    std::string whole = SanitizeUtf8(text);
    if (whole.size() <= max) return whole;
  }
  return base::StrCat(SanitizeUtf8(text, max - 3), "...");
}

google::rpc::ErrorInfo InfoOf(const base::ErrorDetail& detail, size_t budget) {
  google::rpc::ErrorInfo info;
  info.set_reason(Clip(detail.reason, kMaxMetadataKeyBytes));
  info.set_domain(std::string(kDomain));
  size_t entries = 0;
  for (const auto& [key, value] : detail.metadata) {
    if (++entries > kMaxMetadataEntries) break;
    const std::string name = Clip(key, kMaxMetadataKeyBytes);
    const size_t used = info.ByteSizeLong() + name.size() + 16;
    if (used + 8 > budget) break;
    const size_t room = std::min(kMaxMetadataValueBytes, budget - used);
    (*info.mutable_metadata())[name] = Clip(value, room);
  }
  return info;
}

// Takes as many violations as fit; at least the first one always does.
google::rpc::BadRequest BadRequestOf(const base::ErrorDetail& detail,
                                     size_t budget) {
  google::rpc::BadRequest bad;
  for (const base::FieldViolation& violation : detail.violations) {
    auto* added = bad.add_field_violations();
    added->set_field(Clip(violation.field, kMaxFieldBytes));
    added->set_description(Clip(violation.description, kMaxDescriptionBytes));
    if (bad.ByteSizeLong() > budget) {
      bad.mutable_field_violations()->RemoveLast();
      break;
    }
  }
  return bad;
}

google::rpc::RetryInfo RetryOf(absl::Duration delay) {
  google::rpc::RetryInfo retry;
  absl::Duration rest;
  const int64_t seconds = absl::IDivDuration(delay, absl::Seconds(1), &rest);
  retry.mutable_retry_delay()->set_seconds(seconds);
  retry.mutable_retry_delay()->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
  return retry;
}

std::string MessageOf(const absl::Status& status, size_t left_out) {
  std::string message = Clip(base::StdView(status.message()), kMaxMessageBytes);
  if (left_out > 0) {
    base::StrAppend(&message, " (and ", left_out, " more violations)");
  }
  return message;
}

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const auto code = static_cast<grpc::StatusCode>(status.code());
  const base::ErrorDetail detail = base::DetailOf(status);
  google::rpc::Status rpc;
  rpc.set_code(static_cast<int>(code));
  rpc.set_message(MessageOf(status, 0));
  if (detail.reason.empty()) {
    return grpc::Status(code, rpc.message(), rpc.SerializeAsString());
  }

  // Room for the suffix of the message, and for the smallest details.
  size_t left = kMaxStatusDetailBytes - rpc.ByteSizeLong() - 64;
  const bool has_violations = !detail.violations.empty();
  const size_t info_share = has_violations ? left / 2 : left - kAnyOverhead;
  const google::rpc::ErrorInfo info = InfoOf(detail, info_share - kAnyOverhead);
  rpc.add_details()->PackFrom(info);
  left -= info.ByteSizeLong() + kAnyOverhead;
  if (detail.retry_after > absl::ZeroDuration()) {
    rpc.add_details()->PackFrom(RetryOf(detail.retry_after));
    left -= kAnyOverhead + 16;
  }
  if (has_violations) {
    const auto bad = BadRequestOf(detail, left - kAnyOverhead);
    rpc.add_details()->PackFrom(bad);
    const size_t taken = static_cast<size_t>(bad.field_violations_size());
    rpc.set_message(MessageOf(status, detail.violations.size() - taken));
  }
  return grpc::Status(code, rpc.message(), rpc.SerializeAsString());
}

}  // namespace caisson::translate
