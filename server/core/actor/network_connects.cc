// A network more, or one less.

#include <algorithm>
#include <utility>

#include "runtime/base/status_macros.h"
#include "server/core/actor/network_change.h"
#include "server/core/network/network_errors.h"
#include "server/core/network/networks.h"

namespace caisson::core {
namespace {

using Endpoints = std::vector<store::Endpoint>;

Endpoints Without(Endpoints endpoints, const std::string& id) {
  std::erase_if(endpoints, [&id](const auto& one) { return one.id == id; });
  return endpoints;
}

// Which endpoint has the default route when `leaving` is gone: the first that
// may; none when that did not have it.
std::string HeirOf(const Endpoints& endpoints, const store::Endpoint& leaving) {
  if (!leaving.default_route) return "";
  for (const store::Endpoint& other : endpoints) {
    if (other.id != leaving.id && other.attached && !other.gateways.empty() &&
        !other.never_default_route) {
      return other.id;
    }
  }
  return "";
}

class Connecting final : public Container::NetworkChange {
 public:
  Connecting(spec::NetworkAttachment wanted, TicketPtr ticket,
             Callback<ContainerPtr> callback)
      : NetworkChange("connected", std::move(ticket), std::move(callback)),
        wanted_(std::move(wanted)) {}

 private:
  void Run() override {
    absl::StatusOr<Reservation> reserved =
        networks().ReserveConnect(endpoints(), wanted_);
    if (!reserved.ok()) return End(reserved.status());
    endpoint_ = reserved->endpoints.front();
    Endpoints all = endpoints();
    all.push_back(endpoint_);
    store::Transaction intent;
    intent.put_leases = reserved->put;
    intent.erase_leases = reserved->erase;
    ticket().AddIntent(&intent, id());
    const absl::Status status = Commit(std::move(all), std::move(intent));
    if (!status.ok()) {
      networks().book()->TakeBack(*reserved);
      return End(status);
    }
    networks().Connect(
        record(), endpoint_,
        Then<absl::StatusOr<store::Endpoint>>(
            [this](const auto& result) { OnConnected(result); }));
  }

  void OnConnected(const absl::StatusOr<store::Endpoint>& connected) {
    if (Find(endpoint_.id) == nullptr) {
      CommitOutcome(RunEnded());
      return End(RunEnded());
    }
    if (!connected.ok()) return Undo(connected.status());
    Endpoints all = Without(endpoints(), endpoint_.id);
    all.push_back(*connected);
    const absl::Status status =
        CommitDone(std::move(all), endpoint_.network_id);
    if (status.ok()) return End(status);
    networks().Disconnect(id(), *connected, /*heir=*/"",
                          Then<absl::Status>([this, status](const auto& gone) {
                            // What is half detached stays in the row.
                            if (gone.ok()) return Undo(status);
                            End(status);
                          }));
  }

  void Undo(const absl::Status& why) {
    if (Find(endpoint_.id) == nullptr) return End(why);
    ReleaseWithCommit(endpoint_);
    store::Transaction undo;
    ticket().AddOutcome(&undo, why, "");
    base::IgnoreError(
        Commit(Without(endpoints(), endpoint_.id), std::move(undo)),
        "what is not attached goes with the run, or at the next start");
    End(why);
  }

  const spec::NetworkAttachment wanted_;
  store::Endpoint endpoint_;
};

class Disconnecting final : public Container::NetworkChange {
 public:
  Disconnecting(std::string network, TicketPtr ticket,
                Callback<ContainerPtr> callback)
      : NetworkChange("disconnected", std::move(ticket), std::move(callback)),
        network_(std::move(network)) {}

 private:
  void Run() override {
    const NetworkPtr network = catalog().FindNetwork(network_);
    if (network == nullptr) return End(NetworkNotFound(network_));
    const Endpoints all = endpoints();
    const auto found =
        std::find_if(all.begin(), all.end(), [&network](const auto& endpoint) {
          return endpoint.network_id == network->id;
        });
    if (found == all.end()) return End(NotConnected(network->name));
    endpoint_ = *found;
    heir_ = HeirOf(all, endpoint_);
    networks().Disconnect(
        id(), endpoint_, heir_,
        Then<absl::Status>([this](const auto& gone) { OnDisconnected(gone); }));
  }

  void OnDisconnected(const absl::Status& status) {
    if (Find(endpoint_.id) == nullptr) return End(RunEnded());
    if (!status.ok()) return End(status);
    endpoint_ = *Find(endpoint_.id);
    ReleaseWithCommit(endpoint_);
    Endpoints rest = Without(endpoints(), endpoint_.id);
    for (store::Endpoint& one : rest) {
      if (one.id == heir_) one.default_route = true;
    }
    const absl::Status done = CommitDone(std::move(rest), endpoint_.network_id);
    if (done.ok()) return End(done);
    CancelRelease(endpoint_);
    networks().Connect(record(), endpoint_,
                       Then<absl::StatusOr<store::Endpoint>>(
                           [this, done](const auto& connected) {
                             if (!connected.ok()) StayApart();
                             End(done);
                           }));
  }

  // A retry goes on from here; so does the end of the run.
  void StayApart() {
    if (store::Endpoint* endpoint = Find(endpoint_.id)) {
      endpoint->attached = false;
      endpoint->default_route = false;
    }
    if (store::Endpoint* heir = Find(heir_)) heir->default_route = true;
  }

  const std::string network_;
  store::Endpoint endpoint_;
  std::string heir_;
};

}  // namespace

Container::NetworkChangePtr NewConnect(spec::NetworkAttachment wanted,
                                       TicketPtr ticket,
                                       Callback<ContainerPtr> callback) {
  return std::make_shared<Connecting>(std::move(wanted), std::move(ticket),
                                      std::move(callback));
}

Container::NetworkChangePtr NewDisconnect(std::string network, TicketPtr ticket,
                                          Callback<ContainerPtr> callback) {
  return std::make_shared<Disconnecting>(std::move(network), std::move(ticket),
                                         std::move(callback));
}

}  // namespace caisson::core
