// ExecManager over the actors.
//
// Process: caissond. Thread: as Containers.
#ifndef CAISSON_SERVER_CORE_MANAGER_EXECS_H_
#define CAISSON_SERVER_CORE_MANAGER_EXECS_H_

#include <string>

#include "server/core/actor/env.h"
#include "server/core/exec_manager.h"
#include "server/core/manager/registry.h"

namespace caisson::core {

class Execs final : public ExecManager {
 public:
  Execs(Env* env, Registry* registry) : env_(env), registry_(registry) {}

  CallPtr Exec(ExecArgs args, Callback<Started> callback) override;
  void Kill(KillExecArgs args, DoneCallback callback) override;
  CallPtr Wait(std::string exec, Callback<WaitExecResult> callback) override;
  absl::StatusOr<SessionPtr> OpenLogs(std::string_view exec) override;

 private:
  void Replay(const RequestOutcome& outcome, Callback<Started> callback) const;
  absl::Status SendSignal(const KillExecArgs& args) const;

  Env* const env_;
  Registry* const registry_;
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_MANAGER_EXECS_H_
