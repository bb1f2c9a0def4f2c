// Execs: everything that ExecService does, without gRPC. Records of execs are
// read from the store's catalog.
//
// Process: caissond. Thread: any; nothing blocks. Callbacks: see types.h.
// Errors besides those said: as ContainerManager, and EXEC_NOT_FOUND.
#ifndef CAISSON_SERVER_CORE_EXEC_MANAGER_H_
#define CAISSON_SERVER_CORE_EXEC_MANAGER_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

#include "server/core/container_manager.h"
#include "server/core/streams.h"
#include "server/core/types.h"

namespace caisson::core {

struct ExecArgs {
  std::string container;  // exact id or name
  spec::ExecSpec spec;
  RequestKey request;
};

struct KillExecArgs {
  std::string exec;  // id
  SignalArgs signal;
  RequestKey request;
};

struct WaitExecResult {
  ExecPtr exec;
  ExitPtr exit;  // never null
};

class ExecManager {
 public:
  virtual ~ExecManager() = default;

  // Starts a process in a running container. INVALID_FIELD, WRONG_STATE,
  // LIMIT_REACHED, START_FAILED, COMMAND_NOT_FOUND, COMMAND_NOT_EXECUTABLE;
  // ABORTED CANCELLED_BY_DELETE. Cancel before it has started: it is ended as
  // soon as it has, unless there is a request_id. The result's session is the
  // owner: when it leaves as kDisconnected, on_disconnect runs.
  virtual CallPtr Exec(ExecArgs args, Callback<Started> callback) = 0;

  // Calls back when the signal was sent. WRONG_STATE when it has exited; with
  // scope kTree only when nothing of its tree is left.
  virtual void Kill(KillExecArgs args, DoneCallback callback) = 0;

  // Until the process is gone. Cancel forgets it. When the container is
  // deleted meanwhile, the exit is given all the same.
  virtual CallPtr Wait(std::string exec, Callback<WaitExecResult> callback) = 0;

  // A session for reading the kept output only.
  virtual absl::StatusOr<SessionPtr> OpenLogs(std::string_view exec) = 0;
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_EXEC_MANAGER_H_
