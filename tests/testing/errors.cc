#include "tests/testing/errors.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace caisson::testing {

ErrorFacts FactsOf(const grpc::Status& status) {
  ErrorFacts facts;
  google::rpc::Status rich;
  if (!rich.ParseFromString(status.error_details())) return facts;
  for (const google::protobuf::Any& any : rich.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::BadRequest bad;
    if (any.UnpackTo(&info)) {
      ++facts.error_infos;
      facts.reason = info.reason();
      facts.domain = info.domain();
      facts.metadata = {info.metadata().begin(), info.metadata().end()};
    } else if (any.UnpackTo(&bad)) {
      for (const auto& violation : bad.field_violations()) {
        facts.fields.push_back(violation.field());
      }
    } else if (any.Is<google::rpc::RetryInfo>()) {
      facts.has_retry = true;
    }
  }
  return facts;
}

std::string Describe(const grpc::Status& status) {
  if (status.ok()) return "OK";
  const ErrorFacts facts = FactsOf(status);
  return absl::StrCat(
      CodeName(status.error_code()), " ", facts.reason, ": ",
      status.error_message(), " {",
      absl::StrJoin(facts.metadata, ", ", absl::PairFormatter("=")), "} [",
      absl::StrJoin(facts.fields, ", "), "]");
}

std::string CodeName(grpc::StatusCode code) {
  static constexpr std::array kNames = {"OK",
                                        "CANCELLED",
                                        "UNKNOWN",
                                        "INVALID_ARGUMENT",
                                        "DEADLINE_EXCEEDED",
                                        "NOT_FOUND",
                                        "ALREADY_EXISTS",
                                        "PERMISSION_DENIED",
                                        "RESOURCE_EXHAUSTED",
                                        "FAILED_PRECONDITION",
                                        "ABORTED",
                                        "OUT_OF_RANGE",
                                        "UNIMPLEMENTED",
                                        "INTERNAL",
                                        "UNAVAILABLE",
                                        "DATA_LOSS",
                                        "UNAUTHENTICATED"};
  const auto index = static_cast<size_t>(code);
  return index < kNames.size() ? kNames[index] : absl::StrCat("code ", code);
}

}  // namespace caisson::testing
