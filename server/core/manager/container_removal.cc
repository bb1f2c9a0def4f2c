// Kill and Delete: they find containers that are still being made as well.

#include <utility>

#include "runtime/base/status_macros.h"
#include "server/core/errors.h"
#include "server/core/manager/containers.h"
#include "server/core/manager/replies.h"

namespace caisson::core {
namespace {

// Deleted already: by this very request before a restart, or by another one.
ContainerPtr DeletedBefore(const Env& env, const Ticket& ticket) {
  if (!ticket.interrupted()) return nullptr;
  const store::RequestPtr row = env.store->catalog().Request(ticket.id());
  if (row == nullptr) return nullptr;
  return env.store->catalog().Tombstone(row->object_id);
}

}  // namespace

void Containers::Kill(KillArgs args, DoneCallback callback) {
  if (absl::Status status = env_->Gate(); !status.ok()) {
    ReplyDone(env_, std::move(callback), std::move(status));
    return;
  }
  BeginRequest<DoneCallback>(
      env_, args.request, std::move(callback),
      [](const RequestOutcome& outcome, DoneCallback done) {
        done(outcome.status);
      },
      [this, &args](TicketPtr ticket, DoneCallback done) {
        env_->executor->Post([this, args = std::move(args), ticket,
                              done = std::move(done)]() mutable {
          SendSignal(args, ticket, std::move(done));
        });
        return NoCall();
      });
}

void Containers::SendSignal(const KillArgs& args, const TicketPtr& ticket,
                            DoneCallback callback) const {
  const absl::StatusOr<Signal> signal = ParseSignalArgs(args.signal);
  absl::Status status = signal.status();
  const absl::StatusOr<ActorPtr> actor = registry_->FindAny(args.container);
  if (status.ok()) status = actor.status();
  if (status.ok() && !(*actor)->kill_lane().Send(*signal)) {
    const ContainerPtr row =
        env_->store->catalog().ContainerById((*actor)->id());
    status = row == nullptr
                 ? ContainerNotFound(args.container)
                 : WrongState(args.container, row->status.state, "RUNNING");
    if (row != nullptr &&
        row->status.state == store::ContainerState::kRunning) {
      status = ShimNotAnswering(args.container);  // being found again
    }
  }
  if (!ticket->id().empty() && status.ok()) {
    store::Transaction transaction;
    ticket->AddOutcome(&transaction, status, (*actor)->id());
    base::IgnoreError(env_->store->Commit(std::move(transaction)).status(),
                      "the signal was sent; a retry may send it again");
  }
  ticket->Announce(status, status.ok() ? (*actor)->id() : "");
  callback(std::move(status));
}

void Containers::Delete(DeleteArgs args, Callback<ContainerPtr> callback) {
  if (absl::Status status = env_->Gate(); !status.ok()) {
    Reply(env_, std::move(callback), std::move(status));
    return;
  }
  BeginRequest<Callback<ContainerPtr>>(
      env_, args.request, std::move(callback),
      [this](const RequestOutcome& outcome, Callback<ContainerPtr> done) {
        if (!outcome.status.ok()) {
          done(outcome.status);
        } else {
          done(env_->store->catalog().Tombstone(outcome.object_id));
        }
      },
      [this, &args](TicketPtr ticket, Callback<ContainerPtr> done) {
        const absl::StatusOr<ActorPtr> found =
            registry_->FindAny(args.container);
        if (found.ok()) {
          (*found)->queue().Post(
              [actor = *found, ticket,
               remove = Container::RemoveArgs{.force = args.force,
                                              .expected_revision =
                                                  args.expected_revision},
               done = std::move(done)]() mutable {
                actor->Delete(remove, ticket, std::move(done));
              });
          return NoCall();
        }
        const ContainerPtr tombstone = DeletedBefore(*env_, *ticket);
        if (tombstone != nullptr || args.allow_missing) {
          ticket->Announce(absl::OkStatus(),
                           tombstone == nullptr ? "" : tombstone->id);
          Reply(env_, std::move(done), tombstone);
        } else {
          ticket->Announce(found.status(), "");
          Reply(env_, std::move(done), found.status());
        }
        return NoCall();
      });
}

}  // namespace caisson::core
