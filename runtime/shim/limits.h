// Limits of a run that the shim watches over, so that they hold without a
// daemon: wall time and cpu time.
//
// Process: shim. Thread: main only.
#ifndef CAISSON_RUNTIME_SHIM_LIMITS_H_
#define CAISSON_RUNTIME_SHIM_LIMITS_H_

#include <stdint.h>

#include "runtime/plan/header.h"
#include "runtime/record/exit_record.h"
#include "runtime/shim/loop.h"

namespace caisson::shim {

class LimitListener {
 public:
  // kWallTime or kCpuTime.
  virtual void OnLimit(record::ExitCause cause) noexcept = 0;

 protected:
  ~LimitListener() = default;
};

class Limits {
 public:
  Limits() = default;
  Limits(const Limits&) = delete;
  Limits& operator=(const Limits&) = delete;

  // `plan` must outlive this.
  void Start(Loop* loop, LimitListener* listener,
             const plan::PlanView& plan) noexcept;
  void Stop() noexcept;

 private:
  void OnWallTime() noexcept;
  void CheckCpuTime() noexcept;

  Loop* loop_ = nullptr;
  LimitListener* listener_ = nullptr;
  plan::PlanView plan_;
  int64_t cpus_ = 1;
  Timer wall_timer_;
  Timer cpu_timer_;
};

}  // namespace caisson::shim

#endif  // CAISSON_RUNTIME_SHIM_LIMITS_H_
