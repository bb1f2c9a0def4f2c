// Tells output sources that files below their directory changed: one inotify
// instance for the whole daemon.
//
// A directory is watched from the first reader that waits until a number of
// events found nobody waiting: output that nobody follows costs nothing. Where
// the host gives no watch (limits), the hub looks every 50 ms instead.
//
// Process: caissond. Thread: calls from any; its own thread reads events.
#ifndef CAISSON_SERVER_CORE_OUTPUT_HUB_H_
#define CAISSON_SERVER_CORE_OUTPUT_HUB_H_

#include <map>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

#include "runtime/base/unique_fd.h"
#include "server/core/output_source.h"

namespace caisson::core {

class OutputService::Hub {
 public:
  static absl::StatusOr<std::unique_ptr<Hub>> Create();
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  // True: the source was not watched before.
  bool Watch(OutputSource* source);
  // The source goes away; the hub does not touch it after the return.
  void Forget(OutputSource* source);

 private:
  struct Entry {
    int watch = -1;  // -1: polled
    int idle_events = 0;
  };

  Hub(base::UniqueFd inotify, base::UniqueFd signal);
  void Loop();
  void Signal();
  // One read of the inotify instance.
  void ReadEvents(OutputSource::Wakes* wakes);
  void NotifyAll(OutputSource::Wakes* wakes);
  // Looks whether what is polled can be watched by now.
  void NotifyPolled(OutputSource::Wakes* wakes);
  // Counts an event for `source`; gives the watch up when nobody listens.
  void Tell(OutputSource* source, OutputSource::Wakes* wakes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Add(OutputSource* source) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Remove(OutputSource* source) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<OutputSource*> SourcesOf(int watch) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const base::UniqueFd inotify_;
  const base::UniqueFd signal_;  // wakes the thread: stop_ or polled_ changed
  absl::Mutex mutex_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<OutputSource*, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  // Several sources may share a directory, hence a watch.
  std::multimap<int, OutputSource*> by_watch_ ABSL_GUARDED_BY(mutex_);
  std::set<OutputSource*> polled_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_OUTPUT_HUB_H_
