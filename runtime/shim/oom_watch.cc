#include "runtime/shim/oom_watch.h"

#include <unistd.h>

#include "runtime/shim/group.h"

namespace caisson::shim {
namespace {

// v1 announces the lack of memory before the victim is chosen and counted.
constexpr int64_t kRecheckNs = 20 * kNsPerMs;
constexpr int kChecks = 10;
// Short-lived containers go without: the exit record tells about them too.
constexpr int64_t kStartDelayNs = 20 * kNsPerMs;

}  // namespace

void OomWatch::Start(Loop* loop, OomListener* listener,
                     const plan::PlanView& plan) noexcept {
  loop_ = loop;
  listener_ = listener;
  plan_ = plan;
  watch_.Bind<&OomWatch::OnEvent>(this);
  timer_.Bind<&OomWatch::Check>(this);
  timer_.Arm(loop, kStartDelayNs);
}

void OomWatch::Stop() noexcept {
  watch_.Stop();
  timer_.Disarm();
  events_.reset();
}

void OomWatch::OnEvent(uint32_t) noexcept {
  // inotify events or an eventfd's counter: only that there was one matters.
  alignas(8) char ignored[4096];
  if (::read(events_.get(), ignored, sizeof(ignored)) < 0) return;
  // Reclaim near the limit raises events without end, most of them no kill:
  // not watched while we look.
  watch_.Stop();
  checks_left_ = kChecks;
  Check();
}

void OomWatch::Check() noexcept {
  if (!events_.is_valid()) {
    events_ = OpenGroupOomEvents(plan_);
    if (!events_.is_valid()) return;
  }
  const int64_t kills = GroupOomKills(plan_);
  if (kills > kills_) {
    kills_ = kills;
    checks_left_ = 0;
    listener_->OnOomKill(kills);
  }
  if (--checks_left_ > 0) {
    timer_.Arm(loop_, kRecheckNs);
  } else {
    watch_.Start(loop_, events_.get(), EPOLLIN);
  }
}

}  // namespace caisson::shim
