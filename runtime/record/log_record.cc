#include "runtime/record/log_record.h"

#include <string.h>

#include "runtime/base/crc32c.h"

namespace caisson::record {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kSecondsPerDay = 86'400;

struct Date {
  int64_t year;
  unsigned month;  // 1..12
  unsigned day;    // 1..31
};

// Days since 1970-01-01 to the proleptic Gregorian date and back: whole eras
// of 400 years, with the year beginning in March.
Date DateOfDays(int64_t days) noexcept {
  days += 719'468;  // 0000-03-01
  const int64_t era = days / 146'097;
  const auto doe = static_cast<unsigned>(days - era * 146'097);
  const unsigned yoe = (doe - doe / 1460 + doe / 36'524 - doe / 146'096) / 365;
  const unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const unsigned mp = (5 * doy + 2) / 153;
  const unsigned month = mp < 10 ? mp + 3 : mp - 9;
  return {.year = int64_t{yoe} + era * 400 + (month <= 2 ? 1 : 0),
          .month = month,
          .day = doy - (153 * mp + 2) / 5 + 1};
}

int64_t DaysOfDate(const Date& date) noexcept {
  const int64_t year = date.year - (date.month <= 2 ? 1 : 0);
  const int64_t era = year / 400;
  const auto yoe = static_cast<unsigned>(year - era * 400);
  const unsigned mp = date.month > 2 ? date.month - 3 : date.month + 9;
  const unsigned doy = (153 * mp + 2) / 5 + date.day - 1;
  const unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  return era * 146'097 + doe - 719'468;
}

void PutDigits(char* out, int count, int64_t value) noexcept {
  for (int i = count - 1; i >= 0; --i) {
    out[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

bool GetDigits(const char* in, int count, int64_t* value) noexcept {
  *value = 0;
  for (int i = 0; i < count; ++i) {
    if (in[i] < '0' || in[i] > '9') return false;
    *value = *value * 10 + (in[i] - '0');
  }
  return true;
}

bool ParseTime(const char* in, int64_t* time_ns) noexcept {
  int64_t year, month, day, hour, minute, second, ns;
  if (!GetDigits(in, 4, &year) || in[4] != '-' ||
      !GetDigits(in + 5, 2, &month) || in[7] != '-' ||
      !GetDigits(in + 8, 2, &day) || in[10] != 'T' ||
      !GetDigits(in + 11, 2, &hour) || in[13] != ':' ||
      !GetDigits(in + 14, 2, &minute) || in[16] != ':' ||
      !GetDigits(in + 17, 2, &second) || in[19] != '.' ||
      !GetDigits(in + 20, 9, &ns) || in[29] != 'Z') {
    return false;
  }
  if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 ||
      hour > 23 || minute > 59 || second > 60) {
    return false;
  }
  // Beyond 2262 the nanoseconds would not fit.
  if (year > 2261) return false;
  const int64_t days = DaysOfDate({.year = year,
                                   .month = static_cast<unsigned>(month),
                                   .day = static_cast<unsigned>(day)});
  *time_ns = (days * kSecondsPerDay + hour * 3600 + minute * 60 + second) *
                 kNsPerSecond +
             ns;
  return true;
}

template <typename T>
uint32_t Checksum(T value) noexcept {
  value.crc32c = 0;
  return base::Crc32c(&value, sizeof(value));
}

}  // namespace

bool ParseLogPrefix(const char* data, LogPrefix* prefix) noexcept {
  if (!ParseTime(data, &prefix->time_ns)) return false;
  if (memcmp(data + 30, " stdout ", 8) == 0) {
    prefix->stream = LogStream::kStdout;
  } else if (memcmp(data + 30, " stderr ", 8) == 0) {
    prefix->stream = LogStream::kStderr;
  } else {
    return false;
  }
  if ((data[38] != 'P' && data[38] != 'F') || data[39] != ' ') return false;
  prefix->partial = data[38] == 'P';
  return true;
}

void FormatLogPrefix(const LogPrefix& prefix, char* out) noexcept {
  const int64_t seconds = prefix.time_ns / kNsPerSecond;
  const Date date = DateOfDays(seconds / kSecondsPerDay);
  const int64_t of_day = seconds % kSecondsPerDay;
  PutDigits(out, 4, date.year);
  out[4] = '-';
  PutDigits(out + 5, 2, date.month);
  out[7] = '-';
  PutDigits(out + 8, 2, date.day);
  out[10] = 'T';
  PutDigits(out + 11, 2, of_day / 3600);
  out[13] = ':';
  PutDigits(out + 14, 2, of_day / 60 % 60);
  out[16] = ':';
  PutDigits(out + 17, 2, of_day % 60);
  out[19] = '.';
  PutDigits(out + 20, 9, prefix.time_ns % kNsPerSecond);
  out[29] = 'Z';
  const char* const stream =
      prefix.stream == LogStream::kStdout ? " stdout " : " stderr ";
  memcpy(out + 30, stream, 8);  // NOLINT(bugprone-not-null-terminated-result)
  out[38] = prefix.partial ? 'P' : 'F';
  out[39] = ' ';
}

void SealLogIndexHeader(LogIndexHeader* header) noexcept {
  header->magic = kLogIndexMagic;
  header->version = kLogIndexVersion;
  header->crc32c = Checksum(*header);
}

bool CheckLogIndexHeader(const LogIndexHeader& header) noexcept {
  return header.magic == kLogIndexMagic && header.version == kLogIndexVersion &&
         header.crc32c == Checksum(header) && header.base_offset >= 0 &&
         header.base_stdout >= 0 && header.base_stderr >= 0;
}

void SealLogIndexEntry(LogIndexEntry* entry) noexcept {
  entry->crc32c = Checksum(*entry);
}

bool CheckLogIndexEntry(const LogIndexEntry& entry) noexcept {
  return entry.kind <= LogIndexKind::kEnd && entry.crc32c == Checksum(entry) &&
         entry.position >= 0 && entry.offset >= 0 && entry.stdout_bytes >= 0 &&
         entry.stderr_bytes >= 0;
}

void LogSegmentName(uint64_t sequence, char* out) noexcept {
  char digits[20];
  int count = 0;
  do {
    digits[count++] = static_cast<char>('0' + sequence % 10);
    sequence /= 10;
  } while (sequence != 0);
  memcpy(out, "log.", 4);
  out += 4;
  while (count > 0) *out++ = digits[--count];
  *out = '\0';
}

void LogIndexName(uint64_t sequence, char* out) noexcept {
  LogSegmentName(sequence, out);
  memcpy(out + strlen(out), ".idx", 5);
}

bool ParseLogSegmentName(const char* name, uint64_t* sequence) noexcept {
  if (strncmp(name, "log.", 4) != 0) return false;
  const char* digit = name + 4;
  if (*digit == '\0' || (*digit == '0' && digit[1] != '\0')) return false;
  *sequence = 0;
  for (; *digit != '\0'; ++digit) {
    if (*digit < '0' || *digit > '9') return false;
    if (__builtin_mul_overflow(*sequence, uint64_t{10}, sequence) ||
        __builtin_add_overflow(*sequence, static_cast<uint64_t>(*digit - '0'),
                               sequence)) {
      return false;
    }
  }
  return true;
}

}  // namespace caisson::record
