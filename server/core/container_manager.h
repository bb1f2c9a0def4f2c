// Containers: everything that ContainerService does, without gRPC.
//
// Reads of records (Get, List, Watch) go to the store's catalog and the event
// log and never come here; what only core knows of a container is Pending().
// Every other call is asynchronous: arguments are checked and work is done on
// core's threads, calls for one container in order, different containers in
// parallel; Kill and Delete(force) pass whatever is under way.
//
// A `container` argument is an exact id or name.
//
// Process: caissond. Thread: any; nothing blocks. Callbacks: see types.h.
// Errors besides those said: UNAVAILABLE RECOVERING before Recover has ended,
// UNAVAILABLE SHUTTING_DOWN, CONTAINER_NOT_FOUND, RESOURCE_EXHAUSTED DISK_FULL,
// and for calls with a key INVALID_ARGUMENT INVALID_FIELD, REQUEST_ID_REUSED.
#ifndef CAISSON_SERVER_CORE_CONTAINER_MANAGER_H_
#define CAISSON_SERVER_CORE_CONTAINER_MANAGER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "server/core/streams.h"
#include "server/core/types.h"

namespace caisson::core {

struct CreateArgs {
  spec::ContainerSpec spec;
  RequestKey request;
  bool validate_only = false;
};
struct CreateResult {
  ContainerPtr container;           // validate_only: as it would be, no id
  std::optional<Explanation> plan;  // validate_only
  Timings timings;
  bool replayed = false;
};

struct StartArgs {
  std::string container;
  RequestKey request;
};
struct StartResult {
  ContainerPtr container;
  Timings timings;
  bool replayed = false;
};

struct StopArgs {
  std::string container;
  std::string signal;                     // empty: the spec's
  std::optional<absl::Duration> timeout;  // unset: the spec's
  std::string request_id;                 // only a name for the operation
};

struct KillArgs {
  std::string container;
  SignalArgs signal;
  RequestKey request;
};

struct DeleteArgs {
  std::string container;
  bool force = false;
  std::optional<int64_t> expected_revision;
  bool allow_missing = false;
  RequestKey request;
};

enum class WaitCondition { kExited, kNextExit, kRunning, kDeleted };
struct WaitArgs {
  std::string container;  // also the id of a tombstone
  WaitCondition condition = WaitCondition::kExited;
  std::optional<int64_t> run;  // unset: the present one
};
struct WaitResult {
  ContainerPtr container;
  ExitPtr exit;  // null: no run has ended
};

struct RunArgs {
  spec::ContainerSpec spec;
  RequestKey request;
  spec::OnDisconnect on_disconnect;
};

// A stream that works: what to say first, and the stream.
struct Started {
  ContainerPtr container;
  ExecPtr exec;  // for execs
  int64_t run = 0;
  int32_t pid = 0;            // 0: it does not run (any more)
  int64_t output_offset = 0;  // where the output of this run begins
  int64_t stdin_offset = 0;
  Timings timings;
  bool replayed = false;
  SessionPtr session;
};

struct AttachArgs {
  std::string container;  // also the id of a tombstone
  bool no_stdin = false;
};

struct ProcessEntry {
  int32_t pid = 0;
  int32_t container_pid = 0;
  int32_t parent_pid = 0;
  std::string user;
  std::vector<std::string> args;
  std::string state;
  absl::Duration cpu;
  int64_t memory_bytes = 0;
  std::string exec;  // id; empty: the main process and its descendants
  absl::Time start_time;
};

class ContainerManager {
 public:
  virtual ~ContainerManager() = default;

  // INVALID_FIELD, NAME_IN_USE, LIMIT_REACHED, UNIMPLEMENTED
  // FEATURE_UNAVAILABLE. Cancel before the commit undoes it, unless another
  // caller joined; after the commit the container stays.
  virtual CallPtr Create(CreateArgs args, Callback<CreateResult> callback) = 0;

  // Continues when the caller is gone. WRONG_STATE unless created or exited;
  // START_FAILED, COMMAND_NOT_FOUND, COMMAND_NOT_EXECUTABLE: the state is as
  // before. NAMESPACE_OWNER_GONE; UNAVAILABLE KEEPER_LOST; ABORTED
  // CANCELLED_BY_DELETE.
  virtual void Start(StartArgs args, Callback<StartResult> callback) = 0;

  // Calls back when it has exited; OK at once when it had before. Continues
  // when the caller is gone; a second one joins and may shorten the wait.
  virtual void Stop(StopArgs args, Callback<ContainerPtr> callback) = 0;

  // Calls back when the signal was sent. WRONG_STATE unless running.
  virtual void Kill(KillArgs args, DoneCallback callback) = 0;

  // The final record; null with allow_missing and nothing there. WRONG_STATE
  // when it runs and `force` is not set; ABORTED REVISION_CHANGED. Continues
  // when the caller is gone.
  virtual void Delete(DeleteArgs args, Callback<ContainerPtr> callback) = 0;

  // Cancel forgets it. Calls back at once when the condition holds. When the
  // container is deleted meanwhile: kExited and kNextExit give the last exit,
  // kRunning CONTAINER_NOT_FOUND.
  virtual CallPtr Wait(WaitArgs args, Callback<WaitResult> callback) = 0;

  // Create and start as one. Errors of both; nothing is left behind then.
  // Cancel before it has started undoes everything unless there is a
  // request_id. The result's session is the owner.
  virtual CallPtr Run(RunArgs args, Callback<Started> callback) = 0;

  // Joins a container in any state; of a tombstone only the exit can be read.
  virtual void Attach(AttachArgs args, Callback<Started> callback) = 0;

  // A session for reading logs only: no input, no control.
  virtual absl::StatusOr<SessionPtr> OpenLogs(std::string_view container) = 0;

  // WRONG_STATE unless running; UNAVAILABLE STUCK_IN_KERNEL after 2 s.
  virtual void ListProcesses(std::string container,
                             Callback<std::vector<ProcessEntry>> callback) = 0;

  // The plan of a container that could be made, or of one that exists.
  virtual void Explain(spec::ContainerSpec spec,
                       Callback<Explanation> callback) = 0;
  virtual void ExplainExisting(std::string container,
                               Callback<Explanation> callback) = 0;

  // What goes on with a container; by id. Never waits.
  virtual std::optional<PendingOperation> Pending(
      std::string_view id) const = 0;
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_CONTAINER_MANAGER_H_
