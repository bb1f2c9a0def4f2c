#include "server/store/event_ring.h"

#include <algorithm>

namespace caisson::store {

EventRing::EventRing(size_t max_events, size_t max_bytes, int64_t floor)
    : max_events_(max_events),
      max_bytes_(max_bytes),
      floor_(floor),
      through_(floor) {}

void EventRing::Append(int64_t revision, const std::vector<EventPtr>& events,
                       size_t bytes) {
  absl::MutexLock lock(&mutex_);
  through_ = revision;
  if (events.empty()) return;
  batches_.push_back({revision, bytes, events});
  events_ += events.size();
  bytes_ += bytes;
  while (!batches_.empty() && (events_ > max_events_ || bytes_ > max_bytes_)) {
    const Batch& oldest = batches_.front();
    events_ -= oldest.events.size();
    bytes_ -= oldest.bytes;
    floor_ = oldest.revision;
    batches_.pop_front();
  }
}

bool EventRing::Read(int64_t after, size_t max_events,
                     EventSlice* slice) const {
  absl::MutexLock lock(&mutex_);
  if (after < floor_) return false;
  slice->events.clear();
  slice->through_revision = std::max(after, through_);
  auto batch = std::upper_bound(
      batches_.begin(), batches_.end(), after,
      [](int64_t revision, const Batch& b) { return revision < b.revision; });
  for (; batch != batches_.end(); ++batch) {
    const size_t size = slice->events.size() + batch->events.size();
    if (!slice->events.empty() && size > max_events) {
      slice->through_revision = slice->events.back()->revision;
      break;
    }
    slice->events.insert(slice->events.end(), batch->events.begin(),
                         batch->events.end());
  }
  return true;
}

int64_t EventRing::through() const {
  absl::MutexLock lock(&mutex_);
  return through_;
}

}  // namespace caisson::store
