// Texts of the command line as numbers, and numbers as texts for people.
//
// Thread: any.
#ifndef CAISSON_CLIENTS_CAISSON_UNITS_H_
#define CAISSON_CLIENTS_CAISSON_UNITS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace caisson::cli {

// "64m", "1.5GiB", "4096": bytes, in steps of 1024. Nothing when it is none.
std::optional<int64_t> ParseBytes(const std::string& text);
// "10m", "1.5gbit", "9600": bits, in steps of 1000. Nothing when it is none.
std::optional<int64_t> ParseBits(const std::string& text);
// "1.5": thousandths. Nothing when it is none or negative.
std::optional<int64_t> ParseMillis(const std::string& text);
// "10", "1m30s", "250ms": seconds without a unit.
std::optional<google::protobuf::Duration> ParseSpan(const std::string& text);
// "2024-01-02T03:04:05Z", or a span before now.
std::optional<google::protobuf::Timestamp> ParseMoment(const std::string& text);
std::optional<int64_t> ParseInteger(const std::string& text);

// "1.2MiB".
std::string BytesText(int64_t bytes);
// "3 minutes", "less than a second"; empty when unset.
std::string SinceText(const google::protobuf::Timestamp& time);
// The same with " ago" behind.
std::string AgoText(const google::protobuf::Timestamp& time);
// "2024-01-02T03:04:05.678Z".
std::string TimeText(const google::protobuf::Timestamp& time);
// "1.5s".
std::string SpanText(const google::protobuf::Duration& span);

}  // namespace caisson::cli

#endif  // CAISSON_CLIENTS_CAISSON_UNITS_H_
