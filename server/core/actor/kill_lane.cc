#include "server/core/actor/kill_lane.h"

#include <csignal>
#include <utility>

#include "runtime/base/error_detail.h"
#include "runtime/base/log.h"
#include "runtime/cgroup/driver.h"
#include "runtime/shim/protocol/frames.h"
#include "runtime/spec/signal.h"

namespace caisson::core {
namespace {

void LogFailure(const absl::Status& status, int signal) {
  if (status.ok()) return;
  CAISSON_LOG(kWarning, "signal failed", {"signal", signal},
              {"error", status.ToString()});
}

}  // namespace

absl::StatusOr<Signal> ParseSignalArgs(const SignalArgs& args) {
  Signal signal;
  signal.number = SIGKILL;
  if (!args.signal.empty()) {
    const std::optional<int> number = spec::ParseSignal(args.signal);
    if (!number.has_value()) {
      return base::InvalidFields({{"signal", "is not a signal"}});
    }
    signal.number = *number;
  }
  signal.scope = args.scope.value_or(
      signal.number == SIGKILL ? SignalScope::kTree : SignalScope::kProcess);
  return signal;
}

void KillLane::Open(shimlink::ConnPtr conn) {
  absl::MutexLock lock(&mutex_);
  if (!open_) killed_.clear();
  open_ = true;
  conn_ = std::move(conn);
}

void KillLane::Close() {
  absl::MutexLock lock(&mutex_);
  open_ = false;
  conn_ = nullptr;
}

bool KillLane::is_open() const {
  absl::MutexLock lock(&mutex_);
  return open_;
}

bool KillLane::WasKilled(uint32_t target) const {
  absl::MutexLock lock(&mutex_);
  return killed_.contains(target);
}

void KillLane::Post(Work work) {
  ++*under_way_;
  blocking_->Post([under_way = under_way_, work = std::move(work)]() mutable {
    work();
    --*under_way;
  });
}

void KillLane::KillGroup() {
  Post([group = group_] { LogFailure(cgroup::Kill(group), SIGKILL); });
}

bool KillLane::Send(uint32_t target, const cgroup::Group& group,
                    Signal signal) {
  shimlink::ConnPtr conn;
  {
    absl::MutexLock lock(&mutex_);
    if (!open_) return false;
    if (signal.number == SIGKILL) killed_.insert(target);
    conn = conn_;
  }
  const shim::KillBody body = {.signal = signal.number,
                               .scope = signal.scope == SignalScope::kTree
                                            ? shim::Scope::kTree
                                            : shim::Scope::kProcess};
  const bool sent =
      conn != nullptr && conn->SendBody(shim::FrameType::kKill, target, body);
  const bool tree = signal.scope == SignalScope::kTree || !sent;
  if (signal.number == SIGKILL && tree) {
    // Also when the shim was told: it may hang, and this cannot be refused.
    Post([group] { LogFailure(cgroup::Kill(group), SIGKILL); });
  } else if (!sent) {
    Post([group, number = signal.number] {
      LogFailure(cgroup::SignalAll(group, number), number);
    });
  }
  return true;
}

}  // namespace caisson::core
