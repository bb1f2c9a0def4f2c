#include "server/core/manager/execs.h"

#include <memory>
#include <utility>

#include "absl/time/clock.h"

#include "runtime/base/error_detail.h"
#include "runtime/base/random_id.h"
#include "runtime/base/status_macros.h"
#include "runtime/spec/validate.h"
#include "server/core/errors.h"
#include "server/core/manager/replies.h"

namespace caisson::core {

CallPtr Execs::Exec(ExecArgs args, Callback<Started> callback) {
  const absl::Time begin = absl::Now();
  absl::Status status = env_->Gate();
  if (status.ok()) {
    std::vector<base::FieldViolation> violations = spec::Validate(args.spec);
    if (!violations.empty()) status = base::InvalidFields(violations);
  }
  if (!status.ok()) {
    Reply(env_, std::move(callback), std::move(status));
    return NoCall();
  }
  return BeginRequest<Callback<Started>>(
      env_, args.request, std::move(callback),
      [this](const RequestOutcome& outcome, Callback<Started> done) {
        Replay(outcome, std::move(done));
      },
      [this, begin, &args](TicketPtr ticket, Callback<Started> done) {
        absl::StatusOr<ActorPtr> actor = registry_->Find(args.container);
        if (!actor.ok()) {
          ticket->Announce(actor.status(), "");
          Reply(env_, std::move(done), actor.status());
          return NoCall();
        }
        ExecSet::StartArgs start;
        start.id = base::RandomId();
        start.spec = std::move(args.spec);
        start.ticket = ticket;
        start.begin = begin;
        (*actor)->queue().Post([actor = *actor, start = std::move(start),
                                done = std::move(done)]() mutable {
          actor->Exec(std::move(start), std::move(done));
        });
        return CallPtr(
            std::make_shared<FunctionCall>([ticket] { ticket->CancelOwn(); }));
      });
}

void Execs::Replay(const RequestOutcome& outcome,
                   Callback<Started> callback) const {
  if (!outcome.status.ok()) {
    callback(outcome.status);
    return;
  }
  const ExecPtr exec = env_->store->catalog().ExecById(outcome.object_id);
  const ActorPtr actor =
      exec == nullptr ? nullptr : registry_->ById(exec->container_id);
  if (actor == nullptr) {
    callback(ExecNotFound(outcome.object_id));
    return;
  }
  actor->queue().Post(
      [actor, id = exec->id, callback = std::move(callback)]() mutable {
        actor->AttachExec(id, std::move(callback));
      });
}

absl::Status Execs::SendSignal(const KillExecArgs& args) const {
  CAISSON_ASSIGN_OR_RETURN(const Signal signal, ParseSignalArgs(args.signal));
  const ExecPtr exec = env_->store->catalog().ExecById(args.exec);
  const ActorPtr actor =
      exec == nullptr ? nullptr : registry_->ById(exec->container_id);
  if (actor == nullptr) return ExecNotFound(args.exec);
  const bool over =
      exec->state == store::ExecState::kExited &&
      (!exec->tree_running || signal.scope == SignalScope::kProcess);
  const auto number = static_cast<uint32_t>(exec->number);
  if (over ||
      !actor->kill_lane().Send(
          number, env_->places.base.Exec(exec->container_id, number), signal)) {
    return base::MakeError(
        absl::StatusCode::kFailedPrecondition, "WRONG_STATE",
        base::StrCat("exec '", args.exec, "' has exited"),
        {{"exec", args.exec}, {"state", "EXITED"}, {"needed", "RUNNING"}});
  }
  return absl::OkStatus();
}

void Execs::Kill(KillExecArgs args, DoneCallback callback) {
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
          absl::Status status = SendSignal(args);
          if (!ticket->id().empty() && status.ok()) {
            store::Transaction transaction;
            ticket->AddOutcome(&transaction, status, args.exec);
            base::IgnoreError(
                env_->store->Commit(std::move(transaction)).status(),
                "the signal was sent; a retry may send it again");
          }
          ticket->Announce(status, args.exec);
          done(std::move(status));
        });
        return NoCall();
      });
}

CallPtr Execs::Wait(std::string exec, Callback<WaitExecResult> callback) {
  if (absl::Status status = env_->Gate(); !status.ok()) {
    Reply(env_, std::move(callback), std::move(status));
    return NoCall();
  }
  const ExecPtr row = env_->store->catalog().ExecById(exec);
  const ActorPtr actor =
      row == nullptr ? nullptr : registry_->ById(row->container_id);
  if (actor == nullptr) {
    Reply(env_, std::move(callback), ExecNotFound(exec));
    return NoCall();
  }
  // Set and read on the queue.
  auto waiter = std::make_shared<uint64_t>(0);
  actor->queue().Post(
      [actor, exec, waiter, callback = std::move(callback)]() mutable {
        *waiter = actor->execs().Wait(exec, std::move(callback));
      });
  // A call that its caller keeps must not keep the container.
  return std::make_shared<FunctionCall>(
      [weak = WeakActorPtr(actor), exec, waiter] {
        const ActorPtr alive = weak.lock();
        if (alive == nullptr) return;
        alive->queue().Post([alive, exec, waiter] {
          alive->execs().CancelWait(exec, *waiter);
        });
      });
}

absl::StatusOr<SessionPtr> Execs::OpenLogs(std::string_view exec) {
  CAISSON_RETURN_IF_ERROR(env_->Gate());
  const ExecPtr row = env_->store->catalog().ExecById(exec);
  const ActorPtr actor =
      row == nullptr ? nullptr : registry_->ById(row->container_id);
  if (actor == nullptr) return ExecNotFound(exec);
  return actor->execs().OpenLogs(row->id);
}

}  // namespace caisson::core
