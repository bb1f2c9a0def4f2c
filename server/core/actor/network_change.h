// Changes of what a container has of networks while it runs: connect,
// disconnect, publish, unpublish.
//
//   connect     reserve -> commit the intent -> attach -> commit
//   disconnect  detach, default route of another -> commit -> release
//   publish     reserve -> firewall -> commit
//   unpublish   firewall -> commit -> release
//
// Each step that fails takes back those before it. A daemon that dies between
// them leaves a row by which the next one knows: what is not attached goes
// (Networks::Recover), all else becomes as the row says.
//
// Process: caissond. Thread: the container's queue, but for what is said.
// Ownership: whoever works on it holds it.
#ifndef CAISSON_SERVER_CORE_ACTOR_NETWORK_CHANGE_H_
#define CAISSON_SERVER_CORE_ACTOR_NETWORK_CHANGE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/core/actor/container.h"

namespace caisson::core {

class Container::NetworkChange
    : public std::enable_shared_from_this<Container::NetworkChange> {
 public:
  NetworkChange(const char* kind, TicketPtr ticket,
                Callback<ContainerPtr> callback)
      : kind_(kind),
        ticket_(std::move(ticket)),
        callback_(std::move(callback)) {}
  virtual ~NetworkChange() = default;
  NetworkChange(const NetworkChange&) = delete;
  NetworkChange& operator=(const NetworkChange&) = delete;

  // One of them, once. The container waits for the change to end.
  void Begin(std::shared_ptr<Container> container);
  void Refuse(const absl::Status& status);

 protected:
  using Endpoints = std::vector<store::Endpoint>;

  // Must lead to End.
  virtual void Run() = 0;
  void End(const absl::Status& status);

  Ticket& ticket() { return *ticket_; }
  Networks& networks() { return *container_->env_->networks; }
  const store::Catalog& catalog() const;
  const std::string& id() const { return container_->id_; }
  const store::ContainerRecord& record() const { return container_->record_; }
  Endpoints endpoints() const { return record().status.networks; }
  // nullptr: the run has ended, and everything was released.
  store::Endpoint* Find(const std::string& endpoint);
  absl::Status RunEnded() const;

  // The container has these endpoints from now on; if not, nothing changed.
  absl::Status Commit(Endpoints endpoints, store::Transaction transaction);
  // The same at the end, with the event and the outcome.
  absl::Status CommitDone(Endpoints endpoints, const std::string& network);
  // The next commit without the endpoint gives back what it has.
  void ReleaseWithCommit(const store::Endpoint& endpoint);
  // That commit failed, and the endpoint goes on as it was.
  void CancelRelease(const store::Endpoint& endpoint);

  // Of a run that has ended, whose row is not to be written again.
  void CommitOutcome(const absl::Status& status);

  // A callback for another thread: it keeps this change, and `next` gets its
  // result on the queue.
  template <typename Result, typename Next>
  auto Then(Next next) {
    return [self = shared_from_this(),
            next = std::move(next)](Result result) mutable {
      self->container_->queue_->Post(
          [self, next = std::move(next), result = std::move(result)]() mutable {
            next(std::move(result));
          });
    };
  }

 private:
  const char* const kind_;
  const TicketPtr ticket_;
  Callback<ContainerPtr> callback_;
  std::shared_ptr<Container> container_;
};

// `ticket` and `callback` get the outcome.
Container::NetworkChangePtr NewConnect(spec::NetworkAttachment wanted,
                                       TicketPtr ticket,
                                       Callback<ContainerPtr> callback);
Container::NetworkChangePtr NewDisconnect(std::string network, TicketPtr ticket,
                                          Callback<ContainerPtr> callback);
Container::NetworkChangePtr NewPublish(spec::PortMapping wanted,
                                       TicketPtr ticket,
                                       Callback<ContainerPtr> callback);
// `key` as UnpublishArgs have it, nothing of it empty.
Container::NetworkChangePtr NewUnpublish(store::PublishedPort key,
                                         TicketPtr ticket,
                                         Callback<ContainerPtr> callback);

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_ACTOR_NETWORK_CHANGE_H_
