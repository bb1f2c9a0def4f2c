// What a reader must know about the object whose log it reads (where the log
// is, whether the run is over and at which offset), and the service that
// wakes readers when files or these facts change.
//
// Process: caissond. Thread: any; no call blocks or does file I/O but
// Create, and none calls back on the caller's stack.
#ifndef CAISSON_SERVER_CORE_OUTPUT_SOURCE_H_
#define CAISSON_SERVER_CORE_OUTPUT_SOURCE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

#include "server/core/executor.h"
#include "server/store/records.h"

namespace caisson::core {

class OutputSource;

// One inotify instance and a small pool. Outlives its sources; its destructor
// joins the threads after their last callback.
class OutputService {
 public:
  struct Options {
    int threads = 2;
  };

  static absl::StatusOr<std::unique_ptr<OutputService>> Create(Options options);
  static absl::StatusOr<std::unique_ptr<OutputService>> Create() {
    return Create(Options());
  }
  ~OutputService();
  OutputService(const OutputService&) = delete;
  OutputService& operator=(const OutputService&) = delete;

  // Where readers work: file access and callbacks.
  Executor& executor() { return executor_; }

  class Hub;
  Hub& hub() { return *hub_; }

 private:
  OutputService(Options options, std::unique_ptr<Hub> hub);

  Executor executor_;
  const std::unique_ptr<Hub> hub_;
};

// Made by core together with the actor of a container or exec and updated by
// it; readers share it.
class OutputSource {
 public:
  struct State {
    int64_t run = 0;       // starts so far; 0: never started
    bool running = false;  // a run is current: more output may come
    bool removed = false;
    // Of the last run that ended, with its end_offset; null: none yet.
    std::shared_ptr<const store::ExitInfo> exit;
  };

  // `directory` holds log.<seq>; it may not exist yet.
  OutputSource(OutputService* service, std::string directory, State state);
  ~OutputSource();
  OutputSource(const OutputSource&) = delete;
  OutputSource& operator=(const OutputSource&) = delete;

  const std::string& directory() const { return directory_; }
  State state() const;
  // How `run` ended, for readers that are still at it when the next one has
  // ended as well; of the next later run if that is forgotten; null: it runs.
  std::shared_ptr<const store::ExitInfo> ExitOf(int64_t run) const;

  // The exit must be set after the store committed it: readers hand it out.
  void SetRunning(int64_t run);
  void SetExited(std::shared_ptr<const store::ExitInfo> exit);
  // The object is deleted: readers finish what they can still read, then end.
  void SetRemoved();

  // --- For readers. Take the generation, look at state and files, and when
  // there is nothing new, wait beyond that generation.
  uint64_t generation() const;
  // Makes file changes count as changes. True: they did not before, so look
  // again.
  bool Watch();
  // Calls `wake` once, at the next change, on the thread that made or saw it
  // and with no lock held: it must only post. 0: there was a change since
  // `generation`, look again. Else a name for Forget.
  uint64_t WaitBeyond(uint64_t generation, absl::AnyInvocable<void()> wake);
  void Forget(uint64_t waiter);

 private:
  friend class OutputService::Hub;

  using Wakes = std::vector<absl::AnyInvocable<void()>>;

  // Something changed: moves the waiters to `wakes`. Whether there were any.
  bool TakeWaiters(Wakes* wakes) ABSL_LOCKS_EXCLUDED(mutex_);
  void MoveWaiters(Wakes* wakes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  OutputService* const service_;
  const std::string directory_;
  mutable absl::Mutex mutex_;
  State state_ ABSL_GUARDED_BY(mutex_);
  // The exits of the newest runs.
  std::map<int64_t, std::shared_ptr<const store::ExitInfo>> exits_
      ABSL_GUARDED_BY(mutex_);
  uint64_t generation_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t last_waiter_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, absl::AnyInvocable<void()>> waiters_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_OUTPUT_SOURCE_H_
