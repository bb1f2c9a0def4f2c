// Finds records in bytes of a segment, whatever the bytes are.
//
// Process: daemon. Thread: any; pure, no allocation.
#ifndef CAISSON_RUNTIME_RECORD_LOG_SCAN_H_
#define CAISSON_RUNTIME_RECORD_LOG_SCAN_H_

#include <stddef.h>
#include <stdint.h>

#include <string_view>

#include "runtime/record/log_record.h"

namespace caisson::record {

struct LogRecordView {
  LogPrefix prefix;
  // What the process wrote: the text and, unless the record is partial, its
  // line feed. A part of the scanned bytes.
  std::string_view output;
  size_t size = 0;  // of the record in the segment
};

enum class LogScan {
  kRecord,      // there is a whole record
  kIncomplete,  // more bytes may make it one
  kCorrupt,     // no bytes can
};

// Looks at the record that begins at `bytes`. `record` is set for kRecord.
LogScan ScanLogRecord(std::string_view bytes, LogRecordView* record) noexcept;

}  // namespace caisson::record

#endif  // CAISSON_RUNTIME_RECORD_LOG_SCAN_H_
