// The structured cause of an error. It travels inside absl::Status as one
// payload from the place that knows the cause to the door that tells the
// client.
//
// Process: daemon, clients. Thread: any; plain values.
#ifndef CAISSON_RUNTIME_BASE_ERROR_DETAIL_H_
#define CAISSON_RUNTIME_BASE_ERROR_DETAIL_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace caisson::base {

// One wrong field, named as in the API: "spec.process.rlimits[2].name".
struct FieldViolation {
  std::string field;
  std::string description;

  bool operator==(const FieldViolation&) const = default;
};

using ErrorMetadata = std::vector<std::pair<std::string, std::string>>;

struct ErrorDetail {
  // A name of the public list of reasons, as "WRONG_STATE".
  std::string reason;
  // Keys in lowerCamelCase: "container", "errno", "path" ...
  ErrorMetadata metadata;
  std::vector<FieldViolation> violations;
  // When a retry may help; zero: not said.
  absl::Duration retry_after;

  bool operator==(const ErrorDetail&) const = default;
};

// A status with a detail. `code` must not be OK.
absl::Status MakeError(absl::StatusCode code, std::string_view reason,
                       std::string_view message, ErrorMetadata metadata = {});

// INVALID_ARGUMENT INVALID_FIELD for at least one violation; the message is
// the first one and how many more there are.
absl::Status InvalidFields(std::vector<FieldViolation> violations);

// The status with `detail` in place of the one it may have. OK stays OK.
absl::Status WithDetail(absl::Status status, const ErrorDetail& detail);

// The detail of a status; an empty reason means that it has none.
ErrorDetail DetailOf(const absl::Status& status);

}  // namespace caisson::base

#endif  // CAISSON_RUNTIME_BASE_ERROR_DETAIL_H_
