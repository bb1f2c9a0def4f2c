#include "runtime/shim/task.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include <utility>

#include "runtime/shim/child_state.h"
#include "runtime/shim/group.h"

namespace caisson::shim {

using record::ExitCause;

Task::Task(const Options& options) noexcept : options_(options) {
  error_watch_.Bind<&Task::OnErrorPipe>(this);
  silence_timer_.Bind<&Task::CheckLaunch>(this);
  grace_timer_.Bind<&Task::OnGraceOver>(this);
  disconnect_timer_.Bind<&Task::OnDisconnectGraceOver>(this);
  linger_timer_.Bind<&Task::CheckReleased>(this);
  settle_timer_.Bind<&Task::FinishWhenSettled>(this);
}

Task::~Task() {
  CloseSlots();
}

int Task::Load(base::UniqueFd plan_fd, base::UniqueFd directory_fd) noexcept {
  const int error = memory_.Map(plan_fd.get());
  if (error != 0) return error;
  const auto kind =
      is_exec() ? plan::PlanKind::kExec : plan::PlanKind::kContainer;
  if (plan().header->kind != kind || policy().exec_number != number()) {
    return EBADMSG;
  }
  init::InitSlots(plan(), slots_);
  directory_ = std::move(directory_fd);
  return 0;
}

int Task::JoinContainer(const Task& container) noexcept {
  if (container.phase() != Phase::kRunning) return ESRCH;
  const int init_fd = ::fcntl(container.pid_fd_.get(), F_DUPFD_CLOEXEC, 3);
  if (init_fd < 0) return errno;
  slots_[plan::kSlotInitPidfd] = init_fd;
  if (!container.devpts_.is_valid()) return 0;
  const int devpts_fd = ::fcntl(container.devpts_.get(), F_DUPFD_CLOEXEC, 3);
  if (devpts_fd < 0) return errno;
  slots_[plan::kSlotDevpts] = devpts_fd;
  return 0;
}

void Task::OnChildExit() noexcept {
  // The error pipe says more than the status, and only a zombie can tell
  // whether it ever became the program.
  if (is_launching()) CheckLaunch();
  if (reaped_ || !Reap(pid_fd_.get(), &status_)) return;
  reaped_ = true;
  exit_time_ns_ = RealTimeNs();
  exit_monotonic_ns_ = MonotonicNs();
  if (aborting_) {
    CompleteAbort();
    return;
  }
  phase_ = Phase::kExiting;
  limits_.Stop();
  oom_watch_.Stop();
  grace_timer_.Disarm();
  disconnect_timer_.Disarm();
  input_.Abandon();
  // With a pid namespace of its own nothing outlives the first process.
  if (!is_exec() && !OwnsPidNamespace()) KillGroup(plan());
  output_.Drain();
}

void Task::Signal(const KillBody& kill) noexcept {
  if (kill.signal < 1 || kill.signal > SIGRTMAX) return;
  if (!reaped_) last_kill_signal_ = kill.signal;
  if (kill.scope == Scope::kProcess) {
    SignalProcess(kill.signal);
  } else if (kill.signal == SIGKILL) {
    KillTree();
  } else {
    SignalGroup(plan(), kill.signal);
  }
}

void Task::Stop(const StopBody& stop) noexcept {
  End(ExitCause::kStopped,
      stop.signal != 0 ? stop.signal : policy().stop_signal,
      stop.timeout_ns >= 0 ? stop.timeout_ns : policy().stop_timeout_ns);
}

void Task::Disconnect(bool disconnected) noexcept {
  if (!disconnected) {
    disconnect_timer_.Disarm();
    return;
  }
  if (policy().on_disconnect == plan::DisconnectAction::kKeep) return;
  if (disconnect_timer_.is_armed()) return;
  disconnect_timer_.Arm(options_.loop, policy().disconnect_grace_ns);
}

void Task::OnDaemonLost() noexcept {
  output_.SetReader(kNoReader);
  if (has_flag(plan::kPlanKillWithoutDaemon)) Disconnect(true);
}

void Task::Resize(const ResizeBody& size) noexcept {
  if (!terminal_.is_valid()) return;
  winsize window = {};
  window.ws_row = size.rows;
  window.ws_col = size.cols;
  // Fails only when the terminal is gone.
  ::ioctl(terminal_.get(), TIOCSWINSZ, &window);
}

void Task::OnInputProgress(int64_t offset, bool closed) noexcept {
  const StdinProgressBody body = {
      .offset = offset, .closed = closed ? 1u : 0u, .reserved = 0};
  options_.host->Send(FrameType::kStdinProgress, number(), &body, sizeof(body));
}

void Task::OnOutputLimit() noexcept {
  if (policy().output_action == plan::OutputAction::kKill) {
    OnLimit(ExitCause::kOutputLimit);
  }
}

void Task::OnLimit(ExitCause cause) noexcept {
  End(cause, policy().stop_signal, policy().grace_ns);
}

void Task::OnOomKill(int64_t kills) noexcept {
  const OomBody body = {.kills = kills};
  options_.host->Send(FrameType::kOom, number(), &body, sizeof(body));
  if (has_flag(plan::kPlanOomKillsTree)) KillTree();
}

int Task::SignalProcess(int signal) noexcept {
  if (!pid_fd_.is_valid() || reaped_) return ESRCH;
  return ::syscall(SYS_pidfd_send_signal, pid_fd_.get(), signal, nullptr, 0) ==
                 0
             ? 0
             : errno;
}

void Task::CloseSlots() noexcept {
  if (plan().header == nullptr) return;
  init::CloseSlots(slots_, 0, plan().header->slot_count);
}

}  // namespace caisson::shim
