// Calls that look at the host, which may hang in the kernel: each has a thread
// of the lane and a limit, after which its caller gets an error and the call
// goes on alone.
//
// Process: caissond. Thread: any.
#ifndef CAISSON_SERVER_CORE_HOST_SLOW_LANE_H_
#define CAISSON_SERVER_CORE_HOST_SLOW_LANE_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "runtime/base/error_detail.h"
#include "server/core/executor.h"
#include "server/core/types.h"

namespace caisson::core {

class SlowLane {
 public:
  static constexpr absl::Duration kLimit = absl::Seconds(2);

  // `timers` outlives the lane and runs the callbacks of calls that hang.
  // `threads` is how many calls may hang before the next ones wait for them.
  SlowLane(Executor* timers, int threads)
      : timers_(timers), pool_(threads, "slow") {}

  // Runs `look` on the lane and calls back with its result, or with
  // UNAVAILABLE STUCK_IN_KERNEL when that took longer than kLimit.
  template <typename T>
  void Run(absl::AnyInvocable<absl::StatusOr<T>()> look, Callback<T> callback) {
    auto answer = std::make_shared<Answer<T>>();
    answer->Set(std::move(callback));
    const TimerId timer = timers_->After(kLimit, [answer] {
      base::ErrorDetail detail;
      detail.reason = "STUCK_IN_KERNEL";
      detail.retry_after = kLimit;
      answer->Give(base::WithDetail(
          absl::UnavailableError("the kernel did not answer in time"), detail));
    });
    pool_.Post(
        [answer, timer, timers = timers_, look = std::move(look)]() mutable {
          absl::StatusOr<T> result = look();
          timers->Cancel(timer);
          answer->Give(std::move(result));
        });
  }

 private:
  // The first one to answer does.
  template <typename T>
  class Answer {
   public:
    void Set(Callback<T> callback) {
      absl::MutexLock lock(&mutex_);
      callback_ = std::move(callback);
    }
    void Give(absl::StatusOr<T> result) {
      Callback<T> callback;
      {
        absl::MutexLock lock(&mutex_);
        callback.swap(callback_);
      }
      if (callback) callback(std::move(result));
    }

   private:
    absl::Mutex mutex_;
    Callback<T> callback_ ABSL_GUARDED_BY(mutex_);
  };

  Executor* const timers_;
  Executor pool_;
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_HOST_SLOW_LANE_H_
