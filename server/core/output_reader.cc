#include "server/core/output_reader.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "server/core/executor.h"
#include "server/core/output_cursor.h"

namespace caisson::core {
namespace {

constexpr size_t kMaxChunk = 64 * 1024;
// The named reader tells its position after this much, and before it waits:
// the writer may be a megabyte ahead of what it was told.
constexpr int64_t kPositionStep = 256 * 1024;

}  // namespace

// Everything but the queue and the position is touched only by work on the
// queue.
class OutputReader::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(OutputService* service, std::shared_ptr<OutputSource> source,
       OutputOptions options)
      : queue_(&service->executor()),
        cursor_(std::move(source), std::move(options)) {}

  void Start(StartCallback callback) {
    Post([self = shared_from_this(), callback = std::move(callback)]() mutable {
      self->DoStart(std::move(callback));
    });
  }

  void Next(size_t max_bytes, ItemCallback callback) {
    max_bytes = std::clamp<size_t>(max_bytes, 1, kMaxChunk);
    Post([self = shared_from_this(), max_bytes,
          callback = std::move(callback)]() mutable {
      self->DoNext(max_bytes, std::move(callback));
    });
  }

  void Cancel() {
    Post([self = shared_from_this()] { self->DoCancel(); });
  }

  int64_t position() const { return position_; }

 private:
  void Post(Work work) { queue_.Post(std::move(work)); }

  void DoStart(StartCallback callback) {
    if (cancelled_) return callback(absl::CancelledError("reader"));
    absl::StatusOr<int64_t> begin = cursor_.Begin();
    if (begin.ok()) {
      position_ = *begin;
      told_position_ = *begin;
    } else {
      ended_ = true;
    }
    callback(std::move(begin));
  }

  void DoNext(size_t max_bytes, ItemCallback callback) {
    if (cancelled_) return callback(absl::CancelledError("reader"));
    if (ended_ || callback_ != nullptr) {
      return callback(absl::FailedPreconditionError(
          "reader: nothing comes after the end, and one call at a time"));
    }
    max_bytes_ = max_bytes;
    callback_ = std::move(callback);
    // Asking for more means that what was given has left.
    TellPosition(kPositionStep);
    Look();
  }

  void DoCancel() {
    cancelled_ = true;
    StopWaiting();
    if (callback_ == nullptr) return;
    std::exchange(callback_, nullptr)(absl::CancelledError("reader"));
  }

  // Answers the pending call, or waits for a change.
  void Look() {
    StopWaiting();
    if (callback_ == nullptr) return;
    while (true) {
      const uint64_t generation = cursor_.source().generation();
      absl::StatusOr<std::optional<OutputItem>> item = cursor_.Read(max_bytes_);
      position_ = cursor_.position();
      if (!item.ok()) return Answer(item.status());
      if (item->has_value()) return Answer(**std::move(item));
      TellPosition(1);
      if (cursor_.source().Watch()) continue;
      if (WaitBeyond(generation)) return;
    }
  }

  bool WaitBeyond(uint64_t generation) {
    waiter_ = cursor_.source().WaitBeyond(generation, Waker());
    if (waiter_ == 0) return false;
    const std::optional<absl::Time>& until = cursor_.options().until;
    if (until.has_value() && *until < absl::InfiniteFuture()) {
      timer_ = queue_.After(*until - absl::Now(), Waker());
    }
    return true;
  }

  // Looks again, unless the reader is gone by then.
  Work Waker() {
    return [weak = weak_from_this()] {
      const std::shared_ptr<Impl> self = weak.lock();
      if (self == nullptr) return;
      self->Post([self] { self->Look(); });
    };
  }

  void StopWaiting() {
    if (waiter_ != 0) cursor_.source().Forget(std::exchange(waiter_, 0));
    if (timer_ != 0) queue_.Cancel(std::exchange(timer_, 0));
  }

  void Answer(absl::StatusOr<OutputItem> item) {
    if (!item.ok() || std::holds_alternative<OutputEnd>(*item)) {
      ended_ = true;
      TellPosition(1);
    }
    std::exchange(callback_, nullptr)(std::move(item));
  }

  void TellPosition(int64_t at_least) {
    const auto& listener = cursor_.options().on_position;
    if (listener == nullptr || position_ - told_position_ < at_least) return;
    told_position_ = position_;
    listener(position_);
  }

  SerialQueue queue_;
  OutputCursor cursor_;
  std::atomic<int64_t> position_{0};
  int64_t told_position_ = 0;
  bool cancelled_ = false;
  bool ended_ = false;
  ItemCallback callback_;
  size_t max_bytes_ = kMaxChunk;
  uint64_t waiter_ = 0;
  TimerId timer_ = 0;
};

std::unique_ptr<OutputReader> OutputReader::Create(
    OutputService* service, std::shared_ptr<OutputSource> source,
    OutputOptions options) {
  return std::unique_ptr<OutputReader>(new OutputReader(
      std::make_shared<Impl>(service, std::move(source), std::move(options))));
}

OutputReader::OutputReader(std::shared_ptr<Impl> impl)
    : impl_(std::move(impl)) {}

OutputReader::~OutputReader() {
  impl_->Cancel();
}

void OutputReader::Start(StartCallback callback) {
  impl_->Start(std::move(callback));
}

void OutputReader::Next(size_t max_bytes, ItemCallback callback) {
  impl_->Next(max_bytes, std::move(callback));
}

int64_t OutputReader::position() const {
  return impl_->position();
}

void OutputReader::Cancel() {
  impl_->Cancel();
}

}  // namespace caisson::core
