// The frames between daemon, keeper and shim: one SOCK_SEQPACKET message is a
// FrameHeader, the body of its type, and the bytes that the type allows.
//
// Process: daemon, keeper, shim. Thread: any; plain data and pure functions.
//
//   daemon                 keeper                      shim
//     | kSpawn{id, run}      |
//     |   + plan, directory, lock, control fds
//     |--------------------->| fork
//     |                      |---------------------->  | PREPARE
//     | kSpawned{pid}+pidfd  |                         |
//     |<---------------------|                         |
//     |                 kNetwork + namespace (*)       |
//     |<---------------------------------------------- |
//     |                 kPrepared | kFailed             |
//     |<--------------------------------------------- |  (control socket)
//     |                                                | clone, PARENT
//     | kStart                                         |
//     |----------------------------------------------->| CHILD, EXEC
//     |                 kStarted | kFailed              |
//     |<-----------------------------------------------|
//     | kStdin kCloseStdin kResize kKill kStop kReader  |
//     |----------------------------------------------->|
//     |                 kStdinProgress kOom             |
//     |<-----------------------------------------------|
//     | kExec{n} + plan, directory                      |
//     |----------------------------------------------->|
//     |                 kStarted | kFailed, kExited     | (target = n)
//     |<-----------------------------------------------|
//     |                 kExited{ExitRecord}, then EOF   | (target = 0)
//     |<-----------------------------------------------|
//
// (*) If the plan needs a network: before PREPARE, so that it is configured
// meanwhile; behind the clone, and kPrepared behind it, if only that makes it.
//
// The shim undoes everything and ends when the control socket closes before
// kStart. After it, it goes on without a daemon; a new daemon connects to
// <state>/shims/<id>.sock, says kHello and gets kState, behind all that came
// over other connections before.
// Events go to every connection; commands are taken from all of them.
#ifndef CAISSON_RUNTIME_SHIM_PROTOCOL_BODIES_H_
#define CAISSON_RUNTIME_SHIM_PROTOCOL_BODIES_H_

#include <stddef.h>
#include <stdint.h>

#include "runtime/record/exit_record.h"

namespace caisson::shim {

inline constexpr uint32_t kFrameMagic = 0x53494143;  // "CAIS"
inline constexpr uint16_t kProtocolVersion = 1;
inline constexpr size_t kMaxFrameBytes = 128 * 1024;
inline constexpr size_t kMaxStdinBytes = 64 * 1024;  // in one kStdin
// How much stdin the daemon may send beyond the last offset that the shim
// acknowledged; what is beyond is refused (kStdinProgress repeats the offset).
inline constexpr size_t kStdinWindowBytes = 256 * 1024;
inline constexpr int kMaxFrameFds = 8;
// How far an exec or a container may get ahead of its named reader.
inline constexpr int64_t kReaderWindowBytes = 1024 * 1024;
inline constexpr int64_t kNoReader = -1;
// Execs that run at the same time in one container.
inline constexpr int kMaxExecs = 256;

enum class FrameType : uint16_t {
  // daemon -> keeper. Answered on the same connection.
  kSpawn = 1,         // SpawnBody; fds: plan memfd, container directory, lock,
                      // control socket [, newer shim memfd]
  kKeeperStatus = 2,  // no body
  kKeeperStop = 3,    // no body: ends if no shim lives, else kKeeperState
  // keeper -> daemon.
  kSpawned = 16,      // SpawnedBody; fd: pidfd of the shim
  kSpawnFailed = 17,  // ErrorBody
  kKeeperState = 18,  // KeeperStateBody

  // daemon -> shim. `target` 0 is the container, n > 0 an exec.
  kHello = 32,       // HelloBody: answered by kState
  kStart = 33,       // no body
  kStdin = 34,       // StdinBody, then the bytes
  kCloseStdin = 35,  // no body
  kResize = 36,      // ResizeBody
  kKill = 37,        // KillBody
  kStop = 38,        // StopBody: stop signal, then SIGKILL after the timeout
  kReader = 39,      // ReaderBody
  kExec = 40,        // no body; fds: plan memfd, exec directory
  kDisconnect = 41,  // DisconnectBody: run the on-disconnect policy, or not
  // shim -> daemon.
  kState = 64,          // StateBody, StateExec[n], then StateInput[1 + n]
  kPrepared = 65,       // PhasesBody
  kFailed = 66,         // FailedBody: the target does not exist (any more)
  kStarted = 67,        // StartedBody
  kStdinProgress = 68,  // StdinProgressBody
  kOom = 69,            // OomBody
  kExited = 70,         // ExitedBody
  kNetwork = 71,        // no body; fd: the container's network namespace, to be
                        // configured before kStart (kPlanNeedsNetwork)
};

struct FrameHeader {
  uint32_t magic;
  uint16_t version;
  FrameType type;
  uint32_t target;
  uint32_t body_bytes;  // what follows the header
};
static_assert(sizeof(FrameHeader) == 16);

struct SpawnBody {
  char id[64];  // container id, NUL-terminated
  uint64_t run;
};

struct SpawnedBody {
  char id[64];
  int32_t pid;
  uint32_t reserved;
};

struct ErrorBody {
  char id[64];
  int32_t err;
  uint32_t reserved;
};

struct KeeperStateBody {
  int32_t pid;
  int32_t shims;  // alive
  uint16_t protocol_version;
  uint16_t plan_version;
  uint32_t reserved;
};

struct HelloBody {
  uint16_t protocol_version;
  uint16_t plan_version;
  uint32_t reserved;
};

enum class Phase : uint32_t {
  kSpawned = 0,   // forked, nothing done
  kPrepared = 1,  // waits for kStart
  kRunning = 2,
  kExiting = 3,  // the process ended; draining
  kExited = 4,   // the record is written
};

struct StateBody {
  uint16_t protocol_version;
  uint16_t plan_version;
  Phase phase;
  int32_t shim_pid;
  int32_t pid;  // of the container's init; 0 before the start
  uint64_t run;
  int64_t start_time_ns;
  int64_t output_end_offset;
  int64_t stdin_offset;
  uint32_t stdin_closed;
  uint32_t exec_count;
};

struct StateExec {
  uint32_t number;
  Phase phase;
  int32_t pid;
  uint32_t stdin_closed;
  int64_t start_time_ns;
  int64_t output_end_offset;
  int64_t stdin_offset;
};

// Of the container, then of each exec. Older shims do not say it.
struct StateInput {
  int64_t taken;  // what is beyond stdin_offset waits in the shim
};

// How long the parts took, in nanoseconds; 0: did not happen.
struct PhasesBody {
  int64_t fork_ns;     // keeper: from kSpawn to the shim's first instruction
  int64_t prepare_ns;  // PREPARE
  int64_t clone_ns;    // clone3 until it returned
  int64_t parent_ns;   // PARENT
  int64_t child_ns;    // from kStart to a successful execve
};

struct FailedBody {
  uint32_t op;  // index in the plan, or init::kFailedSpawn, kFailedBarrier
  int32_t err;
  uint32_t stage;             // plan::Executor
  uint32_t killed_by_signal;  // the child was killed before execve; 0: no
};

struct StartedBody {
  int32_t pid;  // in the host's pid namespace
  uint32_t reserved;
  int64_t start_time_ns;  // CLOCK_REALTIME
  int64_t output_offset;  // where this run's output begins
  PhasesBody phases;
};

struct StdinBody {
  int64_t offset;  // of the first byte; what was written already is skipped
};

struct StdinProgressBody {
  int64_t offset;  // bytes written to the process so far
  uint32_t closed;
  uint32_t reserved;
};

struct ResizeBody {
  uint16_t rows;
  uint16_t cols;
  uint32_t reserved;
};

enum class Scope : uint32_t { kProcess = 0, kTree = 1 };

struct KillBody {
  int32_t signal;
  Scope scope;
};

struct StopBody {
  int32_t signal;  // 0: the plan's
  uint32_t reserved;
  int64_t timeout_ns;  // 0: SIGKILL at once; -1: the plan's
};

struct ReaderBody {
  // Everything before it was taken by the named reader; kNoReader: there is no
  // named reader any more, nothing waits for it.
  int64_t offset;
};

struct DisconnectBody {
  uint32_t disconnected;  // 1: the client left; 0: it came back in time
  uint32_t reserved;
};

struct OomBody {
  int64_t kills;
};

struct ExitedBody {
  record::ExitRecord record;
};

}  // namespace caisson::shim

#endif  // CAISSON_RUNTIME_SHIM_PROTOCOL_BODIES_H_
