#include "server/core/output_merge.h"

#include <algorithm>
#include <list>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "runtime/base/status_macros.h"
#include "server/core/executor.h"
#include "server/core/output_cursor.h"

namespace caisson::core {
namespace {

constexpr size_t kMaxChunk = 64 * 1024;
constexpr size_t kMaxItems = 1024;

OutputOptions::End EndOf(MergedReader::Follow follow) {
  switch (follow) {
    case MergedReader::Follow::kNo:
      return OutputOptions::End::kCaughtUp;
    case MergedReader::Follow::kToExit:
      return OutputOptions::End::kExit;
    case MergedReader::Follow::kForever:
      break;
  }
  return OutputOptions::End::kRemoved;
}

}  // namespace

// Each tail goes through two phases. In its history it takes part in the merge
// by time; when it has caught up with its own end it is live, and is read when
// its source tells of a change. The merge is over when no tail is in history;
// until then live tails wait, so that history comes first.
//
// Everything but the queue is touched only by work on the queue.
class MergedReader::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(OutputService* service, OutputOptions options, Follow follow)
      : queue_(&service->executor()),
        options_(std::move(options)),
        follow_(follow) {
    options_.on_position = nullptr;
    options_.end = EndOf(follow);
  }

  void Add(Input input) {
    queue_.Post(
        [self = shared_from_this(), input = std::move(input)]() mutable {
          self->DoAdd(std::move(input));
          self->Look();
        });
  }

  void Next(size_t max_bytes, BatchCallback callback) {
    queue_.Post([self = shared_from_this(), max_bytes,
                 callback = std::move(callback)]() mutable {
      self->DoNext(std::max<size_t>(max_bytes, 1), std::move(callback));
    });
  }

  void Cancel() {
    queue_.Post([self = shared_from_this()] { self->DoCancel(); });
  }

  // Following ends at a moment, whether something is written by then or not.
  void AwaitUntil() {
    if (follow_ == Follow::kNo || !options_.until.has_value()) return;
    if (*options_.until == absl::InfiniteFuture()) return;
    queue_.After(*options_.until - absl::Now(), [weak = weak_from_this()] {
      const std::shared_ptr<Impl> self = weak.lock();
      if (self == nullptr || self->cancelled_) return;
      if (!self->IsUntilReached()) return self->AwaitUntil();
      self->ready_ = self->tails_;
      for (const auto& tail : self->history_) self->ready_.remove(tail);
      self->Look();
    });
  }

 private:
  struct Tail {
    Tail(Input input, OutputOptions options)
        : container(std::move(input.container)),
          cursor(std::move(input.source), std::move(options)),
          on_caught_up(std::move(input.on_caught_up)) {}

    const std::string container;
    OutputCursor cursor;
    const std::function<void(int64_t)> on_caught_up;
    // Records from then on are no history.
    const int64_t live_from_ns = absl::ToUnixNanos(absl::Now());
    bool done = false;
    uint64_t waiter = 0;
  };

  void DoAdd(Input input) {
    if (cancelled_ || !containers_.insert(input.container).second) return;
    OutputOptions options = options_;
    options.from = input.from;
    tails_.push_back(std::make_shared<Tail>(std::move(input), options));
    history_.push_back(tails_.back());
  }

  void DoNext(size_t max_bytes, BatchCallback callback) {
    if (cancelled_) return callback(absl::CancelledError("reader"));
    if (ended_ || callback_ != nullptr) {
      return callback(absl::FailedPreconditionError(
          "reader: nothing comes after the end, and one call at a time"));
    }
    max_bytes_ = max_bytes;
    callback_ = std::move(callback);
    Look();
  }

  void DoCancel() {
    cancelled_ = true;
    for (const auto& tail : tails_) StopWaiting(tail.get());
    tails_.clear();
    history_.clear();
    ready_.clear();
    if (callback_ == nullptr) return;
    std::exchange(callback_, nullptr)(absl::CancelledError("reader"));
  }

  // Fills a batch; an empty one means waiting, unless all is over.
  void Look() {
    if (callback_ == nullptr) return;
    MergedBatch batch;
    bytes_ = 0;
    absl::Status status;
    while (status.ok() && !history_.empty() && !IsFull(batch)) {
      status = ReadHistory(&batch);
    }
    while (status.ok() && history_.empty() && !ready_.empty() &&
           !IsFull(batch)) {
      status = ReadLive(&batch);
    }
    if (!status.ok()) {
      ended_ = true;
      return std::exchange(callback_, nullptr)(std::move(status));
    }
    batch.finished =
        tails_.empty() && (follow_ != Follow::kForever || IsUntilReached());
    ended_ = batch.finished;
    if (batch.items.empty() && !batch.finished) return;
    std::exchange(callback_, nullptr)(std::move(batch));
  }

  bool IsUntilReached() const {
    return options_.until.has_value() && absl::Now() >= *options_.until;
  }

  bool IsFull(const MergedBatch& batch) const {
    return bytes_ >= max_bytes_ || batch.items.size() >= kMaxItems;
  }

  size_t Room() const { return std::min(max_bytes_ - bytes_, kMaxChunk); }

  // Reads a piece of the tail whose next record is the oldest, up to where
  // another one's begins. Ties go by container.
  absl::Status ReadHistory(MergedBatch* batch) {
    using Head = std::pair<int64_t, std::shared_ptr<Tail>>;
    std::vector<Head> heads;
    for (const auto& tail : history_) {
      absl::StatusOr<std::optional<int64_t>> time = tail->cursor.PeekTime();
      if (!time.ok()) return base::Annotate(time.status(), tail->container);
      // What has no time comes at once: a gap, an end, nothing more.
      // A copy: both take the tail out of the list that is walked here.
      const std::shared_ptr<Tail> one = tail;
      if (!time->has_value()) return ReadTail(one, std::nullopt, batch);
      if (follow_ != Follow::kNo && **time >= one->live_from_ns)
        return GoLive(one);
      heads.emplace_back(**time, one);
    }
    const auto first = std::min_element(
        heads.begin(), heads.end(), [](const Head& a, const Head& b) {
          return std::tie(a.first, a.second->container) <
                 std::tie(b.first, b.second->container);
        });
    std::optional<int64_t> bound;
    for (const Head& head : heads) {
      if (head.second == first->second) continue;
      // Records of the same time go first, too, if their container does.
      const bool wins = first->second->container < head.second->container;
      const int64_t limit = head.first + (wins ? 1 : 0);
      bound = std::min(bound.value_or(limit), limit);
    }
    return ReadTail(first->second, bound, batch);
  }

  // A container that writes all the time must not keep the others waiting.
  absl::Status GoLive(const std::shared_ptr<Tail>& tail) {
    history_.remove(tail);
    ready_.push_back(tail);
    return absl::OkStatus();
  }

  absl::Status ReadLive(MergedBatch* batch) {
    const std::shared_ptr<Tail> tail = ready_.front();
    ready_.pop_front();
    // To the back when it has more: every tail gets its turn.
    ready_.push_back(tail);
    return ReadTail(tail, std::nullopt, batch);
  }

  // Reads one item of the tail; without one it is live and waits.
  absl::Status ReadTail(const std::shared_ptr<Tail>& tail,
                        std::optional<int64_t> before_ns, MergedBatch* batch) {
    StopWaiting(tail.get());
    const uint64_t generation = tail->cursor.source().generation();
    const OutputSource::State state = tail->cursor.source().state();
    absl::StatusOr<std::optional<OutputItem>> item =
        tail->cursor.Read(Room(), before_ns);
    if (!item.ok()) return base::Annotate(item.status(), tail->container);
    if (item->has_value()) {
      if (const auto* chunk = std::get_if<OutputChunk>(&**item)) {
        bytes_ += chunk->bytes.size();
      }
      const bool ended = std::holds_alternative<OutputEnd>(**item);
      batch->items.push_back({tail->container, **std::move(item)});
      if (ended) Remove(tail);
      return absl::OkStatus();
    }
    if (before_ns.has_value()) return absl::OkStatus();  // another's turn
    history_.remove(tail);
    ready_.remove(tail);
    if (tail->cursor.source().Watch() || !WaitBeyond(tail, generation)) {
      ready_.push_back(tail);
      return absl::OkStatus();
    }
    // Nothing has changed since the state was read.
    if (tail->on_caught_up && !state.running && state.exit != nullptr) {
      tail->on_caught_up(state.exit->run);
    }
    return absl::OkStatus();
  }

  bool WaitBeyond(const std::shared_ptr<Tail>& tail, uint64_t generation) {
    tail->waiter = tail->cursor.source().WaitBeyond(
        generation,
        [weak = weak_from_this(), weak_tail = std::weak_ptr<Tail>(tail)] {
          const std::shared_ptr<Impl> self = weak.lock();
          if (self == nullptr) return;
          self->queue_.Post([self, weak_tail] { self->Wake(weak_tail); });
        });
    return tail->waiter != 0;
  }

  void Wake(const std::weak_ptr<Tail>& weak_tail) {
    const std::shared_ptr<Tail> tail = weak_tail.lock();
    if (tail == nullptr || tail->done || cancelled_) return;
    tail->waiter = 0;
    ready_.push_back(tail);
    Look();
  }

  void StopWaiting(Tail* tail) {
    if (tail->waiter == 0) return;
    tail->cursor.source().Forget(std::exchange(tail->waiter, 0));
  }

  void Remove(const std::shared_ptr<Tail>& tail) {
    tail->done = true;
    containers_.erase(tail->container);
    history_.remove(tail);
    ready_.remove(tail);
    tails_.remove(tail);
  }

  SerialQueue queue_;
  OutputOptions options_;
  const Follow follow_;
  std::set<std::string> containers_;
  std::list<std::shared_ptr<Tail>> tails_;
  std::list<std::shared_ptr<Tail>> history_;
  std::list<std::shared_ptr<Tail>> ready_;  // live, may have something
  size_t bytes_ = 0;                        // of the batch being filled
  bool cancelled_ = false;
  bool ended_ = false;
  BatchCallback callback_;
  size_t max_bytes_ = kMaxChunk;
};

std::unique_ptr<MergedReader> MergedReader::Create(OutputService* service,
                                                   std::vector<Input> inputs,
                                                   OutputOptions options,
                                                   Follow follow) {
  auto impl = std::make_shared<Impl>(service, std::move(options), follow);
  for (Input& input : inputs) impl->Add(std::move(input));
  impl->AwaitUntil();
  return std::unique_ptr<MergedReader>(new MergedReader(std::move(impl)));
}

MergedReader::MergedReader(std::shared_ptr<Impl> impl)
    : impl_(std::move(impl)) {}

MergedReader::~MergedReader() {
  impl_->Cancel();
}

void MergedReader::Add(Input input) {
  impl_->Add(std::move(input));
}

void MergedReader::Next(size_t max_bytes, BatchCallback callback) {
  impl_->Next(max_bytes, std::move(callback));
}

void MergedReader::Cancel() {
  impl_->Cancel();
}

}  // namespace caisson::core
