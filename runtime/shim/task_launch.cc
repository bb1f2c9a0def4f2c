// Task: from the plan to a running program, or back to nothing.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "runtime/plan/ops.h"
#include "runtime/record/exit_record.h"
#include "runtime/shim/child_state.h"
#include "runtime/shim/group.h"
#include "runtime/shim/task.h"

namespace caisson::shim {
namespace {

using init::OpFailure;
using plan::Executor;

// How often a child whose pipe is closed is asked whether it is the program.
constexpr int64_t kSilencePollNs = kNsPerMs;

int MakePipe(base::UniqueFd* read_end, base::UniqueFd* write_end) noexcept {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return errno;
  read_end->reset(fds[0]);
  write_end->reset(fds[1]);
  return 0;
}

// Only our end: the other has a file description of its own, and a program
// does not expect its standard streams to return EAGAIN.
int SetNonBlocking(const base::UniqueFd& fd) noexcept {
  return ::fcntl(fd.get(), F_SETFL, O_NONBLOCK) == 0 ? 0 : errno;
}

// Where an earlier run of the container ended, as far as records tell.
record::LogCounters PreviousEnd(int directory_fd) noexcept {
  record::LogCounters counters;
  const base::UniqueFd fd(::openat(directory_fd, record::kExitFileName,
                                   O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  record::ExitRecord previous;
  if (fd.is_valid() && record::ReadNewestExitRecord(fd.get(), &previous) == 0) {
    counters.offset = previous.end_offset;
    counters.stdout_bytes = previous.stdout_bytes;
    counters.stderr_bytes = previous.stderr_bytes;
  }
  return counters;
}

Executor StageOf(const plan::PlanView& plan, uint32_t op) noexcept {
  return op < plan.header->op_count ? plan.ops[op].executor : Executor::kChild;
}

}  // namespace

bool Task::Prepare() noexcept {
  const int64_t begin_ns = MonotonicNs();
  OpFailure failure = {init::kFailedSpawn, 0};
  if (!init::RunOps(plan(), Executor::kPrepare, slots_, &failure)) {
    Abort(failure, Executor::kPrepare);
    return false;
  }
  failure.err = has_flag(plan::kPlanTty) ? TakeTerminal() : MakePipes();
  if (failure.err != 0) {
    failure.op = init::kFailedSpawn;
    Abort(failure, Executor::kPrepare);
    return false;
  }
  phases_.prepare_ns = MonotonicNs() - begin_ns;
  phase_ = Phase::kPrepared;
  return true;
}

int Task::OpenOutput() noexcept {
  Output::Options options;
  options.log.directory_fd = directory_.get();
  if (is_exec()) {
    // At least the spool is kept, and at most twice of it.
    options.log.run = 1;
    options.log.max_file_bytes =
        std::max<int64_t>(policy().spool_bytes, record::kLogIndexStride);
    options.log.max_files = 2;
  } else {
    options.log.run = policy().run;
    options.log.previous = PreviousEnd(directory_.get());
    options.log.max_file_bytes = policy().log_max_file_bytes;
    options.log.max_files = std::max<uint32_t>(1, policy().log_max_files);
  }
  options.keep = policy().log_driver == plan::LogDriver::kFile;
  options.limit_bytes = policy().output_bytes;
  options.has_reader = has_flag(plan::kPlanNamedReader);
  options.read_buffer = options_.read_buffer;
  return output_.Open(options_.loop, this, options);
}

int Task::TakeTerminal() noexcept {
  terminal_.reset(std::exchange(slots_[plan::kSlotPtyMaster], -1));
  int error = SetNonBlocking(terminal_);
  if (error != 0) return error;
  // The loop knows a descriptor by its number: one for reading, one for
  // writing.
  stdout_read_.reset(::fcntl(terminal_.get(), F_DUPFD_CLOEXEC, 3));
  if (!stdout_read_.is_valid()) return errno;
  if (policy().stdin_mode == plan::StdinMode::kNone) return 0;
  stdin_write_.reset(::fcntl(terminal_.get(), F_DUPFD_CLOEXEC, 3));
  return stdin_write_.is_valid() ? 0 : errno;
}

int Task::MakePipes() noexcept {
  base::UniqueFd ends[3];
  int error = 0;
  if (policy().stdin_mode != plan::StdinMode::kNone) {
    error = MakePipe(&ends[0], &stdin_write_);
    if (error == 0) error = SetNonBlocking(stdin_write_);
  }
  if (error == 0) error = MakePipe(&stdout_read_, &ends[1]);
  if (error == 0) error = SetNonBlocking(stdout_read_);
  if (error == 0) error = MakePipe(&stderr_read_, &ends[2]);
  if (error == 0) error = SetNonBlocking(stderr_read_);
  if (error != 0) return error;
  for (int i = 0; i < 3; ++i) slots_[i] = ends[i].release();
  return 0;
}

// While the child makes its mounts: its output waits in the pipes.
int Task::StartStdio() noexcept {
  const int error = OpenOutput();
  if (error != 0) return error;
  const bool is_terminal = terminal_.is_valid();
  input_.Open(options_.loop, this, std::move(stdin_write_), is_terminal);
  return output_.Start(std::move(stdout_read_), std::move(stderr_read_),
                       is_terminal);
}

void Task::Clone() noexcept {
  OpFailure failure = {init::kFailedSpawn, 0};
  if (!MakeChild(&failure)) {
    Abort(failure, Executor::kChild);
    return;
  }
  if (!RunParent(&failure)) Abort(failure, Executor::kParent);
}

void Task::Start() noexcept {
  if (!is_launching() || started_) return;
  started_ = true;
  start_time_ns_ = RealTimeNs();
  start_monotonic_ns_ = MonotonicNs();
  // A child that is gone already says why on the error pipe.
  if (!is_exec()) init::SendBarrier(sync_write_.get(), plan::kGo);
  if (has_flag(plan::kPlanNeedsMapped)) {
    init::SendBarrier(sync_write_.get(), plan::kMapped);
  }
  // The child's ends and the mounts that it took along.
  devpts_.reset(std::exchange(slots_[plan::kSlotDevpts], -1));
  CloseSlots();
  int error = StartStdio();
  if (error == 0) {
    error = error_watch_.Start(options_.loop, error_read_.get(), EPOLLIN);
  }
  if (error != 0) FailLaunch(error);
}

void Task::FailLaunch(int error) noexcept {
  Abort({init::kFailedSpawn, error}, Executor::kPrepare);
}

base::UniqueFd Task::OpenNetwork() const noexcept {
  const int made_before = slots_[plan::kSlotNetwork];
  if (made_before >= 0) {
    return base::UniqueFd(::fcntl(made_before, F_DUPFD_CLOEXEC, 3));
  }
  char path[32];
  ::snprintf(path, sizeof(path), "/proc/%d/ns/net", pid_);
  return base::UniqueFd(::open(path, O_RDONLY | O_CLOEXEC));
}

// The last process would take the mounts down before anybody may know that it
// ended, with two waits for RCU, and perhaps one for the disk. Held, they go
// when the shim does. Best effort: without, the end is only slower.
void Task::HoldMounts() noexcept {
  char path[32];
  ::snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid_);
  mounts_.reset(::open(path, O_RDONLY | O_CLOEXEC));
}

bool Task::MakeChild(OpFailure* failure) noexcept {
  base::UniqueFd error_write;
  base::UniqueFd sync_read;
  failure->err = MakePipe(&error_read_, &error_write);
  if (failure->err == 0) failure->err = MakePipe(&sync_read, &sync_write_);
  if (failure->err == 0) failure->err = SetNonBlocking(error_read_);
  if (failure->err != 0) return false;
  const int64_t begin_ns = MonotonicNs();
  int pid_fd = -1;
  const pid_t pid = init::SpawnChild(plan(), slots_, &pid_fd, failure);
  if (pid == 0) {
    BecomeChild({.sync_fd = sync_read.get(),
                 .sync_write_fd = sync_write_.get(),
                 .error_fd = error_write.get(),
                 .waits = !is_exec()});
  }
  phases_.clone_ns = MonotonicNs() - begin_ns;
  pid_fd_.reset(pid_fd);
  if (pid < 0) {
    // The clone itself may have worked, and something after it failed.
    if (pid_fd_.is_valid()) SignalProcess(SIGKILL);
    return false;
  }
  pid_ = pid;
  return true;
}

void Task::BecomeChild(const init::ChildFds& fds) noexcept {
  // Not ours to hand on; what the plan says comes later and wins. A failure
  // would leave more than was asked for, and nothing else.
  ::setrlimit(RLIMIT_NOFILE, &options_.file_limit);
  init::RunChild(plan(), slots_, fds);
}

bool Task::RunParent(OpFailure* failure) noexcept {
  const int64_t begin_ns = MonotonicNs();
  if (!init::RunOps(plan(), Executor::kParent, slots_, failure)) return false;
  phases_.parent_ns = MonotonicNs() - begin_ns;
  return true;
}

void Task::OnErrorPipe(uint32_t) noexcept {
  CheckLaunch();
}

// The child says what failed, or is silent: then it became the program, or
// was killed before.
void Task::CheckLaunch() noexcept {
  OpFailure failure = {init::kFailedSpawn, 0};
  switch (ReadChildState(error_read_.get(), pid_, pid_fd_.get(), &failure)) {
    case ChildState::kWorking:
      return;
    case ChildState::kSilent:
      // Its pipe would wake us for ever. Should it die, SIGCHLD does.
      error_watch_.Stop();
      silence_timer_.Arm(options_.loop, kSilencePollNs);
      return;
    case ChildState::kExecuted:
      OnExecuted();
      return;
    case ChildState::kFailed:
    case ChildState::kEnded:
      Abort(failure, StageOf(plan(), failure.op));
      return;
  }
}

void Task::OnExecuted() noexcept {
  phases_.child_ns = MonotonicNs() - start_monotonic_ns_;
  error_watch_.Stop();
  silence_timer_.Disarm();
  error_read_.reset();
  sync_write_.reset();
  phase_ = Phase::kRunning;
  StartedBody body = {};
  body.pid = pid_;
  body.start_time_ns = start_time_ns_;
  body.output_offset = output_.first_offset();
  body.phases = phases_;
  options_.host->Send(FrameType::kStarted, number(), &body, sizeof(body));
  limits_.Start(options_.loop, this, plan());
  if (is_exec()) return;
  HoldMounts();
  oom_watch_.Start(options_.loop, this, plan());
}

void Task::Abort(const OpFailure& failure, Executor stage) noexcept {
  if (aborting_) return;
  aborting_ = true;
  failure_ = {.op = failure.op,
              .err = failure.err,
              .stage = static_cast<uint32_t>(stage),
              .killed_by_signal = 0};
  error_watch_.Stop();
  silence_timer_.Disarm();
  // The rest follows when the child is reaped.
  if (SignalProcess(SIGKILL) != ESRCH || pid_fd_.is_valid()) return;
  CompleteAbort();
}

void Task::CompleteAbort() noexcept {
  if (reaped_ && failure_.err == 0) {
    if (status_.si_code == CLD_EXITED) {
      failure_.err = EIO;
    } else {
      failure_.killed_by_signal = static_cast<uint32_t>(status_.si_status);
    }
  }
  Cancel();
  options_.host->Send(FrameType::kFailed, number(), &failure_,
                      sizeof(failure_));
  options_.host->OnTaskEnded(this);
}

void Task::Cancel() noexcept {
  phase_ = Phase::kExited;
  disconnect_timer_.Disarm();
  input_.Abandon();
  CloseSlots();
  RemoveGroup(plan());
}

}  // namespace caisson::shim
