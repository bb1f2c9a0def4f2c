// What is asked of execs besides starting one, and what becomes of them when
// the container ends or the daemon starts.

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"

#include "runtime/base/status_macros.h"
#include "server/core/actor/exec_unit.h"
#include "server/core/errors.h"
#include "server/core/launch/container_directory.h"
#include "server/core/launch/exit_info.h"

namespace caisson::core {

uint64_t ExecSet::Wait(const std::string& id,
                       Callback<WaitExecResult> callback) {
  const UnitPtr unit = Find(id);
  if (unit == nullptr) {
    callback(ExecNotFound(id));
    return 0;
  }
  const auto condition = [this, weak = std::weak_ptr<Unit>(unit)]()
      -> std::optional<absl::StatusOr<WaitExecResult>> {
    const UnitPtr one = weak.lock();
    if (one == nullptr || !one->record.exit.has_value()) return std::nullopt;
    WaitExecResult result;
    result.exec = env_->store->catalog().ExecById(one->record.id);
    if (result.exec == nullptr) {
      result.exec = std::make_shared<store::ExecRecord>(one->record);
    }
    result.exit = std::make_shared<store::ExitInfo>(*one->record.exit);
    return result;
  };
  return unit->waiters.Add(condition, std::move(callback));
}

void ExecSet::CancelWait(const std::string& id, uint64_t waiter) {
  if (const UnitPtr unit = Find(id)) unit->waiters.Cancel(waiter);
}

void ExecSet::Attach(const std::string& id, const ContainerPtr& container,
                     Callback<Started> callback) {
  const UnitPtr unit = Find(id);
  if (unit == nullptr) {
    callback(ExecNotFound(id));
    return;
  }
  Started started;
  started.container = container;
  started.exec = env_->store->catalog().ExecById(id);
  started.run = container == nullptr ? 0 : container->status.run;
  started.pid = unit->record.pid;
  started.stdin_offset = unit->hub->stdin_offset();
  started.replayed = true;
  started.session = unit->hub->Open(StreamRole::kOwner);
  callback(std::move(started));
}

absl::StatusOr<SessionPtr> ExecSet::OpenLogs(const std::string& id) const {
  std::shared_ptr<StreamHub> hub;
  {
    absl::MutexLock lock(&hubs_mutex_);
    const auto at = hubs_.find(id);
    if (at != hubs_.end()) hub = at->second;
  }
  if (hub == nullptr) return ExecNotFound(id);
  return hub->OpenLogs();
}

void ExecSet::Abandon(const std::string& id) {
  const UnitPtr unit = Find(id);
  if (unit == nullptr || unit->launch == nullptr) return;
  unit->launch->ticket->CancelOwn();
}

void ExecSet::BeginShutdown() {
  for (const auto& [number, unit] : units_) {
    unit->waiters.FailAll(ShuttingDown());
  }
}

void ExecSet::OnShutdown() {
  for (const auto& [number, unit] : units_) {
    const std::unique_ptr<Launch> launch = std::move(unit->launch);
    if (launch == nullptr) continue;
    launch->ticket->Announce(ShuttingDown(), "");
    launch->callback(ShuttingDown());
  }
}

void ExecSet::OnWritable() {
  for (const auto& [number, unit] : units_) unit->hub->OnWritable();
}

// How an exec ended that has no process any more; nullopt: it never had one.
std::optional<store::ExitInfo> ExecSet::EndOf(const Unit& unit, int64_t run,
                                              store::ExitReason reason) const {
  const std::optional<record::ExitRecord> record =
      ReadExit(unit.source->directory(), run);
  if (record.has_value()) return ExitInfoOf(*record);
  // A shim that lives writes a record of every exec that it made.
  const bool shim_died = reason == store::ExitReason::kShimLost ||
                         reason == store::ExitReason::kHostReboot;
  if (unit.record.intent != store::Intent::kNone && !shim_died) {
    return std::nullopt;
  }
  return UnknownExit(run, shim_died ? reason : store::ExitReason::kUnknown,
                     "its container ended and left no record",
                     unit.record.start_time, absl::Now());
}

void ExecSet::CollectEnded(int64_t run, store::ExitReason reason,
                           store::Transaction* transaction) {
  for (const auto& [number, unit] : units_) {
    if (unit->record.exit.has_value() || unit->launch != nullptr) continue;
    if (!unit->ended.has_value()) {
      std::optional<store::ExitInfo> end = EndOf(*unit, run, reason);
      if (!end.has_value()) continue;  // OnContainerExit forgets it
      End(unit.get(), *std::move(end));
    }
    AddEnd(*unit, transaction);
  }
}

void ExecSet::OnContainerExit() {
  for (const UnitPtr& unit : Unended()) {
    if (unit->launch != nullptr) {
      FailStart(unit, WrongState(container_id_, store::ContainerState::kExited,
                                 "RUNNING"));
    } else if (unit->ended.has_value()) {
      AfterExit(unit);
    } else {
      Forget(unit);
    }
  }
}

void ExecSet::EndAll(int64_t run, store::ExitReason reason) {
  for (const UnitPtr& unit : Unended()) FindEnd(unit, run, reason);
}

void ExecSet::FindEnd(const UnitPtr& unit, int64_t run,
                      store::ExitReason reason) {
  std::optional<store::ExitInfo> end = EndOf(*unit, run, reason);
  if (end.has_value()) {
    OnExited(unit, *std::move(end));
  } else {
    Forget(unit);
  }
}

std::vector<ExecSet::UnitPtr> ExecSet::Unended() const {
  std::vector<UnitPtr> units;
  for (const auto& [number, unit] : units_) {
    if (!unit->record.exit.has_value()) units.push_back(unit);
  }
  return units;
}

void ExecSet::OnRemoved() {
  for (const auto& [number, unit] : units_) {
    queue_->Cancel(unit->retention);
    unit->ended.reset();  // nothing is to be committed any more
    unit->source->SetRemoved();
    unit->waiters.FailAll(ExecNotFound(unit->record.id));
  }
  units_.clear();
  absl::MutexLock lock(&hubs_mutex_);
  hubs_.clear();
}

void ExecSet::Restore(const std::vector<ExecPtr>& rows) {
  for (const ExecPtr& row : rows) {
    const UnitPtr unit = NewUnit(*row);
    if (row->exit.has_value()) Keep(unit);
  }
}

void ExecSet::Adopt(const shimlink::ConnPtr& conn, int64_t run,
                    const std::vector<ExecState>& running) {
  // The shim keeps the number of an exec as long as something of it lives, also
  // when its row has expired.
  for (const ExecState& one : running) {
    last_number_ = std::max(last_number_, one.number);
  }
  for (const UnitPtr& unit : Unended()) {
    unit->adopted = true;
    const auto state = std::find_if(running.begin(), running.end(),
                                    [&unit](const ExecState& one) {
                                      return one.number == unit->record.number;
                                    });
    if (state == running.end() || state->phase == shim::Phase::kExited) {
      AdoptEnded(conn, unit, run);
    } else if (state->phase == shim::Phase::kRunning ||
               state->phase == shim::Phase::kExiting) {
      AdoptRunning(conn, unit, run, *state);
    }
    // Else it is being started, and this connection tells what comes of it.
  }
}

// It was started, and the daemon died before it could say so.
void ExecSet::AddInterruptedStart(const store::ExecRecord& record,
                                  store::Transaction* transaction) const {
  transaction->AddEvent("exec.started", container_id_, record.id,
                        record.request_id);
  FinishInterrupted(env_, record.request_id, record.id, transaction);
}

void ExecSet::AdoptRunning(const shimlink::ConnPtr& conn, const UnitPtr& unit,
                           int64_t run, const ExecState& state) {
  if (unit->launch != nullptr) {
    // It started while there was no connection to tell us.
    shim::StartedBody body = {};
    body.pid = state.pid;
    body.start_time_ns = state.start_time_ns;
    OnStarted(conn, unit, body);
    return;
  }
  if (unit->record.intent != store::Intent::kNone) {
    CommitAdopted(unit, state.pid, absl::FromUnixNanos(state.start_time_ns));
  }
  unit->source->SetRunning(run);
  unit->hub->OnAdopted(conn, {.written = state.stdin_offset,
                              .taken = state.stdin_taken,
                              .closed = state.stdin_closed != 0});
}

void ExecSet::CommitAdopted(const UnitPtr& unit, int32_t pid,
                            absl::Time start_time) {
  store::ExecRecord record = unit->record;
  record.intent = store::Intent::kNone;
  record.pid = pid;
  record.start_time = start_time;
  store::Transaction transaction;
  transaction.put_execs.push_back(record);
  AddInterruptedStart(record, &transaction);
  if (env_->store->Commit(std::move(transaction)).ok()) {
    unit->record = std::move(record);
    TellDecision();
    return;
  }
  // Unless its exit says so before.
  queue_->After(env_->commit_retry, [this, alive = alive_, unit, pid,
                                     start_time] {
    if (*alive && !unit->ended.has_value() && IsUndecided(unit->record.id)) {
      CommitAdopted(unit, pid, start_time);
    }
  });
}

bool ExecSet::IsUndecided(const std::string& id) const {
  const UnitPtr unit = id.empty() ? nullptr : Find(id);
  return unit != nullptr && unit->launch == nullptr &&
         unit->record.intent != store::Intent::kNone;
}

void ExecSet::TellDecision() {
  if (decision_listener_) decision_listener_();
}

// The shim does not have it any more, or never had it.
void ExecSet::AdoptEnded(const shimlink::ConnPtr& conn, const UnitPtr& unit,
                         int64_t run) {
  const auto record = ReadExit(unit->source->directory(), run);
  if (unit->launch != nullptr && !record.has_value()) {
    FailStart(unit, ShimNotAnswering(container_id_));
    return;
  }
  if (unit->launch != nullptr) {
    shim::StartedBody body = {};
    body.start_time_ns = record->start_time_ns;
    OnStarted(conn, unit, body);
    if (Find(unit->record.id) == nullptr) return;  // it could not be told
  }
  const bool started = unit->record.intent == store::Intent::kNone;
  FindEnd(unit, run,
          started ? store::ExitReason::kShimLost : store::ExitReason::kUnknown);
}

// An exec that an earlier daemon asked for, and that was being started when we
// were told the state.
void ExecSet::OnLateStart(const shimlink::ConnPtr& conn, const UnitPtr& unit,
                          const shim::StartedBody& body) {
  if (unit->record.intent == store::Intent::kNone) return;
  const ContainerPtr container = ContainerRow();
  ExecState state = {};
  state.number = static_cast<uint32_t>(unit->record.number);
  state.phase = shim::Phase::kRunning;
  state.pid = body.pid;
  state.stdin_closed = HasStdin(*unit) ? 0 : 1;
  state.start_time_ns = body.start_time_ns;
  AdoptRunning(conn, unit, container == nullptr ? 1 : container->status.run,
               state);
}

// A row whose exec was never made.
void ExecSet::Forget(const UnitPtr& unit) {
  store::Transaction transaction;
  transaction.erase_execs.push_back(unit->record.id);
  EraseRequest(unit->record.request_id, &transaction);
  base::IgnoreError(env_->store->Commit(std::move(transaction)).status(),
                    "tried again at the next start");
  base::IgnoreError(env_->trash->Throw(unit->source->directory()),
                    "the directory goes with the container's");
  Erase(*unit);
  unit->source->SetRemoved();
  unit->waiters.FailAll(ExecNotFound(unit->record.id));
  TellDecision();
}

std::set<uint64_t> ExecSet::Numbers() const {
  std::set<uint64_t> numbers;
  for (const auto& [number, unit] : units_) numbers.insert(number);
  return numbers;
}

bool ExecSet::AwaitsDelivery() const {
  return std::any_of(units_.begin(), units_.end(), [](const auto& one) {
    return one.second->hub->AwaitsDelivery();
  });
}

}  // namespace caisson::core
