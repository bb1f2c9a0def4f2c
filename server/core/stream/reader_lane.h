// The way of the named reader's position to the shim: past the queue, because
// it is told for every piece of output.
//
// Process: caissond. Thread: any.
#ifndef CAISSON_SERVER_CORE_STREAM_READER_LANE_H_
#define CAISSON_SERVER_CORE_STREAM_READER_LANE_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

#include "runtime/shim/protocol/frames.h"
#include "server/shimlink/conn.h"

namespace caisson::core {

class ReaderLane {
 public:
  explicit ReaderLane(uint32_t target) : target_(target) {}

  // What the reader has taken. Before the start it is remembered.
  void Tell(int64_t offset) {
    shimlink::ConnPtr conn;
    {
      absl::MutexLock lock(&mutex_);
      if (closed_) return;
      offset_ = offset;
      conn = conn_;
    }
    if (conn != nullptr) Send(*conn, offset);
  }

  void Connect(shimlink::ConnPtr conn) {
    int64_t offset = 0;
    {
      absl::MutexLock lock(&mutex_);
      if (closed_) return;
      conn_ = conn;
      offset = offset_;
    }
    if (offset > 0) Send(*conn, offset);
  }

  // Nothing is told any more. True: it was open.
  bool Close() {
    absl::MutexLock lock(&mutex_);
    conn_ = nullptr;
    const bool was_open = !closed_;
    closed_ = true;
    return was_open;
  }

 private:
  void Send(shimlink::ShimConn& conn, int64_t offset) const {
    // A lost position is no harm: the next one says more.
    conn.SendBody(shim::FrameType::kReader, target_,
                  shim::ReaderBody{.offset = offset});
  }

  const uint32_t target_;
  absl::Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t offset_ ABSL_GUARDED_BY(mutex_) = 0;
  shimlink::ConnPtr conn_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_STREAM_READER_LANE_H_
