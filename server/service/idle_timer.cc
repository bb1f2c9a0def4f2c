#include "server/service/idle_timer.h"

#include <utility>

#include "absl/time/clock.h"

namespace caisson::service {

IdleTimer::IdleTimer(absl::Duration interval, LastActivity last_activity,
                     std::function<void()> on_idle)
    : interval_(interval),
      last_activity_(std::move(last_activity)),
      on_idle_(std::move(on_idle)) {}

std::shared_ptr<IdleTimer> IdleTimer::Start(absl::Duration interval,
                                            LastActivity last_activity,
                                            std::function<void()> on_idle) {
  std::shared_ptr<IdleTimer> timer(
      new IdleTimer(interval, std::move(last_activity), std::move(on_idle)));
  absl::MutexLock lock(&timer->mutex_);
  timer->Arm(absl::Now() + interval);
  return timer;
}

void IdleTimer::Arm(absl::Time when) {
  // An alarm can be set again only after its callback has returned; a new one
  // for each round needs no such care.
  alarm_ = std::make_unique<grpc::Alarm>();
  alarm_->Set(absl::ToChronoTime(when),
              [self = shared_from_this()](bool fired) {
                if (fired) self->OnAlarm();
              });
}

void IdleTimer::OnAlarm() {
  LastActivity last_activity;
  std::function<void()> on_idle;
  {
    absl::MutexLock lock(&mutex_);
    if (stopped_) return;
    last_activity = last_activity_;
    on_idle = on_idle_;
  }
  const absl::Time now = absl::Now();
  absl::Time next = last_activity() + interval_;
  if (next <= now) {
    on_idle();
    next = now + interval_;
  }
  absl::MutexLock lock(&mutex_);
  if (!stopped_) Arm(next);
}

void IdleTimer::Stop() {
  LastActivity last_activity;
  std::function<void()> on_idle;
  std::unique_ptr<grpc::Alarm> alarm;
  absl::MutexLock lock(&mutex_);
  stopped_ = true;
  last_activity = std::move(last_activity_);
  on_idle = std::move(on_idle_);
  alarm = std::move(alarm_);
}

}  // namespace caisson::service
