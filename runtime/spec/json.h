// Specs as JSON, for the store and for people. Fields at their zero value are
// left out; bytes that are not UTF-8 become {"b64": "..."} and come back.
//
// Process: daemon. Thread: any; pure.
#ifndef CAISSON_RUNTIME_SPEC_JSON_H_
#define CAISSON_RUNTIME_SPEC_JSON_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

#include "runtime/spec/spec.h"

namespace caisson::spec {

// One line, deterministic: equal specs give equal text.
std::string SpecToJson(const ContainerSpec& spec);
std::string SpecToJson(const ExecSpec& spec);
std::string SpecToJson(const NetworkSpec& spec);

// DATA_LOSS when `text` is no such JSON or has a field of the wrong type, with
// the field's path. Unknown fields are refused too: they may carry protection.
absl::StatusOr<ContainerSpec> ContainerSpecFromJson(std::string_view text);
absl::StatusOr<ExecSpec> ExecSpecFromJson(std::string_view text);
absl::StatusOr<NetworkSpec> NetworkSpecFromJson(std::string_view text);

}  // namespace caisson::spec

#endif  // CAISSON_RUNTIME_SPEC_JSON_H_
