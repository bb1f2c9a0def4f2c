#include "runtime/record/log_reader.h"

#include <string.h>

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/status_macros.h"
#include "runtime/record/log_last_lines.h"

namespace caisson::record {
namespace {

// A reader that waits keeps the small buffer at most; one that is behind
// doubles it up to the large one.
constexpr size_t kSmallBuffer = 32 * 1024;
constexpr size_t kLargeBuffer = 256 * 1024;
static_assert(kSmallBuffer >= kMaxLogRecord);

bool IsWanted(const LogRecordView& record, const LogReadOptions& options) {
  const bool stream = record.prefix.stream == LogStream::kStdout
                          ? options.want_stdout
                          : options.want_stderr;
  return stream && (!options.since_ns.has_value() ||
                    record.prefix.time_ns >= *options.since_ns);
}

bool IsPast(const LogRecordView& record, const LogReadOptions& options) {
  return options.until_ns.has_value() &&
         record.prefix.time_ns >= *options.until_ns;
}

}  // namespace

LogReader::LogReader(base::UniqueFd directory)
    : directory_(std::move(directory)) {}

int64_t LogReader::position() const {
  if (pending_gap_.has_value()) return pending_gap_->from_offset;
  return std::max(floor_, counters_.offset);
}

absl::Status LogReader::Seek(int64_t offset) {
  segment_ = nullptr;
  counters_ = LogCounters();
  pending_gap_ = std::nullopt;
  floor_ = offset;
  return OpenAtFloor();
}

// All bytes are below the floor, so finding a record means passing over all.
absl::Status LogReader::SeekEnd() {
  CAISSON_RETURN_IF_ERROR(Seek(std::numeric_limits<int64_t>::max()));
  LogRecordView record;
  LogGap gap;
  CAISSON_RETURN_IF_ERROR(FindRecord(&record, &gap));
  floor_ = 0;
  return absl::OkStatus();
}

absl::Status LogReader::SeekTail(int64_t lines, bool want_stdout,
                                 bool want_stderr) {
  CAISSON_ASSIGN_OR_RETURN(
      const std::optional<int64_t> offset,
      FindLastLines(directory_.get(), lines, want_stdout, want_stderr));
  return offset.has_value() ? Seek(*offset) : SeekEnd();
}

absl::Status LogReader::OpenAtFloor() {
  CAISSON_ASSIGN_OR_RETURN(const std::vector<uint64_t> sequences,
                           ListLogSegments(directory_.get()));
  // The last segment that begins at or before the floor; else the oldest.
  std::unique_ptr<LogSegment> oldest;
  for (auto i = sequences.rbegin(); i != sequences.rend(); ++i) {
    CAISSON_ASSIGN_OR_RETURN(std::unique_ptr<LogSegment> segment,
                             LogSegment::Open(directory_.get(), *i));
    if (segment == nullptr) continue;
    if (segment->base().offset <= floor_) {
      const LogIndexEntry* const entry = segment->FindOffset(floor_);
      Enter(std::move(segment), entry);
      return absl::OkStatus();
    }
    oldest = std::move(segment);
  }
  if (oldest == nullptr) return absl::OkStatus();
  const int64_t begin = oldest->base().offset;
  pending_gap_ = LogGap{floor_, begin, LogGap::Reason::kRotated};
  Enter(std::move(oldest), nullptr);
  return absl::OkStatus();
}

void LogReader::Enter(std::unique_ptr<LogSegment> segment,
                      const LogIndexEntry* entry) {
  counters_ = segment->base();
  file_position_ = 0;
  next_entry_ = 0;
  if (entry != nullptr) {
    counters_ = {entry->offset, entry->stdout_bytes, entry->stderr_bytes};
    file_position_ = entry->position;
    next_entry_ = static_cast<size_t>(entry - segment->entries().data()) + 1;
  }
  segment_ = std::move(segment);
  record_done_ = 0;
  begin_ = 0;
  end_ = 0;
}

absl::StatusOr<LogRead> LogReader::Read(const LogReadOptions& options,
                                        LogChunk* chunk, LogGap* gap) {
  chunk->bytes.clear();
  while (chunk->bytes.size() < options.max_bytes) {
    LogRecordView record;
    CAISSON_ASSIGN_OR_RETURN(const Step step, FindRecord(&record, gap));
    const bool begun = !chunk->bytes.empty();
    if (step == Step::kGap) {
      if (!begun) return LogRead::kGap;
      pending_gap_ = *gap;  // comes with the next call
      return LogRead::kChunk;
    }
    if (step == Step::kCaughtUp) {
      if (begun) return LogRead::kChunk;
      ReleaseBuffer();
      return LogRead::kCaughtUp;
    }
    if (IsPast(record, options)) {
      return begun ? LogRead::kChunk : LogRead::kUntil;
    }
    if (!IsWanted(record, options)) {
      if (begun) return LogRead::kChunk;
      Consume(record, record.output.size() - record_done_);
      continue;
    }
    if (begun && (options.lines || chunk->run != segment_->run() ||
                  chunk->stream != record.prefix.stream)) {
      return LogRead::kChunk;
    }
    Append(record, options.max_bytes, chunk);
  }
  return LogRead::kChunk;
}

absl::StatusOr<std::optional<int64_t>> LogReader::PeekTime(
    const LogReadOptions& options) {
  while (true) {
    LogRecordView record;
    LogGap gap;
    CAISSON_ASSIGN_OR_RETURN(const Step step, FindRecord(&record, &gap));
    if (step == Step::kGap) pending_gap_ = gap;
    if (step != Step::kContinue || IsPast(record, options)) {
      return std::optional<int64_t>();
    }
    if (IsWanted(record, options)) {
      return std::optional<int64_t>(record.prefix.time_ns);
    }
    Consume(record, record.output.size() - record_done_);
  }
}

absl::StatusOr<LogReader::Step> LogReader::FindRecord(LogRecordView* record,
                                                      LogGap* gap) {
  if (segment_ == nullptr) CAISSON_RETURN_IF_ERROR(OpenAtFloor());
  if (segment_ == nullptr) return Step::kCaughtUp;
  if (pending_gap_.has_value()) {
    *gap = *std::exchange(pending_gap_, std::nullopt);
    return Step::kGap;
  }
  while (true) {
    if (TakeGap(gap)) return Step::kGap;
    const std::string_view bytes(buffer_.get() + begin_, end_ - begin_);
    const LogScan scan = ScanLogRecord(bytes, record);
    if (scan == LogScan::kRecord) {
      const size_t left = record->output.size() - record_done_;
      const int64_t unwanted = std::max<int64_t>(floor_ - counters_.offset, 0);
      if (unwanted < static_cast<int64_t>(left)) {
        if (unwanted > 0) Consume(*record, static_cast<size_t>(unwanted));
        return Step::kContinue;
      }
      Consume(*record, left);
      continue;
    }
    if (scan == LogScan::kIncomplete) {
      CAISSON_ASSIGN_OR_RETURN(const bool more, Fill());
      if (more) continue;
    }
    CAISSON_ASSIGN_OR_RETURN(const Step step, scan == LogScan::kCorrupt
                                                  ? Resync(gap)
                                                  : NextSegment(gap));
    if (step != Step::kContinue) return step;
  }
}

absl::StatusOr<bool> LogReader::Fill() {
  const size_t left = end_ - begin_;
  if (capacity_ == 0 || (end_ == capacity_ && capacity_ < kLargeBuffer)) {
    const size_t capacity = std::max(kSmallBuffer, 2 * capacity_);
    std::unique_ptr<char[]> larger(new char[capacity]);
    if (left > 0) ::memcpy(larger.get(), buffer_.get() + begin_, left);
    buffer_ = std::move(larger);
    capacity_ = capacity;
  } else if (begin_ > 0) {
    ::memmove(buffer_.get(), buffer_.get() + begin_, left);
  }
  begin_ = 0;
  end_ = left;
  CAISSON_ASSIGN_OR_RETURN(
      const size_t size,
      segment_->Read(file_position_ + static_cast<int64_t>(left),
                     buffer_.get() + end_, capacity_ - end_));
  end_ += size;
  // After the records: a gap before them is in the index by now.
  const size_t entries = segment_->entries().size();
  CAISSON_RETURN_IF_ERROR(segment_->Refresh());
  return size > 0 || segment_->entries().size() > entries;
}

bool LogReader::TakeGap(LogGap* gap) {
  const std::vector<LogIndexEntry>& entries = segment_->entries();
  while (next_entry_ < entries.size()) {
    const LogIndexEntry& entry = entries[next_entry_];
    if (entry.position > file_position_) return false;
    ++next_entry_;
    if (entry.kind != LogIndexKind::kGap) continue;
    if (entry.position != file_position_ || record_done_ != 0) continue;
    if (JumpTo({entry.offset, entry.stdout_bytes, entry.stderr_bytes},
               LogGap::Reason::kDiskFull, gap)) {
      return true;
    }
  }
  return false;
}

bool LogReader::JumpTo(const LogCounters& counters, LogGap::Reason reason,
                       LogGap* gap) {
  // Counters that run backwards are damage: nothing is delivered twice.
  floor_ = std::max(floor_, counters_.offset);
  counters_ = counters;
  if (counters.offset <= floor_) return false;
  *gap = {floor_, counters.offset, reason};
  return true;
}

absl::StatusOr<LogReader::Step> LogReader::NextSegment(LogGap* gap) {
  const std::optional<int64_t> end = segment_->end_position();
  if (end.has_value()) {
    const LogIndexEntry& last = segment_->entries().back();
    const auto reason = file_position_ >= *end ? LogGap::Reason::kDiskFull
                                               : LogGap::Reason::kNotKept;
    if (last.offset > counters_.offset &&
        JumpTo({last.offset, last.stdout_bytes, last.stderr_bytes}, reason,
               gap)) {
      return Step::kGap;
    }
  }
  CAISSON_ASSIGN_OR_RETURN(std::unique_ptr<LogSegment> next, FindNextSegment());
  if (next == nullptr) return Step::kCaughtUp;
  if (!end.has_value()) {
    // The segment got its last bytes before the next one appeared.
    CAISSON_ASSIGN_OR_RETURN(const bool more, Fill());
    if (more) return Step::kContinue;
  }
  const auto reason = next->sequence() == segment_->sequence() + 1
                          ? LogGap::Reason::kNotKept
                          : LogGap::Reason::kRotated;
  const bool jumped = JumpTo(next->base(), reason, gap);
  Enter(std::move(next), nullptr);
  return jumped ? Step::kGap : Step::kContinue;
}

absl::StatusOr<std::unique_ptr<LogSegment>> LogReader::FindNextSegment() const {
  CAISSON_ASSIGN_OR_RETURN(
      std::unique_ptr<LogSegment> next,
      LogSegment::Open(directory_.get(), segment_->sequence() + 1));
  if (next != nullptr) return next;
  // Rotation may have taken that one as well, but only if this segment is
  // finished or gone.
  CAISSON_ASSIGN_OR_RETURN(const bool deleted, segment_->IsDeleted());
  if (!deleted && !segment_->end_position().has_value()) return next;
  CAISSON_ASSIGN_OR_RETURN(const std::vector<uint64_t> sequences,
                           ListLogSegments(directory_.get()));
  for (const uint64_t sequence : sequences) {
    if (sequence <= segment_->sequence()) continue;
    CAISSON_ASSIGN_OR_RETURN(next,
                             LogSegment::Open(directory_.get(), sequence));
    if (next != nullptr) return next;
  }
  return next;
}

absl::StatusOr<LogReader::Step> LogReader::Resync(LogGap* gap) {
  CAISSON_RETURN_IF_ERROR(segment_->Refresh());
  const LogIndexEntry* const entry = segment_->FindPosition(file_position_ + 1);
  if (entry == nullptr) return NextSegment(gap);
  next_entry_ = static_cast<size_t>(entry - segment_->entries().data());
  file_position_ = entry->position;
  begin_ = 0;
  end_ = 0;
  const LogCounters counters = {entry->offset, entry->stdout_bytes,
                                entry->stderr_bytes};
  return JumpTo(counters, LogGap::Reason::kNotKept, gap) ? Step::kGap
                                                         : Step::kContinue;
}

void LogReader::Append(const LogRecordView& record, size_t max_bytes,
                       LogChunk* chunk) {
  const bool is_stdout = record.prefix.stream == LogStream::kStdout;
  if (chunk->bytes.empty()) {
    chunk->stream = record.prefix.stream;
    chunk->offset = counters_.offset;
    chunk->stream_offset =
        is_stdout ? counters_.stdout_bytes : counters_.stderr_bytes;
    chunk->run = segment_->run();
    chunk->time_ns = record.prefix.time_ns;
    chunk->bytes.reserve(std::min(max_bytes, end_ - begin_));
  }
  const std::string_view left = record.output.substr(record_done_);
  const std::string_view part = left.substr(0, max_bytes - chunk->bytes.size());
  chunk->bytes.append(part);
  chunk->partial = part.size() < left.size() || record.prefix.partial;
  Consume(record, part.size());
}

void LogReader::Consume(const LogRecordView& record, size_t bytes) {
  const auto count = static_cast<int64_t>(bytes);
  counters_.offset += count;
  (record.prefix.stream == LogStream::kStdout ? counters_.stdout_bytes
                                              : counters_.stderr_bytes) +=
      count;
  record_done_ += bytes;
  if (record_done_ < record.output.size()) return;
  begin_ += record.size;
  file_position_ += static_cast<int64_t>(record.size);
  record_done_ = 0;
}

void LogReader::ReleaseBuffer() {
  if (capacity_ <= kSmallBuffer || end_ - begin_ > 0) return;
  buffer_ = nullptr;
  capacity_ = 0;
  begin_ = 0;
  end_ = 0;
}

}  // namespace caisson::record
