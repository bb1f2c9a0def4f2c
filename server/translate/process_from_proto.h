// The process part of specs, and the small helpers that all parts need.
// Internal to the translation of specs.
//
// Process: caissond. Thread: any (pure functions).
#ifndef CAISSON_SERVER_TRANSLATE_PROCESS_FROM_PROTO_H_
#define CAISSON_SERVER_TRANSLATE_PROCESS_FROM_PROTO_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/map.h"
#include "google/protobuf/repeated_ptr_field.h"

#include "caisson/v1/process.pb.h"
#include "runtime/base/error_detail.h"
#include "runtime/spec/process.h"

namespace caisson::translate {

spec::Process ProcessFromProto(const caisson::v1::Process& proto);

inline std::vector<std::string> ListFromProto(
    const google::protobuf::RepeatedPtrField<std::string>& proto) {
  return {proto.begin(), proto.end()};
}

inline std::map<std::string, std::string> MapFromProto(
    const google::protobuf::Map<std::string, std::string>& proto) {
  return {proto.begin(), proto.end()};
}

// A member of a oneof that says by its presence what is meant: false is a
// contradiction.
void RequireTrue(bool value, std::string_view field,
                 std::vector<base::FieldViolation>* violations);

// Unset when it is no valid duration, with a violation.
std::optional<absl::Duration> DurationField(
    const google::protobuf::Duration& proto, std::string_view field,
    std::vector<base::FieldViolation>* violations);

}  // namespace caisson::translate

#endif  // CAISSON_SERVER_TRANSLATE_PROCESS_FROM_PROTO_H_
