// The output of a process: from its pipes or terminal into its log, with
// everything that can slow it down or cut it off.
//
// Process: shim. Thread: main only. No allocation but the log's buffer and,
// while the disk is full, one stash.
// Ownership: owns the read ends and the log.
//
//             +-- named reader too far behind: not read until it moves
//   pipe ---->+-- disk full: not read until a write succeeds
//             +-- limits.output_bytes reached: read and thrown away
//
// After the exit of the process (Drain) nobody is waited for any more but the
// bytes themselves: until the end of both streams, or until what was there has
// been read and the grace for the rest is over.
#ifndef CAISSON_RUNTIME_SHIM_OUTPUT_H_
#define CAISSON_RUNTIME_SHIM_OUTPUT_H_

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/unique_fd.h"
#include "runtime/record/exit_record.h"
#include "runtime/record/log_writer.h"
#include "runtime/shim/loop.h"

namespace caisson::shim {

// Bytes read at a time, and the size of the buffer that all outputs share.
inline constexpr size_t kReadBytes = 64 * 1024;

class OutputListener {
 public:
  // The process wrote more than it may; once.
  virtual void OnOutputLimit() noexcept = 0;
  // Drain is over: `end` of the output says how.
  virtual void OnDrained() noexcept = 0;
  // Nobody holds the pipes any more, after a drain that ended before.
  virtual void OnReleased() noexcept = 0;

 protected:
  ~OutputListener() = default;
};

class Output {
 public:
  struct Options {
    record::LogWriter::Options log;
    bool keep = true;             // false: counted, but written nowhere
    int64_t limit_bytes = 0;      // 0: none
    bool has_reader = false;      // starts with a named reader
    char* read_buffer = nullptr;  // kReadBytes, shared; aligned to a page
    // After the exit: what may still come from whoever holds the pipes, and
    // how long a full disk holds up the end.
    int64_t drain_ns = 100 * kNsPerMs;
    int64_t disk_grace_ns = 2 * kNsPerSecond;
    int64_t disk_retry_ns = 500 * kNsPerMs;
    // After so long without output the buffers are given back: a thousand
    // shims whose containers once wrote much must not keep a thousand buffers.
    int64_t idle_ns = kNsPerSecond;
  };
  // How the drain ended.
  struct End {
    record::ExitCompleteness completeness = record::ExitCompleteness::kComplete;
    record::CutCause cut_cause = record::CutCause::kNone;
    int64_t cut_bytes = 0;
  };

  Output() = default;
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output();

  // Opens the log. 0 or errno.
  int Open(Loop* loop, OutputListener* listener,
           const Options& options) noexcept;

  // Begins to read. `error_fd` is not valid with a terminal. 0 or errno.
  int Start(base::UniqueFd output_fd, base::UniqueFd error_fd,
            bool is_terminal) noexcept;

  // Everything before `offset` was taken by the named reader; kNoReader: there
  // is none any more.
  void SetReader(int64_t offset) noexcept;

  // The process has ended. Calls OnDrained, perhaps before it returns.
  void Drain() noexcept;

  // After OnDrained: reads and throws away what whoever still holds the pipes
  // writes, so that nobody gets SIGPIPE. False: nobody holds them. True: calls
  // OnReleased later, when that is so.
  bool DiscardRest() noexcept;

  // Finishes the log. After OnDrained.
  void CloseLog() noexcept;

  // Bytes since the creation of the container or exec; what was lost counts.
  const record::LogCounters& counters() const noexcept { return counters_; }
  // counters().offset at Open.
  int64_t first_offset() const noexcept { return first_offset_; }
  uint32_t checksum(record::LogStream stream) const noexcept {
    return sources_[static_cast<int>(stream)].checksum;
  }
  const End& end() const noexcept { return end_; }

 private:
  struct Source {
    Output* output = nullptr;
    record::LogStream stream = record::LogStream::kStdout;
    base::UniqueFd fd;
    Watch watch;
    int64_t present_at_exit = 0;  // of these, still to be read
    uint32_t checksum = 0;
    void OnReady(uint32_t events) noexcept;
  };
  enum class Mode { kRunning, kDraining, kDiscarding };

  size_t ReadOnce(Source* source) noexcept;
  void ReadPresent(Source* source) noexcept;
  void OnEndOfStream(Source* source, int error) noexcept;
  bool at_end() const noexcept;
  size_t Allowance() const noexcept;
  void Keep(Source* source, const char* data, size_t size) noexcept;
  size_t CutToLimit(size_t size) noexcept;
  size_t WriteLog(record::LogStream stream, const char* data,
                  size_t size) noexcept;
  void Stash(record::LogStream stream, const char* data, size_t size) noexcept;
  bool WriteStash() noexcept;
  void Cut(record::CutCause cause, int64_t bytes) noexcept;
  void CutUnwritten() noexcept;
  void UpdateWatches() noexcept;
  void RetryWrite() noexcept;
  void ReleaseIfIdle() noexcept;
  void EndDrain() noexcept;
  void FinishDrain() noexcept;

  Loop* loop_ = nullptr;
  OutputListener* listener_ = nullptr;
  Options options_;
  record::LogWriter log_;
  record::LogCounters counters_;
  Mode mode_ = Mode::kRunning;
  bool is_terminal_ = false;
  bool limit_reported_ = false;
  bool drained_ = false;
  bool blocked_ = false;  // by the disk
  int64_t first_offset_ = 0;
  int64_t reader_offset_ = -1;
  int64_t give_up_ns_ = 0;  // a drain that the disk blocks ends then
  End end_;
  Source sources_[2];
  // What could not even be formatted while the disk is full.
  char* stash_ = nullptr;
  size_t stash_begin_ = 0;
  size_t stash_end_ = 0;
  record::LogStream stash_stream_ = record::LogStream::kStdout;
  Timer retry_timer_;
  Timer terminal_timer_;
  Timer drain_timer_;
  Timer idle_timer_;
  int64_t idle_offset_ = 0;
};

}  // namespace caisson::shim

#endif  // CAISSON_RUNTIME_SHIM_OUTPUT_H_
