#include "server/core/actor/container.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "runtime/base/check.h"
#include "runtime/base/log.h"
#include "runtime/base/status_macros.h"
#include "runtime/spec/defaults.h"
#include "server/core/actor/start_under_way.h"
#include "server/core/errors.h"
#include "server/core/launch/exit_info.h"
#include "server/core/launch/start_failure.h"

namespace caisson::core {
namespace {

OutputSource::State SourceState(const store::ContainerRecord& record) {
  OutputSource::State state;
  state.run = record.status.run;
  state.running = record.status.state == store::ContainerState::kRunning;
  if (record.status.exit.has_value()) {
    state.exit = std::make_shared<store::ExitInfo>(*record.status.exit);
  }
  return state;
}

}  // namespace

std::shared_ptr<Container> Container::New(Env* env,
                                          store::ContainerRecord record,
                                          State state) {
  std::shared_ptr<Container> container(
      new Container(env, std::move(record), state));
  container->UpdateExpected();
  // Nothing runs on its queue yet.
  const auto delivered = [weak = std::weak_ptr<Container>(container)] {
    if (const auto self = weak.lock()) self->ConsiderAutoDelete();
  };
  container->hub_->SetDeliveryListener(delivered);
  container->execs_.SetDeliveryListener(delivered);
  container->execs_.SetDecisionListener(
      [weak = std::weak_ptr<Container>(container)] {
        const auto self = weak.lock();
        if (self == nullptr) return;
        // Not in the middle of what decided it.
        self->queue_->Post([self] { self->Settle(); });
      });
  return container;
}

Container::Container(Env* env, store::ContainerRecord record, State state)
    : env_(env),
      id_(record.id),
      queue_(std::make_shared<SerialQueue>(env->executor)),
      lane_(std::make_shared<KillLane>(env->blocking,
                                       env->places.base.Container(record.id))),
      source_(std::make_shared<OutputSource>(env->output,
                                             env->ContainerDirectory(record.id),
                                             SourceState(record))),
      hub_(std::make_shared<StreamHub>(
          queue_, source_,
          StreamHubOptions{.target = 0,
                           .tty = record.spec->process.tty,
                           .stdin_mode = record.spec->process.stdin_mode},
          [lane = lane_](SignalArgs args, DoneCallback callback) {
            const absl::StatusOr<Signal> signal = ParseSignalArgs(args);
            if (signal.ok()) lane->Send(*signal);
            callback(signal.status());
          })),
      execs_(env, queue_, lane_, record.id),
      record_(std::move(record)),
      state_(state) {}

Container::~Container() = default;

void Container::Apply(Event event) {
  const std::optional<State> next = Next(state_, event);
  // Whoever applies an event has looked whether it is possible.
  CAISSON_CHECK(next.has_value());
  CAISSON_LOG(kDebug, "state", {"container", id_}, {"from", StateName(state_)},
              {"to", StateName(*next)});
  state_ = *next;
  if (!IsSettling(state_)) {
    absl::MutexLock lock(&mutex_);
    pending_.reset();
  }
  UpdateExpected();
}

void Container::SetPending(std::string operation, std::string stage,
                           std::string request_id, std::string waiting_on) {
  absl::MutexLock lock(&mutex_);
  const bool same = pending_.has_value() && pending_->operation == operation;
  const absl::Time since = same ? pending_->since : absl::Now();
  if (same && request_id.empty()) request_id = pending_->request_id;
  pending_ = PendingOperation{.operation = std::move(operation),
                              .stage = std::move(stage),
                              .since = since,
                              .request_id = std::move(request_id),
                              .waiting_on = std::move(waiting_on)};
}

std::optional<PendingOperation> Container::Pending() const {
  absl::MutexLock lock(&mutex_);
  return pending_;
}

void Container::UpdateExpected() {
  ExpectedContainer expected;
  expected.id = id_;
  expected.running = IsRunning(state_);
  // One that is gone is known until it is forgotten.
  expected.changing =
      IsSettling(state_) || state_ == State::kGone || cleaning_ || lost_;
  expected.execs = execs_.Numbers();
  absl::MutexLock lock(&mutex_);
  expected_ = std::move(expected);
}

ExpectedContainer Container::Expected() const {
  absl::MutexLock lock(&mutex_);
  return expected_;
}

ContainerPtr Container::Published() const {
  ContainerPtr row = env_->store->catalog().ContainerById(id_);
  if (row == nullptr) row = env_->store->catalog().Tombstone(id_);
  if (row == nullptr) row = std::make_shared<store::ContainerRecord>(record_);
  return row;
}

absl::Status Container::Commit(store::Transaction transaction) {
  const Endpoints released = AddReleases(&transaction);
  const absl::StatusOr<int64_t> revision =
      env_->store->Commit(std::move(transaction));
  if (!revision.ok()) {
    RetryReleases();
    return HostFailure(revision.status());
  }
  FinishReleases(released);
  record_.revision = *revision;
  return absl::OkStatus();
}

absl::Status Container::StateError(std::string_view needed) const {
  if (state_ == State::kGone) return ContainerNotFound(id_);
  return WrongState(id_, PublicState(state_), needed);
}

bool Container::StdinIsClosed() const {
  const spec::StdinMode mode = record_.spec->process.stdin_mode;
  return mode != spec::StdinMode::kOpen && mode != spec::StdinMode::kOnce;
}

void Container::Settle() {
  std::vector<Work> work;
  work.swap(deferred_);
  for (Work& one : work) one();
}

uint64_t Container::Wait(WaitCondition condition, std::optional<int64_t> run,
                         Callback<WaitResult> callback) {
  const int64_t begin_run =
      record_.status.exit.has_value() ? record_.status.exit->run : 0;
  const auto exit_of = [this] {
    return record_.status.exit.has_value()
               ? std::make_shared<store::ExitInfo>(*record_.status.exit)
               : nullptr;
  };
  const auto holds = [this, condition, run, begin_run,
                      exit_of]() -> std::optional<absl::StatusOr<WaitResult>> {
    const bool gone = state_ == State::kGone;
    const int64_t ended =
        record_.status.exit.has_value() ? record_.status.exit->run : 0;
    bool met = gone;
    switch (condition) {
      case WaitCondition::kExited:
        met = met || (run.has_value() ? ended >= *run
                                      : ended > 0 && !IsRunning(state_));
        break;
      case WaitCondition::kNextExit:
        met = met || ended > begin_run;
        break;
      case WaitCondition::kRunning:
        if (gone) return ContainerNotFound(id_);
        met = IsRunning(state_) && (!run.has_value() || CurrentRun() >= *run);
        break;
      case WaitCondition::kDeleted:
        break;
    }
    if (!met) return std::nullopt;
    return WaitResult{.container = Published(), .exit = exit_of()};
  };
  if (env_->shutting_down) {
    callback(ShuttingDown());
    return 0;
  }
  return waiters_.Add(holds, std::move(callback));
}

// A daemon that has just begun has not heard of it yet: where input goes on,
// and which execs there are.
bool Container::ShimIsUnknown() const {
  return lost_ && IsRunning(state_) && !hub_->has_run();
}

void Container::Attach(StreamRole role, bool replayed,
                       Callback<Started> callback) {
  if (role != StreamRole::kLogs && ShimIsUnknown()) {
    Defer([this, role, replayed, callback = std::move(callback)]() mutable {
      if (env_->shutting_down) {
        callback(ShuttingDown());
      } else {
        Attach(role, replayed, std::move(callback));
      }
    });
    return;
  }
  Started started;
  started.container = Published();
  started.run = record_.status.run;
  started.pid = IsRunning(state_) ? record_.status.pid : 0;
  started.output_offset = record_.status.output_end_offset;
  started.stdin_offset = hub_->stdin_offset();
  started.replayed = replayed;
  started.session = hub_->Open(role);
  callback(std::move(started));
}

void Container::Exec(ExecSet::StartArgs args, Callback<Started> callback) {
  if (const auto recovered = args.ticket->Recovered()) {
    // An earlier daemon began this very exec, and it came to something.
    args.ticket->Announce(recovered->status, recovered->object_id);
    if (recovered->status.ok()) {
      AttachExec(recovered->object_id, std::move(callback));
    } else {
      callback(recovered->status);
    }
    return;
  }
  // Or it began it, and nobody knows yet what came of it.
  const bool waits = ShimIsUnknown() ||
                     (IsSettling(state_) && state_ != State::kStopping) ||
                     execs_.IsUndecided(args.ticket->InterruptedObject());
  absl::Status status;
  if (state_ == State::kKilling || state_ == State::kDeleting) {
    status = CancelledByDelete(id_);
  } else if (args.ticket->Abandoned() && args.ticket->id().empty()) {
    status = CallCancelled();
  } else if (waits && env_->shutting_down) {
    status = ShuttingDown();
  } else if (waits) {
    Defer([this, args = std::move(args),
           callback = std::move(callback)]() mutable {
      Exec(std::move(args), std::move(callback));
    });
    return;
  } else if (!IsRunning(state_)) {
    status = StateError("RUNNING");
  } else if (conn_ == nullptr || lost_) {
    // One that is asked now would not be in the state that the shim tells.
    status = ShimNotAnswering(id_);
  }
  if (!status.ok()) {
    args.ticket->Announce(status, "");
    callback(status);
    return;
  }
  execs_.Start({.container = Published(), .conn = conn_}, std::move(args),
               std::move(callback));
  UpdateExpected();
}

void Container::AttachExec(const std::string& exec,
                           Callback<Started> callback) {
  if (ShimIsUnknown()) {
    Defer([this, exec, callback = std::move(callback)]() mutable {
      if (env_->shutting_down) {
        callback(ShuttingDown());
      } else {
        AttachExec(exec, std::move(callback));
      }
    });
    return;
  }
  execs_.Attach(exec, Published(), std::move(callback));
}

void Container::BeginShutdown() {
  NextNetworkChange();  // refuses what waits
  waiters_.FailAll(ShuttingDown());
  execs_.BeginShutdown();
  std::vector<Callback<ContainerPtr>> stops;
  stops.swap(stops_);
  for (auto& stop : stops) stop(ShuttingDown());
  std::vector<Deletion> deletions;
  deletions.swap(deletions_);
  for (Deletion& one : deletions) {
    if (one.callback) one.callback(ShuttingDown());
  }
  Settle();
}

ShimEvents Container::Events() {
  const std::shared_ptr<Container> self = shared_from_this();
  return {
      .on_frame = [self](
                      uint64_t link,
                      const ShimFrame& frame) { self->OnFrame(link, frame); },
      .on_closed = [self](uint64_t link) { self->OnClosed(link); },
      .on_spawned =
          [self](uint64_t link, absl::StatusOr<shimlink::ShimProcess> shim) {
            self->OnSpawned(link, std::move(shim));
          },
      .on_writable = [self](uint64_t link) { self->OnWritable(link); }};
}

void Container::OnWritable(uint64_t link) {
  if (link != link_) return;
  hub_->OnWritable();
  execs_.OnWritable();
}

void Container::OnFrame(uint64_t link, const ShimFrame& frame) {
  if (link != link_) return;
  if (frame.target != 0) {
    execs_.OnFrame(conn_, frame);
    UpdateExpected();
    return;
  }
  using shim::FrameType;
  const FrameType type = frame.type;
  if (type == FrameType::kPrepared) {
    if (start_ != nullptr) start_->clock.Mark("SPAWN");
  } else if (type == FrameType::kStarted) {
    OnStarted(frame.As<shim::StartedBody>());
  } else if (type == FrameType::kFailed) {
    if (start_ == nullptr) return;
    FailStart(StartFailure(start_->plan.bytes, frame.As<shim::FailedBody>()));
  } else if (type == FrameType::kStdinProgress) {
    const auto body = frame.As<shim::StdinProgressBody>();
    hub_->OnProgress(body.offset, body.closed != 0);
  } else if (type == FrameType::kOom) {
    OnOom(frame.As<shim::OomBody>().kills);
  } else if (type == FrameType::kExited) {
    const auto body = frame.As<shim::ExitedBody>();
    if (record::CheckExitRecord(body.record)) OnExit(ExitInfoOf(body.record));
  } else if (type == FrameType::kState) {
    OnState(frame);
  }
}

void Container::OnOom(int64_t kills) {
  store::Transaction transaction;
  transaction.AddEvent("container.oom", id_);
  transaction.events.back().attributes.emplace_back("kills",
                                                    absl::StrCat(kills));
  base::IgnoreError(Commit(std::move(transaction)), "the exit says it as well");
}

}  // namespace caisson::core
