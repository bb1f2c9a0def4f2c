// Stopping: the shim does it (signal, wait, kill), so that it also holds
// without a daemon; a shim that hangs is passed.

#include <csignal>
#include <utility>

#include "runtime/base/error_detail.h"
#include "runtime/cgroup/driver.h"
#include "runtime/spec/defaults.h"
#include "runtime/spec/signal.h"
#include "server/core/actor/container.h"
#include "server/core/errors.h"

namespace caisson::core {
namespace {

// After the timeout the shim kills; this long later the daemon does.
constexpr absl::Duration kGuard = absl::Seconds(2);
// For the shim to record and tell an exit, on a disk that is slow.
constexpr absl::Duration kShimAnswerLimit = absl::Seconds(5);

}  // namespace

void Container::Stop(StopArgs args, Callback<ContainerPtr> callback) {
  const bool waits = state_ == State::kStarting ||
                     state_ == State::kStartingAgain ||
                     state_ == State::kCreating || state_ == State::kLaunching;
  if (waits) {
    Defer([this, args = std::move(args),
           callback = std::move(callback)]() mutable {
      if (env_->shutting_down) {
        callback(ShuttingDown());
      } else {
        Stop(std::move(args), std::move(callback));
      }
    });
    return;
  }
  if (!Can(state_, Event::kStop)) {
    callback(state_ == State::kGone ? ContainerNotFound(id_)
                                    : CancelledByDelete(id_));
    return;
  }
  const spec::ContainerSpec& spec = *record_.spec;
  std::string name = args.signal.empty() ? spec.stop_signal : args.signal;
  if (name.empty()) name = std::string(spec::kDefaultStopSignal);
  const std::optional<int> signal = spec::ParseSignal(name);
  if (!signal.has_value()) {
    callback(base::InvalidFields({{"signal", "is not a signal"}}));
    return;
  }
  if (!IsRunning(state_)) {
    callback(Published());
    return;
  }
  const absl::Duration timeout = args.timeout.value_or(
      spec.stop_timeout.value_or(spec::kDefaultStopTimeout));
  stops_.push_back(std::move(callback));
  if (state_ == State::kKilling) return;  // nothing is quicker
  Apply(Event::kStop);
  SetPending("stop", "WAIT_EXIT", args.request_id);
  const bool told =
      conn_ != nullptr &&
      conn_->SendBody(
          shim::FrameType::kStop, 0,
          shim::StopBody{.signal = *signal,
                         .reserved = 0,
                         .timeout_ns = absl::ToInt64Nanoseconds(timeout)});
  if (!told) lane_->Send({.number = *signal, .scope = SignalScope::kProcess});
  queue_->Cancel(stop_guard_);
  stop_guard_ = queue_->After(
      told ? timeout + kGuard : timeout, [self = shared_from_this()] {
        if (self->state_ != State::kStopping) return;
        self->SetPending("stop", "WAIT_CGROUP_EMPTY");
        self->lane_->Send({.number = SIGKILL, .scope = SignalScope::kTree});
        self->PassHangingShim();
      });
}

// Everything was told to die. A shim that does not tell the exit although
// nothing lives any more is ended, and its lock then tells the rest.
void Container::PassHangingShim() {
  queue_->After(
      kShimAnswerLimit, [weak = weak_from_this(), run = record_.status.run] {
        const auto self = weak.lock();
        if (self == nullptr || !self->AwaitsExitOf(run)) return;
        self->env_->blocking->Post(
            [self, run, group = self->env_->places.base.Container(self->id_)] {
              const bool alive = cgroup::Populated(group).value_or(true);
              self->queue_->Post(
                  [self, run, alive] { self->OnHangingShim(run, alive); });
            });
      });
}

// Of a shim that lives, whether it is connected or looked for.
bool Container::AwaitsExitOf(int64_t run) const {
  return record_.status.run == run && IsRunning(state_) && !exit_.has_value();
}

void Container::OnHangingShim(int64_t run, bool alive) {
  if (!AwaitsExitOf(run)) return;
  if (!alive) {
    KillShim();
    return;
  }
  // The kernel does not let them go: the shim has nothing to tell.
  SetPending(state_ == State::kKilling ? "delete" : "stop", "WAIT_CGROUP_EMPTY",
             "", "processes that do not end");
  PassHangingShim();
}

}  // namespace caisson::core
