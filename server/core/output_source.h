// What a reader must know about the object whose log it reads (where the log
// is, whether the run is over and at which offset), and the service that
// wakes readers when files or these facts change.
//
// Process: caissond. Thread: any; no call blocks or does file I/O but
// Create, and none calls back on the caller's stack.
#ifndef CAISSON_SERVER_CORE_OUTPUT_SOURCE_H_
#define CAISSON_SERVER_CORE_OUTPUT_SOURCE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

#include "server/store/records.h"

namespace caisson::core {

class OutputSource;

// One inotify instance and a small pool. Outlives its sources and readers'
// calls; its destructor joins the threads after their last callback.
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

  // Runs `work` on the pool.
  void Post(absl::AnyInvocable<void()> work);

  class Hub;
  Hub& hub() { return *hub_; }

 private:
  class Pool;
  OutputService(std::unique_ptr<Pool> pool, std::unique_ptr<Hub> hub);

  // The hub posts to the pool: it goes first.
  const std::unique_ptr<Pool> pool_;
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

  // The exit must be set after the store committed it: readers hand it out.
  void SetRunning(int64_t run);
  void SetExited(std::shared_ptr<const store::ExitInfo> exit);
  // The object is deleted: readers finish what they can still read, then end.
  void SetRemoved();

 private:
  friend class OutputService::Hub;
  class Waiter;
  OutputService* const service_;
  const std::string directory_;
  mutable absl::Mutex mutex_;
  State state_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_OUTPUT_SOURCE_H_
