// The log of a container or an exec: what is in its files.
//
// Process: shim (writer), daemon (reader). Thread: any; plain data and pure
// functions.
//
// A log is a sequence of segments `log.<seq>` (decimal, from 0, never
// renumbered; the oldest are deleted by rotation), each with a side file
// `log.<seq>.idx`. A start of the container begins a new segment, so a segment
// belongs to one run.
//
// A segment is a sequence of records in the log format of the Kubernetes
// container runtime interface, so that log collectors read it as it is:
//
//   2026-01-31T23:59:59.123456789Z stdout F text<LF>
//   |--------- 30 bytes ---------| |----| | |
//
// The prefix always has kLogPrefixBytes. The tag F says that the process wrote
// a line feed after the text; P says that it did not: the line goes on in the
// next record of the same stream, or was the last. The text has no line feed
// and may be any other bytes; with P it is never empty. The bytes of a stream
// are the texts of its records, each followed by a line feed when the tag is
// F. A record is written by one write(2) together with others; the last one of
// a live segment may be torn: it has no line feed yet.
//
// Offsets count the bytes of both streams together, in the order of the
// records, from the creation of the container.
#ifndef CAISSON_RUNTIME_RECORD_LOG_RECORD_H_
#define CAISSON_RUNTIME_RECORD_LOG_RECORD_H_

#include <stddef.h>
#include <stdint.h>

namespace caisson::record {

inline constexpr size_t kLogTimeBytes = 30;
inline constexpr size_t kLogPrefixBytes = 40;
inline constexpr size_t kMaxLogText = 16 * 1024;  // bytes of text in a record
inline constexpr size_t kMaxLogRecord = kLogPrefixBytes + kMaxLogText + 1;
// There is an index entry after at least this many bytes of segment.
inline constexpr int64_t kLogIndexStride = 64 * 1024;

enum class LogStream : uint8_t { kStdout = 0, kStderr = 1 };

// How much output came before a place in the log.
struct LogCounters {
  int64_t offset = 0;  // of both streams
  int64_t stdout_bytes = 0;
  int64_t stderr_bytes = 0;
};

// The parts of a record.
struct LogPrefix {
  int64_t time_ns = 0;  // since 1970-01-01T00:00:00Z
  LogStream stream = LogStream::kStdout;
  bool partial = false;  // P
};

// Parses the first kLogPrefixBytes of a record. False: not a record.
bool ParseLogPrefix(const char* data, LogPrefix* prefix) noexcept;

// Writes exactly kLogPrefixBytes. The time must be in the years 1970..9999.
void FormatLogPrefix(const LogPrefix& prefix, char* out) noexcept;

// --- The side file: LogIndexHeader, then LogIndexEntry until its end. A torn
// last entry is ignored; an index that is missing or damaged only makes a seek
// slower, but for kGap entries and the header's bases.

inline constexpr uint32_t kLogIndexMagic = 0x58494743;  // "CGIX"
inline constexpr uint32_t kLogIndexVersion = 1;

struct LogIndexHeader {
  uint32_t magic;
  uint32_t version;
  uint64_t sequence;    // that of the segment
  uint64_t run;         // of the container; of an exec 1
  int64_t base_offset;  // offset of the segment's first byte of output
  int64_t base_stdout;  // bytes of stdout before the segment
  int64_t base_stderr;
  int64_t create_time_ns;
  uint32_t reserved;
  uint32_t crc32c;  // of the header with this field 0
};
static_assert(sizeof(LogIndexHeader) == 64);

enum class LogIndexKind : uint32_t {
  kPosition = 0,  // a record begins at `position`, with these counters before
  kGap = 1,  // output was dropped (disk full) before the record that begins at
             // `position`: the counters jump to these
  kEnd = 2,  // the segment is finished at `position`; the next one goes on with
             // these counters. Absent while it is being written.
};

struct LogIndexEntry {
  LogIndexKind kind;
  uint32_t crc32c;   // of the entry with this field 0
  int64_t position;  // byte of the segment
  int64_t offset;
  int64_t stdout_bytes;
  int64_t stderr_bytes;
};
static_assert(sizeof(LogIndexEntry) == 40);

void SealLogIndexHeader(LogIndexHeader* header) noexcept;
bool CheckLogIndexHeader(const LogIndexHeader& header) noexcept;
void SealLogIndexEntry(LogIndexEntry* entry) noexcept;
bool CheckLogIndexEntry(const LogIndexEntry& entry) noexcept;

// Names: "log.<seq>" and "log.<seq>.idx", NUL-terminated, into 32 bytes.
inline constexpr size_t kLogNameBytes = 32;
void LogSegmentName(uint64_t sequence, char* out) noexcept;
void LogIndexName(uint64_t sequence, char* out) noexcept;

// The sequence of "log.<seq>"; false for any other name.
bool ParseLogSegmentName(const char* name, uint64_t* sequence) noexcept;

}  // namespace caisson::record

#endif  // CAISSON_RUNTIME_RECORD_LOG_RECORD_H_
