// The way of the named reader's position to the shim: past the queue, because
// it is told for every piece of output.
//
// Process: caissond. Thread: any.
#ifndef CAISSON_SERVER_CORE_STREAM_READER_LANE_H_
#define CAISSON_SERVER_CORE_STREAM_READER_LANE_H_

#include <cstdint>
#include <utility>

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
    {
      absl::MutexLock lock(&mutex_);
      offset_ = offset;
      untold_ = true;
    }
    SendNewest();
  }

  void Connect(shimlink::ConnPtr conn) {
    {
      absl::MutexLock lock(&mutex_);
      if (closed_) return;
      conn_ = std::move(conn);
      untold_ = offset_ > 0;
    }
    SendNewest();
  }

  // The shim reads again: tells what was refused. It may be the last that the
  // process waits for.
  void OnWritable() { SendNewest(); }

  // Nothing is told any more. True: it was open.
  bool Close() {
    absl::MutexLock lock(&mutex_);
    conn_ = nullptr;
    const bool was_open = !closed_;
    closed_ = true;
    return was_open;
  }

 private:
  // Threads may overtake each other between lock and send; whoever is last
  // finds that there is something newer.
  void SendNewest() {
    shimlink::ConnPtr conn;
    shim::ReaderBody body = {};
    for (bool sent = true; sent;) {
      {
        absl::MutexLock lock(&mutex_);
        if (conn != nullptr) untold_ = body.offset != offset_ || conn != conn_;
        if (!untold_ || closed_ || conn_ == nullptr) return;
        conn = conn_;
        body.offset = offset_;
      }
      sent = conn->SendBody(shim::FrameType::kReader, target_, body);
    }
  }

  const uint32_t target_;
  absl::Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool untold_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t offset_ ABSL_GUARDED_BY(mutex_) = 0;
  shimlink::ConnPtr conn_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_STREAM_READER_LANE_H_
