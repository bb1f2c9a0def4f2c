// The writing side of every stream: one write in flight, messages in order, one
// end. What a stream is about is in its subclass; this is the only place that
// knows gRPC's rules.
//
//   open --FinishWith(last)--> last write --OnDone-->
//     \---FinishWith(status)-> finished ---OnDone-->
//
// Output is pulled: when everything handed in was written, Fetch is called, and
// the subclass answers with one Deliver. So a stream holds one piece at a time,
// and a slow client slows its own stream alone.
//
// Process: caissond. Thread: any; every function may be called from any
// thread, nothing is called back with the lock held.
// Ownership: a stream owns itself from KeepUntilDone until OnDone; whoever
// calls back later holds a shared pointer, and then nothing happens.
#ifndef CAISSON_SERVER_SERVICE_PUMP_H_
#define CAISSON_SERVER_SERVICE_PUMP_H_

#include <deque>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"

#include "server/service/door.h"

namespace caisson::service {

// `Reactor` is grpc::ServerWriteReactor<ByteBuffer> or
// grpc::ServerBidiReactor<ByteBuffer, ByteBuffer>.
template <typename Reactor>
class Pump : public Reactor,
             public std::enable_shared_from_this<Pump<Reactor>> {
 public:
  Pump(const Door& door, std::string_view method,
       grpc::CallbackServerContext* context)
      : info_(door.Describe(method, *context)),
        context_(context),
        streams_(door.streams()) {}

  const CallInfo& info() const { return info_; }

  // Queues one message. After an end it is dropped. A ByteBuffer cannot be
  // moved, only swapped: a copy would allocate.
  void Push(grpc::ByteBuffer&& message) {
    absl::MutexLock lock(&mutex_);
    if (end_ != End::kNone) return;
    queue_.emplace_back().Swap(&message);
    WriteNext();
  }

  // For reactors that read: the next request, unless the stream has ended. No
  // operation may begin once Finish was issued, OnDone could come before it.
  void ReadInto(grpc::ByteBuffer* message) {
    absl::MutexLock lock(&mutex_);
    if (!finished_) this->StartRead(message);
  }

  // For what only says how things are: replaces one that was not written yet.
  void PushLatest(grpc::ByteBuffer&& message) {
    absl::MutexLock lock(&mutex_);
    if (end_ != End::kNone) return;
    latest_.emplace().Swap(&message);
    WriteNext();
  }

  // For what only fills silence: dropped while something is being written.
  void PushIfIdle(grpc::ByteBuffer&& message) {
    absl::MutexLock lock(&mutex_);
    if (end_ != End::kNone || writing_) return;
    queue_.emplace_back().Swap(&message);
    WriteNext();
  }

  // The first Fetch comes when everything queued so far was written.
  void StartFetching() {
    bool fetch = false;
    {
      absl::MutexLock lock(&mutex_);
      fetching_ = false;
      fetch = TakeFetch();
    }
    if (fetch) Fetch();
  }

  // The answer to one Fetch; no message means: nothing yet, fetch again.
  void Deliver(std::vector<grpc::ByteBuffer> messages) {
    bool fetch = false;
    {
      absl::MutexLock lock(&mutex_);
      if (end_ != End::kNone) return;
      fetching_ = false;
      for (auto& message : messages) queue_.emplace_back().Swap(&message);
      WriteNext();
      fetch = TakeFetch();
    }
    if (fetch) Fetch();
  }

  // After everything queued: `last`, then OK. The first end counts.
  void FinishWith(grpc::ByteBuffer&& last) {
    absl::MutexLock lock(&mutex_);
    if (end_ != End::kNone) return;
    end_ = End::kLastWrite;
    last_.Swap(&last);
    WriteNext();
  }

  // After everything queued: `status`. The first end counts.
  void FinishWith(absl::Status status) {
    absl::MutexLock lock(&mutex_);
    if (end_ != End::kNone) return;
    end_ = End::kStatus;
    status_ = std::move(status);
    WriteNext();
  }

  absl::Time last_write() const {
    absl::MutexLock lock(&mutex_);
    return last_write_;
  }

  void KeepUntilDone() {
    self_ = this->shared_from_this();
    streams_->Add(this, [self = self_](absl::Status status) {
      self->FinishWith(std::move(status));
    });
  }

 protected:
  // Get the next piece and call Deliver, or an end. Called when everything
  // queued was written and the Fetch before was answered.
  virtual void Fetch() = 0;
  // The stream is over: release what it holds. `delivered`: its last message
  // and OK went out to a client that was there.
  virtual void OnOver(bool delivered) = 0;

  grpc::CallbackServerContext* context() { return context_; }

  template <typename Derived>
  std::shared_ptr<Derived> Self() {
    return std::static_pointer_cast<Derived>(this->shared_from_this());
  }

 private:
  enum class End { kNone, kLastWrite, kStatus };

  bool TakeFetch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (fetching_ || writing_ || end_ != End::kNone) return false;
    fetching_ = true;
    return true;
  }

  // Something is queued -> it is being written; the end comes after it.
  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_ || finished_) return;
    if (!queue_.empty()) {
      StartOne(&queue_.front());
      queue_.pop_front();
    } else if (latest_) {
      StartOne(&*latest_);
      latest_.reset();
    } else if (end_ == End::kLastWrite) {
      finished_ = true;
      current_.Swap(&last_);
      this->StartWriteAndFinish(&current_, grpc::WriteOptions(),
                                grpc::Status::OK);
    } else if (end_ == End::kStatus) {
      finished_ = true;
      this->Finish(FinishStatus(info_, std::move(status_)));
    }
  }

  void StartOne(grpc::ByteBuffer* message)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    writing_ = true;
    current_.Swap(message);
    last_write_ = absl::Now();
    this->StartWrite(&current_);
  }

  void OnWriteDone(bool ok) final {
    bool fetch = false;
    {
      absl::MutexLock lock(&mutex_);
      writing_ = false;
      if (!ok) DropAll();
      WriteNext();
      fetch = TakeFetch();
    }
    if (fetch) Fetch();
  }

  // The connection is gone: nothing can be written any more.
  void DropAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    queue_.clear();
    latest_.reset();
    if (end_ != End::kStatus) status_ = CancelledStatus(*context_);
    end_ = End::kStatus;
  }

  void OnDone() final {
    streams_->Remove(this);
    bool last_write = false;
    {
      absl::MutexLock lock(&mutex_);
      last_write = end_ == End::kLastWrite;
    }
    // Cancelled also says that the status could not be sent.
    OnOver(last_write && !context_->IsCancelled());
    std::shared_ptr<Pump> self = std::move(self_);
  }

  const CallInfo info_;
  grpc::CallbackServerContext* const context_;  // valid until OnDone
  LiveStreams* const streams_;
  std::shared_ptr<Pump> self_;

  mutable absl::Mutex mutex_;
  std::deque<grpc::ByteBuffer> queue_ ABSL_GUARDED_BY(mutex_);
  std::optional<grpc::ByteBuffer> latest_ ABSL_GUARDED_BY(mutex_);
  grpc::ByteBuffer last_ ABSL_GUARDED_BY(mutex_);
  grpc::ByteBuffer current_ ABSL_GUARDED_BY(mutex_);
  bool fetching_ ABSL_GUARDED_BY(mutex_) = true;  // until StartFetching
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  End end_ ABSL_GUARDED_BY(mutex_) = End::kNone;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  absl::Time last_write_ ABSL_GUARDED_BY(mutex_) = absl::Now();
};

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_PUMP_H_
