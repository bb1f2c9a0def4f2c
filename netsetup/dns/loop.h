// One thread that waits for descriptors and times. What it calls never waits.
//
// Process: daemon. Thread: any for Run; all else is for the loop's own thread,
// or for the time before Start and after Stop.
#ifndef CAISSON_NETSETUP_DNS_LOOP_H_
#define CAISSON_NETSETUP_DNS_LOOP_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "runtime/base/unique_fd.h"

namespace caisson::netsetup::dns {

class Loop {
 public:
  // A watch or a timer, which ends with it: before its descriptor is closed,
  // and before the loop is destroyed. One that is empty stands for none.
  class Handle {
   public:
    Handle() = default;
    Handle(Handle&& other) noexcept
        : loop_(std::exchange(other.loop_, nullptr)), id_(other.id_) {}
    Handle& operator=(Handle&& other) noexcept;
    ~Handle() { Reset(); }

    void Reset();
    // Waits for other events from now on. Only for a watch.
    absl::Status Rewatch(uint32_t events);

   private:
    friend class Loop;
    Handle(Loop* loop, uint64_t id) : loop_(loop), id_(id) {}

    Loop* loop_ = nullptr;
    uint64_t id_ = 0;
  };

  using Watcher = std::function<void(uint32_t events)>;

  static absl::StatusOr<std::unique_ptr<Loop>> Open();
  // Stops.
  ~Loop();

  // `name` is what the thread is called, in at most 15 bytes.
  void Start(const std::string& name);
  // Ends the thread. Idempotent.
  void Stop();

  // Runs `task` on the thread, which must be running, and returns after it.
  // Not from the thread itself.
  void Run(const std::function<void()>& task);

  // Calls `watcher` with what epoll(7) says, level-triggered. A watcher may
  // end watches, its own too.
  absl::StatusOr<Handle> Watch(int fd, uint32_t events, Watcher watcher);
  // Calls `task` once, at a time of Now or after it.
  Handle At(absl::Duration when, std::function<void()> task);
  // CLOCK_MONOTONIC.
  absl::Duration Now() const;

 private:
  struct Watched {
    int fd = -1;
    std::shared_ptr<Watcher> watcher;
  };
  struct Timer {
    absl::Duration when;
    std::function<void()> task;
  };

  Loop(base::UniqueFd epoll, base::UniqueFd wake);

  void Forget(uint64_t id);
  void Wake();
  void Work();
  void RunTasks();
  void RunTimers();
  int TimeoutMs() const;

  const base::UniqueFd epoll_fd_;
  const base::UniqueFd wake_fd_;

  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);

  // The thread's alone. 0 is the tag of the descriptor that wakes it.
  uint64_t last_id_ = 0;
  absl::flat_hash_map<uint64_t, Watched> watched_;
  absl::flat_hash_map<uint64_t, Timer> timers_;
  absl::btree_set<std::pair<absl::Duration, uint64_t>> due_;

  std::thread thread_;
};

}  // namespace caisson::netsetup::dns

#endif  // CAISSON_NETSETUP_DNS_LOOP_H_
