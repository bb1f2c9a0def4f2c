#include "server/core/output_cursor.h"

#include <errno.h>
#include <fcntl.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

#include "runtime/base/error_detail.h"
#include "runtime/base/file.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"

namespace caisson::core {
namespace {

OutputGap::Reason ReasonOf(record::LogGap::Reason reason) {
  switch (reason) {
    case record::LogGap::Reason::kRotated:
      return OutputGap::Reason::kRotated;
    case record::LogGap::Reason::kDiskFull:
      return OutputGap::Reason::kDiskFull;
    case record::LogGap::Reason::kNotKept:
      break;
  }
  return OutputGap::Reason::kNotKept;
}

OutputChunk ChunkOf(record::LogChunk* chunk) {
  OutputChunk result;
  result.stream = chunk->stream == record::LogStream::kStdout
                      ? OutputStream::kStdout
                      : OutputStream::kStderr;
  result.offset = chunk->offset;
  result.stream_offset = chunk->stream_offset;
  result.run = static_cast<int64_t>(chunk->run);
  result.time = absl::FromUnixNanos(chunk->time_ns);
  result.bytes = std::move(chunk->bytes);
  result.partial = chunk->partial;
  return result;
}

std::optional<int64_t> NanosOf(const std::optional<absl::Time>& time) {
  if (!time.has_value()) return std::nullopt;
  return absl::ToUnixNanos(*time);
}

}  // namespace

OutputCursor::OutputCursor(std::shared_ptr<OutputSource> source,
                           OutputOptions options)
    : source_(std::move(source)), options_(std::move(options)) {
  target_run_ = std::max<int64_t>(source_->state().run, 1);
}

absl::StatusOr<int64_t> OutputCursor::Begin() {
  if (begun_) return position_;
  begun_ = true;
  CAISSON_ASSIGN_OR_RETURN(const bool exists, OpenLog());
  CAISSON_RETURN_IF_ERROR(CheckOffset());
  if (options_.end == OutputOptions::End::kCaughtUp && exists) {
    // A process that never stops writing must not make this endless.
    CAISSON_RETURN_IF_ERROR(log_->SeekEnd());
    end_offset_ = log_->position();
    const OutputSource::State state = source_->state();
    if (!state.running && state.exit != nullptr) {
      end_offset_ = std::max(*end_offset_, state.exit->end_offset.value_or(0));
    }
  }
  if (options_.from.kind == OutputFrom::Kind::kOffset) {
    position_ = options_.from.offset;
  }
  if (!exists) return position_;
  CAISSON_RETURN_IF_ERROR(SeekBegin());
  position_ = log_->position();
  if (options_.from.kind == OutputFrom::Kind::kTailLines && position_ > 0) {
    first_gap_ = OutputGap{0, position_, OutputGap::Reason::kTailOnly};
  }
  return position_;
}

absl::Status OutputCursor::SeekBegin() {
  switch (options_.from.kind) {
    case OutputFrom::Kind::kOffset:
      return log_->Seek(options_.from.offset);
    case OutputFrom::Kind::kTailLines:
      return log_->SeekTail(options_.from.tail_lines, options_.want_stdout,
                            options_.want_stderr);
    case OutputFrom::Kind::kNow:
      break;
  }
  return log_->SeekEnd();
}

absl::StatusOr<bool> OutputCursor::OpenLog() {
  if (log_ != nullptr) return true;
  absl::StatusOr<base::UniqueFd> directory =
      base::Open(source_->directory(), O_RDONLY | O_DIRECTORY);
  if (!directory.ok()) {
    if (base::ErrnoOf(directory.status()) == ENOENT) return false;
    return directory.status();
  }
  log_ = std::make_unique<record::LogReader>(*std::move(directory));
  return true;
}

absl::Status OutputCursor::CheckOffset() {
  const int64_t offset = options_.from.offset;
  if (options_.from.kind != OutputFrom::Kind::kOffset || offset == 0) {
    return absl::OkStatus();
  }
  int64_t end = 0;
  if (log_ != nullptr) {
    CAISSON_RETURN_IF_ERROR(log_->SeekEnd());
    end = log_->position();
  }
  // Output that was lost counts as well.
  const auto exit = source_->state().exit;
  if (exit != nullptr) end = std::max(end, exit->end_offset.value_or(0));
  if (offset >= 0 && offset <= end) return absl::OkStatus();
  return base::MakeError(
      absl::StatusCode::kOutOfRange, "OFFSET_BEYOND_END",
      absl::StrCat("offset ", offset, " is not in the output, which ends at ",
                   end),
      {{"offset", absl::StrCat(offset)}, {"end", absl::StrCat(end)}});
}

absl::StatusOr<std::optional<OutputItem>> OutputCursor::Read(
    size_t max_bytes, std::optional<int64_t> before_ns) {
  CAISSON_RETURN_IF_ERROR(Begin().status());
  if (first_gap_.has_value()) {
    return OutputItem(*std::exchange(first_gap_, std::nullopt));
  }
  // What is known of the end before looking: all output before it is there.
  const OutputSource::State state = source_->state();
  ExitPtr exit;
  if (options_.end == OutputOptions::End::kExit) {
    exit = source_->ExitOf(target_run_);
  }
  const std::optional<int64_t> limit = Limit(exit.get());
  if (limit.has_value()) {
    if (*limit <= position_) return EndIfOver(state, exit);
    max_bytes = std::min(max_bytes, static_cast<size_t>(*limit - position_));
  }
  const record::LogReadOptions read = ReadOptions(max_bytes, before_ns);
  CAISSON_ASSIGN_OR_RETURN(std::optional<OutputItem> item, ReadLog(read));
  if (item.has_value()) {
    const auto* const chunk = std::get_if<OutputChunk>(&*item);
    // The next run has begun: the one that was wanted is over.
    if (exit != nullptr && chunk != nullptr && chunk->run > target_run_) {
      position_ = chunk->offset;
      return EndWith(exit);
    }
    return item;
  }
  if (stopped_by_time_) {
    const std::optional<int64_t> until = NanosOf(options_.until);
    if (until != read.until_ns) return item;  // only before_ns stopped it
    return EndWith(nullptr);
  }
  if (limit.has_value() && position_ < *limit) {
    const int64_t from = std::exchange(position_, *limit);
    return OutputItem(OutputGap{from, *limit, OutputGap::Reason::kNotKept});
  }
  return EndIfOver(state, exit);
}

// The next chunk or gap; nothing: caught up, or stopped by the time.
absl::StatusOr<std::optional<OutputItem>> OutputCursor::ReadLog(
    const record::LogReadOptions& options) {
  stopped_by_time_ = false;
  CAISSON_ASSIGN_OR_RETURN(const bool exists, OpenLog());
  if (!exists) return std::optional<OutputItem>();
  if (log_->position() < position_) {
    CAISSON_RETURN_IF_ERROR(log_->Seek(position_));
  }
  record::LogGap gap;
  CAISSON_ASSIGN_OR_RETURN(const record::LogRead read,
                           log_->Read(options, &chunk_, &gap));
  if (read == record::LogRead::kGap) {
    position_ = gap.to_offset;
    return OutputItem(
        OutputGap{gap.from_offset, gap.to_offset, ReasonOf(gap.reason)});
  }
  position_ = log_->position();
  if (read == record::LogRead::kChunk) return OutputItem(ChunkOf(&chunk_));
  stopped_by_time_ = read == record::LogRead::kUntil;
  return std::optional<OutputItem>();
}

absl::StatusOr<std::optional<int64_t>> OutputCursor::PeekTime() {
  CAISSON_RETURN_IF_ERROR(Begin().status());
  CAISSON_ASSIGN_OR_RETURN(const bool exists, OpenLog());
  if (first_gap_.has_value() || !exists) return std::optional<int64_t>();
  return log_->PeekTime(ReadOptions(1, std::nullopt));
}

record::LogReadOptions OutputCursor::ReadOptions(
    size_t max_bytes, std::optional<int64_t> before_ns) const {
  record::LogReadOptions options;
  options.max_bytes = max_bytes;
  options.want_stdout = options_.want_stdout;
  options.want_stderr = options_.want_stderr;
  options.lines = options_.lines;
  options.since_ns = NanosOf(options_.since);
  options.until_ns = NanosOf(options_.until);
  if (before_ns.has_value()) {
    options.until_ns =
        std::min(*before_ns, options.until_ns.value_or(*before_ns));
  }
  return options;
}

// Somebody may go on writing into an exec's pipe after its exit: that is not
// this stream's.
std::optional<int64_t> OutputCursor::Limit(const store::ExitInfo* exit) const {
  if (end_offset_.has_value()) return end_offset_;
  return exit == nullptr ? std::nullopt : exit->end_offset;
}

std::optional<OutputItem> OutputCursor::EndIfOver(
    const OutputSource::State& state, const ExitPtr& exit) const {
  if (exit != nullptr) return EndWith(exit);
  if (state.removed) return EndWith(state.exit);
  if (options_.end == OutputOptions::End::kCaughtUp) {
    return EndWith(state.running ? nullptr : state.exit);
  }
  if (options_.until.has_value() && absl::Now() >= *options_.until) {
    return EndWith(nullptr);
  }
  return std::nullopt;
}

OutputItem OutputCursor::EndWith(ExitPtr exit) const {
  OutputEnd end;
  end.offset = position_;
  end.exit = std::move(exit);
  end.removed = source_->state().removed;
  return end;
}

}  // namespace caisson::core
