// Creating a container, alone or as the first half of Run: the row says what
// is about to be made, then the directory is made, then the row says that it
// is there. A failure leaves neither.

#include <utility>

#include "absl/time/clock.h"

#include "runtime/base/log.h"
#include "runtime/base/status_macros.h"
#include "runtime/cgroup/driver.h"
#include "runtime/cgroup/layout.h"
#include "server/core/actor/container.h"
#include "server/core/actor/start_under_way.h"
#include "server/core/errors.h"

namespace caisson::core {

void Container::Create(TicketPtr ticket, absl::Time begin,
                       Callback<CreateResult> callback) {
  PhaseClock clock(begin);
  clock.Mark("QUEUE");
  absl::Status status =
      ticket->Abandoned() ? CallCancelled() : absl::OkStatus();
  bool row = false;
  if (status.ok()) {
    store::Transaction intent;
    intent.put_containers.push_back(record_);
    ticket->AddIntent(&intent, id_);
    status = Commit(std::move(intent));
    row = status.ok();
  }
  clock.Mark("STORE");
  if (status.ok()) status = HostFailure(env_->stock->Create(Directory()));
  clock.Mark("DIRECTORY");
  if (status.ok() && ticket->Abandoned()) status = CallCancelled();
  if (status.ok()) {
    record_.intent = store::Intent::kNone;
    store::Transaction made;
    made.put_containers.push_back(record_);
    made.AddEvent("container.created", id_, "", ticket->id());
    ticket->AddOutcome(&made, absl::OkStatus(), id_);
    status = Commit(std::move(made));
  }
  if (!status.ok()) {
    if (row) UndoRecord(status, ticket.get());
    Apply(Event::kFailed);
    env_->forget(id_);
    ticket->Announce(status, "");
    callback(status);
    return;
  }
  clock.Mark("COMMIT");
  Apply(Event::kMade);
  ticket->Announce(absl::OkStatus(), id_);
  CreateResult result;
  result.container = Published();
  result.timings = clock.Finish();
  callback(std::move(result));
  Settle();
}

// Takes back a row that says that something is about to be made.
void Container::UndoRecord(const absl::Status& status, Ticket* ticket) {
  store::Transaction undo;
  undo.erase_containers.push_back(id_);
  ReleaseNetworks(&record_);
  if (ticket != nullptr) ticket->AddOutcome(&undo, status, "");
  base::IgnoreError(Commit(std::move(undo)),
                    "a row with an intent is undone at the next start");
  base::IgnoreError(env_->trash->Throw(Directory()),
                    "a directory without a row is removed at the next start");
}

void Container::Launch(TicketPtr ticket, absl::Time begin,
                       spec::OnDisconnect on_disconnect,
                       Callback<Started> callback) {
  start_ = std::make_unique<StartUnderWay>(begin);
  start_->ticket = std::move(ticket);
  start_->run_callback = std::move(callback);
  start_->session = hub_->Open(StreamRole::kOwner);
  start_->on_disconnect = on_disconnect;
  start_->clock.Mark("QUEUE");
  SetPending("create", "STORE", start_->ticket->id());

  record_.status.run = 1;
  record_.kernel.boot_id = env_->facts.boot_id;
  absl::Status status;
  if (start_->ticket->Abandoned() && start_->ticket->id().empty()) {
    status = CallCancelled();
  }
  if (status.ok()) status = CommitStart();
  start_->clock.Mark("STORE");
  if (status.ok()) MakeCgroups();
  if (status.ok()) status = HostFailure(env_->stock->Create(Directory()));
  start_->clock.Mark("DIRECTORY");
  if (status.ok()) status = SpawnShim();
  if (!status.ok()) FailStart(status);
}

// Beside the rest of the start, which would make them if nobody had. They are
// removed with the run, which waits for us.
void Container::MakeCgroups() {
  cgroups_made_ = std::make_shared<absl::Notification>();
  env_->blocking->Post(
      [base = &env_->places.base, id = id_, made = cgroups_made_] {
        cgroup::CreateContainerDirectories(*base, id);
        made->Notify();
      });
}

void Container::AwaitLaunch(Work then) {
  const bool under_way =
      state_ == State::kLaunching || state_ == State::kCancelling;
  if (!under_way || env_->shutting_down) {
    then();
    return;
  }
  Defer([this, then = std::move(then)]() mutable {
    AwaitLaunch(std::move(then));
  });
}

void Container::AbandonLaunch() {
  if (state_ != State::kLaunching || start_ == nullptr) return;
  if (!start_->ticket->id().empty()) return;  // a retry may come for it
  start_->called_off = CallCancelled();
  CallOffStart();
}

}  // namespace caisson::core
