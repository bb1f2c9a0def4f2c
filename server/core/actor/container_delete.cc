// Deleting: at once when nothing runs; forced, the kill first and the rest
// when the exit is in. The row goes first, in one transaction with its event;
// the directory is moved away and removed later, as are the cgroups.

#include <algorithm>
#include <csignal>
#include <utility>

#include "absl/time/clock.h"

#include "runtime/base/log.h"
#include "runtime/base/status_macros.h"
#include "runtime/cgroup/driver.h"
#include "server/core/actor/container.h"
#include "server/core/actor/start_under_way.h"
#include "server/core/errors.h"

namespace caisson::core {
namespace {

// How long a Run that broke may take to come back for the exit.
constexpr absl::Duration kOwnerReturn = absl::Seconds(60);
// A start that was called off and does not end is ended with its shim.
constexpr absl::Duration kCancelLimit = absl::Seconds(3);
constexpr absl::Duration kRemoveRetry = absl::Seconds(1);

}  // namespace

void Container::Delete(RemoveArgs args, TicketPtr ticket,
                       Callback<ContainerPtr> callback) {
  const Event event = args.force ? Event::kForceDelete : Event::kDelete;
  absl::Status status;
  if (state_ == State::kGone) {
    status = ContainerNotFound(id_);
  } else if (args.expected_revision.has_value() &&
             *args.expected_revision != Published()->revision) {
    status = RevisionChanged(id_, Published()->revision);
  } else if (!Can(state_, event)) {
    if (!args.force && (state_ == State::kStopping || !IsRunning(state_))) {
      Defer([this, args, ticket = std::move(ticket),
             callback = std::move(callback)]() mutable {
        if (env_->shutting_down) {
          ticket->Announce(ShuttingDown(), "");
          callback(ShuttingDown());
        } else {
          Delete(args, std::move(ticket), std::move(callback));
        }
      });
      return;
    }
    status = StateError("CREATED or EXITED");
  }
  if (!status.ok()) {
    ticket->Announce(status, "");
    callback(status);
    return;
  }
  const bool first = deletions_.empty();
  SetPending("delete", "STORE", ticket->id());
  deletions_.push_back({std::move(ticket), std::move(callback)});
  const State before = state_;
  Apply(event);
  SetPending("delete", "STORE");
  if (!first && before == state_) return;  // joined one under way
  if (state_ == State::kDeleting) {
    Remove();
    return;
  }
  if (record_.intent != store::Intent::kCreate && start_ == nullptr) {
    // So that a daemon that comes after us goes on with it.
    record_.intent = store::Intent::kDelete;
    store::Transaction intent;
    intent.put_containers.push_back(record_);
    base::IgnoreError(Commit(std::move(intent)), "the kill must not wait");
  }
  KillForDelete();
}

void Container::KillForDelete() {
  SetPending("delete", "WAIT_EXIT");
  if (state_ == State::kKilling) {
    lane_->Send({.number = SIGKILL, .scope = SignalScope::kTree});
    PassHangingShim();
    return;
  }
  CallOffStart();
  queue_->After(kCancelLimit, [self = shared_from_this()] {
    if (self->state_ != State::kCancelling || self->start_ == nullptr) return;
    self->KillShim();
    // Its end is not waited for: it may hang in the kernel for ever.
    self->FailStart(CancelledByDelete(self->id_));
  });
}

void Container::Remove() {
  SetPending("delete", "STORE");
  const bool hidden = record_.intent == store::Intent::kCreate;
  store::Transaction transaction;
  ReleaseNetworks(&record_);
  // Of a start that a forced delete gave up.
  EraseRequest(record_.start_request, &transaction);
  if (hidden) {
    EraseRequest(record_.request_id, &transaction);
    transaction.erase_containers.push_back(id_);
  } else {
    std::string request;
    for (const Deletion& one : deletions_) {
      if (one.ticket != nullptr && request.empty()) request = one.ticket->id();
    }
    transaction.delete_containers.push_back(record_);
    transaction.AddEvent("container.deleted", id_, "", request);
  }
  for (const Deletion& one : deletions_) {
    if (one.ticket == nullptr) continue;
    one.ticket->AddOutcome(&transaction, absl::OkStatus(), id_);
  }
  const absl::Status status = Commit(std::move(transaction));
  if (!status.ok()) {
    CAISSON_LOG(kError, "delete", {"container", id_},
                {"error", status.ToString()});
    FinishDelete(status);
    // What was begun must end: nobody may use it any more.
    queue_->After(kRemoveRetry, [self = shared_from_this()] {
      if (self->state_ == State::kDeleting) self->Remove();
    });
    return;
  }
  source_->SetRemoved();
  execs_.OnRemoved();
  queue_->Cancel(delete_timer_);
  const absl::Status thrown = env_->trash->Throw(Directory());
  if (!thrown.ok()) {
    CAISSON_LOG(kError, "directory stays until the next start",
                {"container", id_}, {"error", thrown.ToString()});
  }
  Apply(Event::kRemoved);
  FinishDelete(Published());
  waiters_.Check();
  if (!cleaning_) env_->forget(id_);
  Settle();
}

void Container::FinishDelete(absl::StatusOr<ContainerPtr> result) {
  std::vector<Deletion> deletions;
  deletions.swap(deletions_);
  for (Deletion& one : deletions) {
    if (one.ticket != nullptr) one.ticket->Announce(result.status(), id_);
    if (one.callback) one.callback(result);
  }
}

// delete_after_exit: once the time has come and everybody was told, and a Run
// that was cut off had time to come back for the rest.
void Container::ConsiderAutoDelete() {
  if (state_ != State::kExited ||
      !record_.spec->delete_after_exit.has_value() || env_->shutting_down) {
    return;
  }
  const absl::Time now = absl::Now();
  absl::Time due = record_.status.expire_time;
  if (hub_->OwnerLost() && !record_.request_id.empty()) {
    if (owner_lost_at_ == absl::InfinitePast()) owner_lost_at_ = now;
    due = std::max(due, owner_lost_at_) + kOwnerReturn;
  } else {
    owner_lost_at_ = absl::InfinitePast();
  }
  queue_->Cancel(delete_timer_);
  if (now < due) {
    delete_timer_ = queue_->After(
        due - now, [self = shared_from_this()] { self->ConsiderAutoDelete(); });
    return;
  }
  // Each of them calls again when it was told.
  if (hub_->AwaitsDelivery() || execs_.AwaitsDelivery()) return;
  deletions_.push_back({nullptr, nullptr});
  Apply(Event::kDelete);
  Remove();
}

}  // namespace caisson::core
