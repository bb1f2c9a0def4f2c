// How many streams of one kind may be open at a time, in all or for each
// container: beyond it a call is told so instead of waiting in silence.
//
// Process: caissond. Thread: any.
#ifndef CAISSON_SERVER_SERVICE_STREAM_SLOTS_H_
#define CAISSON_SERVER_SERVICE_STREAM_SLOTS_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace caisson::service {

class StreamSlots {
 public:
  // Gives one slot back when it goes.
  class Slot {
   public:
    Slot(StreamSlots* slots, std::string key)
        : slots_(slots), key_(std::move(key)) {}
    ~Slot() { slots_->Release(key_); }
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;

   private:
    StreamSlots* const slots_;
    const std::string key_;
  };

  // `name` is that of the limit in GetInfo; a literal.
  StreamSlots(std::string_view name, int max) : name_(name), max_(max) {}

  // One of the slots of `key` (the id of a container, or "" for all).
  // RESOURCE_EXHAUSTED TOO_MANY_STREAMS when all are taken.
  absl::StatusOr<std::unique_ptr<Slot>> Take(std::string key);

  std::string_view name() const { return name_; }
  int max() const { return max_; }

 private:
  void Release(const std::string& key);

  const std::string_view name_;
  const int max_;
  absl::Mutex mutex_;
  absl::flat_hash_map<std::string, int> used_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_STREAM_SLOTS_H_
