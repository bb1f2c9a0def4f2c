// One segment of a log, open for reading: its file, and what its index says.
// A segment that rotation deletes stays readable while it is open.
//
// Process: daemon. Thread: the one that uses the reader; does file I/O.
#ifndef CAISSON_RUNTIME_RECORD_LOG_SEGMENT_H_
#define CAISSON_RUNTIME_RECORD_LOG_SEGMENT_H_

#include <stddef.h>
#include <stdint.h>

#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "runtime/base/unique_fd.h"
#include "runtime/record/log_record.h"

namespace caisson::record {

// The sequences of all segments in the directory, ascending.
absl::StatusOr<std::vector<uint64_t>> ListLogSegments(int directory_fd);

class LogSegment {
 public:
  // Null: there is no such segment, or not yet (its index has no whole
  // header), or its header is damaged.
  static absl::StatusOr<std::unique_ptr<LogSegment>> Open(int directory_fd,
                                                          uint64_t sequence);

  uint64_t sequence() const { return header_.sequence; }
  uint64_t run() const { return header_.run; }
  int64_t create_time_ns() const { return header_.create_time_ns; }
  LogCounters base() const;

  // Reads entries that were added to the index. The writer adds an entry for
  // a gap before the records behind it: whoever reads records first and
  // refreshes then knows of every gap before them.
  absl::Status Refresh();

  // The valid entries in order of position; counters never decrease.
  const std::vector<LogIndexEntry>& entries() const { return entries_; }

  // The last entry that is at or before `offset`; null: none.
  const LogIndexEntry* FindOffset(int64_t offset) const;
  // The first entry at or behind `position`; null: none (yet).
  const LogIndexEntry* FindPosition(int64_t position) const;
  // Where the segment ends, once the writer has finished it.
  std::optional<int64_t> end_position() const { return end_position_; }

  // pread(2), repeated: up to `size` bytes from `position`.
  absl::StatusOr<size_t> Read(int64_t position, char* buffer,
                              size_t size) const;
  // Whether rotation has removed the file.
  absl::StatusOr<bool> IsDeleted() const;

 private:
  LogSegment(base::UniqueFd log, base::UniqueFd index, LogIndexHeader header);

  const base::UniqueFd log_;
  const base::UniqueFd index_;
  const LogIndexHeader header_;
  std::vector<LogIndexEntry> entries_;
  int64_t index_position_;
  std::optional<int64_t> end_position_;
};

}  // namespace caisson::record

#endif  // CAISSON_RUNTIME_RECORD_LOG_SEGMENT_H_
