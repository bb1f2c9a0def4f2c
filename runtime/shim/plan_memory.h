// A plan that came as a sealed memfd, mapped and checked.
//
// Process: shim. Thread: main only. Ownership: owns the mapping.
#ifndef CAISSON_RUNTIME_SHIM_PLAN_MEMORY_H_
#define CAISSON_RUNTIME_SHIM_PLAN_MEMORY_H_

#include <stddef.h>

#include "runtime/plan/header.h"

namespace caisson::shim {

class PlanMemory {
 public:
  PlanMemory() = default;
  PlanMemory(const PlanMemory&) = delete;
  PlanMemory& operator=(const PlanMemory&) = delete;
  ~PlanMemory();

  // 0; EPERM when the file is not sealed: its sender could change it after the
  // check; EBADMSG when it is no plan of this version; other errno.
  int Map(int plan_fd) noexcept;

  const plan::PlanView& view() const noexcept { return view_; }

 private:
  void* memory_ = nullptr;
  size_t size_ = 0;
  plan::PlanView view_;
};

}  // namespace caisson::shim

#endif  // CAISSON_RUNTIME_SHIM_PLAN_MEMORY_H_
