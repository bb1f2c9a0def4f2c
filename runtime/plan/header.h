// The head of a launch plan: where its parts are, how to clone, and the policy
// that the shim enforces without a daemon (limits, stop, log, streams).
//
// Process: daemon (builder), shim and child. Thread: any; plain data.
// Needs nothing but the C library's headers.
//
//   | PlanHeader | Op[op_count] | arena (strings, filter programs) |
#ifndef CAISSON_RUNTIME_PLAN_HEADER_H_
#define CAISSON_RUNTIME_PLAN_HEADER_H_

#include <stdint.h>

#include "runtime/plan/ops.h"

namespace caisson::plan {

inline constexpr uint32_t kPlanMagic = 0x4e4c5043;  // "CPLN"
inline constexpr uint16_t kPlanVersion = 1;
inline constexpr uint32_t kMaxPlanBytes = 16u << 20;
inline constexpr uint32_t kMaxOps = 8192;

enum class PlanKind : uint8_t { kContainer = 0, kExec = 1 };
enum class StdinMode : uint8_t { kNone = 0, kOpen = 1, kOnce = 2 };
enum class LogDriver : uint8_t { kFile = 0, kDirect = 1, kDiscard = 2 };
enum class OutputAction : uint8_t { kKill = 0, kDiscard = 1 };
enum class DisconnectAction : uint8_t { kKeep = 0, kKill = 1, kStop = 2 };

enum PlanFlag : uint32_t {
  kPlanTty = 1u << 0,
  kPlanVolatile = 1u << 1,  // deleted after exit: records need no fdatasync
  kPlanNamedReader =
      1u << 2,  // starts with a reader that applies back-pressure
  kPlanKillWithoutDaemon = 1u << 3,  // lost control connection = disconnect
  kPlanNeedsMapped = 1u << 4,        // run PARENT ops, then send kMapped
  // Hand the network namespace to the daemon, which configures it before kGo.
  kPlanNeedsNetwork = 1u << 5,
  kPlanSharedPidNamespace = 1u << 6,  // descendants may outlive the first one
  kPlanCgroupKill = 1u << 7,          // cgroup::Group::has_kill
  kPlanFreshNetwork = 1u << 8,        // kSlotNetwork may be filled
  kPlanOomKillsTree = 1u << 9,  // after the kernel killed one, kill the rest
};

// What the shim does on its own. Times are nanoseconds, 0 means no limit
// unless the comment says otherwise.
struct PlanPolicy {
  char container_id[64];  // NUL-terminated
  uint64_t run;           // 1 for the first start
  uint32_t exec_number;   // 0 for the container itself
  int32_t stop_signal;
  uint16_t rows, cols;  // of the terminal, set before the program runs
  StdinMode stdin_mode;
  LogDriver log_driver;
  OutputAction output_action;
  DisconnectAction on_disconnect;
  uint32_t log_max_files;
  uint32_t reserved;
  int64_t stop_timeout_ns;  // between stop_signal and SIGKILL; 0 = at once
  int64_t wall_time_ns;
  int64_t cpu_time_ns;
  int64_t output_bytes;  // stdout and stderr together
  int64_t grace_ns;      // stop_signal first, this long, when a limit hits
  int64_t disconnect_grace_ns;  // a re-attach within it cancels the action
  int64_t log_max_file_bytes;
  int64_t spool_bytes;  // exec: how much of its output is kept
  // The cgroups of this container (or exec) as a list of pairs what, directory:
  // cgroup::Group of runtime/cgroup, whose calls kill, count and remove them.
  StrRef cgroup_directories;
};

struct PlanHeader {
  uint32_t magic;
  uint16_t version;
  uint16_t header_bytes;  // sizeof(PlanHeader)
  uint32_t total_bytes;
  uint32_t op_count;
  uint32_t arena_bytes;
  uint16_t slot_count;  // slots in use, kFirstFreeSlot included
  PlanKind kind;
  uint8_t reserved;
  uint32_t flags;  // PlanFlag
  // How SpawnChild (init/run_plan.h) clones: namespaces by clone3, and the
  // slot of a pidfd whose pid namespace the child is born in (kNoSlot: none).
  uint16_t join_pid_slot;
  uint16_t reserved2;
  uint64_t clone_flags;
  // Host ids of the container's root; 0 without a user namespace.
  uint32_t inner_root_uid;
  uint32_t inner_root_gid;
  PlanPolicy policy;
};

// A plan whose bounds have been checked; points into memory of the caller.
struct PlanView {
  const PlanHeader* header = nullptr;
  const Op* ops = nullptr;
  const char* arena = nullptr;

  const char* Str(StrRef ref) const { return arena + ref.offset; }
};

// Checks every offset, count, enum and terminator once, so that nobody has to
// again, and fills *view. `data` must be aligned to 8 and outlive the view.
// False: not a plan of this version, or damaged.
bool OpenPlan(const void* data, uint64_t size, PlanView* view) noexcept;

// Walks a list: *cursor is the offset within `ref`, 0 at first. Null at the
// end.
const char* NextString(const PlanView& view, StrRef ref,
                       uint32_t* cursor) noexcept;

}  // namespace caisson::plan

#endif  // CAISSON_RUNTIME_PLAN_HEADER_H_
