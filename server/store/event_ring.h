// The newest events, in memory: what a watcher that keeps up reads. Bounded
// by count and by size; what leaves is still in the database.
//
// Process: caissond. Thread: any.
#ifndef CAISSON_SERVER_STORE_EVENT_RING_H_
#define CAISSON_SERVER_STORE_EVENT_RING_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

#include "server/store/records.h"
#include "server/store/store.h"

namespace caisson::store {

// What the events hold of memory, about, and nobody else may hold any more: the
// versions of their objects, which are one for all events of a transaction, but
// not the specs, which all versions share.
size_t MemoryOf(const std::vector<EventPtr>& events);

class EventRing {
 public:
  // Holds all events after `floor`, that is none yet.
  EventRing(size_t max_events, size_t max_bytes, int64_t floor);

  // The events of one transaction (may be none) and their size, as of MemoryOf.
  // Revisions ascend.
  void Append(int64_t revision, const std::vector<EventPtr>& events,
              size_t bytes);

  // See Store::ReadRecentEvents.
  bool Read(int64_t after, size_t max_events, EventSlice* slice) const;

  // The newest revision appended.
  int64_t through() const;

 private:
  struct Batch {
    int64_t revision;
    size_t bytes;
    std::vector<EventPtr> events;  // never empty
  };

  const size_t max_events_;
  const size_t max_bytes_;
  mutable absl::Mutex mutex_;
  std::deque<Batch> batches_ ABSL_GUARDED_BY(mutex_);
  size_t events_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t floor_ ABSL_GUARDED_BY(mutex_);
  int64_t through_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace caisson::store

#endif  // CAISSON_SERVER_STORE_EVENT_RING_H_
