// The end of a run: the shim has drained the output and recorded the exit;
// the row and the event follow, then those who wait are told, then what the
// run leaves on the host is removed off everybody's path.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "absl/time/clock.h"

#include "runtime/base/log.h"
#include "runtime/base/status_macros.h"
#include "runtime/cgroup/driver.h"
#include "runtime/linux/pidfd.h"
#include "server/core/actor/container.h"
#include "server/core/actor/start_under_way.h"
#include "server/core/errors.h"
#include "server/core/launch/container_directory.h"
#include "server/shimlink/lock_probe.h"

namespace caisson::core {
namespace {

constexpr absl::Duration kRemoveRetry = absl::Seconds(1);
// For a shim to end by itself once its work is done.
constexpr absl::Duration kShimEndLimit = absl::Seconds(5);
// Between looks whether it has ended: at first, and in the end.
constexpr absl::Duration kFirstLook = absl::Milliseconds(1);
constexpr absl::Duration kLastLook = absl::Milliseconds(500);

// A directory that was deleted with its container tells nothing, and nobody
// will start a shim in it.
bool ShimLives(const std::string& directory) {
  const auto opened = OpenContainerDirectory(directory);
  return opened.ok() && shimlink::LockIsHeld(opened->get()).value_or(true);
}

}  // namespace

void Container::OnExit(store::ExitInfo info) {
  if (start_ != nullptr) {
    // It had to be killed: see OnStarted.
    FailStart(ShimNotAnswering(id_));
    return;
  }
  if (!IsRunning(state_) || exit_.has_value()) return;
  if (info.reason == store::ExitReason::kSignaled && info.code == SIGKILL &&
      lane_->WasKilled(0)) {
    // Ours, sent through the cgroup before the shim read that it was.
    info.reason = store::ExitReason::kKilled;
    info.message = "killed by request";
  }
  exit_ = std::move(info);
  CommitExit();
}

void Container::CommitExit() {
  store::ContainerRecord record = record_;
  record.status.state = store::ContainerState::kExited;
  record.status.pid = 0;
  record.status.exit = *exit_;
  record.status.output_end_offset =
      exit_->end_offset.value_or(record.status.output_end_offset);
  if (record.spec->delete_after_exit.has_value()) {
    record.status.expire_time = absl::Now() + *record.spec->delete_after_exit;
  }
  record.kernel.shim_pid = 0;
  store::Transaction transaction;
  ReleaseNetworks(&record);
  execs_.CollectEnded(record.status.run, exit_->reason, &transaction);
  transaction.put_containers.push_back(record);
  transaction.AddEvent("container.exited", id_);
  const absl::Status status = Commit(std::move(transaction));
  if (!status.ok()) {
    // It stays "running" for readers until the store works again: the record
    // on disk cannot be lost.
    CAISSON_LOG(kError, "exit is not in the store yet", {"container", id_},
                {"error", status.ToString()});
    queue_->After(env_->commit_retry,
                  [self = shared_from_this()] { self->CommitExit(); });
    return;
  }
  record.revision = record_.revision;
  record_ = std::move(record);
  AfterExit();
}

void Container::AfterExit() {
  lane_->Close();
  queue_->Cancel(stop_guard_);
  source_->SetExited(std::make_shared<store::ExitInfo>(*exit_));
  exit_.reset();
  lost_ = false;
  execs_.OnContainerExit();
  hub_->OnExited();
  Apply(Event::kExit);
  CleanUpRun();
  waiters_.Check();
  std::vector<Callback<ContainerPtr>> stops;
  stops.swap(stops_);
  for (auto& stop : stops) stop(Published());
  if (state_ == State::kDeleting) {
    Remove();
    return;
  }
  ConsiderAutoDelete();
  Settle();
}

// Waits for the shim to be gone, then removes what it left. Runs beside
// everything but a new start.
void Container::CleanUpRun() {
  if (!std::exchange(cleaning_, true)) UpdateExpected();
  queue_->After(kShimEndLimit, [weak = weak_from_this(), link = link_] {
    const auto self = weak.lock();
    if (self != nullptr && self->cleaning_ && self->link_ == link) {
      self->KillShim();
    }
  });
  if (conn_ == nullptr) RemoveRunObjects(kFirstLook);
}

void Container::KillShim() {
  CAISSON_LOG(kWarning, "shim does not end", {"container", id_},
              {"pid", shim_.pid});
  if (!shim_.pid_fd.is_valid()) return;
  base::IgnoreError(linux_::SendSignal(shim_.pid_fd.get(), SIGKILL),
                    "a shim that is gone is what is wanted");
}

void Container::OnClosed(uint64_t link) {
  if (link != link_) return;
  conn_ = nullptr;
  if (env_->shutting_down) {
    // We left, not the shim. The next daemon goes on from the row.
    if (start_ != nullptr) std::exchange(start_, nullptr)->Fail(ShuttingDown());
    execs_.OnShutdown();
    return;
  }
  if (start_ != nullptr) {
    CallOffStart();
    FailStart(ShimNotAnswering(id_));
  } else if (cleaning_) {
    RemoveRunObjects(kFirstLook);
  } else if (IsRunning(state_) || IsSettling(state_)) {
    lane_->Open(nullptr);
    ProbeShim(0);
  }
}

// The connection ends before the shim does, at once when we closed it. Its lock
// is free when it is dead, and not before may the next one be made.
void Container::RemoveRunObjects(absl::Duration next_look) {
  env_->blocking->Post([self = shared_from_this(), next_look,
                        path = Directory(), made = cgroups_made_,
                        group = env_->places.base.Container(id_),
                        socket =
                            env_->places.state + "/shims/" + id_ + ".sock"] {
    if (ShimLives(path)) {
      // By now it should not. A child that was on its way into the cgroup when
      // a start was called off, say, keeps it.
      if (next_look == kLastLook) {
        base::IgnoreError(cgroup::Kill(group), "the next look tries again");
      }
      self->queue_->After(next_look, [self, next_look] {
        self->RemoveRunObjects(std::min(2 * next_look, kLastLook));
      });
      return;
    }
    // It was posted before us, so it runs or is done.
    if (made != nullptr) made->WaitForNotification();
    // What the shim had to kill is gone; this is for shims that died.
    absl::Status status = cgroup::Remove(group, absl::Milliseconds(100));
    if (!status.ok()) {
      base::IgnoreError(cgroup::Kill(group), "removal tells");
      status = cgroup::Remove(group);
    }
    ::unlink(socket.c_str());
    if (!status.ok()) {
      CAISSON_LOG(kWarning, "cgroup stays", {"container", self->id_},
                  {"error", status.ToString()});
    }
    self->queue_->Post([self, done = status.ok()] { self->OnCleanedUp(done); });
  });
}

void Container::OnCleanedUp(bool done) {
  if (!done) {
    SetPending("clean-up", "WAIT_CGROUP_EMPTY", "",
               "processes that do not end");
    queue_->After(kRemoveRetry, [self = shared_from_this()] {
      self->RemoveRunObjects(kFirstLook);
    });
    return;
  }
  if (!lane_->IsQuiet()) {
    // A kill that is still on its way would be the next run's.
    queue_->After(kFirstLook,
                  [self = shared_from_this()] { self->OnCleanedUp(true); });
    return;
  }
  cleaning_ = false;
  shim_ = {};
  if (!IsSettling(state_)) {
    absl::MutexLock lock(&mutex_);
    pending_.reset();
  }
  UpdateExpected();
  if (state_ == State::kGone) env_->forget(id_);
  Settle();
}

}  // namespace caisson::core
