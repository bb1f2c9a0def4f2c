// A container that an earlier daemon left, and a shim that was lost: look at
// the lock, the exit record and the shim's socket, and from what is found go
// on, finish, or undo.
//
//   row (state, intent)     lock held            lock free, record   lock free
//   kCreate, never run      -                    -                   undo
//   kCreate, Run, with id   running: adopt       started and exited  undo
//   kCreate, Run, no id     kill, undo           undo                undo
//   kStart                  running: adopt       started and exited  as before
//   running                 adopt                exited              kill, lost
//   running, kDelete        adopt, kill, delete  exited, delete      the same
//   kDelete                 -                    -                   delete
//   created, exited         clean up             clean up            -

#include <algorithm>
#include <csignal>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/clock.h"

#include "runtime/base/file.h"
#include "runtime/base/log.h"
#include "runtime/base/status_macros.h"
#include "runtime/cgroup/driver.h"
#include "runtime/linux/pidfd.h"
#include "runtime/plan/header.h"
#include "server/core/actor/container.h"
#include "server/core/actor/start_under_way.h"
#include "server/core/errors.h"
#include "server/core/launch/container_directory.h"
#include "server/core/launch/exit_info.h"
#include "server/shimlink/lock_probe.h"

namespace caisson::core {
namespace {

constexpr absl::Duration kFirstProbes = absl::Milliseconds(10);
constexpr absl::Duration kLaterProbes = absl::Milliseconds(500);
constexpr int kQuickProbes = 100;

struct ShimState {
  shim::StateBody body = {};
  int64_t stdin_taken = 0;
  std::vector<ExecState> execs;
};

// The number-th T in `bytes`; what is not there keeps its value.
template <typename T>
void ReadAt(std::string_view bytes, size_t number, T* value) {
  if (bytes.size() / sizeof(T) <= number) return;
  std::memcpy(value, bytes.data() + number * sizeof(T), sizeof(T));
}

// The frame, with what follows its body. A shim of another release says less of
// its input: then it has given all of it to the process.
ShimState ParseState(const ShimFrame& frame) {
  ShimState state = {.body = frame.As<shim::StateBody>()};
  std::string_view rest = frame.body;
  rest.remove_prefix(std::min(rest.size(), sizeof(state.body)));
  const size_t count = std::min<size_t>(state.body.exec_count,
                                        rest.size() / sizeof(shim::StateExec));
  for (size_t i = 0; i < count; ++i) {
    shim::StateExec& exec = state.execs.emplace_back();
    ReadAt(rest, i, &exec);
  }
  rest.remove_prefix(count * sizeof(shim::StateExec));
  shim::StateInput input = {.taken = state.body.stdin_offset};
  ReadAt(rest, 0, &input);
  state.stdin_taken = input.taken;
  for (size_t i = 0; i < count; ++i) {
    input.taken = state.execs[i].stdin_offset;
    ReadAt(rest, 1 + i, &input);
    state.execs[i].stdin_taken = input.taken;
  }
  return state;
}

}  // namespace

int64_t Container::CurrentRun() const {
  const bool next = record_.intent == store::Intent::kStart;
  return record_.status.run + (next ? 1 : 0);
}

void Container::Recover(bool same_boot) {
  same_boot_ = same_boot;
  execs_.Restore(env_->store->catalog().ExecsOf(id_));
  if (record_.status.state != store::ContainerState::kRunning) {
    // What is left to be told of a run that is over.
    execs_.EndAll(record_.status.run, record_.status.exit.has_value()
                                          ? record_.status.exit->reason
                                          : store::ExitReason::kUnknown);
  }
  // A Run with an id may come back, whether it saw the exit or not.
  const store::RequestPtr request =
      env_->store->catalog().Request(record_.request_id);
  if (request != nullptr && request->method == "Run") hub_->ExpectOwner();
  UpdateExpected();
  switch (state_) {
    case State::kCreating:
      UndoInterrupted();
      break;
    case State::kLaunching:
    case State::kStarting:
    case State::kStartingAgain:
      ProbeShim(0);
      break;
    case State::kRunning:
    case State::kKilling:
      // Kills need no shim: it may hang.
      lane_->Open(nullptr);
      FindShimProcess(record_.kernel.shim_pid);
      ProbeShim(0);
      if (state_ == State::kKilling) KillForDelete();
      break;
    case State::kDeleting:
      CleanUpRun();
      Remove();
      break;
    case State::kExited:
      hub_->OnExited();
      [[fallthrough]];
    case State::kCreated:
      CleanUpRun();
      ConsiderAutoDelete();
      break;
    case State::kStopping:
    case State::kCancelling:
    case State::kGone:
      break;
  }
}

// A row that says that something was about to be made.
void Container::UndoInterrupted() {
  store::Transaction undo;
  undo.erase_containers.push_back(id_);
  ReleaseNetworks(&record_);
  EraseRequest(record_.request_id, &undo);
  base::IgnoreError(Commit(std::move(undo)), "tried again at the next start");
  base::IgnoreError(env_->trash->Throw(Directory()),
                    "a directory without a row is removed at the next start");
  source_->SetRemoved();
  Apply(Event::kFailed);
  CleanUpRun();
  Settle();
}

// A shim that hangs does not answer, but it can be ended.
void Container::FindShimProcess(pid_t pid) {
  env_->blocking->Post([self = shared_from_this(), pid, path = Directory()] {
    const auto directory = OpenContainerDirectory(path);
    if (!directory.ok()) return;
    auto holder = shimlink::OpenHolder(directory->get(), pid);
    if (!holder.ok()) return;  // its lock tells the rest
    self->queue_->Post([self, pid, pid_fd = *std::move(holder)]() mutable {
      if (self->shim_.pid_fd.is_valid()) return;
      self->shim_ = {.pid = pid, .pid_fd = std::move(pid_fd)};
    });
  });
}

void Container::ProbeShim(int attempt) {
  lost_ = true;
  UpdateExpected();
  if (attempt == kQuickProbes && !IsSettling(state_)) {
    SetPending("recover", "WAIT_SHIM", "", "the shim does not answer");
  }
  env_->blocking->Post([self = shared_from_this(), attempt, run = CurrentRun(),
                        path = Directory()] {
    bool held = false;
    const auto directory = OpenContainerDirectory(path);
    if (directory.ok()) {
      held = shimlink::LockIsHeld(directory->get()).value_or(true);
    }
    // In this order: a shim that is dead has written all it will.
    auto exit = held ? std::nullopt : ReadExit(path, run);
    self->queue_->Post(
        [self, attempt, held, exit] { self->OnProbed(attempt, held, exit); });
  });
}

void Container::OnProbed(int attempt, bool held,
                         std::optional<record::ExitRecord> exit) {
  if (!lost_ || conn_ != nullptr) return;
  if (!held) {
    OnShimLost(exit);
    return;
  }
  absl::StatusOr<shimlink::ConnPtr> conn =
      env_->link->Connect(id_, HandlersOn(queue_, nullptr, ++link_, Events()));
  if (conn.ok()) {
    conn_ = *std::move(conn);
    // Its row has no pid when it started before the keeper's answer came.
    if (!shim_.pid_fd.is_valid()) FindShimProcess(conn_->PeerPid());
    conn_->SendBody(shim::FrameType::kHello, 0,
                    shim::HelloBody{.protocol_version = shim::kProtocolVersion,
                                    .plan_version = plan::kPlanVersion,
                                    .reserved = 0});
    return;
  }
  // It is starting, or ending, or hangs.
  queue_->After(attempt < kQuickProbes ? kFirstProbes : kLaterProbes,
                [self = shared_from_this(), attempt] {
                  if (self->lost_ && self->conn_ == nullptr) {
                    self->ProbeShim(attempt + 1);
                  }
                });
}

void Container::OnState(const ShimFrame& frame) {
  if (!lost_) return;
  const ShimState said = ParseState(frame);
  const shim::StateBody& state = said.body;
  const bool ours = state.run == static_cast<uint64_t>(CurrentRun());
  switch (state.phase) {
    case shim::Phase::kRunning:
    case shim::Phase::kExiting: {
      if (!ours) break;
      AdoptRunning(state, said.stdin_taken);
      if (conn_ != nullptr && IsRunning(state_)) {
        execs_.Adopt(conn_, CurrentRun(), said.execs);
        UpdateExpected();
        Settle();  // an exec that waited is none of the state
      }
      return;
    }
    case shim::Phase::kSpawned:
    case shim::Phase::kPrepared:
      // Nobody will say START: it undoes everything when we leave.
      conn_->Close();
      return;
    case shim::Phase::kExited:
      return;  // it is about to end; its record is read then
  }
  conn_->Close();
}

void Container::AdoptRunning(const shim::StateBody& state,
                             int64_t stdin_taken) {
  shim_.pid = state.shim_pid;
  absl::StatusOr<base::UniqueFd> pid_fd = linux_::OpenPidfd(state.shim_pid);
  if (pid_fd.ok()) shim_.pid_fd = *std::move(pid_fd);
  lost_ = false;
  if (!IsRunning(state_)) {
    if (state_ == State::kLaunching && record_.request_id.empty()) {
      // Nobody can know of it, so nobody may have it: end it, then look again.
      lost_ = true;
      lane_->Open(conn_);
      lane_->Send({.number = SIGKILL, .scope = SignalScope::kTree});
      return;
    }
    // As they will be; one that is not, of a container that runs, is taken for
    // a connect that came to nothing.
    for (store::Endpoint& endpoint : record_.status.networks) {
      endpoint.attached = true;
    }
    const absl::Status status = CommitStarted(
        CurrentRun(), state.pid, absl::FromUnixNanos(state.start_time_ns));
    if (!status.ok()) {
      CAISSON_LOG(kError, "adopted container is not in the store",
                  {"container", id_}, {"error", status.ToString()});
      lost_ = true;
      conn_->Close();
      return;
    }
    Apply(Event::kStarted);
    ReattachNetworks();
  }
  EnterRunning();
  hub_->OnAdopted(conn_, {.written = state.stdin_offset,
                          .taken = stdin_taken,
                          .closed = state.stdin_closed != 0});
  CAISSON_LOG(kInfo, "container adopted", {"container", id_},
              {"shim", shim_.pid});
  UpdateExpected();
  if (state_ == State::kKilling) KillForDelete();
  waiters_.Check();
}

void Container::OnShimLost(std::optional<record::ExitRecord> exit) {
  const bool known = exit.has_value();
  if (state_ == State::kCancelling && !known) {
    lost_ = false;
    Apply(Event::kFailed);
    CleanUpRun();
    Remove();
    return;
  }
  if (state_ == State::kLaunching && record_.request_id.empty()) {
    lost_ = false;
    UndoInterrupted();
    return;
  }
  if (!IsRunning(state_) && !known) {
    // The start came to nothing.
    lost_ = false;
    if (state_ == State::kLaunching) {
      UndoInterrupted();
      return;
    }
    record_.intent = store::Intent::kNone;
    store::Transaction undo;
    EraseRequest(std::exchange(record_.start_request, ""), &undo);
    ReleaseNetworks(&record_);
    undo.put_containers.push_back(record_);
    base::IgnoreError(Commit(std::move(undo)), "tried at the next start");
    Apply(Event::kFailed);
    CleanUpRun();
    Settle();
    return;
  }
  if (!known) {
    KillRest(0);
    return;
  }
  const store::ExitInfo info = ExitInfoOf(*exit);
  if (!IsRunning(state_)) {
    // It ran and ended while there was no daemon.
    const absl::Status status = CommitStarted(CurrentRun(), 0, info.start_time);
    if (!status.ok()) {
      queue_->After(kLaterProbes,
                    [self = shared_from_this()] { self->ProbeShim(0); });
      return;
    }
    Apply(Event::kStarted);
    source_->SetRunning(record_.status.run);
  }
  OnExit(info);
}

// The shim died and left no record: what is left of the container goes, and
// how it ended nobody will know.
void Container::KillRest(int attempt) {
  const auto reason = same_boot_ ? store::ExitReason::kShimLost
                                 : store::ExitReason::kHostReboot;
  env_->blocking->Post([self = shared_from_this(), reason, attempt,
                        group = env_->places.base.Container(id_)] {
    absl::Status status = cgroup::Kill(group);
    if (status.ok()) status = cgroup::WaitEmpty(group, absl::Seconds(2));
    self->queue_->Post([self, reason, attempt, gone = status.ok()] {
      if (!gone) {
        self->SetPending("recover", "WAIT_CGROUP_EMPTY", "",
                         "processes that do not end");
        self->queue_->After(kLaterProbes,
                            [self, attempt] { self->KillRest(attempt + 1); });
        return;
      }
      self->OnExit(UnknownExit(self->record_.status.run, reason,
                               reason == store::ExitReason::kShimLost
                                   ? "the process that kept it died"
                                   : "the host went down while it ran",
                               self->record_.status.start_time, absl::Now()));
    });
  });
}

}  // namespace caisson::core
