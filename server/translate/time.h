// Spans and points of time, to and from protobuf's well-known types.
//
// Process: caissond. Thread: any (pure functions).
#ifndef CAISSON_SERVER_TRANSLATE_TIME_H_
#define CAISSON_SERVER_TRANSLATE_TIME_H_

#include <optional>

#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace caisson::translate {

// Nothing when the message breaks the rules of its type: nanos out of range
// or of another sign than seconds, more than 10,000 years.
std::optional<absl::Duration> DurationFromProto(
    const google::protobuf::Duration& proto);
std::optional<absl::Time> TimeFromProto(
    const google::protobuf::Timestamp& proto);

// Clamp what the types cannot hold.
void DurationToProto(absl::Duration duration, google::protobuf::Duration* out);
void TimeToProto(absl::Time time, google::protobuf::Timestamp* out);

}  // namespace caisson::translate

#endif  // CAISSON_SERVER_TRANSLATE_TIME_H_
