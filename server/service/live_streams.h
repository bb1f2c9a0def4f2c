// The streams that are open, so that the end of the daemon is told to each of
// them in its own words instead of cutting them.
//
// Process: caissond. Thread: any.
// Ownership: holds what it is given until Remove.
#ifndef CAISSON_SERVER_SERVICE_LIVE_STREAMS_H_
#define CAISSON_SERVER_SERVICE_LIVE_STREAMS_H_

#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace caisson::service {

class LiveStreams {
 public:
  using End = std::function<void(absl::Status)>;

  // `end` is called at most once, perhaps at once.
  void Add(const void* stream, End end) {
    absl::Status why;
    {
      absl::MutexLock lock(&mutex_);
      if (!ended_) {
        streams_[stream] = std::move(end);
        return;
      }
      why = *ended_;
    }
    end(why);
  }

  void Remove(const void* stream) {
    absl::MutexLock lock(&mutex_);
    streams_.erase(stream);
  }

  // Ends all there are, and all that come later.
  void EndAll(const absl::Status& status) {
    std::vector<End> all;
    {
      absl::MutexLock lock(&mutex_);
      ended_ = status;
      for (auto& [stream, end] : streams_) all.push_back(std::move(end));
      streams_.clear();
    }
    for (const End& end : all) end(status);
  }

 private:
  absl::Mutex mutex_;
  std::optional<absl::Status> ended_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<const void*, End> streams_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_LIVE_STREAMS_H_
