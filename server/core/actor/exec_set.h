// The execs of one container: those that start, run, and are kept for a while
// after their end.
//
//   Start --kExec--> shim --kStarted--> running --kExited--> kept
//                       |--kFailed--> nothing is left      --retention--> gone
//
// Process: caissond. Thread: the container's queue. Callbacks run on it.
#ifndef CAISSON_SERVER_CORE_ACTOR_EXEC_SET_H_
#define CAISSON_SERVER_CORE_ACTOR_EXEC_SET_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "server/core/actor/env.h"
#include "server/core/actor/kill_lane.h"
#include "server/core/actor/launch.h"
#include "server/core/actor/waiters.h"
#include "server/core/exec_manager.h"
#include "server/core/stream/stream_hub.h"

namespace caisson::core {

// What an exec needs of its container at the moment.
struct ExecHost {
  ContainerPtr container;  // published; runs
  shimlink::ConnPtr conn;
};

// What the shim says of an exec.
struct ExecState : shim::StateExec {
  int64_t stdin_taken = 0;
};

class ExecSet {
 public:
  struct StartArgs {
    std::string id;  // of the exec to make
    spec::ExecSpec spec;
    TicketPtr ticket;
    absl::Time begin;
  };

  // `lane` is the container's.
  ExecSet(Env* env, std::shared_ptr<SerialQueue> queue,
          std::shared_ptr<KillLane> lane, std::string container_id);
  ~ExecSet();
  ExecSet(const ExecSet&) = delete;
  ExecSet& operator=(const ExecSet&) = delete;

  void Start(const ExecHost& host, StartArgs args, Callback<Started> callback);
  // A frame for target n > 0.
  void OnFrame(const shimlink::ConnPtr& conn, const ShimFrame& frame);

  // The shim reads again.
  void OnWritable();

  // The container has ended, and with it every exec. First the records to
  // commit with the container's exit; then, once that is done, what follows.
  void CollectEnded(int64_t run, store::ExitReason reason,
                    store::Transaction* transaction);
  void OnContainerExit();
  // The same for what an earlier daemon left of a container that had ended.
  void EndAll(int64_t run, store::ExitReason reason);
  // The container is gone.
  void OnRemoved();

  // By id of the exec; EXEC_NOT_FOUND.
  uint64_t Wait(const std::string& id, Callback<WaitExecResult> callback);
  void CancelWait(const std::string& id, uint64_t waiter);
  void Attach(const std::string& id, const ContainerPtr& container,
              Callback<Started> callback);
  // Any thread.
  absl::StatusOr<SessionPtr> OpenLogs(const std::string& id) const;
  // The caller of Start is gone.
  void Abandon(const std::string& id);
  void BeginShutdown();
  // The link is closed: starts under way are left to the next daemon.
  void OnShutdown();

  // Recovery: the rows of the store; then those that the shim says run.
  void Restore(const std::vector<ExecPtr>& rows);
  void Adopt(const shimlink::ConnPtr& conn, int64_t run,
             const std::vector<ExecState>& running);

  // Whether an earlier daemon asked the shim for this exec, and it is not known
  // yet, or not in the store, what came of it: it must not be made again. When
  // that has changed the listener is called; to be set before all else.
  bool IsUndecided(const std::string& id) const;
  void SetDecisionListener(std::function<void()> listener) {
    decision_listener_ = std::move(listener);
  }

  // Numbers of all execs that have a row.
  std::set<uint64_t> Numbers() const;
  // Some stream that was open at its exec's exit has not got its last message;
  // the listener is called when that may have changed, also when this is gone.
  // To be set before all else.
  bool AwaitsDelivery() const;
  void SetDeliveryListener(std::function<void()> listener) {
    delivery_listener_ = std::move(listener);
  }

 private:
  struct Launch;
  struct Unit;
  using UnitPtr = std::shared_ptr<Unit>;

  UnitPtr NewUnit(store::ExecRecord record);
  UnitPtr Find(const std::string& id) const;
  void Erase(const Unit& unit);
  absl::Status Send(const ExecHost& host, Unit* unit);
  void OnStarted(const shimlink::ConnPtr& conn, const UnitPtr& unit,
                 const shim::StartedBody& body);
  void FailStart(const UnitPtr& unit, absl::Status status);
  void OnExited(const UnitPtr& unit, store::ExitInfo info);
  void End(Unit* unit, store::ExitInfo info);
  void CommitEnd(const UnitPtr& unit);
  void AddEnd(const Unit& unit, store::Transaction* transaction) const;
  void AddInterruptedStart(const store::ExecRecord& record,
                           store::Transaction* transaction) const;
  void AfterExit(const UnitPtr& unit);
  void Keep(const UnitPtr& unit);
  void KeepAtMost(size_t finished);
  void Expire(const std::string& id);
  std::optional<store::ExitInfo> EndOf(const Unit& unit, int64_t run,
                                       store::ExitReason reason) const;
  void FindEnd(const UnitPtr& unit, int64_t run, store::ExitReason reason);
  std::vector<UnitPtr> Unended() const;
  void AdoptRunning(const shimlink::ConnPtr& conn, const UnitPtr& unit,
                    int64_t run, const ExecState& state);
  void CommitAdopted(const UnitPtr& unit, int32_t pid, absl::Time start_time);
  void TellDecision();
  void AdoptEnded(const shimlink::ConnPtr& conn, const UnitPtr& unit,
                  int64_t run);
  void OnLateStart(const shimlink::ConnPtr& conn, const UnitPtr& unit,
                   const shim::StartedBody& body);
  void Kill(uint32_t number);
  static bool HasStdin(const Unit& unit);
  void Forget(const UnitPtr& unit);
  ContainerPtr ContainerRow() const;
  cgroup::Group GroupOf(const Unit& unit) const;

  Env* const env_;
  const std::shared_ptr<SerialQueue> queue_;
  const std::shared_ptr<KillLane> lane_;
  const std::string container_id_;
  std::map<uint32_t, UnitPtr> units_;  // by number
  uint32_t last_number_ = 0;
  std::function<void()> delivery_listener_;
  std::function<void()> decision_listener_;
  mutable absl::Mutex hubs_mutex_;
  std::map<std::string, std::shared_ptr<StreamHub>> hubs_
      ABSL_GUARDED_BY(hubs_mutex_);  // by id of the exec
  // Timers of units must not outlive this.
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_ACTOR_EXEC_SET_H_
