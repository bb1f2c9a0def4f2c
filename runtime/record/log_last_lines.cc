#include "runtime/record/log_last_lines.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/status_macros.h"
#include "runtime/record/log_scan.h"
#include "runtime/record/log_segment.h"

namespace caisson::record {
namespace {

// Between two index entries; more only in a damaged or foreign log.
constexpr int64_t kMaxBlock = 16 * 1024 * 1024;

// A part of a segment that begins with a record.
struct Block {
  int64_t begin = 0;
  int64_t end = 0;  // not beyond the file
  int64_t offset = 0;
};

std::vector<Block> BlocksOf(const LogSegment& segment) {
  std::vector<Block> blocks = {{0, kMaxBlock, segment.base().offset}};
  for (const LogIndexEntry& entry : segment.entries()) {
    blocks.back().end = entry.position;
    blocks.push_back(
        {entry.position, entry.position + kMaxBlock, entry.offset});
  }
  return blocks;
}

// Counts lines from the back.
class TailCounter {
 public:
  TailCounter(int64_t lines, bool want_stdout, bool want_stderr)
      : lines_(lines), want_({want_stdout, want_stderr}) {}

  // Goes back over the block. The offset, when the lines begin within it.
  absl::StatusOr<std::optional<int64_t>> Count(const LogSegment& segment,
                                               const Block& block) {
    CAISSON_ASSIGN_OR_RETURN(const std::vector<Record> records,
                             RecordsOf(segment, block));
    for (auto record = records.rbegin(); record != records.rend(); ++record) {
      if (EndsLine(*record)) {
        if (lines_ == 0) return std::optional<int64_t>(record->end_offset);
        --lines_;
      }
    }
    return std::optional<int64_t>();
  }

 private:
  struct Record {
    int64_t end_offset;
    size_t stream;
    bool partial;
  };

  absl::StatusOr<std::vector<Record>> RecordsOf(const LogSegment& segment,
                                                const Block& block) const {
    std::vector<Record> records;
    const int64_t size = std::min(block.end - block.begin, kMaxBlock);
    if (size <= 0) return records;
    const std::unique_ptr<char[]> buffer(new char[static_cast<size_t>(size)]);
    CAISSON_ASSIGN_OR_RETURN(
        const size_t read,
        segment.Read(block.begin, buffer.get(), static_cast<size_t>(size)));
    std::string_view bytes(buffer.get(), read);
    int64_t offset = block.offset;
    LogRecordView view;
    while (ScanLogRecord(bytes, &view) == LogScan::kRecord) {
      bytes.remove_prefix(view.size);
      offset += static_cast<int64_t>(view.output.size());
      const auto stream = static_cast<size_t>(view.prefix.stream);
      if (!want_[stream]) continue;
      records.push_back({offset, stream, view.prefix.partial});
    }
    return records;
  }

  // A partial record ends a line only when nothing of its stream follows.
  bool EndsLine(const Record& record) {
    const bool is_last = !seen_[record.stream];
    seen_[record.stream] = true;
    return !record.partial || is_last;
  }

  int64_t lines_;
  const std::array<bool, 2> want_;
  std::array<bool, 2> seen_ = {false, false};
};

}  // namespace

absl::StatusOr<std::optional<int64_t>> FindLastLines(int directory_fd,
                                                     int64_t lines,
                                                     bool want_stdout,
                                                     bool want_stderr) {
  if (lines <= 0) return std::optional<int64_t>();
  CAISSON_ASSIGN_OR_RETURN(const std::vector<uint64_t> sequences,
                           ListLogSegments(directory_fd));
  TailCounter counter(lines, want_stdout, want_stderr);
  std::optional<int64_t> oldest;
  for (auto i = sequences.rbegin(); i != sequences.rend(); ++i) {
    CAISSON_ASSIGN_OR_RETURN(const std::unique_ptr<LogSegment> segment,
                             LogSegment::Open(directory_fd, *i));
    if (segment == nullptr) continue;
    const std::vector<Block> blocks = BlocksOf(*segment);
    for (auto block = blocks.rbegin(); block != blocks.rend(); ++block) {
      CAISSON_ASSIGN_OR_RETURN(const std::optional<int64_t> found,
                               counter.Count(*segment, *block));
      if (found.has_value()) return found;
    }
    oldest = segment->base().offset;
  }
  return oldest;
}

}  // namespace caisson::record
