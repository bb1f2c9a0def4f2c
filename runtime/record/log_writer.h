// Writes the log of one run of a container, or of an exec.
//
// Process: shim. Thread: main only. Allocates nothing but one buffer, mapped
// at the first output, so that a silent process costs no page.
// Ownership: owns its descriptors; borrows the directory's.
//
// Files appear with the first output. A write that fails for want of space
// keeps what was not written; the caller stops reading from the process and
// calls Flush again later. When the next segment cannot be opened the old one
// goes on growing.
#ifndef CAISSON_RUNTIME_RECORD_LOG_WRITER_H_
#define CAISSON_RUNTIME_RECORD_LOG_WRITER_H_

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/unique_fd.h"
#include "runtime/record/log_record.h"

namespace caisson::record {

class LogWriter {
 public:
  struct Options {
    int directory_fd = -1;  // borrowed; must stay open
    uint64_t run = 1;
    int64_t max_file_bytes = 16 << 20;
    uint32_t max_files = 4;  // >= 1
    // Where an earlier run ended as far as others know; counts when the log
    // itself says less (its last bytes were lost).
    LogCounters previous = {};
  };

  LogWriter() = default;
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;
  ~LogWriter();

  // Looks at what earlier runs left and goes on counting from there. 0 or
  // errno.
  int Open(const Options& options) noexcept;

  // Formats as much of the output as the buffer takes and returns how much
  // that was; less than `size` means: Flush, then go on. An unfinished line
  // becomes a P record.
  size_t Append(LogStream stream, const char* data, size_t size,
                int64_t time_ns) noexcept;

  // Counts output that nobody will see (a gap in the log). Flush first.
  void Skip(LogStream stream, int64_t bytes) noexcept;

  // Writes the buffer, the index and, when the segment is full, begins the
  // next one. 0, or the errno of a write that must be repeated (ENOSPC, EDQUOT,
  // EIO).
  int Flush() noexcept;

  // Gives up what a failed Flush left; a gap takes its place. Returns how many
  // bytes of output that are.
  int64_t DropUnwritten() noexcept;

  // Marks the end in the index and closes. Call after a Flush that returned 0,
  // or after DropUnwritten.
  void Close() noexcept;

  // Gives the buffer's memory back until the next output; nothing happens
  // while it holds what could not be written.
  void ReleaseBuffer() noexcept;

  // Segments that end after this offset stay until it has passed them, beyond
  // max_files if it must be; -1: no such reader.
  void SetReaderOffset(int64_t offset) noexcept;

  // What was appended (not only what was written).
  const LogCounters& counters() const noexcept { return counters_; }
  bool has_unwritten() const noexcept { return used_ > written_; }

 private:
  int OpenSegment() noexcept;
  void AddIndexEntry(LogIndexKind kind) noexcept;
  void RotateIfFull() noexcept;
  void RemoveOldSegments() noexcept;
  bool MayDelete(uint64_t sequence) const noexcept;
  bool MapBuffer() noexcept;
  size_t CountWholeRecords(LogCounters* counters) const noexcept;

  Options options_;
  base::UniqueFd segment_;
  base::UniqueFd index_;
  uint64_t next_sequence_ = 0;
  uint64_t first_sequence_ = 0;
  int64_t position_ = 0;       // bytes of the segment, the buffer included
  int64_t next_entry_at_ = 0;  // position after which an index entry is due
  int64_t reader_offset_ = -1;
  LogCounters counters_;
  LogCounters written_counters_;  // as of the end of what was written
  char* buffer_ = nullptr;
  size_t used_ = 0;
  size_t written_ = 0;
};

}  // namespace caisson::record

#endif  // CAISSON_RUNTIME_RECORD_LOG_WRITER_H_
