// NetworkManager over Networks and, for changes of containers, over the actors:
// gates and checks calls, joins or replays
// requests.
//
// Process: caissond. Thread: any. Arguments are checked on the caller's
// thread.
#ifndef CAISSON_SERVER_CORE_MANAGER_NETWORK_CALLS_H_
#define CAISSON_SERVER_CORE_MANAGER_NETWORK_CALLS_H_

#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"

#include "runtime/base/error_detail.h"
#include "server/core/actor/container.h"
#include "server/core/actor/env.h"
#include "server/core/manager/registry.h"
#include "server/core/network_manager.h"

namespace caisson::core {

class NetworkCalls final : public NetworkManager {
 public:
  NetworkCalls(Env* env, Registry* registry) : env_(env), registry_(registry) {}

  void Create(CreateNetworkArgs args,
              Callback<CreateNetworkResult> callback) override;
  void Explain(ExplainNetworkArgs args,
               Callback<NetworkExplanation> callback) override;
  void Delete(DeleteNetworkArgs args, Callback<NetworkPtr> callback) override;
  void Connect(ConnectArgs args, Callback<ContainerPtr> callback) override;
  void Disconnect(DisconnectArgs args,
                  Callback<ContainerPtr> callback) override;
  void Publish(PublishArgs args, Callback<ContainerPtr> callback) override;
  void Unpublish(UnpublishArgs args, Callback<ContainerPtr> callback) override;
  // namespace_calls.cc
  void ListInterfaces(std::string container,
                      Callback<InterfaceList> callback) override;
  void CreateNamespace(CreateNetworkNamespaceArgs args,
                       Callback<NetworkNamespacePtr> callback) override;
  void DeleteNamespace(DeleteNetworkNamespaceArgs args,
                       Callback<NetworkNamespacePtr> callback) override;

 private:
  void ValidateOnly(spec::NetworkSpec spec,
                    Callback<CreateNetworkResult> callback);
  void Replay(const RequestOutcome& outcome,
              Callback<CreateNetworkResult> callback) const;
  // `make` says what is to be changed.
  using MakeChange = absl::AnyInvocable<Container::NetworkChangePtr(
      TicketPtr, Callback<ContainerPtr>)>;
  void Change(const std::string& container, const RequestKey& request,
              std::vector<base::FieldViolation> violations, MakeChange make,
              Callback<ContainerPtr> callback);
  absl::StatusOr<ContainerPtr> ReplayChange(
      const RequestOutcome& outcome) const;

  Env* const env_;
  Registry* const registry_;
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_MANAGER_NETWORK_CALLS_H_
