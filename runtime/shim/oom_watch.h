// Notices that the out-of-memory killer was at work in a container.
//
// Process: shim. Thread: main only.
#ifndef CAISSON_RUNTIME_SHIM_OOM_WATCH_H_
#define CAISSON_RUNTIME_SHIM_OOM_WATCH_H_

#include <stdint.h>

#include "runtime/base/unique_fd.h"
#include "runtime/plan/header.h"
#include "runtime/shim/loop.h"

namespace caisson::shim {

class OomListener {
 public:
  // How many processes it has killed by now.
  virtual void OnOomKill(int64_t kills) noexcept = 0;

 protected:
  ~OomListener() = default;
};

class OomWatch {
 public:
  OomWatch() = default;
  OomWatch(const OomWatch&) = delete;
  OomWatch& operator=(const OomWatch&) = delete;

  // Best effort: without a memory controller nothing is reported. `plan` must
  // outlive this.
  void Start(Loop* loop, OomListener* listener,
             const plan::PlanView& plan) noexcept;
  void Stop() noexcept;

 private:
  void OnEvent(uint32_t events) noexcept;
  void Check() noexcept;

  Loop* loop_ = nullptr;
  OomListener* listener_ = nullptr;
  plan::PlanView plan_;
  base::UniqueFd events_;
  Watch watch_;
  Timer timer_;
  int64_t kills_ = 0;
  int checks_left_ = 0;
};

}  // namespace caisson::shim

#endif  // CAISSON_RUNTIME_SHIM_OOM_WATCH_H_
