#include "clients/caisson/units.h"

#include <array>
#include <cmath>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace caisson::cli {

namespace {

absl::Time ToTime(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) +
         absl::Nanoseconds(time.nanos());
}

google::protobuf::Timestamp FromTime(absl::Time time) {
  google::protobuf::Timestamp result;
  const int64_t nanos = absl::ToUnixNanos(time);
  result.set_seconds(nanos / 1000000000);
  result.set_nanos(static_cast<int32_t>(nanos % 1000000000));
  return result;
}

// The power of 1024 or 1000 that a letter stands for; -1: none.
int PowerOf(char unit) {
  constexpr std::string_view kUnits = "bkmgtp";
  const size_t at = kUnits.find(unit);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

// A number with at most one letter behind it.
std::optional<int64_t> ParseScaled(std::string number, double step) {
  int power = 0;
  if (!number.empty() && PowerOf(number.back()) >= 0) {
    power = PowerOf(number.back());
    number.pop_back();
  }
  double value = 0;
  // Digits only: the parser would also take "inf", "0x1" and spaces.
  if (number.find_first_not_of("0123456789.") != std::string::npos ||
      !absl::SimpleAtod(number, &value)) {
    return std::nullopt;
  }
  value *= std::pow(step, power);
  if (!(value < 9.2e18)) return std::nullopt;
  return static_cast<int64_t>(std::llround(value));
}

}  // namespace

std::optional<int64_t> ParseInteger(const std::string& text) {
  int64_t value = 0;
  if (!absl::SimpleAtoi(text, &value)) return std::nullopt;
  return value;
}

std::optional<int64_t> ParseBytes(const std::string& text) {
  std::string number = absl::AsciiStrToLower(text);
  // "MiB", "MB" and "M" are the same.
  if (number.size() > 2) number = std::string(absl::StripSuffix(number, "ib"));
  if (number.size() > 2 && PowerOf(number[number.size() - 2]) > 0) {
    number = std::string(absl::StripSuffix(number, "b"));
  }
  return ParseScaled(std::move(number), 1024);
}

std::optional<int64_t> ParseBits(const std::string& text) {
  const std::string number = absl::AsciiStrToLower(text);
  return ParseScaled(std::string(absl::StripSuffix(number, "bit")), 1000);
}

std::optional<int64_t> ParseMillis(const std::string& text) {
  double value = 0;
  if (!absl::SimpleAtod(text, &value) || !(value >= 0 && value < 1e12)) {
    return std::nullopt;
  }
  return static_cast<int64_t>(std::llround(value * 1000));
}

std::optional<google::protobuf::Duration> ParseSpan(const std::string& text) {
  double seconds = 0;
  absl::Duration span;
  if (absl::SimpleAtod(text, &seconds)) {
    span = absl::Seconds(seconds);
  } else if (!absl::ParseDuration(text, &span)) {
    return std::nullopt;
  }
  if (span < absl::ZeroDuration() || span > absl::Hours(24 * 365 * 100)) {
    return std::nullopt;
  }
  google::protobuf::Duration result;
  result.set_seconds(span / absl::Seconds(1));
  result.set_nanos(
      static_cast<int32_t>((span % absl::Seconds(1)) / absl::Nanoseconds(1)));
  return result;
}

std::optional<google::protobuf::Timestamp> ParseMoment(
    const std::string& text) {
  absl::Time time;
  std::string error;
  if (absl::ParseTime(absl::RFC3339_full, text, &time, &error)) {
    return FromTime(time);
  }
  const auto span = ParseSpan(text);
  if (!span.has_value()) return std::nullopt;
  return FromTime(absl::Now() - absl::Seconds(span->seconds()) -
                  absl::Nanoseconds(span->nanos()));
}

std::string BytesText(int64_t bytes) {
  if (bytes < 1024) return absl::StrCat(bytes, "B");
  constexpr std::array kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB"};
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return absl::StrFormat("%.1f%s", value, kUnits[unit]);
}

std::string SinceText(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0) return "";
  const int64_t seconds = (absl::Now() - ToTime(time)) / absl::Seconds(1);
  constexpr std::array<std::pair<int64_t, const char*>, 4> kUnits = {
      {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}}};
  for (const auto& [size, name] : kUnits) {
    if (seconds < size) continue;
    const int64_t count = seconds / size;
    return absl::StrCat(count, " ", name, count == 1 ? "" : "s");
  }
  return "less than a second";
}

std::string AgoText(const google::protobuf::Timestamp& time) {
  const std::string since = SinceText(time);
  return since.empty() ? since : since + " ago";
}

std::string TimeText(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0) return "";
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%E3SZ", ToTime(time),
                          absl::UTCTimeZone());
}

std::string SpanText(const google::protobuf::Duration& span) {
  return absl::FormatDuration(absl::Trunc(
      absl::Seconds(span.seconds()) + absl::Nanoseconds(span.nanos()),
      absl::Microseconds(1)));
}

}  // namespace caisson::cli
