// Starting: plan, lock, shim, and what comes of it.

#include <sys/stat.h>

#include <csignal>
#include <utility>

#include "absl/time/clock.h"

#include "runtime/base/log.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"
#include "runtime/linux/memfd.h"
#include "runtime/spec/defaults.h"
#include "server/core/actor/container.h"
#include "server/core/actor/start_under_way.h"
#include "server/core/errors.h"
#include "server/core/launch/container_directory.h"
#include "server/shimlink/lock_probe.h"

namespace caisson::core {

void Container::Start(TicketPtr ticket, absl::Time begin,
                      Callback<StartResult> callback) {
  if (const auto recovered = ticket->Recovered()) {
    // An earlier daemon began this very start, and it came to something.
    ticket->Announce(recovered->status, recovered->object_id);
    if (!recovered->status.ok()) {
      callback(recovered->status);
      return;
    }
    callback(
        StartResult{.container = Published(), .timings = {}, .replayed = true});
    return;
  }
  if ((IsSettling(state_) || cleaning_ || lost_) && state_ != State::kGone) {
    Defer([this, ticket = std::move(ticket), begin,
           callback = std::move(callback)]() mutable {
      if (env_->shutting_down) {
        ticket->Announce(ShuttingDown(), "");
        callback(ShuttingDown());
        return;
      }
      Start(std::move(ticket), begin, std::move(callback));
    });
    return;
  }
  if (!Can(state_, Event::kStart)) {
    const absl::Status status = StateError("CREATED or EXITED");
    ticket->Announce(status, "");
    callback(status);
    return;
  }
  start_ = std::make_unique<StartUnderWay>(begin);
  start_->ticket = std::move(ticket);
  start_->start_callback = std::move(callback);
  start_->clock.Mark("QUEUE");
  SetPending("start", "STORE", start_->ticket->id());
  Apply(Event::kStart);

  record_.intent = store::Intent::kStart;
  record_.start_request = start_->ticket->id();
  record_.kernel.boot_id = env_->facts.boot_id;
  absl::Status status = CommitStart();
  start_->clock.Mark("STORE");
  if (status.ok()) MakeCgroups();
  if (status.ok()) status = SpawnShim();
  if (!status.ok()) FailStart(status);
}

// A volatile overlay leaves a mark that makes its next mount fail; nothing of
// the directory is worth keeping.
absl::Status Container::RenewWorkDirectory(
    const spec::ContainerSpec& effective) {
  if (effective.delete_after_exit != absl::ZeroDuration()) {
    return absl::OkStatus();
  }
  const std::string work = Directory() + "/work";
  CAISSON_RETURN_IF_ERROR(env_->trash->Throw(work));
  if (::mkdir(work.c_str(), 0700) != 0) {
    return base::SyscallError("mkdir", work);
  }
  return absl::OkStatus();
}

absl::Status Container::SpawnShim() {
  StartUnderWay& start = *start_;
  const spec::ContainerSpec effective = spec::WithDefaults(*record_.spec, id_);
  const int64_t run = CurrentRun();
  if (!start.is_run()) {
    CAISSON_RETURN_IF_ERROR(HostFailure(RenewWorkDirectory(effective)));
  }
  CAISSON_RETURN_IF_ERROR(HostFailure(WriteNameFiles(effective)));
  CAISSON_ASSIGN_OR_RETURN(
      start.plan, PlanContainer(*env_, id_, effective, run, start.is_run(),
                                start.on_disconnect));
  record_.status.effective = EffectiveOf(effective, start.plan);
  record_.kernel.cgroup_path = start.plan.cgroup_path;
  start.clock.Mark("PLAN");

  CAISSON_ASSIGN_OR_RETURN(const base::UniqueFd directory,
                           OpenContainerDirectory(Directory()));
  CAISSON_ASSIGN_OR_RETURN(const base::UniqueFd lock,
                           shimlink::TakeLock(directory.get()));
  CAISSON_ASSIGN_OR_RETURN(
      const base::UniqueFd plan,
      linux_::CreateSealedMemfd("caisson-plan", start.plan.bytes, false));
  SetPending(start.is_run() ? "create" : "start", "PREPARE",
             start.ticket->id());
  shim_ = {};
  shimlink::SpawnArgs args;
  args.id = id_;
  args.run = static_cast<uint64_t>(run);
  args.plan_fd = plan.get();
  args.directory_fd = directory.get();
  args.lock_fd = lock.get();
  ++link_;
  CAISSON_ASSIGN_OR_RETURN(
      conn_, env_->link->Spawn(args, HandlersOn(queue_, start.gate, link_,
                                                Events(), AttachesNetworks())));
  return absl::OkStatus();
}

void Container::OnSpawned(uint64_t link,
                          absl::StatusOr<shimlink::ShimProcess> shim) {
  if (link != link_) return;
  if (shim.ok()) {
    shim_ = *std::move(shim);
  } else if (start_ != nullptr) {
    // The keeper may have died after the fork: the shim lives, and is told.
    CallOffStart();
    FailStart(HostFailure(shim.status()));
  }
}

void Container::OnStarted(const shim::StartedBody& body) {
  if (start_ == nullptr) return;
  StartUnderWay& start = *start_;
  start.clock.Mark("START");
  start.clock.Add("FORK", absl::Nanoseconds(body.phases.fork_ns));
  start.clock.Add("PREPARE", absl::Nanoseconds(body.phases.prepare_ns));
  start.clock.Add("CLONE", absl::Nanoseconds(body.phases.clone_ns));
  start.clock.Add("PARENT", absl::Nanoseconds(body.phases.parent_ns));
  start.clock.Add("CHILD", absl::Nanoseconds(body.phases.child_ns));
  if (state_ == State::kCancelling) {
    Apply(Event::kStarted);
    lane_->Open(conn_);
    std::unique_ptr<StartUnderWay> given_up = std::move(start_);
    given_up->Fail(CancelledByDelete(id_));
    KillForDelete();
    return;
  }
  absl::Status status = start.called_off;
  if (status.ok()) {
    status = CommitStarted(CurrentRun(), body.pid,
                           absl::FromUnixNanos(body.start_time_ns));
  }
  if (!status.ok()) {
    // Nobody may be told, so it must not run; FailStart comes at its end.
    start.called_off = status;
    lane_->Open(conn_);
    lane_->Send({.number = SIGKILL, .scope = SignalScope::kTree});
    return;
  }
  start.clock.Mark("COMMIT");
  Apply(Event::kStarted);
  EnterRunning();
  hub_->OnRunning(conn_, 0, StdinIsClosed());
  ReplyStarted(std::move(start_), body.output_offset);
  waiters_.Check();
  Settle();
}

absl::Status Container::CommitStarted(int64_t run, int32_t pid,
                                      absl::Time start_time) {
  store::ContainerRecord record = record_;
  const bool created = record.intent == store::Intent::kCreate;
  const std::string request =
      created ? record.request_id : record.start_request;
  record.intent = store::Intent::kNone;
  record.start_request.clear();
  record.status.state = store::ContainerState::kRunning;
  record.status.run = run;
  record.status.pid = pid;
  record.status.start_time = start_time;
  record.status.expire_time = absl::InfinitePast();
  record.kernel.boot_id = env_->facts.boot_id;
  record.kernel.shim_pid = shim_.pid;
  store::Transaction transaction;
  transaction.put_containers.push_back(record);
  if (created) transaction.AddEvent("container.created", id_, "", request);
  transaction.AddEvent("container.started", id_, "", request);
  if (start_ != nullptr) {
    start_->ticket->AddOutcome(&transaction, absl::OkStatus(), id_);
  } else {
    FinishInterrupted(env_, request, id_, &transaction);
  }
  CAISSON_RETURN_IF_ERROR(Commit(std::move(transaction)));
  record.revision = record_.revision;
  record_ = std::move(record);
  return absl::OkStatus();
}

void Container::EnterRunning() {
  lane_->Open(conn_);
  source_->SetRunning(record_.status.run);
}

void Container::ReplyStarted(std::unique_ptr<StartUnderWay> start,
                             int64_t offset) {
  start->ticket->Announce(absl::OkStatus(), id_);
  if (!start->is_run()) {
    start->start_callback(StartResult{.container = Published(),
                                      .timings = start->clock.Finish(),
                                      .replayed = false});
    return;
  }
  Started started;
  started.container = Published();
  started.run = record_.status.run;
  started.pid = record_.status.pid;
  started.output_offset = offset;
  started.timings = start->clock.Finish();
  started.session = std::move(start->session);
  start->run_callback(std::move(started));
}

// No START from here on; what it has started already must not go on.
void Container::CallOffStart() {
  if (start_ != nullptr && start_->gate->TakeCancel()) {
    if (conn_ != nullptr) conn_->Close();  // the shim undoes what it prepared
    return;
  }
  // Tried again when it has started, or with its removal.
  lane_->KillGroup();
}

// The start came to nothing, and whatever it made is undone by the shim and by
// CleanUpRun: the row goes back to what it was.
void Container::FailStart(absl::Status status) {
  std::unique_ptr<StartUnderWay> start = std::move(start_);
  if (!start->called_off.ok()) status = start->called_off;
  const bool cancelled = state_ == State::kCancelling;
  if (cancelled) status = CancelledByDelete(id_);
  lane_->Close();
  if (conn_ != nullptr) conn_->Close();
  const bool hidden = record_.intent == store::Intent::kCreate;
  if (hidden && !cancelled) {
    UndoRecord(status, start->ticket.get());
  } else if (!hidden) {
    record_.intent = cancelled ? store::Intent::kDelete : store::Intent::kNone;
    record_.start_request.clear();
    store::Transaction undo;
    ReleaseNetworks(&record_);
    undo.put_containers.push_back(record_);
    start->ticket->AddOutcome(&undo, status, "");
    base::IgnoreError(Commit(std::move(undo)),
                      "a row with an intent is undone at the next start");
  }
  Apply(Event::kFailed);
  CleanUpRun();
  if (start->is_run()) start->session->Leave(StreamEnd::kDetached);
  start->Fail(status);
  if (cancelled) {
    Remove();
  } else {
    if (state_ == State::kGone) source_->SetRemoved();
    Settle();
  }
}

}  // namespace caisson::core
