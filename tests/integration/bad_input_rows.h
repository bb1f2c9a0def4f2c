// The table of bad requests.
#ifndef CAISSON_TESTS_INTEGRATION_BAD_INPUT_ROWS_H_
#define CAISSON_TESTS_INTEGRATION_BAD_INPUT_ROWS_H_

#include <span>

namespace caisson::testing {

struct BadSpec {
  // What is merged into a spec that is good, in protobuf's text format.
  const char* text;
  // The field that is to blame, without "spec.".
  const char* field;
};

struct BadRequest {
  // "ContainerService/GetContainer".
  const char* method;
  // The whole request in protobuf's text format.
  const char* text;
  const char* code;
  const char* reason;
  // The field that is to blame; "": none is named.
  const char* field;
};

std::span<const BadSpec> BadSpecs();
std::span<const BadRequest> BadRequests();

}  // namespace caisson::testing

#endif  // CAISSON_TESTS_INTEGRATION_BAD_INPUT_ROWS_H_
