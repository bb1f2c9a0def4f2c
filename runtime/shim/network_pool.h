// Network namespaces that are made before somebody needs one: the kernel takes
// longer for one than for everything else that a container is born with.
//
// Process: keeper. Thread: main only, which is the whole process: for a moment
// it stands in the namespace that it makes.
// Ownership: owns the namespaces until they are taken; each has its loopback
// up and nothing else, and ends with its last descriptor.
#ifndef CAISSON_RUNTIME_SHIM_NETWORK_POOL_H_
#define CAISSON_RUNTIME_SHIM_NETWORK_POOL_H_

#include <stdint.h>

#include "runtime/base/unique_fd.h"
#include "runtime/shim/loop.h"

namespace caisson::shim {

class NetworkPool {
 public:
  static constexpr int kSize = 4;

  NetworkPool() = default;
  NetworkPool(const NetworkPool&) = delete;
  NetworkPool& operator=(const NetworkPool&) = delete;

  // Fills itself from the loop, later. Without the right to make namespaces it
  // stays empty.
  void Open(Loop* loop) noexcept;

  // A namespace that nobody has used; not valid when there is none.
  base::UniqueFd Take() noexcept;

  // A container has ended: nobody will wait for us in a moment.
  void RefillSoon() noexcept;

  int size() const noexcept { return count_; }

 private:
  void Refill() noexcept;
  base::UniqueFd Make() noexcept;

  Loop* loop_ = nullptr;
  base::UniqueFd own_;  // the keeper's namespace
  base::UniqueFd ready_[kSize];
  int count_ = 0;
  Timer refill_timer_;
};

}  // namespace caisson::shim

#endif  // CAISSON_RUNTIME_SHIM_NETWORK_POOL_H_
