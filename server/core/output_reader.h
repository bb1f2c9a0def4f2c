// Reading a container's or an exec's output: the log is the stream. Attach,
// Run, Exec and StreamLogs all read through here; nothing is queued, a slow
// reader merely reads later.
//
//   OutputService (one per daemon): inotify hub + a small pool of threads
//     OutputSource (one per container or exec): where its log is, what is
//       known of its end; core updates it, every reader of it holds it
//       OutputReader: one position, one pending Next
//
// Process: caissond. Thread: calls from any; file access and callbacks on the
// pool, no lock held. A callback may call Next again; it must not block.
#ifndef CAISSON_SERVER_CORE_OUTPUT_READER_H_
#define CAISSON_SERVER_CORE_OUTPUT_READER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "server/core/output_source.h"
#include "server/store/records.h"

namespace caisson::core {

enum class OutputStream { kStdout, kStderr };

// Where a reader begins. Unset options mean offset 0 of everything kept.
struct OutputFrom {
  enum class Kind { kOffset, kTailLines, kNow };
  Kind kind = Kind::kOffset;
  int64_t offset = 0;      // kOffset: the first byte wanted
  int32_t tail_lines = 0;  // kTailLines; a final partial line counts as one
};

struct OutputOptions {
  OutputFrom from;
  bool want_stdout = true;
  bool want_stderr = true;
  bool lines = false;  // one chunk per log record, with its own time
  std::optional<absl::Time> since;  // by line times
  std::optional<absl::Time> until;  // ends the stream when reached

  // When the stream ends.
  enum class End {
    kExit,      // with the exit of the run that is current or comes next
    kCaughtUp,  // when everything written so far was read
    kRemoved,   // follows restarts, ends when the object is deleted
  };
  End end = End::kExit;

  // The named reader: told whenever it has consumed a good piece and before
  // it waits (called on a pool thread). Consumed means that the next Next was
  // called, so the chunk before it has left. Core sends it to the shim.
  std::function<void(int64_t offset)> on_position;
};

struct OutputChunk {
  OutputStream stream = OutputStream::kStdout;
  int64_t offset = 0;         // in the one merged sequence
  int64_t stream_offset = 0;  // among the bytes of this stream
  int64_t run = 0;
  absl::Time time;       // of the first byte's record
  std::string bytes;     // never empty
  bool partial = false;  // `lines`: the line goes on in the next chunk
};

// Bytes that this reader will not get. Parts it did not ask for (the other
// stream, before `since`) are no gap.
struct OutputGap {
  enum class Reason { kRotated, kNotKept, kTailOnly, kDiskFull };
  int64_t from_offset = 0;
  int64_t to_offset = 0;
  Reason reason = Reason::kRotated;
};

struct OutputEnd {
  int64_t offset = 0;  // resume here
  // The exit that ended the stream, or that of the last run; null: the
  // object has not ended (kCaughtUp, `until`) or never ran.
  std::shared_ptr<const store::ExitInfo> exit;
  bool removed = false;
};

using OutputItem = std::variant<OutputChunk, OutputGap, OutputEnd>;

class OutputReader {
 public:
  using StartCallback = absl::AnyInvocable<void(absl::StatusOr<int64_t>)>;
  using ItemCallback = absl::AnyInvocable<void(absl::StatusOr<OutputItem>)>;

  static std::unique_ptr<OutputReader> Create(
      OutputService* service, std::shared_ptr<OutputSource> source,
      OutputOptions options);
  ~OutputReader();  // cancels
  OutputReader(const OutputReader&) = delete;
  OutputReader& operator=(const OutputReader&) = delete;

  // Finds the beginning; calls back with the offset of the first byte that
  // will be delivered or reported as a gap. OUT_OF_RANGE OFFSET_BEYOND_END.
  // Optional: the first Next does it otherwise.
  void Start(StartCallback callback);

  // Calls back once with the next item; waits for new output without holding
  // a thread. A chunk has at most `max_bytes` (at most 64 KiB, at least 1).
  // One call at a time; after OutputEnd or an error there is no further item
  // (FAILED_PRECONDITION). CANCELLED after Cancel.
  void Next(size_t max_bytes, ItemCallback callback);

  // Everything before this was delivered, skipped as not asked for, or
  // reported as a gap.
  int64_t position() const;

  // A pending callback gets CANCELLED on a pool thread, at most once.
  void Cancel();

 private:
  class Impl;
  explicit OutputReader(std::shared_ptr<Impl> impl);

  const std::shared_ptr<Impl> impl_;
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_OUTPUT_READER_H_
