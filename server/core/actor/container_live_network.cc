// Changes of the networks of a container that runs, one after the other; what
// each does is in network_connects.cc and network_publishes.cc.

#include <utility>

#include "runtime/base/status_macros.h"
#include "server/core/actor/network_change.h"
#include "server/core/errors.h"
#include "server/core/network/networks.h"

namespace caisson::core {

void Container::ChangeNetworks(NetworkChangePtr change) {
  network_changes_.push_back(std::move(change));
  NextNetworkChange();
}

void Container::NextNetworkChange() {
  const bool gives_up = state_ == State::kKilling || state_ == State::kDeleting;
  const bool waits = IsSettling(state_) && !IsRunning(state_) && !gives_up;
  while (!changing_networks_ && !network_changes_.empty()) {
    NetworkChangePtr change = std::move(network_changes_.front());
    network_changes_.pop_front();
    absl::Status status = env_->shutting_down ? ShuttingDown()
                          : gives_up          ? CancelledByDelete(id_)
                                              : absl::OkStatus();
    if (status.ok() && waits) {
      Defer([this, change = std::move(change)]() mutable {
        ChangeNetworks(std::move(change));
      });
      continue;
    }
    if (status.ok()) status = WhyNoNetworkChange();
    if (!status.ok()) {
      change->Refuse(status);
      continue;
    }
    changing_networks_ = true;
    change->Begin(shared_from_this());
  }
}

// Not on the stack of the one that has ended.
void Container::EndNetworkChange() {
  changing_networks_ = false;
  queue_->Post([self = shared_from_this()] { self->NextNetworkChange(); });
}

absl::Status Container::WhyNoNetworkChange() const {
  if (!IsRunning(state_) || exit_.has_value()) return StateError("RUNNING");
  if (!spec::HasOwnNetwork(record_.spec->network)) {
    return NoNetworkOfItsOwn(id_, PublicState(state_));
  }
  return absl::OkStatus();
}

void Container::NetworkChange::Begin(std::shared_ptr<Container> container) {
  container_ = std::move(container);
  Run();
}

void Container::NetworkChange::Refuse(const absl::Status& status) {
  ticket_->Announce(status, "");
  callback_(status);
}

void Container::NetworkChange::End(const absl::Status& status) {
  if (status.ok()) {
    ticket_->Announce(status, id());
    callback_(container_->Published());
  } else {
    Refuse(status);
  }
  std::exchange(container_, nullptr)->EndNetworkChange();
}

const store::Catalog& Container::NetworkChange::catalog() const {
  return container_->env_->store->catalog();
}

store::Endpoint* Container::NetworkChange::Find(const std::string& endpoint) {
  for (store::Endpoint& one : container_->record_.status.networks) {
    if (one.id == endpoint) return &one;
  }
  return nullptr;
}

absl::Status Container::NetworkChange::RunEnded() const {
  return WrongState(id(), store::ContainerState::kExited, "RUNNING");
}

absl::Status Container::NetworkChange::Commit(Endpoints endpoints,
                                              store::Transaction transaction) {
  store::ContainerRecord changed = record();
  changed.status.networks = std::move(endpoints);
  transaction.put_containers.push_back(changed);
  CAISSON_RETURN_IF_ERROR(container_->Commit(std::move(transaction)));
  container_->record_.status.networks = std::move(changed.status.networks);
  return absl::OkStatus();
}

void Container::NetworkChange::ReleaseWithCommit(
    const store::Endpoint& endpoint) {
  Endpoints& releasing = container_->releasing_;
  std::erase_if(releasing, [&endpoint](const store::Endpoint& one) {
    return one.id == endpoint.id;
  });
  releasing.push_back(endpoint);
}

void Container::NetworkChange::CancelRelease(const store::Endpoint& endpoint) {
  std::erase_if(container_->releasing_, [&](const store::Endpoint& one) {
    return one.id == endpoint.id;
  });
  networks().book()->CancelRelease(endpoint);
}

absl::Status Container::NetworkChange::CommitDone(Endpoints endpoints,
                                                  const std::string& network) {
  store::Transaction done;
  done.AddEvent("container.network_changed", id(), "", ticket_->id());
  done.events.back().attributes = {{"change", kind_}, {"network", network}};
  ticket_->AddOutcome(&done, absl::OkStatus(), id());
  return Commit(std::move(endpoints), std::move(done));
}

void Container::NetworkChange::CommitOutcome(const absl::Status& status) {
  store::Transaction told;
  ticket_->AddOutcome(&told, status, "");
  base::IgnoreError(container_->env_->store->Commit(std::move(told)).status(),
                    "a retry is a new try");
}

}  // namespace caisson::core
