// The records that the daemon keeps: containers, execs, request rows, events.
// The store persists them and publishes them as shared_ptr<const ...>; core
// fills them. They are plain values: whoever holds one may read it for ever,
// nobody may change a published one (copy, change, commit).
//
// Process: caissond. Thread: any (immutable once published).
#ifndef CAISSON_SERVER_STORE_RECORDS_H_
#define CAISSON_SERVER_STORE_RECORDS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "runtime/spec/spec.h"
#include "server/store/network_records.h"

namespace caisson::store {

// What clients see. Transitions are not states: see Intent.
enum class ContainerState {
  kCreated,
  kRunning,
  kPaused,
  kRestarting,
  kExited,
  kDeleted,
};

enum class ExitReason {
  kUnknown,
  kExited,
  kSignaled,
  kStopped,
  kKilled,
  kOomKilled,
  kWallTime,
  kCpuTime,
  kOutputLimit,
  kDisconnected,
  kShimLost,
  kHostReboot,
};

enum class Completeness { kComplete, kHeldOpen, kCut };

struct OomInfo {
  std::string level;  // "container", "parent" or "exec"
  int32_t victim_pid = 0;
  std::string victim_comm;
  std::optional<int64_t> limit_bytes;
  std::optional<int64_t> peak_bytes;
  int64_t kills = 0;
};

struct Usage {
  std::optional<absl::Duration> cpu;
  std::optional<absl::Duration> user_cpu;
  std::optional<absl::Duration> system_cpu;
  std::optional<absl::Duration> throttled;
  std::optional<absl::Duration> wall;
  std::optional<int64_t> memory_peak_bytes;
  std::optional<int64_t> io_read_bytes;
  std::optional<int64_t> io_write_bytes;
  std::optional<int64_t> pids_peak;
};

struct HeldBy {
  int32_t pid = 0;
  std::string name;
};

// How one run of a container, or an exec, ended.
struct ExitInfo {
  enum class Kind { kUnknown, kCode, kSignal };

  Kind kind = Kind::kUnknown;
  int32_t code = 0;  // exit status for kCode, signal number for kSignal
  ExitReason reason = ExitReason::kUnknown;
  std::string message;
  int64_t run = 0;
  bool core_dumped = false;
  std::optional<OomInfo> oom;
  Completeness completeness = Completeness::kComplete;
  std::vector<HeldBy> held_by;  // at most 8
  std::string cut_reason;
  std::optional<int64_t> cut_bytes;
  std::optional<int64_t> stdout_bytes;
  std::optional<int64_t> stderr_bytes;
  std::optional<int64_t> end_offset;
  std::optional<uint32_t> stdout_crc32c;
  std::optional<uint32_t> stderr_crc32c;
  bool tree_running = false;  // exec: descendants are still alive
  Usage usage;
  absl::Time start_time = absl::InfinitePast();  // infinite past: unknown
  absl::Time exit_time = absl::InfinitePast();
};

// What was really applied, after defaults and clamping.
struct Effective {
  std::string seccomp;  // "default/1", "custom", "unconfined"
  std::vector<std::string> capabilities;
  int64_t pids_limit = 0;  // -1: none
  std::string user;
  std::string cgroup_path;
};

struct ContainerStatus {
  ContainerState state = ContainerState::kCreated;
  int64_t run = 0;  // starts so far
  int32_t pid = 0;
  absl::Time start_time = absl::InfinitePast();
  std::optional<ExitInfo> exit;  // of the last run that ended
  int64_t output_end_offset = 0;
  Effective effective;
  std::vector<Endpoint> networks;  // while it runs
  absl::Time delete_time = absl::InfinitePast();
  absl::Time expire_time = absl::InfinitePast();
};

// Facts about the running kernel; meaningless after a reboot.
struct KernelFacts {
  std::string boot_id;
  int32_t shim_pid = 0;
  std::string cgroup_path;  // relative to the cgroup base
};

struct ContainerRecord {
  std::string id;    // 32 hex digits
  std::string name;  // effective: spec.name, or the first 12 of the id
  // Shared by all versions of the record: a change of status copies no spec.
  std::shared_ptr<const spec::ContainerSpec> spec;
  ContainerStatus status;
  Intent intent = Intent::kNone;
  KernelFacts kernel;
  std::string request_id;     // of the call that made it; may be empty
  std::string start_request;  // of the Start under way; may be empty
  absl::Time create_time = absl::InfinitePast();
  int64_t create_revision = 0;  // set by the store
  int64_t revision = 0;         // of the last change; set by the store
};

enum class ExecState { kRunning, kExited };

struct ExecRecord {
  std::string id;  // 32 hex digits, unique in the store
  std::string container_id;
  int64_t number = 0;  // n of the directory x/<n> and the cgroup x<n>
  std::shared_ptr<const spec::ExecSpec> spec;
  ExecState state = ExecState::kRunning;
  Intent intent = Intent::kNone;
  bool tree_running = false;
  int32_t pid = 0;
  std::optional<ExitInfo> exit;
  int64_t output_end_offset = 0;
  std::string request_id;
  absl::Time create_time = absl::InfinitePast();
  absl::Time start_time = absl::InfinitePast();
  absl::Time expire_time = absl::InfinitePast();
  int64_t create_revision = 0;  // set by the store
  int64_t revision = 0;         // set by the store
};

using ContainerPtr = std::shared_ptr<const ContainerRecord>;
using ExecPtr = std::shared_ptr<const ExecRecord>;

// The outcome of one request_id, inserted in the transaction of its intent.
struct RequestRow {
  enum class Outcome { kRunning, kOk, kFailed };

  std::string id;           // UUID, lower case
  std::string method;       // "CreateContainer"
  std::string fingerprint;  // digest of the request, opaque here
  int32_t fingerprint_version = 0;
  Outcome outcome = Outcome::kRunning;
  absl::Status failure;   // kFailed: code, message and error detail survive
  std::string object_id;  // what it made, by whatever kind
  absl::Time start_time = absl::InfinitePast();
  absl::Time end_time = absl::InfiniteFuture();  // infinite: still running
};

using RequestPtr = std::shared_ptr<const RequestRow>;

// One change, with the state after it (the last state for deletes).
struct Event {
  int64_t revision = 0;                    // set by the store
  absl::Time time = absl::InfinitePast();  // set by the store when unset
  std::string type;                        // "container.started"
  ContainerPtr container;                  // set for container.* and exec.*
  ExecPtr exec;                            // set for exec.*
  NetworkPtr network;                      // set for network.*
  NetworkNamespacePtr network_namespace;   // set for network_namespace.*
  std::vector<std::pair<std::string, std::string>> attributes;
  std::string request_id;
};

using EventPtr = std::shared_ptr<const Event>;

}  // namespace caisson::store

#endif  // CAISSON_SERVER_STORE_RECORDS_H_
