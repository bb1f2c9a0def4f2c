// Networks, whole: their rows, who has what of them, and the kernel's side of
// it, for NetworkManager and for the actors of containers.
//
//   actor:  Reserve -> commit -> ... NETWORK -> Attach -> START
//           Release (detaches, too) -> commit of the end
//
// Process: caissond. Thread: any; nothing blocks but Recover and Inventory.
// Kernel work is done by one thread of its own, in the order in which it was
// asked for. Callbacks of the actors' calls run there and must only post.
#ifndef CAISSON_SERVER_CORE_NETWORK_NETWORKS_H_
#define CAISSON_SERVER_CORE_NETWORK_NETWORKS_H_

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

#include "runtime/base/unique_fd.h"
#include "runtime/linux/host_facts.h"
#include "runtime/spec/network.h"
#include "server/core/executor.h"
#include "server/core/network/leaving_endpoints.h"
#include "server/core/network/live_container.h"
#include "server/core/network/network_book.h"
#include "server/core/network/network_explain.h"
#include "server/core/network/network_lane.h"
#include "server/core/network/network_names.h"
#include "server/core/network/network_watch.h"
#include "server/core/network_manager.h"
#include "server/core/request_table.h"
#include "server/core/system.h"
#include "server/store/store.h"

namespace caisson::core {

inline constexpr int64_t kMaxNetworks = 1024;
// Made at the first start, without anything in the kernel before it is used.
inline constexpr std::string_view kDefaultNetwork = "default";

class Networks {
 public:
  using Endpoints = std::vector<store::Endpoint>;

  struct Options {
    store::Store* store = nullptr;
    Executor* executor = nullptr;  // where calls are answered
    std::string boot_id;
    std::string state;  // the directory that goes with the boot
    // The namespace of a container that runs; an error when it is gone.
    std::function<absl::StatusOr<base::UniqueFd>(const store::ContainerRecord&)>
        open_netns;
  };

  explicit Networks(Options options);
  ~Networks();
  Networks(const Networks&) = delete;
  Networks& operator=(const Networks&) = delete;

  // Takes over rows and kernel objects of an earlier daemon. Once, before the
  // actors begin; blocks.
  absl::Status Recover();

  // Runs what was asked for, and stops the thread.
  void Stop();

  Executor* lane() { return &lane_thread_; }  // for kernel work beside its own

  // --- For NetworkManager; see there.
  void Create(spec::NetworkSpec spec, TicketPtr ticket,
              Callback<CreateNetworkResult> callback);
  void Delete(DeleteNetworkArgs args, TicketPtr ticket,
              Callback<NetworkPtr> callback);

  // --- For actors.
  // What a container wants, or nothing; as NetworkBook. The endpoints are to be
  // in the container's record, and the rows in the transaction with it.
  absl::StatusOr<Reservation> Reserve(const spec::Network& wanted);
  // Makes the endpoints in the namespace, or leaves nothing of them.
  void Attach(const std::string& container_id, Endpoints endpoints,
              base::UniqueFd netns,
              absl::AnyInvocable<void(absl::StatusOr<Endpoints>)> callback);
  // The same for a container that runs and was adopted.
  void Reattach(const store::ContainerRecord& container,
                absl::AnyInvocable<void(absl::StatusOr<Endpoints>)> callback);
  // Takes away what the host has of the endpoints, whose namespace is gone or
  // about to be. What they have of addresses and ports stays theirs until the
  // book is told, with the commit of a row without them.
  void Detach(const std::string& container_id, Endpoints endpoints);
  NetworkBook* book() { return &book_; }

  // The DNS servers that a container with these endpoints shall ask.
  std::vector<std::string> NameServersOf(const Endpoints& endpoints) const;

  // What this kernel can do for networks, and who stands in their way. Empty
  // until the lane had time to look.
  struct Facts {
    std::vector<linux_::Feature> features;   // "network_macvlan"
    std::vector<std::string> foreign_drops;  // "inet/filter/forward drops"
  };
  Facts facts() const;

  // --- For actors, of a container that runs (network_live.cc). What is asked
  // of the kernel is done whole or not at all.
  // `held` is what the container has; else as Reserve. The limits of a
  // container are LIMIT_REACHED.
  absl::StatusOr<Reservation> ReserveConnect(
      const Endpoints& held, const spec::NetworkAttachment& wanted);
  void Connect(store::ContainerRecord container, store::Endpoint endpoint,
               Callback<store::Endpoint> callback);
  // The leases stay until they are released. `heir` is the endpoint that gets
  // the default route; may be empty.
  void Disconnect(std::string container_id, store::Endpoint endpoint,
                  std::string heir, DoneCallback callback);
  // The endpoint with the port, which is its last one.
  absl::StatusOr<store::Endpoint> ReservePort(const Endpoints& held,
                                              const spec::PortMapping& wanted);
  void Publish(std::string container_id, store::Endpoint endpoint,
               store::PublishedPort port, DoneCallback callback);
  // The port stays reserved until it is released.
  void Unpublish(std::string container_id, store::Endpoint endpoint,
                 store::PublishedPort port, DoneCallback callback);

  // --- What would be done (network_preview.cc): nothing is, and nothing is
  // taken. Block, for a moment at most.
  absl::StatusOr<StartExplanation> ExplainStart(StartSubject subject);
  absl::StatusOr<NetworkExplanation> Explain(ExplainNetworkArgs args);

  // --- For audits; block.
  absl::StatusOr<std::vector<AuditObject>> Inventory();
  // Puts right what Inventory finds.
  absl::Status Repair();

 private:
  absl::StatusOr<NetworkPtr> Make(const spec::NetworkSpec& spec,
                                  Ticket* ticket);
  absl::StatusOr<NetworkPtr> Remove(const DeleteNetworkArgs& args,
                                    Ticket* ticket);
  // A removal that failed.
  void Restore(const NetworkPtr& network, const absl::Status& why,
               Ticket* ticket);
  absl::StatusOr<store::NetworkRecord> NewRecord(const spec::NetworkSpec& spec,
                                                 std::string request_id) const;
  absl::StatusOr<std::vector<spec::Subnet>> ChooseSubnets(
      const spec::NetworkSpec& spec) const;
  absl::StatusOr<NetworkPtr> EnsureUp(const std::string& network_id);
  absl::StatusOr<EndpointRef> RefOf(const std::string& container_id,
                                    const store::Endpoint& endpoint) const;
  absl::StatusOr<Endpoints> AttachAll(const std::string& container_id,
                                      const Endpoints& endpoints, int netns_fd);

  std::vector<std::string> NameServersOf(const NetworkPtr& network) const;

  void GoLive(const std::string& container_id, LiveContainer live);
  void EndLive(const std::string& container_id);

  // network_live.cc, on the lane.
  store::Endpoint* FindLive(const std::string& container_id,
                            const std::string& endpoint_id);
  // It has these endpoints from now on; it is there.
  void SetLive(const std::string& container_id, Endpoints endpoints);
  absl::StatusOr<Endpoints> ConnectBeside(const std::string& container_id,
                                          const LiveContainer& live,
                                          const store::Endpoint& endpoint);
  absl::StatusOr<store::Endpoint> ConnectNow(
      const store::ContainerRecord& container, const store::Endpoint& endpoint);
  absl::Status DisconnectNow(const std::string& container_id,
                             const store::Endpoint& endpoint,
                             const std::string& heir);
  absl::Status DetachAndInherit(const EndpointRef& ref,
                                const store::Endpoint* heir, int netns_fd);
  absl::Status PublishNow(const std::string& container_id,
                          const store::Endpoint& endpoint,
                          const store::PublishedPort& port);
  absl::Status UnpublishNow(const std::string& container_id,
                            const store::Endpoint& endpoint,
                            const store::PublishedPort& port);

  // network_preview.cc, on the lane.
  absl::StatusOr<StartExplanation> ExplainStartNow(const StartSubject& subject);
  absl::StatusOr<NetworkExplanation> ExplainSpec(const spec::NetworkSpec& spec);
  absl::StatusOr<NetworkExplanation> ExplainNetwork(const NetworkPtr& network);

  // network_repair.cc, on the lane.
  std::vector<NetworkPtr> NetworksUp() const;
  std::vector<LiveEndpoint> LiveEndpoints() const;
  // Whether every container's is open now.
  bool OpenNamespaces();
  // Returns the networks that something was done for; what fails is retried.
  absl::StatusOr<std::set<std::string>> RecoverHost();
  // Before anything is added to the firewall.
  absl::Status EnsureRecovered();
  void RetryRecovery();
  // Something could not be made, or taken away, as it shall be.
  void RepairSoon();
  // After containers have ended: takes away the links that are kept.
  void SweepLater(absl::Duration delay = kLeaveLimit);
  void Sweep();
  void RepairLinks();
  void TendNames();
  void EnsureWatch();
  void LookForDrops();
  void OnNews(const NetworkWatch::News& news);
  bool ConcernsUs(const NetworkWatch::News& news) const;
  void CountRepair(const std::string& container_id);
  void TellRepaired(const std::string& cause,
                    const std::set<std::string>& networks);

  // network_recovery.cc, on the lane.
  absl::Status RecoverRows();
  void AdoptContainers();
  absl::Status UndoConnects();
  absl::Status UndoConnectsOf(const store::ContainerRecord& container);
  absl::Status MakeDefault();
  absl::Status RepairLeases();

  void DetectFeatures();
  void DetectForeignDrops();

  const Options options_;
  NetworkBook book_;
  Executor lane_thread_;
  // Of its thread. Null, with the reason: this host can have no networks.
  std::unique_ptr<NetworkLane> lane_;
  absl::Status lane_status_;
  mutable absl::Mutex facts_mutex_;
  Facts facts_ ABSL_GUARDED_BY(facts_mutex_);
  LeavingEndpoints leaving_;
  std::map<std::string, LiveContainer> live_;  // by container id
  std::unique_ptr<NetworkNames> names_;        // null: no names
  std::unique_ptr<NetworkWatch> watch_;        // from the first network on
  TimerId drops_timer_ = 0;                    // before DetectForeignDrops
  TimerId retry_ = 0;                          // of what could not be repaired
  absl::Duration retry_delay_;
  bool sweep_is_due_ = false;
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_NETWORK_NETWORKS_H_
