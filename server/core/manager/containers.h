// ContainerManager over the actors: finds or makes the one that a call is
// about, and joins or replays requests before that.
//
// Process: caissond. Thread: any. Arguments are checked on the caller's
// thread; everything else, callbacks included, on core's.
#ifndef CAISSON_SERVER_CORE_MANAGER_CONTAINERS_H_
#define CAISSON_SERVER_CORE_MANAGER_CONTAINERS_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/core/actor/env.h"
#include "server/core/container_manager.h"
#include "server/core/manager/registry.h"

namespace caisson::core {

class Containers final : public ContainerManager {
 public:
  Containers(Env* env, Registry* registry) : env_(env), registry_(registry) {}

  CallPtr Create(CreateArgs args, Callback<CreateResult> callback) override;
  void Start(StartArgs args, Callback<StartResult> callback) override;
  void Stop(StopArgs args, Callback<ContainerPtr> callback) override;
  void Kill(KillArgs args, DoneCallback callback) override;
  void Delete(DeleteArgs args, Callback<ContainerPtr> callback) override;
  CallPtr Wait(WaitArgs args, Callback<WaitResult> callback) override;
  CallPtr Run(RunArgs args, Callback<Started> callback) override;
  void Attach(AttachArgs args, Callback<Started> callback) override;
  absl::StatusOr<SessionPtr> OpenLogs(std::string_view container) override;
  void ListProcesses(std::string container,
                     Callback<std::vector<ProcessEntry>> callback) override;
  void Explain(spec::ContainerSpec spec,
               Callback<Explanation> callback) override;
  void ExplainExisting(std::string container,
                       Callback<Explanation> callback) override;
  std::optional<PendingOperation> Pending(std::string_view id) const override;

 private:
  // A row for a new container, or why there cannot be one.
  absl::StatusOr<store::ContainerRecord> NewRecord(
      const spec::ContainerSpec& spec, const std::string& request_id) const;
  absl::Status CheckSpec(const spec::ContainerSpec& spec) const;
  void ValidateOnly(CreateArgs args, Callback<CreateResult> callback);
  // On the slow lane. `row` is null for a container that is not there.
  absl::StatusOr<Explanation> ExplainSpec(const spec::ContainerSpec& spec,
                                          const ContainerPtr& row) const;
  void ReplayCreate(const RequestOutcome& outcome,
                    Callback<CreateResult> callback) const;
  void ReplayRun(const RequestOutcome& outcome,
                 Callback<Started> callback) const;
  ActorPtr LeftOf(const Ticket& ticket) const;
  void GoOnWithRun(TicketPtr ticket, absl::Time begin, const RunArgs& args,
                   Callback<Started> callback);
  CallPtr Launch(TicketPtr ticket, absl::Time begin, const RunArgs& args,
                 Callback<Started> callback);
  void SendSignal(const KillArgs& args, const TicketPtr& ticket,
                  DoneCallback callback) const;

  Env* const env_;
  Registry* const registry_;
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_MANAGER_CONTAINERS_H_
