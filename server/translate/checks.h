// The fields that many requests have, each checked in one place: references,
// request ids, signals, pages, filters, spans. A Checks collects what is wrong
// with one request, so that its client learns everything at once.
//
// Process: caissond. Thread: any (pure functions).
#ifndef CAISSON_SERVER_TRANSLATE_CHECKS_H_
#define CAISSON_SERVER_TRANSLATE_CHECKS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

#include "caisson/v1/container.pb.h"
#include "caisson/v1/network.pb.h"
#include "caisson/v1/process.pb.h"
#include "caisson/v1/stream.pb.h"
#include "runtime/base/error_detail.h"
#include "runtime/spec/process.h"
#include "server/store/filter.h"
#include "server/translate/spec_to_proto.h"

namespace caisson::translate {

// The longest grace, timeout and the like, and the longest heartbeat.
inline constexpr absl::Duration kMaxGrace = absl::Hours(24);
inline constexpr absl::Duration kMaxHeartbeat = absl::Hours(1);
inline constexpr absl::Duration kMinHeartbeat = absl::Seconds(1);

class Checks {
 public:
  // Every function takes the name of the field, for the violation, and
  // returns a harmless value when the field is wrong.

  // A required exact id (returned in lower case) or exact name. The beginning
  // of an id has the form of a name.
  std::string Container(const std::string& value, std::string_view field);
  // The same for a network.
  std::string Network(const std::string& value, std::string_view field);
  // A required name of a network namespace.
  std::string NetworkNamespace(const std::string& value,
                               std::string_view field);
  // A required id of an exec.
  std::string Exec(const std::string& value, std::string_view field);
  // A UUID other than nil, in lower case; empty stays empty.
  std::string RequestId(const std::string& value, std::string_view field);
  // Nothing for the empty text.
  std::optional<int> Signal(const std::string& value, std::string_view field);
  int PageSize(int32_t value, int max, std::string_view field);
  ViewKind View(caisson::v1::View view, ViewKind unset, std::string_view field);
  store::ContainerFilter Filter(const caisson::v1::ContainerFilter& filter,
                                std::string_view field);
  store::NetworkFilter Filter(const caisson::v1::NetworkFilter& filter,
                              std::string_view field);
  store::LabelSelector Selector(const std::string& text,
                                std::string_view field);
  // Nothing when the span is not valid or not within [min, max].
  std::optional<absl::Duration> Span(const google::protobuf::Duration& value,
                                     absl::Duration min, absl::Duration max,
                                     std::string_view field);
  std::optional<absl::Time> Time(const google::protobuf::Timestamp& value,
                                 std::string_view field);
  // Within [min, max].
  int64_t Range(int64_t value, int64_t min, int64_t max,
                std::string_view field);
  // 0..65535 each.
  spec::TerminalSize Size(const caisson::v1::TerminalSize& size,
                          std::string_view prefix);

  void Add(std::string_view field, std::string_view description);
  void Add(std::vector<base::FieldViolation> violations);
  std::vector<base::FieldViolation>* violations() { return &violations_; }

  // OK, or INVALID_ARGUMENT INVALID_FIELD with all violations. Once.
  absl::Status Finish();

 private:
  std::string NamePrefix(const std::string& value, std::string_view field);
  std::string IdPrefix(const std::string& value, std::string_view field);

  std::vector<base::FieldViolation> violations_;
};

}  // namespace caisson::translate

#endif  // CAISSON_SERVER_TRANSLATE_CHECKS_H_
