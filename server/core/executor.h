// Where core's work runs: a fixed pool of threads, queues that keep the order
// of one object's work, and timers.
//
//   Executor ---- pool of n threads
//     +-- SerialQueue (one per container): one piece at a time, in order
//     +-- After(): a timer thread that posts
//
// Process: caissond. Thread: any. Work must not block longer than one commit
// of the store; what may block goes to an executor of its own.
#ifndef CAISSON_SERVER_CORE_EXECUTOR_H_
#define CAISSON_SERVER_CORE_EXECUTOR_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "runtime/base/unique_fd.h"

namespace caisson::core {

using Work = absl::AnyInvocable<void()>;

// Names a timer; 0 is none.
using TimerId = uint64_t;

class Executor {
 public:
  // `name` is that of the threads (at most 15 bytes).
  Executor(int threads, std::string name);
  // Stop, if it was not called.
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // Runs `work` on the pool; after Stop it is dropped, and false comes back.
  // While Stop waits, only work that comes from the pool is still taken.
  bool Post(Work work);

  // Posts `work` when `delay` has passed (by a clock that never jumps).
  TimerId After(absl::Duration delay, Work work);
  // Forgets a timer that has not fired; whether it had not.
  bool Cancel(TimerId timer);

  // Drops timers, runs what was posted so far and what that posts, joins the
  // threads.
  void Stop();

 private:
  void RunPool();
  void RunTimers();

  const std::string name_;
  const base::UniqueFd wake_fd_;  // wakes the timer thread

  absl::Mutex mutex_;
  absl::CondVar ready_;
  std::deque<Work> queue_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  int working_ ABSL_GUARDED_BY(mutex_) = 0;  // threads that run a piece

  absl::Mutex timer_mutex_;
  // By monotonic nanoseconds, then in order of arrival.
  std::map<std::pair<int64_t, TimerId>, Work> timers_
      ABSL_GUARDED_BY(timer_mutex_);
  std::map<TimerId, int64_t> due_ ABSL_GUARDED_BY(timer_mutex_);
  TimerId last_timer_ ABSL_GUARDED_BY(timer_mutex_) = 0;
  bool timers_stopping_ ABSL_GUARDED_BY(timer_mutex_) = false;

  std::vector<std::thread> pool_;  // only the owner touches them
  std::thread timer_thread_;
};

// Work of one object: in order of Post, one at a time. The queue lives as long
// as work is in it, also when its owner is gone. Work that the executor does
// not take any more is dropped with the queue: it may own the queue's owner.
class SerialQueue {
 public:
  // The executor outlives the queue's work.
  explicit SerialQueue(Executor* executor);
  SerialQueue(const SerialQueue&) = delete;
  SerialQueue& operator=(const SerialQueue&) = delete;

  void Post(Work work);
  // As Executor::After, but the work runs on this queue.
  TimerId After(absl::Duration delay, Work work);
  bool Cancel(TimerId timer) { return executor_->Cancel(timer); }

 private:
  struct Core {
    absl::Mutex mutex;
    std::deque<Work> queue ABSL_GUARDED_BY(mutex);
    bool scheduled ABSL_GUARDED_BY(mutex) = false;
  };
  static void PostTo(Executor* executor, const std::shared_ptr<Core>& core,
                     Work work);
  static void Drain(Executor* executor, const std::shared_ptr<Core>& core);

  Executor* const executor_;
  const std::shared_ptr<Core> core_;
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_EXECUTOR_H_
