#include "runtime/record/log_segment.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "runtime/base/file.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"

namespace caisson::record {
namespace {

// Entries read at a time.
constexpr size_t kEntriesAtOnce = 1024;
// What an index may hold at most: 64 GiB of segment. A damaged one must not
// take all memory.
constexpr size_t kMaxEntries = 1 << 20;

// An empty owner: there is no such file.
absl::StatusOr<base::UniqueFd> OpenIfThere(int directory_fd, const char* name) {
  absl::StatusOr<base::UniqueFd> fd = base::OpenAt(
      directory_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (!fd.ok() && base::ErrnoOf(fd.status()) == ENOENT) {
    return base::UniqueFd();
  }
  return fd;
}

bool IsSane(const LogIndexHeader& header, uint64_t sequence) {
  return CheckLogIndexHeader(header) && header.sequence == sequence &&
         header.base_offset >= 0 && header.base_stdout >= 0 &&
         header.base_stderr >= 0;
}

// Whether `entry` can follow what came before: nothing runs backwards.
bool Follows(const LogIndexEntry& entry, int64_t position,
             const LogCounters& before) {
  return entry.position >= position && entry.offset >= before.offset &&
         entry.stdout_bytes >= before.stdout_bytes &&
         entry.stderr_bytes >= before.stderr_bytes;
}

}  // namespace

absl::StatusOr<std::vector<uint64_t>> ListLogSegments(int directory_fd) {
  CAISSON_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                           base::ListDirectory(directory_fd));
  std::vector<uint64_t> sequences;
  for (const std::string& name : names) {
    uint64_t sequence = 0;
    if (ParseLogSegmentName(name.c_str(), &sequence)) {
      sequences.push_back(sequence);
    }
  }
  std::sort(sequences.begin(), sequences.end());
  return sequences;
}

absl::StatusOr<std::unique_ptr<LogSegment>> LogSegment::Open(
    int directory_fd, uint64_t sequence) {
  char name[kLogNameBytes];
  LogSegmentName(sequence, name);
  CAISSON_ASSIGN_OR_RETURN(base::UniqueFd log, OpenIfThere(directory_fd, name));
  if (!log.is_valid()) return std::unique_ptr<LogSegment>();
  LogIndexName(sequence, name);
  CAISSON_ASSIGN_OR_RETURN(base::UniqueFd index,
                           OpenIfThere(directory_fd, name));
  if (!index.is_valid()) return std::unique_ptr<LogSegment>();
  LogIndexHeader header;
  CAISSON_ASSIGN_OR_RETURN(
      const size_t size,
      base::PreadAll(index.get(), reinterpret_cast<char*>(&header),
                     sizeof(header), 0));
  if (size != sizeof(header) || !IsSane(header, sequence)) {
    return std::unique_ptr<LogSegment>();
  }
  std::unique_ptr<LogSegment> segment(
      new LogSegment(std::move(log), std::move(index), header));
  CAISSON_RETURN_IF_ERROR(segment->Refresh());
  return segment;
}

LogSegment::LogSegment(base::UniqueFd log, base::UniqueFd index,
                       LogIndexHeader header)
    : log_(std::move(log)),
      index_(std::move(index)),
      header_(header),
      index_position_(sizeof(LogIndexHeader)) {}

LogCounters LogSegment::base() const {
  return {header_.base_offset, header_.base_stdout, header_.base_stderr};
}

absl::Status LogSegment::Refresh() {
  if (end_position_.has_value()) return absl::OkStatus();
  std::array<LogIndexEntry, kEntriesAtOnce> buffer;
  while (entries_.size() < kMaxEntries) {
    CAISSON_ASSIGN_OR_RETURN(
        const size_t size,
        base::PreadAll(index_.get(), reinterpret_cast<char*>(buffer.data()),
                       sizeof(buffer), index_position_));
    const size_t count = size / sizeof(LogIndexEntry);
    for (size_t i = 0; i < count; ++i) {
      const LogIndexEntry& entry = buffer[i];
      index_position_ += static_cast<int64_t>(sizeof(LogIndexEntry));
      LogCounters before = base();
      int64_t position = 0;
      if (!entries_.empty()) {
        const LogIndexEntry& last = entries_.back();
        before = {last.offset, last.stdout_bytes, last.stderr_bytes};
        position = last.position;
      }
      // A damaged entry only makes a seek slower: pass over it.
      if (!CheckLogIndexEntry(entry)) continue;
      if (!Follows(entry, position, before)) continue;
      entries_.push_back(entry);
      if (entry.kind != LogIndexKind::kEnd) continue;
      end_position_ = entry.position;
      return absl::OkStatus();
    }
    if (count < kEntriesAtOnce) return absl::OkStatus();
  }
  return absl::OkStatus();
}

const LogIndexEntry* LogSegment::FindOffset(int64_t offset) const {
  auto found = std::upper_bound(
      entries_.begin(), entries_.end(), offset,
      [](int64_t value, const LogIndexEntry& e) { return value < e.offset; });
  return found == entries_.begin() ? nullptr : &*--found;
}

const LogIndexEntry* LogSegment::FindPosition(int64_t position) const {
  auto found = std::lower_bound(
      entries_.begin(), entries_.end(), position,
      [](const LogIndexEntry& e, int64_t value) { return e.position < value; });
  return found == entries_.end() ? nullptr : &*found;
}

absl::StatusOr<size_t> LogSegment::Read(int64_t position, char* buffer,
                                        size_t size) const {
  return base::PreadAll(log_.get(), buffer, size, position);
}

absl::StatusOr<bool> LogSegment::IsDeleted() const {
  struct stat info;
  if (::fstat(log_.get(), &info) != 0) {
    return base::SyscallError("fstat", "log segment");
  }
  return info.st_nlink == 0;
}

}  // namespace caisson::record
