// How a run of a container, or an exec, ended: the record that the shim writes
// and that outlives every process.
//
// Process: shim (writer), daemon (reader). Thread: any; plain data.
//
// The file `exit` holds two slots of kExitSlotBytes, made before the start so
// that a full disk cannot lose a status. Run n goes to slot n % 2: a torn
// write can only damage the slot of the run that is ending. A slot counts when
// magic, version and checksum are right; the record of run n is the slot whose
// `run` is n.
#ifndef CAISSON_RUNTIME_RECORD_EXIT_RECORD_H_
#define CAISSON_RUNTIME_RECORD_EXIT_RECORD_H_

#include <stddef.h>
#include <stdint.h>

namespace caisson::record {

inline constexpr uint32_t kExitMagic = 0x54495845;  // "EXIT"
inline constexpr uint32_t kExitVersion = 1;
inline constexpr size_t kExitSlotBytes = 4096;
inline constexpr size_t kExitFileBytes = 2 * kExitSlotBytes;
inline constexpr char kExitFileName[] = "exit";
inline constexpr int kMaxHeldBy = 8;

enum class ExitKind : uint32_t { kUnknown = 0, kCode = 1, kSignal = 2 };

// Why it ended, as far as the shim knows.
enum class ExitCause : uint32_t {
  kUnknown = 0,
  kExited = 1,        // by itself
  kSignaled = 2,      // by a signal that was not ours
  kStopped = 3,       // by the stop sequence
  kKilled = 4,        // by a kill request
  kOomKilled = 5,     // the kernel's out-of-memory killer
  kWallTime = 6,      // limits.wall_time
  kCpuTime = 7,       // limits.cpu_time
  kOutputLimit = 8,   // limits.output_bytes
  kDisconnected = 9,  // the on-disconnect policy
};

enum class ExitCompleteness : uint32_t {
  kComplete = 0,  // every byte that was written is in the log
  kHeldOpen = 1,  // exec: somebody still holds the pipe; counts are of now
  kCut = 2,       // bytes are lost; cut_cause says why
};

enum class CutCause : uint32_t {
  kNone = 0,
  kOutputLimit = 1,
  kDiskFull = 2,
};

struct ExitHolder {
  int32_t pid;
  char name[20];  // comm(5), NUL-terminated
};

// -1 in a counter means that the host cannot tell.
struct ExitUsage {
  int64_t cpu_ns;
  int64_t user_ns;
  int64_t system_ns;
  int64_t throttled_ns;
  int64_t wall_ns;
  int64_t memory_peak_bytes;
  int64_t io_read_bytes;
  int64_t io_write_bytes;
  int64_t pids_peak;
};

struct ExitRecord {
  uint32_t magic;
  uint32_t version;
  uint32_t crc32c;  // of the whole record with this field 0
  uint32_t reserved;
  uint64_t run;          // of the container; >= 1
  uint32_t exec_number;  // 0: the container itself
  ExitKind kind;
  int32_t code;  // kCode: exit status 0..255; kSignal: the signal
  uint32_t core_dumped;
  ExitCause cause;
  ExitCompleteness completeness;
  CutCause cut_cause;
  uint32_t tree_running;  // exec: descendants were alive at the end
  int64_t cut_bytes;      // kCut: how many are lost; -1 unknown
  int64_t stdout_bytes;   // since creation
  int64_t stderr_bytes;
  int64_t end_offset;
  uint32_t stdout_crc32c;  // of this run's bytes
  uint32_t stderr_crc32c;
  int64_t start_time_ns;  // CLOCK_REALTIME; 0 unknown
  int64_t exit_time_ns;
  // The out-of-memory killer: how many processes it ended in our cgroups.
  int64_t oom_kills;
  int64_t oom_limit_bytes;  // -1 none
  int64_t oom_peak_bytes;   // -1 unknown
  uint32_t held_by_count;
  uint32_t reserved2;
  ExitHolder held_by[kMaxHeldBy];
  ExitUsage usage;
};
static_assert(sizeof(ExitRecord) <= kExitSlotBytes);

// All fields zero but those for which -1 means unknown.
ExitRecord MakeExitRecord(uint64_t run, uint32_t exec_number) noexcept;

// Fills magic, version and checksum.
void SealExitRecord(ExitRecord* record) noexcept;

// False: not a record, of another version, or damaged.
bool CheckExitRecord(const ExitRecord& record) noexcept;

// Makes `exit` in the directory with both slots allocated and empty. 0, or the
// errno of the call that failed. An existing file of the right size is kept.
int CreateExitFile(int directory_fd) noexcept;

// Writes the (unsealed) record into its slot. `sync`: fdatasync before the
// return. 0 or errno.
int WriteExitRecord(int exit_fd, ExitRecord record, bool sync) noexcept;

// Finds the record of `run`. 0; ENOENT when there is none; other errno.
int ReadExitRecord(int exit_fd, uint64_t run, ExitRecord* record) noexcept;

// The newest valid record. 0; ENOENT when there is none; other errno.
int ReadNewestExitRecord(int exit_fd, ExitRecord* record) noexcept;

}  // namespace caisson::record

#endif  // CAISSON_RUNTIME_RECORD_EXIT_RECORD_H_
