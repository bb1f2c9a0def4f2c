// NetworkManager over Networks: gates and checks calls, joins or replays
// requests.
//
// Process: caissond. Thread: any. Arguments are checked on the caller's
// thread.
#ifndef CAISSON_SERVER_CORE_MANAGER_NETWORK_CALLS_H_
#define CAISSON_SERVER_CORE_MANAGER_NETWORK_CALLS_H_

#include "server/core/actor/env.h"
#include "server/core/network_manager.h"

namespace caisson::core {

class NetworkCalls final : public NetworkManager {
 public:
  explicit NetworkCalls(Env* env) : env_(env) {}

  void Create(CreateNetworkArgs args,
              Callback<CreateNetworkResult> callback) override;
  void Delete(DeleteNetworkArgs args, Callback<NetworkPtr> callback) override;

 private:
  void Replay(const RequestOutcome& outcome,
              Callback<CreateNetworkResult> callback) const;

  Env* const env_;
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_MANAGER_NETWORK_CALLS_H_
