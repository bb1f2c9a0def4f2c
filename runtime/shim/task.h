// One process that a shim looks after, with all that is below it: the
// container itself, or an exec. From its plan to its exit record.
//
// Process: shim. Thread: main only.
// Ownership: owns the plan's mapping, the descriptors of the process and the
// process itself until it is reaped. Belongs to the Shim, which destroys it
// when it says OnTaskEnded.
//
//   kSpawned --Prepare--> kPrepared --Clone, Start--> execve --> kRunning
//       |                     |                   |                 |
//       +---------------------+-------- Abort ----+            child exits
//                 kill, reap, remove cgroup, kFailed                |
//                                                               kExiting
//                        kExited <-- usage, exit record, kExited <-- drain
#ifndef CAISSON_RUNTIME_SHIM_TASK_H_
#define CAISSON_RUNTIME_SHIM_TASK_H_

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "runtime/base/unique_fd.h"
#include "runtime/init/run_plan.h"
#include "runtime/plan/header.h"
#include "runtime/record/exit_record.h"
#include "runtime/shim/input.h"
#include "runtime/shim/limits.h"
#include "runtime/shim/loop.h"
#include "runtime/shim/oom_watch.h"
#include "runtime/shim/output.h"
#include "runtime/shim/plan_memory.h"
#include "runtime/shim/protocol/frames.h"

namespace caisson::shim {

class Task;

// What a task needs from its shim.
class TaskHost {
 public:
  // To every daemon.
  virtual void Send(FrameType type, uint32_t target, const void* body,
                    size_t body_bytes) noexcept = 0;
  // The output is drained. False: the task must not end yet, the host calls
  // Finish later (the container ends after its execs).
  virtual bool MayFinish(Task* task) noexcept = 0;
  // kFailed or kExited was sent, and nothing of the task is left. The host may
  // destroy it.
  virtual void OnTaskEnded(Task* task) noexcept = 0;

 protected:
  ~TaskHost() = default;
};

class Task final : public InputListener,
                   public OutputListener,
                   public LimitListener,
                   public OomListener {
 public:
  struct Options {
    Loop* loop = nullptr;
    TaskHost* host = nullptr;
    uint32_t number = 0;          // 0: the container
    char* read_buffer = nullptr;  // kReadBytes, shared
    // What the process gets where its plan does not say: ours may be raised.
    rlimit file_limit = {};
  };

  explicit Task(const Options& options) noexcept;
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  ~Task();

  // Takes plan and directory. 0 or errno; on failure only destroy it.
  int Load(base::UniqueFd plan_fd, base::UniqueFd directory_fd) noexcept;

  // A network namespace for a container that gets its own; after Load.
  void set_network(base::UniqueFd network) noexcept {
    slots_[plan::kSlotNetwork] = network.release();
  }

  // The daemon configures the network namespace before Start.
  bool needs_network() const noexcept {
    return has_flag(plan::kPlanNeedsNetwork);
  }
  // And there is none before Clone.
  bool network_comes_with_clone() const noexcept {
    return needs_network() && slots_[plan::kSlotNetwork] < 0;
  }
  // Before Start, and after Clone if it comes with that. Not valid: errno.
  base::UniqueFd OpenNetwork() const noexcept;

  // Runs PREPARE. False: the task failed, and has said so.
  bool Prepare() noexcept;

  // After Prepare: makes the child, which waits. A failure is a frame.
  void Clone() noexcept;

  // After Clone: lets the child go on. The result is a frame: kStarted or
  // kFailed.
  void Start() noexcept;

  // Calls the start off, at any time before the program runs.
  void FailLaunch(int error) noexcept;

  // Lets go of the mounts of the container. After its end.
  void ReleaseMounts() noexcept { mounts_.reset(); }

  // What an exec needs of the running container; before Prepare. 0 or errno.
  int JoinContainer(const Task& container) noexcept;

  // SIGCHLD said that our child has ended.
  void OnChildExit() noexcept;

  // After MayFinish was false.
  void Finish() noexcept;

  // Commands of the daemon.
  void Signal(const KillBody& kill) noexcept;
  void Stop(const StopBody& stop) noexcept;
  void Disconnect(bool disconnected) noexcept;
  void OnDaemonLost() noexcept;
  void Resize(const ResizeBody& size) noexcept;
  void KillAll(record::ExitCause cause) noexcept;
  Input& input() noexcept { return input_; }
  Output& output() noexcept { return output_; }

  uint32_t number() const noexcept { return options_.number; }
  Phase phase() const noexcept { return phase_; }
  pid_t pid() const noexcept { return pid_; }
  // Whether `pid` is our child's: once it is reaped it may be another's.
  bool is_child(pid_t pid) const noexcept { return pid_ == pid && !reaped_; }
  bool is_started() const noexcept { return started_; }
  bool is_drained() const noexcept { return drained_; }
  // Cloned, and not yet the program. Before Start it only waits.
  bool is_launching() const noexcept {
    return phase_ == Phase::kPrepared && pid_fd_.is_valid() && !aborting_;
  }
  const plan::PlanView& plan() const noexcept { return memory_.view(); }
  int64_t start_time_ns() const noexcept { return start_time_ns_; }
  void set_fork_ns(int64_t fork_ns) noexcept { phases_.fork_ns = fork_ns; }
  const PhasesBody& phases() const noexcept { return phases_; }

  // Calls of the parts below.
  void OnInputProgress(int64_t offset, bool closed) noexcept override;
  void OnOutputLimit() noexcept override;
  void OnDrained() noexcept override;
  void OnReleased() noexcept override;
  void OnLimit(record::ExitCause cause) noexcept override;
  void OnOomKill(int64_t kills) noexcept override;

 private:
  // task_launch.cc
  int OpenOutput() noexcept;
  int MakePipes() noexcept;
  int TakeTerminal() noexcept;
  int StartStdio() noexcept;
  bool MakeChild(init::OpFailure* failure) noexcept;
  [[noreturn]] void BecomeChild(const init::ChildFds& fds) noexcept;
  bool RunParent(init::OpFailure* failure) noexcept;
  void OnErrorPipe(uint32_t events) noexcept;
  void CheckLaunch() noexcept;
  void HoldMounts() noexcept;
  void OnExecuted() noexcept;
  void Abort(const init::OpFailure& failure, plan::Executor stage) noexcept;
  void CompleteAbort() noexcept;
  // Undoes what was prepared.
  void Cancel() noexcept;
  void CloseSlots() noexcept;

  // task_end.cc
  void End(record::ExitCause cause, int signal, int64_t grace_ns) noexcept;
  void KillTree() noexcept;
  void FinishWhenSettled() noexcept;
  void OnGraceOver() noexcept;
  void OnDisconnectGraceOver() noexcept;
  bool OwnsPidNamespace() const noexcept;
  record::ExitCause Cause(const record::ExitRecord& record) const noexcept;
  void FillExit(record::ExitRecord* record) const noexcept;
  void FillOutput(record::ExitRecord* record) const noexcept;
  void WriteRecord(const record::ExitRecord& record) noexcept;
  int SignalProcess(int signal) noexcept;
  void CheckReleased() noexcept;

  bool is_exec() const noexcept { return options_.number != 0; }
  bool has_flag(plan::PlanFlag flag) const noexcept {
    return (plan().header->flags & flag) != 0;
  }
  const plan::PlanPolicy& policy() const noexcept {
    return plan().header->policy;
  }

  const Options options_;

  PlanMemory memory_;
  base::UniqueFd directory_;
  Phase phase_ = Phase::kSpawned;
  PhasesBody phases_ = {};
  int slots_[plan::kMaxSlots];

  // The process.
  pid_t pid_ = 0;
  base::UniqueFd pid_fd_;
  base::UniqueFd devpts_;
  base::UniqueFd mounts_;  // its mount namespace
  bool reaped_ = false;
  siginfo_t status_ = {};
  int64_t start_time_ns_ = 0;
  int64_t start_monotonic_ns_ = 0;
  int64_t exit_time_ns_ = 0;
  int64_t exit_monotonic_ns_ = 0;

  // Between the clone and execve.
  base::UniqueFd error_read_;
  base::UniqueFd sync_write_;
  Watch error_watch_;
  Timer silence_timer_;
  bool started_ = false;
  bool aborting_ = false;
  FailedBody failure_ = {};

  // Its streams.
  base::UniqueFd terminal_;  // pty master
  base::UniqueFd stdin_write_;
  base::UniqueFd stdout_read_;
  base::UniqueFd stderr_read_;
  Input input_;
  Output output_;
  bool drained_ = false;

  // Its end.
  Limits limits_;
  OomWatch oom_watch_;
  Timer grace_timer_;
  Timer disconnect_timer_;
  Timer linger_timer_;
  Timer settle_timer_;
  bool tree_killed_ = false;
  int settle_polls_ = 0;
  record::ExitCause cause_ = record::ExitCause::kUnknown;
  int last_kill_signal_ = 0;
};

}  // namespace caisson::shim

#endif  // CAISSON_RUNTIME_SHIM_TASK_H_
