#include "runtime/record/log_scan.h"

#include <string.h>

#include <algorithm>

namespace caisson::record {

LogScan ScanLogRecord(std::string_view bytes, LogRecordView* record) noexcept {
  if (bytes.size() < kLogPrefixBytes) {
    // A line feed inside the prefix will not go away.
    return bytes.find('\n') == std::string_view::npos ? LogScan::kIncomplete
                                                      : LogScan::kCorrupt;
  }
  if (!ParseLogPrefix(bytes.data(), &record->prefix)) return LogScan::kCorrupt;
  const char* const text = bytes.data() + kLogPrefixBytes;
  const size_t available = bytes.size() - kLogPrefixBytes;
  const size_t searched = std::min(available, kMaxLogText + 1);
  const void* const feed = ::memchr(text, '\n', searched);
  if (feed == nullptr) {
    return searched > kMaxLogText ? LogScan::kCorrupt : LogScan::kIncomplete;
  }
  const size_t length =
      static_cast<size_t>(static_cast<const char*>(feed) - text);
  record->size = kLogPrefixBytes + length + 1;
  record->output =
      std::string_view(text, record->prefix.partial ? length : length + 1);
  return LogScan::kRecord;
}

}  // namespace caisson::record
