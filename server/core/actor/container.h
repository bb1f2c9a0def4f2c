// The actor of one container: everything that changes it runs here, in order,
// one piece at a time; kills pass by (KillLane).
//
//   manager --Post--> [queue] --> lifecycle table --> store, shim, directory
//                        ^-- frames of the shim, timers, ends of removals
//
// What must wait for a state to pass is put aside and tried again when the
// state has settled; the queue itself never waits.
//
// Process: caissond. Thread: its queue, but for what is said. All callbacks
// run on the queue.
// Ownership: the manager holds it until Env::forget; posted work holds it too.
// Streams outlive it: they share its queue, lane, source and hub alone.
#ifndef CAISSON_SERVER_CORE_ACTOR_CONTAINER_H_
#define CAISSON_SERVER_CORE_ACTOR_CONTAINER_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"

#include "server/core/actor/env.h"
#include "server/core/actor/exec_set.h"
#include "server/core/actor/kill_lane.h"
#include "server/core/actor/launch.h"
#include "server/core/actor/waiters.h"
#include "server/core/container_manager.h"
#include "server/core/lifecycle.h"
#include "server/core/stream/stream_hub.h"

namespace caisson::core {

class Container : public std::enable_shared_from_this<Container> {
 public:
  // `record` is what the store has, or will get first.
  static std::shared_ptr<Container> New(Env* env, store::ContainerRecord record,
                                        State state);
  ~Container();

  // --- Any thread.
  const std::string& id() const { return id_; }
  SerialQueue& queue() { return *queue_; }
  KillLane& kill_lane() { return *lane_; }
  ExecSet& execs() { return execs_; }  // its OpenLogs only
  SessionPtr OpenLogs() { return hub_->OpenLogs(); }
  std::optional<PendingOperation> Pending() const;
  ExpectedContainer Expected() const;  // what Audit expects of it

  // --- Starting (container_create.cc, container_start.cc).
  void Create(TicketPtr ticket, absl::Time begin,
              Callback<CreateResult> callback);
  void Launch(TicketPtr ticket, absl::Time begin,
              spec::OnDisconnect on_disconnect, Callback<Started> callback);
  // The caller of Launch is gone: undone unless it has started.
  void AbandonLaunch();
  // Runs `then` when it is known what came of a launch under way.
  void AwaitLaunch(Work then);
  void Start(TicketPtr ticket, absl::Time begin,
             Callback<StartResult> callback);

  // --- Ending (container_stop.cc, container_delete.cc).
  void Stop(StopArgs args, Callback<ContainerPtr> callback);
  struct RemoveArgs {
    bool force = false;
    std::optional<int64_t> expected_revision;
  };
  void Delete(RemoveArgs args, TicketPtr ticket,
              Callback<ContainerPtr> callback);

  // --- Watching and streams (container.cc).
  uint64_t Wait(WaitCondition condition, std::optional<int64_t> run,
                Callback<WaitResult> callback);
  void CancelWait(uint64_t waiter) { waiters_.Cancel(waiter); }
  // `replayed`: a retry of the Run that made it.
  void Attach(StreamRole role, bool replayed, Callback<Started> callback);
  void Exec(ExecSet::StartArgs args, Callback<Started> callback);
  void AttachExec(const std::string& exec, Callback<Started> callback);
  void BeginShutdown();

  // --- Networks of a run (container_live_network.cc): one change at a time.
  class NetworkChange;  // network_change.h
  using NetworkChangePtr = std::shared_ptr<NetworkChange>;
  void ChangeNetworks(NetworkChangePtr change);

  // --- Recovery (container_recover.cc): from what the store says and what is
  // found on the host. `same_boot`: the kernel is the one that the row is of.
  void Recover(bool same_boot);

 private:
  struct StartUnderWay;
  struct Deletion {
    TicketPtr ticket;
    Callback<ContainerPtr> callback;
  };

  Container(Env* env, store::ContainerRecord record, State state);

  // State and record.
  void Apply(Event event);
  void SetPending(std::string operation, std::string stage,
                  std::string request_id = "", std::string waiting_on = "");
  void UpdateExpected();
  ContainerPtr Published() const;
  absl::Status Commit(store::Transaction transaction);
  absl::Status StateError(std::string_view needed) const;
  std::string Directory() const { return env_->ContainerDirectory(id_); }
  bool StdinIsClosed() const;
  bool ShimIsUnknown() const;
  void Defer(Work work) { deferred_.push_back(std::move(work)); }
  // Runs what waited for a state to pass.
  void Settle();

  // Starting.
  absl::Status SpawnShim();
  void MakeCgroups();
  absl::Status RenewWorkDirectory(const spec::ContainerSpec& effective);
  void OnStarted(const shim::StartedBody& body);
  absl::Status CommitStarted(int64_t run, int32_t pid, absl::Time start_time);
  void EnterRunning();
  void ReplyStarted(std::unique_ptr<StartUnderWay> start, int64_t offset);
  void CallOffStart();
  void FailStart(absl::Status status);
  void UndoRecord(const absl::Status& status, Ticket* ticket);

  // Networks (container_network.cc).
  using Endpoints = std::vector<store::Endpoint>;
  absl::Status CommitStart();
  absl::Status WriteNameFiles(const spec::ContainerSpec& effective);
  OnNetwork AttachesNetworks();
  void OnAttached(uint64_t link, absl::StatusOr<Endpoints> attached);
  void ReleaseNetworks(store::ContainerRecord* record);
  Endpoints AddReleases(store::Transaction* transaction) const;
  void FinishReleases(const Endpoints& released);
  void RetryReleases();
  void ReattachNetworks();
  void OnReattached(absl::StatusOr<Endpoints> endpoints);
  void NextNetworkChange();
  void EndNetworkChange();
  absl::Status WhyNoNetworkChange() const;

  // The shim.
  ShimEvents Events();
  void OnFrame(uint64_t link, const ShimFrame& frame);
  void OnClosed(uint64_t link);
  void OnWritable(uint64_t link);
  void OnSpawned(uint64_t link, absl::StatusOr<shimlink::ShimProcess> shim);
  void OnOom(int64_t kills);

  // The end of a run (container_exit.cc).
  void OnExit(store::ExitInfo info);
  void CommitExit();
  void AfterExit();
  void CleanUpRun();
  void RemoveRunObjects(absl::Duration next_look);
  void OnCleanedUp(bool done);
  void KillShim();
  void PassHangingShim();
  bool AwaitsExitOf(int64_t run) const;
  void OnHangingShim(int64_t run, bool alive);

  // Looking for a shim (container_recover.cc).
  void FindShimProcess(pid_t pid);
  void ProbeShim(int attempt);
  void OnProbed(int attempt, bool held, std::optional<record::ExitRecord> exit);
  void OnState(const ShimFrame& frame);
  void AdoptRunning(const shim::StateBody& state, int64_t stdin_taken);
  void OnShimLost(std::optional<record::ExitRecord> exit);
  void KillRest(int attempt);
  int64_t CurrentRun() const;
  void UndoInterrupted();

  // Removal.
  void KillForDelete();
  void Remove();
  void FinishDelete(absl::StatusOr<ContainerPtr> result);
  void ConsiderAutoDelete();

  Env* const env_;
  const std::string id_;
  const std::shared_ptr<SerialQueue> queue_;
  const std::shared_ptr<KillLane> lane_;
  const std::shared_ptr<OutputSource> source_;
  const std::shared_ptr<StreamHub> hub_;
  ExecSet execs_;

  store::ContainerRecord record_;  // as the store has it
  State state_;
  Waiters<WaitResult> waiters_;
  std::vector<Work> deferred_;

  // The run.
  std::unique_ptr<StartUnderWay> start_;
  uint64_t link_ = 0;       // the connection that speaks for the shim
  shimlink::ConnPtr conn_;  // null: none
  shimlink::ShimProcess shim_;
  bool lost_ = false;      // the shim is being looked for
  bool same_boot_ = true;  // false: whatever ran is gone with its kernel
  std::shared_ptr<absl::Notification> cgroups_made_;
  bool cleaning_ = false;  // something of the last run is still there
  std::optional<store::ExitInfo> exit_;  // to be committed

  // What it had and is to give back: with the next row that is without it.
  Endpoints releasing_;
  bool retrying_releases_ = false;
  // Its networks are being changed; those that wait.
  bool changing_networks_ = false;
  std::deque<NetworkChangePtr> network_changes_;

  // Operations that wait for the exit or the removal.
  std::vector<Callback<ContainerPtr>> stops_;
  std::vector<Deletion> deletions_;
  TimerId stop_guard_ = 0;
  TimerId delete_timer_ = 0;
  absl::Time owner_lost_at_ = absl::InfinitePast();

  mutable absl::Mutex mutex_;
  std::optional<PendingOperation> pending_ ABSL_GUARDED_BY(mutex_);
  ExpectedContainer expected_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_ACTOR_CONTAINER_H_
