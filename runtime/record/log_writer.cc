#include "runtime/record/log_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "runtime/record/log_tail.h"

namespace caisson::record {
namespace {

// Takes the records of a read of 64 KiB of ordinary lines in one write.
constexpr size_t kBufferBytes = 256 * 1024;

// Writes all; returns how much was written, with *error set if that is less.
size_t WriteSome(int fd, const char* data, size_t size, int* error) noexcept {
  size_t done = 0;
  *error = 0;
  while (done < size) {
    const ssize_t n = ::write(fd, data + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      *error = errno;
      break;
    }
    done += static_cast<size_t>(n);
  }
  return done;
}

int64_t RealTimeNs() noexcept {
  timespec now = {};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

void Count(LogCounters* counters, LogStream stream, int64_t bytes) noexcept {
  counters->offset += bytes;
  (stream == LogStream::kStdout ? counters->stdout_bytes
                                : counters->stderr_bytes) += bytes;
}

}  // namespace

LogWriter::~LogWriter() {
  if (buffer_ != nullptr) ::munmap(buffer_, kBufferBytes);
}

void LogWriter::ReleaseBuffer() noexcept {
  if (buffer_ == nullptr || used_ > 0) return;
  ::munmap(buffer_, kBufferBytes);
  buffer_ = nullptr;
}

int LogWriter::Open(const Options& options) noexcept {
  options_ = options;
  LogTail tail;
  const int error = FindLogTail(options.directory_fd, &tail);
  if (error != 0) return error;
  counters_ = {.offset = tail.offset,
               .stdout_bytes = tail.stdout_bytes,
               .stderr_bytes = tail.stderr_bytes};
  if (options.previous.offset > counters_.offset) counters_ = options.previous;
  written_counters_ = counters_;
  first_sequence_ = tail.first_sequence;
  next_sequence_ = tail.any ? tail.last_sequence + 1 : 0;
  return 0;
}

bool LogWriter::MapBuffer() noexcept {
  if (buffer_ != nullptr) return true;
  void* memory = ::mmap(nullptr, kBufferBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  buffer_ = static_cast<char*>(memory);
  return true;
}

size_t LogWriter::Append(LogStream stream, const char* data, size_t size,
                         int64_t time_ns) noexcept {
  if (size == 0 || !MapBuffer()) return 0;
  char prefix[kLogPrefixBytes];
  FormatLogPrefix({.time_ns = time_ns, .stream = stream, .partial = true},
                  prefix);
  size_t taken = 0;
  while (taken < size && kBufferBytes - used_ >= kMaxLogRecord) {
    const char* text = data + taken;
    const size_t left = size - taken;
    const size_t window = left < kMaxLogText + 1 ? left : kMaxLogText + 1;
    const void* newline = memchr(text, '\n', window);
    const bool partial = newline == nullptr;
    const size_t text_bytes =
        partial ? (left < kMaxLogText ? left : kMaxLogText)
                : static_cast<size_t>(static_cast<const char*>(newline) - text);
    char* out = buffer_ + used_;
    memcpy(out, prefix, kLogPrefixBytes);
    if (!partial) out[38] = 'F';
    memcpy(out + kLogPrefixBytes, text, text_bytes);
    out[kLogPrefixBytes + text_bytes] = '\n';
    used_ += kLogPrefixBytes + text_bytes + 1;
    const size_t bytes = text_bytes + (partial ? 0 : 1);
    taken += bytes;
    Count(&counters_, stream, static_cast<int64_t>(bytes));
  }
  return taken;
}

void LogWriter::Skip(LogStream stream, int64_t bytes) noexcept {
  Count(&counters_, stream, bytes);
  written_counters_ = counters_;
  if (segment_.is_valid() || OpenSegment() == 0) {
    AddIndexEntry(LogIndexKind::kGap);
  }
}

int LogWriter::OpenSegment() noexcept {
  char name[kLogNameBytes];
  LogSegmentName(next_sequence_, name);
  constexpr int kFlags =
      O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW;
  base::UniqueFd segment(::openat(options_.directory_fd, name, kFlags, 0600));
  if (!segment.is_valid()) return errno;
  LogIndexName(next_sequence_, name);
  base::UniqueFd index(::openat(options_.directory_fd, name, kFlags, 0600));
  if (!index.is_valid()) return errno;
  LogIndexHeader header = {};
  header.sequence = next_sequence_;
  header.run = options_.run;
  header.base_offset = written_counters_.offset;
  header.base_stdout = written_counters_.stdout_bytes;
  header.base_stderr = written_counters_.stderr_bytes;
  header.create_time_ns = RealTimeNs();
  SealLogIndexHeader(&header);
  int error = 0;
  WriteSome(index.get(), reinterpret_cast<const char*>(&header), sizeof(header),
            &error);
  if (error != 0) return error;
  if (segment_.is_valid()) AddIndexEntry(LogIndexKind::kEnd);
  segment_ = static_cast<base::UniqueFd&&>(segment);
  index_ = static_cast<base::UniqueFd&&>(index);
  ++next_sequence_;
  position_ = 0;
  next_entry_at_ = kLogIndexStride;
  return 0;
}

void LogWriter::AddIndexEntry(LogIndexKind kind) noexcept {
  LogIndexEntry entry = {.kind = kind,
                         .crc32c = 0,
                         .position = position_,
                         .offset = written_counters_.offset,
                         .stdout_bytes = written_counters_.stdout_bytes,
                         .stderr_bytes = written_counters_.stderr_bytes};
  SealLogIndexEntry(&entry);
  int error = 0;
  const size_t done =
      WriteSome(index_.get(), reinterpret_cast<const char*>(&entry),
                sizeof(entry), &error);
  // An entry that does not get to the disk makes a seek slower, no more; half
  // of one would make all that follow unreadable.
  if (error != 0 && done > 0) {
    const off_t size = ::lseek(index_.get(), 0, SEEK_END);
    if (::ftruncate(index_.get(), size - static_cast<off_t>(done)) != 0) return;
  }
  next_entry_at_ = position_ + kLogIndexStride;
}

int LogWriter::Flush() noexcept {
  if (!has_unwritten()) return 0;
  if (!segment_.is_valid()) {
    const int error = OpenSegment();
    if (error != 0) return error;
  }
  int error = 0;
  const size_t done =
      WriteSome(segment_.get(), buffer_ + written_, used_ - written_, &error);
  written_ += done;
  position_ += static_cast<int64_t>(done);
  if (error != 0) return error;
  used_ = 0;
  written_ = 0;
  written_counters_ = counters_;
  if (position_ >= next_entry_at_) AddIndexEntry(LogIndexKind::kPosition);
  RotateIfFull();
  return 0;
}

// Of what is in the file already: bytes of the buffer, and what they count.
size_t LogWriter::CountWholeRecords(LogCounters* counters) const noexcept {
  size_t at = 0;
  while (at + kLogPrefixBytes < written_) {
    LogPrefix prefix;
    const char* text = buffer_ + at + kLogPrefixBytes;
    const void* end = memchr(text, '\n', written_ - at - kLogPrefixBytes);
    if (end == nullptr || !ParseLogPrefix(buffer_ + at, &prefix)) break;
    const int64_t text_bytes = static_cast<const char*>(end) - text;
    Count(counters, prefix.stream, text_bytes + (prefix.partial ? 0 : 1));
    at += kLogPrefixBytes + static_cast<size_t>(text_bytes) + 1;
  }
  return at;
}

int64_t LogWriter::DropUnwritten() noexcept {
  if (!has_unwritten()) return 0;
  LogCounters on_disk = written_counters_;
  const auto torn =
      static_cast<int64_t>(written_ - CountWholeRecords(&on_disk));
  // Shrinking needs no space. Should it fail all the same, the position in the
  // index entry below still says where good records end.
  position_ -= torn;
  if (torn > 0 && ::ftruncate(segment_.get(), position_) != 0) errno = 0;
  used_ = 0;
  written_ = 0;
  written_counters_ = counters_;
  if (segment_.is_valid()) AddIndexEntry(LogIndexKind::kGap);
  return counters_.offset - on_disk.offset;
}

// The oldest segment may go when the named reader has all of it: the next one
// says where it ends.
bool LogWriter::MayDelete(uint64_t sequence) const noexcept {
  if (reader_offset_ < 0) return true;
  char name[kLogNameBytes];
  LogIndexName(sequence + 1, name);
  const base::UniqueFd fd(
      ::openat(options_.directory_fd, name, O_RDONLY | O_CLOEXEC));
  LogIndexHeader header;
  if (!fd.is_valid() ||
      ::pread(fd.get(), &header, sizeof(header), 0) !=
          static_cast<ssize_t>(sizeof(header)) ||
      !CheckLogIndexHeader(header)) {
    return true;
  }
  return header.base_offset <= reader_offset_;
}

void LogWriter::SetReaderOffset(int64_t offset) noexcept {
  reader_offset_ = offset;
  RemoveOldSegments();
}

void LogWriter::RotateIfFull() noexcept {
  if (position_ < options_.max_file_bytes) return;
  if (OpenSegment() == 0) RemoveOldSegments();
}

void LogWriter::RemoveOldSegments() noexcept {
  while (next_sequence_ - first_sequence_ > options_.max_files &&
         MayDelete(first_sequence_)) {
    char name[kLogNameBytes];
    LogSegmentName(first_sequence_, name);
    ::unlinkat(options_.directory_fd, name, 0);
    LogIndexName(first_sequence_, name);
    ::unlinkat(options_.directory_fd, name, 0);
    ++first_sequence_;
  }
}

void LogWriter::Close() noexcept {
  if (segment_.is_valid()) AddIndexEntry(LogIndexKind::kEnd);
  segment_.reset();
  index_.reset();
}

}  // namespace caisson::record
