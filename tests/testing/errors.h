// Reads the structured cause of a gRPC error.
#ifndef CAISSON_TESTS_TESTING_ERRORS_H_
#define CAISSON_TESTS_TESTING_ERRORS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "grpcpp/support/status.h"

namespace caisson::testing {

struct ErrorFacts {
  // Of the one ErrorInfo; empty when there is none.
  std::string reason;
  std::string domain;
  std::map<std::string, std::string> metadata;
  // The fields of the BadRequest.
  std::vector<std::string> fields;
  bool has_retry = false;
  int error_infos = 0;
};

ErrorFacts FactsOf(const grpc::Status& status);

// "OK" or "CODE REASON: message {key=value} [fields]".
std::string Describe(const grpc::Status& status);

// The name of a code: "INVALID_ARGUMENT".
std::string CodeName(grpc::StatusCode code);

MATCHER(IsOk, "is OK") {
  *result_listener << Describe(arg);
  return arg.ok();
}

// The code, and the reason of the ErrorInfo.
MATCHER_P2(FailsWith, code, reason,
           CodeName(code) + " with the reason " + reason) {
  *result_listener << Describe(arg);
  const ErrorFacts facts = FactsOf(arg);
  return arg.error_code() == code && facts.reason == reason &&
         facts.domain == "caisson" && facts.error_infos == 1;
}

// INVALID_ARGUMENT INVALID_FIELD that names the field.
MATCHER_P(RefusesField, field, std::string("refuses the field ") + field) {
  *result_listener << Describe(arg);
  const ErrorFacts facts = FactsOf(arg);
  return arg.error_code() == grpc::StatusCode::INVALID_ARGUMENT &&
         facts.reason == "INVALID_FIELD" &&
         std::count(facts.fields.begin(), facts.fields.end(), field) > 0;
}

}  // namespace caisson::testing

#endif  // CAISSON_TESTS_TESTING_ERRORS_H_
