// Where the last lines of a log begin.
//
// Process: daemon. Thread: any; does file I/O.
#ifndef CAISSON_RUNTIME_RECORD_LOG_LAST_LINES_H_
#define CAISSON_RUNTIME_RECORD_LOG_LAST_LINES_H_

#include <stdint.h>

#include <optional>

#include "absl/status/statusor.h"

namespace caisson::record {

// The offset at which the last `lines` lines begin; see LogReader::SeekTail.
// The oldest offset when there are fewer; nothing: at the end (no lines are
// wanted or there is no log).
absl::StatusOr<std::optional<int64_t>> FindLastLines(int directory_fd,
                                                     int64_t lines,
                                                     bool want_stdout,
                                                     bool want_stderr);

}  // namespace caisson::record

#endif  // CAISSON_RUNTIME_RECORD_LOG_LAST_LINES_H_
