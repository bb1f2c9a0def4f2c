#include "runtime/shim/output.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <utility>

#include "runtime/base/crc32c.h"
#include "runtime/shim/protocol/frames.h"

namespace caisson::shim {
namespace {

using record::CutCause;
using record::ExitCompleteness;
using record::LogStream;

// A terminal that nobody has open may be opened again.
constexpr int64_t kTerminalPollNs = 100 * kNsPerMs;

int64_t Readable(int fd) noexcept {
  int bytes = 0;
  return ::ioctl(fd, FIONREAD, &bytes) == 0 ? bytes : 0;
}

void Count(record::LogCounters* counters, LogStream stream,
           int64_t bytes) noexcept {
  counters->offset += bytes;
  (stream == LogStream::kStdout ? counters->stdout_bytes
                                : counters->stderr_bytes) += bytes;
}

}  // namespace

Output::~Output() {
  if (stash_ != nullptr) ::munmap(stash_, kReadBytes);
}

int Output::Open(Loop* loop, OutputListener* listener,
                 const Options& options) noexcept {
  loop_ = loop;
  listener_ = listener;
  options_ = options;
  retry_timer_.Bind<&Output::RetryWrite>(this);
  terminal_timer_.Bind<&Output::UpdateWatches>(this);
  drain_timer_.Bind<&Output::EndDrain>(this);
  idle_timer_.Bind<&Output::ReleaseIfIdle>(this);
  for (int i = 0; i < 2; ++i) {
    sources_[i].output = this;
    sources_[i].stream = i == 0 ? LogStream::kStdout : LogStream::kStderr;
    sources_[i].watch.Bind<&Source::OnReady>(&sources_[i]);
  }
  const int error = log_.Open(options.log);
  if (error != 0) return error;
  counters_ = log_.counters();
  first_offset_ = counters_.offset;
  if (options.has_reader) SetReader(first_offset_);
  return 0;
}

int Output::Start(base::UniqueFd output_fd, base::UniqueFd error_fd,
                  bool is_terminal) noexcept {
  is_terminal_ = is_terminal;
  sources_[0].fd = std::move(output_fd);
  sources_[1].fd = std::move(error_fd);
  for (Source& source : sources_) {
    if (!source.fd.is_valid()) continue;
    const int error = source.watch.Start(loop_, source.fd.get(), EPOLLIN);
    if (error != 0) return error;
  }
  return 0;
}

void Output::SetReader(int64_t offset) noexcept {
  reader_offset_ = offset;
  log_.SetReaderOffset(offset);
  UpdateWatches();
}

void Output::Drain() noexcept {
  mode_ = Mode::kDraining;
  give_up_ns_ = MonotonicNs() + options_.disk_grace_ns;
  for (Source& source : sources_) {
    if (source.fd.is_valid()) {
      source.present_at_exit = Readable(source.fd.get());
    }
  }
  // Usually all is there and both streams end: no need to wait for the loop.
  for (Source& source : sources_) ReadPresent(&source);
  if (at_end() && !blocked_) {
    FinishDrain();
    return;
  }
  UpdateWatches();
  drain_timer_.Arm(loop_, options_.drain_ns);
}

bool Output::DiscardRest() noexcept {
  mode_ = Mode::kDiscarding;
  UpdateWatches();
  return !at_end();
}

void Output::CloseLog() noexcept {
  if (options_.keep) log_.Close();
}

void Output::Source::OnReady(uint32_t) noexcept {
  Output* const owner = output;
  owner->ReadOnce(this);
  if (!owner->at_end() || owner->blocked_) return;
  // Both may destroy us.
  if (owner->mode_ == Mode::kDraining) {
    owner->FinishDrain();
  } else if (owner->mode_ == Mode::kDiscarding) {
    owner->listener_->OnReleased();
  }
}

// Bytes read; 0: nothing there, or the stream has ended.
size_t Output::ReadOnce(Source* source) noexcept {
  const size_t want = Allowance();
  if (want == 0) {
    UpdateWatches();
    return 0;
  }
  const ssize_t n = ::read(source->fd.get(), options_.read_buffer, want);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (n <= 0) {
    OnEndOfStream(source, n < 0 ? errno : 0);
    return 0;
  }
  const auto size = static_cast<size_t>(n);
  source->present_at_exit -= n;
  if (!idle_timer_.is_armed()) {
    idle_offset_ = counters_.offset;
    idle_timer_.Arm(loop_, options_.idle_ns);
  }
  if (mode_ != Mode::kDiscarding) Keep(source, options_.read_buffer, size);
  return size;
}

// Reads what was there at the exit, and the end of the stream behind it.
void Output::ReadPresent(Source* source) noexcept {
  while (source->fd.is_valid() && !blocked_ && ReadOnce(source) > 0 &&
         source->present_at_exit >= 0) {
  }
}

void Output::OnEndOfStream(Source* source, int error) noexcept {
  source->watch.Stop();
  // No terminal is open on the other side just now. As long as the process
  // lives it may open one again.
  if (error == EIO && is_terminal_ && mode_ == Mode::kRunning) {
    terminal_timer_.Arm(loop_, kTerminalPollNs);
    return;
  }
  source->fd.reset();
}

bool Output::at_end() const noexcept {
  return !sources_[0].fd.is_valid() && !sources_[1].fd.is_valid();
}

// How much may be read now.
size_t Output::Allowance() const noexcept {
  if (blocked_ && mode_ != Mode::kDiscarding) return 0;
  if (mode_ != Mode::kRunning || reader_offset_ < 0 || !options_.keep) {
    return kReadBytes;
  }
  const int64_t left = reader_offset_ + kReaderWindowBytes - counters_.offset;
  if (left <= 0) return 0;
  return left < static_cast<int64_t>(kReadBytes) ? static_cast<size_t>(left)
                                                 : kReadBytes;
}

void Output::Keep(Source* source, const char* data, size_t size) noexcept {
  size = CutToLimit(size);
  if (size == 0) return;
  source->checksum = base::Crc32c(data, size, source->checksum);
  Count(&counters_, source->stream, static_cast<int64_t>(size));
  if (!options_.keep) return;
  const size_t written = WriteLog(source->stream, data, size);
  if (blocked_) {
    Stash(source->stream, data + written, size - written);
    if (blocked_) retry_timer_.Arm(loop_, options_.disk_retry_ns);
    UpdateWatches();
  }
}

// How much of it the limit lets through.
size_t Output::CutToLimit(size_t size) noexcept {
  if (options_.limit_bytes <= 0) return size;
  const int64_t left =
      options_.limit_bytes - (counters_.offset - first_offset_);
  const auto bytes = static_cast<int64_t>(size);
  if (bytes <= left) return size;
  Cut(CutCause::kOutputLimit, bytes - left);
  if (!limit_reported_) {
    limit_reported_ = true;
    listener_->OnOutputLimit();
  }
  return static_cast<size_t>(left);
}

// Returns how much the log took; if that is not all, blocked_ is set.
size_t Output::WriteLog(LogStream stream, const char* data,
                        size_t size) noexcept {
  const int64_t now_ns = RealTimeNs();
  size_t done = 0;
  while (done < size) {
    const size_t taken = log_.Append(stream, data + done, size - done, now_ns);
    done += taken;
    if (log_.Flush() != 0) {
      blocked_ = true;
      return done;
    }
    if (taken == 0) {
      // No memory for the log's buffer: better a gap than no end.
      const auto lost = static_cast<int64_t>(size - done);
      log_.Skip(stream, lost);
      Cut(CutCause::kDiskFull, lost);
      return size;
    }
  }
  return done;
}

void Output::Stash(LogStream stream, const char* data, size_t size) noexcept {
  if (size == 0) return;
  if (stash_ == nullptr) {
    void* memory = ::mmap(nullptr, kReadBytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
      // Neither disk nor memory.
      const auto lost = static_cast<int64_t>(size);
      Cut(CutCause::kDiskFull, log_.DropUnwritten() + lost);
      log_.Skip(stream, lost);
      blocked_ = false;
      return;
    }
    stash_ = static_cast<char*>(memory);
  }
  // Empty: nothing is read while something is here.
  memcpy(stash_, data, size);
  stash_begin_ = 0;
  stash_end_ = size;
  stash_stream_ = stream;
}

// False: the disk is still full.
bool Output::WriteStash() noexcept {
  blocked_ = log_.Flush() != 0;
  if (!blocked_ && stash_begin_ < stash_end_) {
    stash_begin_ += WriteLog(stash_stream_, stash_ + stash_begin_,
                             stash_end_ - stash_begin_);
  }
  return !blocked_;
}

void Output::Cut(CutCause cause, int64_t bytes) noexcept {
  if (bytes <= 0) return;
  end_.completeness = ExitCompleteness::kCut;
  if (end_.cut_cause == CutCause::kNone) end_.cut_cause = cause;
  end_.cut_bytes += bytes;
}

// The disk stayed full for too long after the exit.
void Output::CutUnwritten() noexcept {
  blocked_ = false;
  retry_timer_.Disarm();
  const auto stashed = static_cast<int64_t>(stash_end_ - stash_begin_);
  stash_begin_ = stash_end_;
  Cut(CutCause::kDiskFull, log_.DropUnwritten() + stashed);
  options_.keep = false;
  const int64_t before = counters_.offset;
  for (Source& source : sources_) ReadPresent(&source);
  Cut(CutCause::kDiskFull, counters_.offset - before);
  log_.Close();
}

void Output::UpdateWatches() noexcept {
  const bool read = Allowance() > 0;
  for (Source& source : sources_) {
    if (!source.fd.is_valid()) continue;
    // Not watched at all when not read: a hangup would be reported forever.
    if (!read || source.watch.Start(loop_, source.fd.get(), EPOLLIN) != 0) {
      source.watch.Stop();
    }
  }
}

void Output::RetryWrite() noexcept {
  if (!WriteStash()) {
    retry_timer_.Arm(loop_, options_.disk_retry_ns);
    return;
  }
  UpdateWatches();
  if (mode_ == Mode::kDraining && at_end()) FinishDrain();
}

void Output::ReleaseIfIdle() noexcept {
  if (counters_.offset != idle_offset_) {
    idle_offset_ = counters_.offset;
    idle_timer_.Arm(loop_, options_.idle_ns);
    return;
  }
  log_.ReleaseBuffer();
  // Others may be reading: they get zero pages for what nobody holds any more.
  ::madvise(options_.read_buffer, kReadBytes, MADV_DONTNEED);
}

// Somebody still holds a pipe, or the disk holds us up.
void Output::EndDrain() noexcept {
  if (blocked_ && !WriteStash() && MonotonicNs() < give_up_ns_) {
    drain_timer_.Arm(loop_, options_.drain_ns);
    return;
  }
  if (blocked_) CutUnwritten();
  for (Source& source : sources_) ReadPresent(&source);
  if (blocked_) CutUnwritten();
  FinishDrain();
}

void Output::FinishDrain() noexcept {
  if (drained_) return;
  drained_ = true;
  retry_timer_.Disarm();
  terminal_timer_.Disarm();
  drain_timer_.Disarm();
  idle_timer_.Disarm();
  if (end_.completeness == ExitCompleteness::kComplete && !at_end()) {
    end_.completeness = ExitCompleteness::kHeldOpen;
  }
  for (Source& source : sources_) source.watch.Stop();
  listener_->OnDrained();
}

}  // namespace caisson::shim
