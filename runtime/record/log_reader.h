// Reads a log by offset: gives back the exact bytes that the process wrote,
// across segments, while it is still being written, rotated or damaged.
//
// Process: daemon. Thread: one at a time; does file I/O, never waits: a reader
// that has caught up is asked again when something changed.
#ifndef CAISSON_RUNTIME_RECORD_LOG_READER_H_
#define CAISSON_RUNTIME_RECORD_LOG_READER_H_

#include <stddef.h>
#include <stdint.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "runtime/base/unique_fd.h"
#include "runtime/record/log_scan.h"
#include "runtime/record/log_segment.h"

namespace caisson::record {

struct LogReadOptions {
  size_t max_bytes = 64 * 1024;  // of a chunk, at least 1
  bool want_stdout = true;
  bool want_stderr = true;
  bool lines = false;               // a chunk never spans two records
  std::optional<int64_t> since_ns;  // earlier records are passed over
  std::optional<int64_t> until_ns;  // the first one from then on is the end
};

struct LogChunk {
  LogStream stream = LogStream::kStdout;
  int64_t offset = 0;
  int64_t stream_offset = 0;
  uint64_t run = 0;
  int64_t time_ns = 0;   // of the record that the first byte belongs to
  std::string bytes;     // never empty
  bool partial = false;  // the line goes on behind the last byte
};

struct LogGap {
  enum class Reason {
    kRotated,   // the segment is gone
    kNotKept,   // lost with a writer that died, or damaged
    kDiskFull,  // dropped when it was written
  };
  int64_t from_offset = 0;
  int64_t to_offset = 0;
  Reason reason = Reason::kRotated;
};

enum class LogRead {
  kChunk,
  kGap,
  kCaughtUp,  // nothing more for now
  kUntil,     // the next wanted record is at or after until_ns
};

class LogReader {
 public:
  // Reads the segments in `directory`, from the oldest one.
  explicit LogReader(base::UniqueFd directory);
  LogReader(const LogReader&) = delete;
  LogReader& operator=(const LogReader&) = delete;

  // The next byte to be read is the one at `offset`, or the next one that
  // exists behind it (then a gap comes first). No check against the end.
  absl::Status Seek(int64_t offset);

  // Goes behind the last byte that is there now.
  absl::Status SeekEnd();

  // Goes to where the last `lines` lines of the wanted streams begin; a last
  // line without line feed counts as one. When both streams write parts of
  // lines at the same time, the first line may begin in its middle.
  absl::Status SeekTail(int64_t lines, bool want_stdout, bool want_stderr);

  // Sets `chunk` for kChunk and `gap` for kGap. A chunk is one piece of one
  // stream, within one run.
  absl::StatusOr<LogRead> Read(const LogReadOptions& options, LogChunk* chunk,
                               LogGap* gap);

  // Everything before this was read or passed over.
  int64_t position() const;

  // The time of the next record that `options` wants, after passing over what
  // they do not; nothing when caught up, at a gap or past until_ns.
  absl::StatusOr<std::optional<int64_t>> PeekTime(
      const LogReadOptions& options);

 private:
  enum class Step { kContinue, kGap, kCaughtUp };

  // Opens the segment that holds floor_; none when there is no segment.
  absl::Status OpenAtFloor();
  // Continues in `segment` at `entry`, or at its beginning.
  void Enter(std::unique_ptr<LogSegment> segment, const LogIndexEntry* entry);
  // Reads more of the segment and of its index. False: there is nothing new.
  absl::StatusOr<bool> Fill();
  // kContinue: `record` is the record at the current position, and some of
  // its output is still to be read.
  absl::StatusOr<Step> FindRecord(LogRecordView* record, LogGap* gap);
  // The gap that the index tells of at the current position, if any.
  bool TakeGap(LogGap* gap);
  // The counters go on at `counters`. True: that leaves out wanted bytes.
  bool JumpTo(const LogCounters& counters, LogGap::Reason reason, LogGap* gap);
  // The segment has no further record for now.
  absl::StatusOr<Step> NextSegment(LogGap* gap);
  absl::StatusOr<std::unique_ptr<LogSegment>> FindNextSegment() const;
  // The bytes at the current position are no record.
  absl::StatusOr<Step> Resync(LogGap* gap);
  void Append(const LogRecordView& record, size_t max_bytes, LogChunk* chunk);
  // Moves over the next `bytes` of the record's output.
  void Consume(const LogRecordView& record, size_t bytes);
  void ReleaseBuffer();

  const base::UniqueFd directory_;
  std::unique_ptr<LogSegment> segment_;
  LogCounters counters_;    // before the next byte
  int64_t floor_ = 0;       // bytes before this are not wanted
  size_t record_done_ = 0;  // bytes of the current record already read
  size_t next_entry_ = 0;   // first index entry that is not behind us
  std::optional<LogGap> pending_gap_;  // found behind the last chunk

  // buffer_[begin_, end_) are the segment's bytes from file_position_ on.
  std::unique_ptr<char[]> buffer_;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
  int64_t file_position_ = 0;
};

}  // namespace caisson::record

#endif  // CAISSON_RUNTIME_RECORD_LOG_READER_H_
