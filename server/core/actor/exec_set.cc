#include "server/core/actor/exec_set.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"

#include "runtime/base/log.h"
#include "runtime/base/status_macros.h"
#include "runtime/cgroup/driver.h"
#include "runtime/linux/memfd.h"
#include "runtime/spec/defaults.h"
#include "server/core/actor/exec_unit.h"
#include "server/core/errors.h"
#include "server/core/launch/container_directory.h"
#include "server/core/launch/exit_info.h"
#include "server/core/launch/start_failure.h"

namespace caisson::core {

using shim::FrameType;

ExecSet::ExecSet(Env* env, std::shared_ptr<SerialQueue> queue,
                 std::shared_ptr<KillLane> lane, std::string container_id)
    : env_(env),
      queue_(std::move(queue)),
      lane_(std::move(lane)),
      container_id_(std::move(container_id)) {}

ExecSet::~ExecSet() {
  *alive_ = false;
}

cgroup::Group ExecSet::GroupOf(const Unit& unit) const {
  return env_->places.base.Exec(container_id_,
                                static_cast<uint32_t>(unit.record.number));
}

void ExecSet::Kill(uint32_t number) {
  lane_->Send(number, env_->places.base.Exec(container_id_, number),
              {.number = SIGKILL, .scope = SignalScope::kTree});
}

bool ExecSet::HasStdin(const Unit& unit) {
  const spec::StdinMode mode = unit.record.spec->process.stdin_mode;
  return mode == spec::StdinMode::kOpen || mode == spec::StdinMode::kOnce;
}

ContainerPtr ExecSet::ContainerRow() const {
  return env_->store->catalog().ContainerById(container_id_);
}

ExecSet::UnitPtr ExecSet::NewUnit(store::ExecRecord record) {
  auto unit = std::make_shared<Unit>();
  const auto number = static_cast<uint32_t>(record.number);
  const std::string directory =
      ExecDirectory(env_->ContainerDirectory(container_id_), record.number);
  OutputSource::State state;
  if (record.exit.has_value()) {
    state.run = record.exit->run;
    state.exit = std::make_shared<store::ExitInfo>(*record.exit);
  }
  unit->source = std::make_shared<OutputSource>(env_->output, directory, state);
  const spec::Process& process = record.spec->process;
  const StreamHubOptions options = {
      .target = number, .tty = process.tty, .stdin_mode = process.stdin_mode};
  const cgroup::Group group = env_->places.base.Exec(container_id_, number);
  unit->hub = std::make_shared<StreamHub>(
      queue_, unit->source, options,
      [lane = lane_, number, group](SignalArgs args, DoneCallback callback) {
        const absl::StatusOr<Signal> signal = ParseSignalArgs(args);
        if (signal.ok()) lane->Send(number, group, *signal);
        callback(signal.status());
      });
  // A stream may outlive this.
  unit->hub->SetDeliveryListener(delivery_listener_);
  if (record.exit.has_value()) unit->hub->OnExited();
  {
    absl::MutexLock lock(&hubs_mutex_);
    hubs_[record.id] = unit->hub;
  }
  unit->record = std::move(record);
  units_[number] = unit;
  last_number_ = std::max(last_number_, number);
  return unit;
}

ExecSet::UnitPtr ExecSet::Find(const std::string& id) const {
  for (const auto& [number, unit] : units_) {
    if (unit->record.id == id) return unit;
  }
  return nullptr;
}

void ExecSet::Erase(const Unit& unit) {
  {
    absl::MutexLock lock(&hubs_mutex_);
    hubs_.erase(unit.record.id);
  }
  units_.erase(static_cast<uint32_t>(unit.record.number));
}

void ExecSet::Start(const ExecHost& host, StartArgs args,
                    Callback<Started> callback) {
  const auto running = std::count_if(
      units_.begin(), units_.end(),
      [](const auto& one) { return !one.second->record.exit.has_value(); });
  if (running >= kMaxRunningExecs) {
    const absl::Status status =
        LimitReached("execs_per_container", kMaxRunningExecs);
    args.ticket->Announce(status, "");
    callback(status);
    return;
  }
  store::ExecRecord record;
  record.id = args.id;
  record.container_id = container_id_;
  record.number = last_number_ + 1;
  record.spec = std::make_shared<spec::ExecSpec>(std::move(args.spec));
  record.intent = store::Intent::kStart;
  record.request_id = args.ticket->id();
  record.create_time = absl::Now();
  UnitPtr unit = NewUnit(std::move(record));
  unit->launch = std::make_unique<Launch>(args.begin);
  Launch& launch = *unit->launch;
  launch.ticket = std::move(args.ticket);
  launch.callback = std::move(callback);
  launch.session = unit->hub->Open(StreamRole::kOwner);
  launch.clock.Mark("QUEUE");

  store::Transaction transaction;
  transaction.put_execs.push_back(unit->record);
  launch.ticket->AddIntent(&transaction, unit->record.id);
  absl::Status status = env_->store->Commit(std::move(transaction)).status();
  launch.clock.Mark("STORE");
  if (status.ok()) status = Send(host, unit.get());
  if (!status.ok()) FailStart(unit, HostFailure(status));
}

absl::Status ExecSet::Send(const ExecHost& host, Unit* unit) {
  Launch& launch = *unit->launch;
  CAISSON_ASSIGN_OR_RETURN(
      const base::UniqueFd container,
      OpenContainerDirectory(env_->ContainerDirectory(container_id_)));
  CAISSON_ASSIGN_OR_RETURN(
      const base::UniqueFd directory,
      CreateExecDirectory(container.get(), unit->record.number));
  const spec::ContainerSpec container_spec =
      spec::WithDefaults(*host.container->spec, container_id_);
  const spec::ExecSpec effective =
      spec::WithDefaults(*unit->record.spec, container_spec);
  plan::ExecContext context;
  context.container_id = container_id_;
  context.run = static_cast<uint64_t>(host.container->status.run);
  context.exec_number = static_cast<uint32_t>(unit->record.number);
  context.named_reader = true;
  CAISSON_ASSIGN_OR_RETURN(
      launch.plan, plan::BuildExecPlan(effective, container_spec, env_->facts,
                                       env_->places.base, context));
  CAISSON_ASSIGN_OR_RETURN(
      const base::UniqueFd plan_fd,
      linux_::CreateSealedMemfd("caisson-plan", launch.plan.bytes, false));
  launch.clock.Mark("PLAN");
  if (!host.conn->Send(FrameType::kExec, context.exec_number, {}, {},
                       {plan_fd.get(), directory.get()})) {
    return ShimNotAnswering(container_id_);
  }
  return absl::OkStatus();
}

void ExecSet::OnFrame(const shimlink::ConnPtr& conn, const ShimFrame& frame) {
  const auto at = units_.find(frame.target);
  if (at == units_.end()) {
    // One that was given up before the shim came to it: nobody knows of it.
    if (frame.type == FrameType::kStarted) Kill(frame.target);
    return;
  }
  const UnitPtr unit = at->second;
  if (frame.type == FrameType::kStarted) {
    const auto body = frame.As<shim::StartedBody>();
    if (unit->launch != nullptr) {
      OnStarted(conn, unit, body);
    } else {
      OnLateStart(conn, unit, body);
    }
  } else if (frame.type == FrameType::kFailed) {
    if (unit->launch != nullptr) {
      FailStart(unit, StartFailure(unit->launch->plan.bytes,
                                   frame.As<shim::FailedBody>()));
    } else if (unit->record.intent != store::Intent::kNone) {
      Forget(unit);
    }
  } else if (frame.type == FrameType::kStdinProgress) {
    const auto body = frame.As<shim::StdinProgressBody>();
    unit->hub->OnProgress(body.offset, body.closed != 0);
  } else if (frame.type == FrameType::kExited) {
    const auto body = frame.As<shim::ExitedBody>();
    if (record::CheckExitRecord(body.record)) {
      OnExited(unit, ExitInfoOf(body.record));
    }
  }
}

void ExecSet::OnStarted(const shimlink::ConnPtr& conn, const UnitPtr& unit,
                        const shim::StartedBody& body) {
  Launch& launch = *unit->launch;
  launch.clock.Mark("SHIM");
  launch.clock.Add("CLONE", absl::Nanoseconds(body.phases.clone_ns));
  launch.clock.Add("CHILD", absl::Nanoseconds(body.phases.child_ns));
  store::ExecRecord& record = unit->record;
  record.intent = store::Intent::kNone;
  record.pid = body.pid;
  record.start_time = absl::FromUnixNanos(body.start_time_ns);
  store::Transaction transaction;
  transaction.put_execs.push_back(record);
  transaction.AddEvent("exec.started", container_id_, record.id,
                       record.request_id);
  launch.ticket->AddOutcome(&transaction, absl::OkStatus(), record.id);
  const absl::Status status =
      env_->store->Commit(std::move(transaction)).status();
  if (!status.ok()) {
    // It cannot be told to anybody: it must not run.
    Kill(static_cast<uint32_t>(record.number));
    FailStart(unit, HostFailure(status));
    return;
  }
  launch.clock.Mark("COMMIT");
  const ContainerPtr container = ContainerRow();
  unit->source->SetRunning(container == nullptr ? 1 : container->status.run);
  if (unit->adopted) {
    unit->hub->OnAdopted(conn, {.closed = !HasStdin(*unit)});
  } else {
    unit->hub->OnRunning(conn, 0, !HasStdin(*unit));
  }

  const std::unique_ptr<Launch> done = std::move(unit->launch);
  done->ticket->Announce(absl::OkStatus(), record.id);
  if (done->ticket->Abandoned() && done->ticket->id().empty()) {
    done->session->Leave(StreamEnd::kDisconnected);
    done->callback(CallCancelled());
    return;
  }
  Started started;
  started.container = container;
  started.exec = env_->store->catalog().ExecById(record.id);
  started.run = container == nullptr ? 0 : container->status.run;
  started.pid = record.pid;
  started.output_offset = body.output_offset;
  started.timings = done->clock.Finish();
  // Nobody else holds it: the stream ends where the caller lets it go.
  started.session = std::move(done->session);
  done->callback(std::move(started));
}

void ExecSet::FailStart(const UnitPtr& unit, absl::Status status) {
  const std::unique_ptr<Launch> launch = std::move(unit->launch);
  Erase(*unit);
  unit->source->SetRemoved();
  store::Transaction transaction;
  transaction.erase_execs.push_back(unit->record.id);
  launch->ticket->AddOutcome(&transaction, status, "");
  base::IgnoreError(env_->store->Commit(std::move(transaction)).status(),
                    "the row is found and removed at the next start");
  base::IgnoreError(env_->trash->Throw(unit->source->directory()),
                    "the directory goes with the container's");
  launch->ticket->Announce(status, "");
  launch->callback(std::move(status));
}

// What the record of an exec that runs becomes; to be committed.
void ExecSet::End(Unit* unit, store::ExitInfo info) {
  store::ExecRecord record = unit->record;
  const auto number = static_cast<uint32_t>(record.number);
  if (info.reason == store::ExitReason::kSignaled && info.code == SIGKILL &&
      lane_->WasKilled(number)) {
    // Ours, sent through the cgroup before the shim read that it was.
    info.reason = store::ExitReason::kKilled;
    info.message = "killed by request";
  }
  if (record.intent != store::Intent::kNone) {
    record.start_time = info.start_time;
  }
  record.intent = store::Intent::kNone;
  record.state = store::ExecState::kExited;
  record.pid = 0;
  record.tree_running = info.tree_running;
  record.output_end_offset = info.end_offset.value_or(0);
  record.expire_time =
      absl::Now() + record.spec->retention.value_or(spec::kDefaultRetention);
  record.exit = std::move(info);
  unit->ended = std::move(record);
}

void ExecSet::AddEnd(const Unit& unit, store::Transaction* transaction) const {
  const store::ExecRecord& record = *unit.ended;
  if (unit.record.intent != store::Intent::kNone) {
    AddInterruptedStart(record, transaction);
  }
  transaction->put_execs.push_back(record);
  transaction->AddEvent("exec.exited", container_id_, record.id,
                        record.request_id);
}

void ExecSet::OnExited(const UnitPtr& unit, store::ExitInfo info) {
  if (unit->record.exit.has_value() || unit->ended.has_value()) return;
  End(unit.get(), std::move(info));
  CommitEnd(unit);
}

void ExecSet::CommitEnd(const UnitPtr& unit) {
  store::Transaction transaction;
  AddEnd(*unit, &transaction);
  const absl::Status status =
      env_->store->Commit(std::move(transaction)).status();
  if (status.ok()) {
    AfterExit(unit);
    return;
  }
  // It stays "running" until the store works again: its record cannot be lost.
  CAISSON_LOG(kError, "exit of an exec is not in the store yet",
              {"exec", unit->record.id}, {"error", status.ToString()});
  queue_->After(env_->commit_retry, [this, alive = alive_, unit] {
    // Unless its container has ended, or is gone, meanwhile.
    if (*alive && unit->ended.has_value()) CommitEnd(unit);
  });
}

// The end is in the store.
void ExecSet::AfterExit(const UnitPtr& unit) {
  if (IsUndecided(unit->record.id)) TellDecision();
  unit->record = *std::exchange(unit->ended, std::nullopt);
  unit->source->SetExited(
      std::make_shared<store::ExitInfo>(*unit->record.exit));
  unit->hub->OnExited();
  unit->waiters.Check();
  Keep(unit);
  KeepAtMost(kMaxFinishedExecs);
}

void ExecSet::Keep(const UnitPtr& unit) {
  const absl::Duration wait =
      std::max(unit->record.expire_time - absl::Now(), absl::ZeroDuration());
  unit->retention =
      queue_->After(wait, [this, alive = alive_, id = unit->record.id] {
        if (*alive) Expire(id);
      });
}

void ExecSet::KeepAtMost(size_t finished) {
  std::vector<UnitPtr> ended;
  for (const auto& [number, unit] : units_) {
    if (unit->record.exit.has_value()) ended.push_back(unit);
  }
  // Numbers grow: the first ones are the oldest.
  for (size_t i = 0; i + finished < ended.size(); ++i) {
    if (!ended[i]->hub->AwaitsDelivery()) Expire(ended[i]->record.id);
  }
}

void ExecSet::Expire(const std::string& id) {
  const UnitPtr unit = Find(id);
  if (unit == nullptr || !unit->record.exit.has_value()) return;
  queue_->Cancel(unit->retention);
  store::Transaction transaction;
  transaction.AddEvent("exec.deleted", container_id_, id);
  transaction.erase_execs.push_back(id);
  if (!env_->store->Commit(std::move(transaction)).ok()) {
    unit->record.expire_time = absl::Now() + absl::Minutes(1);
    Keep(unit);
    return;
  }
  Erase(*unit);
  unit->source->SetRemoved();
  base::IgnoreError(env_->trash->Throw(unit->source->directory()),
                    "the directory goes with the container's");
  env_->blocking->Post([group = GroupOf(*unit)] {
    base::IgnoreError(cgroup::Remove(group, absl::ZeroDuration()),
                      "descendants that still run keep it; it goes with the "
                      "container's");
  });
}

}  // namespace caisson::core
