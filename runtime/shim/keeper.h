// The keeper: parent of all shims. Forks them from a small address space, reaps
// them, and does nothing else.
//
// Process: keeper. Thread: main only.
// Ownership: owns the lock and the sockets in the state directory. The shims
// are processes of their own and outlive it.
#ifndef CAISSON_RUNTIME_SHIM_KEEPER_H_
#define CAISSON_RUNTIME_SHIM_KEEPER_H_

#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <vector>

#include "runtime/base/unique_fd.h"
#include "runtime/shim/connections.h"
#include "runtime/shim/loop.h"
#include "runtime/shim/network_pool.h"
#include "runtime/shim/protocol/frames.h"
#include "runtime/shim/shim.h"

namespace caisson::shim {

class Keeper final : public FrameHandler {
 public:
  Keeper() = default;
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  // Takes the state directory over. 0 or errno; EBUSY: it has a keeper.
  int Open(const char* state_directory) noexcept;

  // Until it is told to stop and no shim lives.
  void Run() noexcept;

  void OnFrame(Peer* peer, const FrameView& frame,
               FrameFds* fds) noexcept override;
  void OnDisconnected() noexcept override;

 private:
  int OpenState(const char* state_directory) noexcept;
  int OpenSignals() noexcept;
  void RaiseFileLimit() noexcept;
  void OnSignal(uint32_t events) noexcept;
  void ReapShims() noexcept;
  void Spawn(Peer* peer, const FrameView& frame, FrameFds* fds) noexcept;
  [[noreturn]] void BecomeShim(ShimArguments* arguments,
                               base::UniqueFd image) noexcept;
  void SendSpawned(Peer* peer, const SpawnBody& spawn, pid_t pid) noexcept;
  void SendError(Peer* peer, const SpawnBody& spawn, int error) noexcept;
  void SendState(Peer* peer) noexcept;

  Loop loop_;
  Connections connections_;
  base::UniqueFd state_;
  base::UniqueFd shims_directory_;
  base::UniqueFd lock_;
  base::UniqueFd signals_;
  Watch signal_watch_;
  rlimit file_limit_ = {};
  NetworkPool networks_;
  std::vector<pid_t> shims_;
  bool stopping_ = false;
};

}  // namespace caisson::shim

#endif  // CAISSON_RUNTIME_SHIM_KEEPER_H_
