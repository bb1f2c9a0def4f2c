// A position in one object's output: the log reader plus what the source
// knows of the end. The synchronous inside of OutputReader and MergedReader.
//
// Process: caissond. Thread: one at a time, on the pool; does file I/O.
#ifndef CAISSON_SERVER_CORE_OUTPUT_CURSOR_H_
#define CAISSON_SERVER_CORE_OUTPUT_CURSOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "runtime/record/log_reader.h"
#include "server/core/output_reader.h"

namespace caisson::core {

class OutputCursor {
 public:
  OutputCursor(std::shared_ptr<OutputSource> source, OutputOptions options);
  OutputCursor(const OutputCursor&) = delete;
  OutputCursor& operator=(const OutputCursor&) = delete;

  // Finds the beginning, once. The offset of the first byte to come.
  // OUT_OF_RANGE OFFSET_BEYOND_END.
  absl::StatusOr<int64_t> Begin();

  // The next item; nothing: caught up, try again after a change. With
  // `before_ns` also nothing when the next record is not earlier than that.
  absl::StatusOr<std::optional<OutputItem>> Read(
      size_t max_bytes, std::optional<int64_t> before_ns = std::nullopt);

  // The time of the next record; nothing: there is none (for now), or another
  // item comes first.
  absl::StatusOr<std::optional<int64_t>> PeekTime();

  int64_t position() const { return position_; }
  OutputSource& source() { return *source_; }
  const OutputOptions& options() const { return options_; }

 private:
  using ExitPtr = std::shared_ptr<const store::ExitInfo>;

  // False: the directory does not exist (yet).
  absl::StatusOr<bool> OpenLog();
  absl::Status CheckOffset();
  absl::Status SeekBegin();
  absl::StatusOr<std::optional<OutputItem>> ReadLog(
      const record::LogReadOptions& options);
  record::LogReadOptions ReadOptions(size_t max_bytes,
                                     std::optional<int64_t> before_ns) const;
  // How far this stream reads, if that is known.
  std::optional<int64_t> Limit(const store::ExitInfo* exit) const;
  // For a reader that has caught up: the end, if what is known makes it one.
  std::optional<OutputItem> EndIfOver(const OutputSource::State& state,
                                      const ExitPtr& exit) const;
  OutputItem EndWith(ExitPtr exit) const;

  const std::shared_ptr<OutputSource> source_;
  const OutputOptions options_;
  bool begun_ = false;
  int64_t position_ = 0;
  int64_t target_run_ = 1;  // kExit: the run whose exit ends the stream
  std::optional<int64_t> end_offset_;  // kCaughtUp: what was there at first
  std::optional<OutputGap> first_gap_;
  std::unique_ptr<record::LogReader> log_;
  record::LogChunk chunk_;
  bool stopped_by_time_ = false;  // by the last ReadLog
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_OUTPUT_CURSOR_H_
