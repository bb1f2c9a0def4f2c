#include "runtime/shim/limits.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>

#include "runtime/shim/group.h"

namespace caisson::shim {
namespace {

// The limit is exact to about this much time of every cpu.
constexpr int64_t kLeastPollNs = 20 * kNsPerMs;
// The kernel does not announce that a counter stands still: look again.
constexpr int64_t kLongestPollNs = 1000 * kNsPerMs;

}  // namespace

void Limits::Start(Loop* loop, LimitListener* listener,
                   const plan::PlanView& plan) noexcept {
  loop_ = loop;
  listener_ = listener;
  plan_ = plan;
  wall_timer_.Bind<&Limits::OnWallTime>(this);
  cpu_timer_.Bind<&Limits::CheckCpuTime>(this);
  const plan::PlanPolicy& policy = plan.header->policy;
  if (policy.wall_time_ns > 0) wall_timer_.Arm(loop_, policy.wall_time_ns);
  if (policy.cpu_time_ns > 0) {
    cpus_ = std::max<int64_t>(1, ::sysconf(_SC_NPROCESSORS_ONLN));
    CheckCpuTime();
  }
}

void Limits::Stop() noexcept {
  wall_timer_.Disarm();
  cpu_timer_.Disarm();
}

void Limits::OnWallTime() noexcept {
  listener_->OnLimit(record::ExitCause::kWallTime);
}

void Limits::CheckCpuTime() noexcept {
  const int64_t limit_ns = plan_.header->policy.cpu_time_ns;
  const int64_t used_ns = GroupCpuNs(plan_);
  if (used_ns >= limit_ns) {
    listener_->OnLimit(record::ExitCause::kCpuTime);
    return;
  }
  // Not even all processors together can reach it earlier.
  const int64_t soonest_ns = (limit_ns - std::max<int64_t>(0, used_ns)) / cpus_;
  cpu_timer_.Arm(loop_, std::clamp(soonest_ns, kLeastPollNs, kLongestPollNs));
}

}  // namespace caisson::shim
