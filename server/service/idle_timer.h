// Calls back when a stream was quiet for an interval: heartbeats and bookmarks.
//
// Process: caissond. Thread: any; the callback runs on a gRPC thread, one at a
// time, and must not block. It may run once more while Stop runs.
#ifndef CAISSON_SERVER_SERVICE_IDLE_TIMER_H_
#define CAISSON_SERVER_SERVICE_IDLE_TIMER_H_

#include <functional>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "grpcpp/alarm.h"

namespace caisson::service {

class IdleTimer : public std::enable_shared_from_this<IdleTimer> {
 public:
  // Returns when something was last sent.
  using LastActivity = std::function<absl::Time()>;

  static std::shared_ptr<IdleTimer> Start(absl::Duration interval,
                                          LastActivity last_activity,
                                          std::function<void()> on_idle);

  // Ends it and drops both functions; a timer that is not stopped keeps
  // whatever they hold.
  void Stop();

 private:
  IdleTimer(absl::Duration interval, LastActivity last_activity,
            std::function<void()> on_idle);
  void Arm(absl::Time when) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnAlarm();

  const absl::Duration interval_;
  absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  LastActivity last_activity_ ABSL_GUARDED_BY(mutex_);
  std::function<void()> on_idle_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<grpc::Alarm> alarm_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_IDLE_TIMER_H_
