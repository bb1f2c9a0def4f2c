// The shim of one running container: its loop, its connections, the container
// and its execs.
//
// Process: shim (forked by the keeper). Thread: main only.
// Ownership: owns everything that the container has outside of itself. Ends
// with the container; daemons may come and go meanwhile.
#ifndef CAISSON_RUNTIME_SHIM_SHIM_H_
#define CAISSON_RUNTIME_SHIM_SHIM_H_

#include <stdint.h>
#include <sys/resource.h>

#include "runtime/base/unique_fd.h"
#include "runtime/shim/connections.h"
#include "runtime/shim/loop.h"
#include "runtime/shim/output.h"
#include "runtime/shim/protocol/frames.h"
#include "runtime/shim/task.h"

namespace caisson::shim {

// What the keeper gives to a new shim.
struct ShimArguments {
  SpawnBody spawn = {};
  base::UniqueFd plan;
  base::UniqueFd directory;         // of the container
  base::UniqueFd lock;              // says that we live; only held
  base::UniqueFd control;           // the first daemon
  base::UniqueFd socket_directory;  // <state>/shims
  base::UniqueFd network;           // a fresh namespace, if there was one
  int64_t request_ns = 0;           // MonotonicNs when the keeper was asked
  rlimit file_limit = {};           // before the keeper raised it
};

// Looks after the container until it has ended; never returns.
[[noreturn]] void RunShim(ShimArguments* arguments) noexcept;

class Shim final : public FrameHandler, public TaskHost {
 public:
  explicit Shim(ShimArguments* arguments) noexcept;
  Shim(const Shim&) = delete;
  Shim& operator=(const Shim&) = delete;

  // Until the container has ended, or could not be started.
  void Run() noexcept;

  void OnFrame(Peer* peer, const FrameView& frame,
               FrameFds* fds) noexcept override;
  void OnDisconnected() noexcept override;
  void Send(FrameType type, uint32_t target, const void* body,
            size_t body_bytes) noexcept override;
  bool MayFinish(Task* task) noexcept override;
  void OnTaskEnded(Task* task) noexcept override;

 private:
  // 0 or errno.
  int Open() noexcept;
  int OpenSignals() noexcept;
  int ListenForDaemons() noexcept;
  bool IsOurPlan() const noexcept;
  void Prepare() noexcept;
  void SendPrepared() noexcept;
  bool SendNetwork() noexcept;
  void Start() noexcept;
  void OnSignal(uint32_t events) noexcept;
  void ReapChildren() noexcept;
  void OnTaskFrame(const FrameView& frame) noexcept;
  void WriteInput(Task* task, const FrameView& frame) noexcept;
  void StartExec(uint32_t number, FrameFds* fds) noexcept;
  int LoadExec(Task* task, FrameFds* fds) noexcept;
  void SendFailure(uint32_t target, int error) noexcept;
  void SendState(Peer* peer) noexcept;
  Task* Find(uint32_t number) noexcept;
  Task* FindChild(pid_t pid) noexcept;
  bool HasLiveExec() const noexcept;
  // What must not happen within a call of the task itself.
  void CleanUp() noexcept;
  void RemoveSocket() noexcept;

  ShimArguments* const arguments_;
  Loop loop_;
  Connections connections_;
  base::UniqueFd signals_;
  Watch signal_watch_;
  Task container_;
  // Slots; an exec keeps its own while a descendant holds its pipes.
  Task* execs_[kMaxExecs] = {};
  bool ended_ = false;  // the container
  bool exec_ended_[kMaxExecs] = {};
  bool clean_up_ = false;
  bool listening_ = false;
  // Shared by all outputs; only the pages that a read touches exist.
  alignas(4096) char read_buffer_[kReadBytes];
};

}  // namespace caisson::shim

#endif  // CAISSON_RUNTIME_SHIM_SHIM_H_
