#include "runtime/base/error_detail.h"

#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

#include "runtime/base/check.h"
#include "runtime/base/str_cat.h"

namespace caisson::base {
namespace {

// retry_after in ns, then counted lists of strings; numbers are 8 bytes in the
// order of the machine. Never leaves the process.
constexpr absl::string_view kPayloadUrl = "caisson/error-detail";

void AppendNumber(int64_t value, std::string* out) {
  char bytes[sizeof(value)];
  std::memcpy(bytes, &value, sizeof(value));
  out->append(bytes, sizeof(bytes));
}

void AppendString(std::string_view text, std::string* out) {
  AppendNumber(static_cast<int64_t>(text.size()), out);
  out->append(text);
}

class Reader {
 public:
  explicit Reader(std::string_view data) : data_(data) {}

  bool Number(int64_t* value) {
    if (data_.size() < sizeof(*value)) return false;
    std::memcpy(value, data_.data(), sizeof(*value));
    data_.remove_prefix(sizeof(*value));
    return true;
  }
  bool String(std::string* text) {
    int64_t size = 0;
    if (!Number(&size) || size < 0 ||
        static_cast<uint64_t>(size) > data_.size()) {
      return false;
    }
    text->assign(data_.substr(0, static_cast<size_t>(size)));
    data_.remove_prefix(static_cast<size_t>(size));
    return true;
  }

 private:
  std::string_view data_;
};

std::string Encode(const ErrorDetail& detail) {
  std::string out;
  AppendNumber(absl::ToInt64Nanoseconds(detail.retry_after), &out);
  AppendString(detail.reason, &out);
  AppendNumber(static_cast<int64_t>(detail.metadata.size()), &out);
  for (const auto& [key, value] : detail.metadata) {
    AppendString(key, &out);
    AppendString(value, &out);
  }
  AppendNumber(static_cast<int64_t>(detail.violations.size()), &out);
  for (const FieldViolation& violation : detail.violations) {
    AppendString(violation.field, &out);
    AppendString(violation.description, &out);
  }
  return out;
}

bool Decode(std::string_view data, ErrorDetail* detail) {
  Reader reader(data);
  int64_t retry_ns = 0;
  int64_t count = 0;
  if (!reader.Number(&retry_ns) || !reader.String(&detail->reason)) {
    return false;
  }
  detail->retry_after = absl::Nanoseconds(retry_ns);
  if (!reader.Number(&count)) return false;
  for (int64_t i = 0; i < count; ++i) {
    auto& [key, value] = detail->metadata.emplace_back();
    if (!reader.String(&key) || !reader.String(&value)) return false;
  }
  if (!reader.Number(&count)) return false;
  for (int64_t i = 0; i < count; ++i) {
    FieldViolation& violation = detail->violations.emplace_back();
    if (!reader.String(&violation.field) ||
        !reader.String(&violation.description)) {
      return false;
    }
  }
  return true;
}

}  // namespace

absl::Status MakeError(absl::StatusCode code, std::string_view reason,
                       std::string_view message, ErrorMetadata metadata) {
  CAISSON_CHECK(code != absl::StatusCode::kOk);
  ErrorDetail detail;
  detail.reason = std::string(reason);
  detail.metadata = std::move(metadata);
  return WithDetail(absl::Status(code, AbslView(message)), detail);
}

absl::Status InvalidFields(std::vector<FieldViolation> violations) {
  CAISSON_CHECK(!violations.empty());
  std::string message =
      StrCat(violations.front().field, ": ", violations.front().description);
  if (violations.size() > 1) {
    StrAppend(&message, " (and ", violations.size() - 1, " more)");
  }
  ErrorDetail detail;
  detail.reason = "INVALID_FIELD";
  detail.violations = std::move(violations);
  return WithDetail(absl::InvalidArgumentError(message), detail);
}

absl::Status WithDetail(absl::Status status, const ErrorDetail& detail) {
  if (!status.ok()) status.SetPayload(kPayloadUrl, absl::Cord(Encode(detail)));
  return status;
}

ErrorDetail DetailOf(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kPayloadUrl);
  if (!payload.has_value()) return {};
  ErrorDetail detail;
  if (!Decode(std::string(*payload), &detail)) return {};
  return detail;
}

}  // namespace caisson::base
