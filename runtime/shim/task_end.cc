// Task: how it is ended, and what is recorded of it.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "runtime/record/exit_record.h"
#include "runtime/shim/group.h"
#include "runtime/shim/task.h"

namespace caisson::shim {
namespace {

using record::ExitCause;
using record::ExitCompleteness;
using record::ExitKind;
using record::LogStream;

// How often a group whose pipes are closed is asked whether it is empty.
constexpr int64_t kLingerPollNs = 500 * kNsPerMs;
// Processes that were killed close their pipes a moment before they are gone.
constexpr int64_t kSettlePollNs = kNsPerMs;
constexpr int kSettlePolls = 100;

}  // namespace

// The first cause counts: what comes later only makes it quicker.
void Task::End(ExitCause cause, int signal, int64_t grace_ns) noexcept {
  if (phase_ == Phase::kExiting || phase_ == Phase::kExited) return;
  if (cause_ == ExitCause::kUnknown) cause_ = cause;
  if (signal == 0 || grace_ns <= 0) {
    KillAll(cause);
    return;
  }
  SignalProcess(signal);
  const bool sooner = !grace_timer_.is_armed() ||
                      MonotonicNs() + grace_ns < grace_timer_.deadline_ns();
  if (sooner) grace_timer_.Arm(options_.loop, grace_ns);
}

void Task::KillAll(ExitCause cause) noexcept {
  if (cause_ == ExitCause::kUnknown) cause_ = cause;
  grace_timer_.Disarm();
  SignalProcess(SIGKILL);
  if (is_exec() || !OwnsPidNamespace()) KillTree();
}

void Task::KillTree() noexcept {
  tree_killed_ = is_exec();
  KillGroup(plan());
}

void Task::OnGraceOver() noexcept {
  KillAll(cause_);
}

void Task::OnDisconnectGraceOver() noexcept {
  if (policy().on_disconnect == plan::DisconnectAction::kStop) {
    End(ExitCause::kDisconnected, policy().stop_signal,
        policy().stop_timeout_ns);
  } else {
    End(ExitCause::kDisconnected, 0, 0);
  }
}

bool Task::OwnsPidNamespace() const noexcept {
  return !has_flag(plan::kPlanSharedPidNamespace);
}

void Task::OnDrained() noexcept {
  drained_ = true;
  FinishWhenSettled();
}

void Task::FinishWhenSettled() noexcept {
  if (tree_killed_ && settle_polls_++ < kSettlePolls &&
      IsGroupPopulated(plan())) {
    settle_timer_.Arm(options_.loop, kSettlePollNs);
    return;
  }
  if (options_.host->MayFinish(this)) Finish();
}

void Task::Finish() noexcept {
  output_.CloseLog();
  record::ExitRecord record = record::MakeExitRecord(policy().run, number());
  FillExit(&record);
  FillOutput(&record);
  FillUsage(plan(), &record);
  record.cause = Cause(record);
  if (is_exec()) FillHolders(plan(), &record);
  WriteRecord(record);
  phase_ = Phase::kExited;
  ExitedBody body;
  body.record = record;
  record::SealExitRecord(&body.record);
  options_.host->Send(FrameType::kExited, number(), &body, sizeof(body));
  if (!is_exec()) {
    options_.host->OnTaskEnded(this);
    return;
  }
  if (output_.DiscardRest()) return;
  if (record.tree_running != 0) {
    linger_timer_.Arm(options_.loop, kLingerPollNs);
    return;
  }
  RemoveGroup(plan());
  options_.host->OnTaskEnded(this);
}

// The exec is over, but somebody it started lived on.
void Task::OnReleased() noexcept {
  CheckReleased();
}

void Task::CheckReleased() noexcept {
  if (IsGroupPopulated(plan())) {
    linger_timer_.Arm(options_.loop, kLingerPollNs);
    return;
  }
  RemoveGroup(plan());
  options_.host->OnTaskEnded(this);
}

void Task::FillExit(record::ExitRecord* record) const noexcept {
  record->kind =
      status_.si_code == CLD_EXITED ? ExitKind::kCode : ExitKind::kSignal;
  record->code = status_.si_status;
  record->core_dumped = status_.si_code == CLD_DUMPED ? 1 : 0;
  record->start_time_ns = start_time_ns_;
  record->exit_time_ns = exit_time_ns_;
  record->usage.wall_ns = exit_monotonic_ns_ - start_monotonic_ns_;
}

void Task::FillOutput(record::ExitRecord* record) const noexcept {
  const Output::End& end = output_.end();
  const record::LogCounters& counters = output_.counters();
  record->completeness = end.completeness;
  record->cut_cause = end.cut_cause;
  record->cut_bytes = end.cut_bytes;
  record->stdout_bytes = counters.stdout_bytes;
  record->stderr_bytes = counters.stderr_bytes;
  record->end_offset = counters.offset;
  record->stdout_crc32c = output_.checksum(LogStream::kStdout);
  record->stderr_crc32c = output_.checksum(LogStream::kStderr);
}

ExitCause Task::Cause(const record::ExitRecord& record) const noexcept {
  if (cause_ != ExitCause::kUnknown) return cause_;
  if (record.kind != ExitKind::kSignal) return ExitCause::kExited;
  if (record.code == last_kill_signal_) return ExitCause::kKilled;
  if (record.code == SIGKILL && record.oom_kills > 0) {
    return ExitCause::kOomKilled;
  }
  return ExitCause::kSignaled;
}

void Task::WriteRecord(const record::ExitRecord& record) noexcept {
  const base::UniqueFd fd(::openat(directory_.get(), record::kExitFileName,
                                   O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
                                   0600));
  // An exec does not survive a power cut, so neither must its record. Without
  // a record the daemon still has the frame; without both it says UNKNOWN.
  const bool sync = !is_exec() && !has_flag(plan::kPlanVolatile);
  if (fd.is_valid()) record::WriteExitRecord(fd.get(), record, sync);
}

}  // namespace caisson::shim
