// Where a log ends: what a writer must know to go on after an earlier run.
//
// Process: shim. Thread: main only; no allocation.
#ifndef CAISSON_RUNTIME_RECORD_LOG_TAIL_H_
#define CAISSON_RUNTIME_RECORD_LOG_TAIL_H_

#include <stdint.h>

namespace caisson::record {

struct LogTail {
  bool any = false;             // there is a segment
  uint64_t first_sequence = 0;  // the oldest
  uint64_t last_sequence = 0;   // the newest
  int64_t offset = 0;           // after the last whole record
  int64_t stdout_bytes = 0;
  int64_t stderr_bytes = 0;
};

// Reads the directory, then the index of the newest segment, then what records
// follow its last entry (a writer that was killed leaves no end mark). A
// damaged index is made up for by that of an older segment. 0 or errno.
int FindLogTail(int directory_fd, LogTail* tail) noexcept;

}  // namespace caisson::record

#endif  // CAISSON_RUNTIME_RECORD_LOG_TAIL_H_
