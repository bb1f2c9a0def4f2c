#include "runtime/record/log_tail.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/unique_fd.h"
#include "runtime/record/log_record.h"

namespace caisson::record {
namespace {

int FindSegments(int directory_fd, LogTail* tail) noexcept {
  const int fd =
      ::openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno;
  DIR* directory = ::fdopendir(fd);
  if (directory == nullptr) {
    const int error = errno;
    ::close(fd);
    return error;
  }
  while (const dirent* entry = ::readdir(directory)) {
    uint64_t sequence = 0;
    if (!ParseLogSegmentName(entry->d_name, &sequence)) continue;
    if (!tail->any || sequence < tail->first_sequence) {
      tail->first_sequence = sequence;
    }
    if (!tail->any || sequence > tail->last_sequence) {
      tail->last_sequence = sequence;
    }
    tail->any = true;
  }
  ::closedir(directory);
  return 0;
}

// The last good entry of the index, as a tail and a position of the segment.
int ReadIndex(int directory_fd, uint64_t sequence, LogTail* tail,
              int64_t* position, bool* ended) noexcept {
  char name[kLogNameBytes];
  LogIndexName(sequence, name);
  const base::UniqueFd fd(
      ::openat(directory_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.is_valid()) return errno;
  LogIndexHeader header;
  if (::pread(fd.get(), &header, sizeof(header), 0) !=
          static_cast<ssize_t>(sizeof(header)) ||
      !CheckLogIndexHeader(header)) {
    return EBADMSG;
  }
  tail->offset = header.base_offset;
  tail->stdout_bytes = header.base_stdout;
  tail->stderr_bytes = header.base_stderr;
  LogIndexEntry entry;
  for (off_t at = sizeof(header);
       ::pread(fd.get(), &entry, sizeof(entry), at) ==
           static_cast<ssize_t>(sizeof(entry)) &&
       CheckLogIndexEntry(entry);
       at += sizeof(entry)) {
    *position = entry.position;
    tail->offset = entry.offset;
    tail->stdout_bytes = entry.stdout_bytes;
    tail->stderr_bytes = entry.stderr_bytes;
    *ended = entry.kind == LogIndexKind::kEnd;
  }
  return 0;
}

// Counts the whole records from `position` on.
int CountRecords(int directory_fd, uint64_t sequence, int64_t position,
                 LogTail* tail) noexcept {
  char name[kLogNameBytes];
  LogSegmentName(sequence, name);
  const base::UniqueFd fd(
      ::openat(directory_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.is_valid()) return errno;
  static_assert(kMaxLogRecord < 20 * 1024);
  char record[20 * 1024];
  for (;;) {
    const ssize_t size =
        ::pread(fd.get(), record, kMaxLogRecord, static_cast<off_t>(position));
    if (size < 0) return errno;
    LogPrefix prefix;
    if (size <= static_cast<ssize_t>(kLogPrefixBytes) ||
        !ParseLogPrefix(record, &prefix)) {
      return 0;
    }
    const char* text = record + kLogPrefixBytes;
    const void* end =
        memchr(text, '\n', static_cast<size_t>(size) - kLogPrefixBytes);
    if (end == nullptr) return 0;
    const int64_t text_bytes = static_cast<const char*>(end) - text;
    const int64_t bytes = text_bytes + (prefix.partial ? 0 : 1);
    tail->offset += bytes;
    (prefix.stream == LogStream::kStdout ? tail->stdout_bytes
                                         : tail->stderr_bytes) += bytes;
    position += static_cast<int64_t>(kLogPrefixBytes) + text_bytes + 1;
  }
}

}  // namespace

int FindLogTail(int directory_fd, LogTail* tail) noexcept {
  *tail = LogTail();
  int error = FindSegments(directory_fd, tail);
  if (error != 0 || !tail->any) return error;
  // The newest segment whose index can be read, and all records from there.
  // With none, a start must still be possible: what the log says is lost.
  uint64_t sequence = tail->last_sequence;
  int64_t position = 0;
  bool ended = false;
  while ((error = ReadIndex(directory_fd, sequence, tail, &position, &ended)) !=
         0) {
    if (error != ENOENT && error != EBADMSG) return error;
    if (sequence == tail->first_sequence) return 0;
    --sequence;
  }
  if (!ended) error = CountRecords(directory_fd, sequence, position, tail);
  while (error == 0 && sequence < tail->last_sequence) {
    error = CountRecords(directory_fd, ++sequence, 0, tail);
  }
  return error == ENOENT ? 0 : error;
}

}  // namespace caisson::record
