#include "server/core/event_log.h"

#include <algorithm>
#include <atomic>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"

#include "runtime/base/error_detail.h"
#include "runtime/base/status_macros.h"
#include "server/core/executor.h"

namespace caisson::core {
namespace {

// Looks of one cursor before the others get their turn.
constexpr int kFairShare = 8;

bool TypeMatches(std::string_view pattern, std::string_view type) {
  if (pattern.empty() || pattern.back() != '*') return pattern == type;
  pattern.remove_suffix(1);
  return type.substr(0, pattern.size()) == pattern;
}

bool Matches(const WatchOptions& options, const store::Event& event) {
  const auto& types = options.types;
  if (!types.empty() &&
      std::none_of(types.begin(), types.end(), [&](const std::string& type) {
        return TypeMatches(type, event.type);
      })) {
    return false;
  }
  // Who asks for some containers asks for nothing else.
  if (event.container == nullptr) return options.filter.IsAnyIdentity();
  return options.filter.MatchesIdentity(*event.container);
}

}  // namespace

struct EventCursor::State {
  WatchOptions options;
  std::atomic<int64_t> position{0};  // everything up to here is delivered

  // On the log's thread only.
  BatchCallback callback;
  size_t max_events = 0;
  bool cancelled = false;
  bool ended = false;
};

// One thread does everything, so nothing but `scan_posted_` is shared.
class EventLog::Impl : public std::enable_shared_from_this<Impl> {
 public:
  using StatePtr = std::shared_ptr<EventCursor::State>;

  explicit Impl(store::Store* store) : store_(store) {}

  void Listen() {
    store_->SetListener([weak = weak_from_this()](int64_t) {
      if (const auto self = weak.lock()) self->PostScan();
    });
  }

  void Stop() {
    executor_.Post([this] {
      stopped_ = true;
      for (const StatePtr& state : std::exchange(waiting_, {})) {
        Finish(state.get(), absl::CancelledError("event log is closing"));
      }
    });
    executor_.Stop();
  }

  void Next(const StatePtr& state, size_t max_events,
            EventCursor::BatchCallback callback) {
    executor_.Post(
        [this, state, max_events, callback = std::move(callback)]() mutable {
          DoNext(state, max_events, std::move(callback));
        });
  }

  void Cancel(const StatePtr& state) {
    executor_.Post([this, state] {
      state->cancelled = true;
      waiting_.erase(std::remove(waiting_.begin(), waiting_.end(), state),
                     waiting_.end());
      if (state->callback != nullptr) {
        Finish(state.get(), absl::CancelledError("watch"));
      }
    });
  }

  store::Store* store() { return store_; }

 private:
  // However many commits there were since the last look, one look is enough.
  void PostScan() {
    if (scan_posted_.exchange(true)) return;
    executor_.Post([this] {
      scan_posted_ = false;
      for (const StatePtr& state : std::exchange(waiting_, {})) Look(state);
    });
  }

  void DoNext(const StatePtr& state, size_t max_events,
              EventCursor::BatchCallback callback) {
    if (state->cancelled || stopped_) {
      return callback(absl::CancelledError("watch"));
    }
    if (state->ended || state->callback != nullptr) {
      return callback(absl::FailedPreconditionError(
          "watch: nothing comes after an error, and one call at a time"));
    }
    state->max_events = std::max<size_t>(max_events, 1);
    state->callback = std::move(callback);
    Look(state);
  }

  // Answers the pending call, or lets the cursor wait for the next commit.
  void Look(const StatePtr& state) {
    for (int i = 0; i < kFairShare; ++i) {
      store::EventSlice slice;
      const int64_t after = state->position;
      const absl::Status status = ReadSlice(after, state->max_events, &slice);
      if (!status.ok()) {
        state->ended = true;
        return Finish(state.get(), status);
      }
      EventBatch batch;
      batch.revision = slice.through_revision;
      for (store::EventPtr& event : slice.events) {
        if (!Matches(state->options, *event)) continue;
        batch.events.push_back(std::move(event));
      }
      if (!batch.events.empty()) {
        // Only then: a bookmark must not be ahead of a batch on its way.
        Finish(state.get(), std::move(batch));
        state->position = slice.through_revision;
        return;
      }
      state->position = slice.through_revision;
      if (slice.through_revision == after) {
        waiting_.push_back(state);
        return;
      }
    }
    executor_.Post([this, state] {
      if (state->callback != nullptr) Look(state);
    });
  }

  absl::Status ReadSlice(int64_t after, size_t max_events,
                         store::EventSlice* slice) {
    if (store_->ReadRecentEvents(after, max_events, slice)) {
      return absl::OkStatus();
    }
    CAISSON_ASSIGN_OR_RETURN(*slice,
                             store_->ReadStoredEvents(after, max_events));
    return absl::OkStatus();
  }

  static void Finish(EventCursor::State* state,
                     absl::StatusOr<EventBatch> batch) {
    std::exchange(state->callback, nullptr)(std::move(batch));
  }

  store::Store* const store_;
  std::atomic<bool> scan_posted_{false};
  std::vector<StatePtr> waiting_;
  bool stopped_ = false;
  Executor executor_{1, "events"};
};

EventCursor::EventCursor(std::shared_ptr<EventLog::Impl> log,
                         std::shared_ptr<State> state)
    : log_(std::move(log)), state_(std::move(state)) {}

EventCursor::~EventCursor() {
  Cancel();
}

void EventCursor::Next(size_t max_events, BatchCallback callback) {
  log_->Next(state_, max_events, std::move(callback));
}

int64_t EventCursor::Bookmark() const {
  return state_->position;
}

void EventCursor::Cancel() {
  log_->Cancel(state_);
}

EventLog::EventLog(store::Store* store) : impl_(std::make_shared<Impl>(store)) {
  impl_->Listen();
}

EventLog::~EventLog() {
  impl_->Stop();
}

absl::StatusOr<std::unique_ptr<EventCursor>> EventLog::Watch(
    WatchOptions options) {
  const store::Store& store = *impl_->store();
  if (!options.store_id.empty() && options.store_id != store.store_id()) {
    return base::MakeError(
        absl::StatusCode::kOutOfRange, "STORE_CHANGED",
        absl::StrCat("the revisions are of store ", options.store_id,
                     ", this is store ", store.store_id(), ": list again"),
        {{"storeId", store.store_id()}});
  }
  const int64_t current = store.catalog().revision();
  const int64_t oldest = store.compacted_revision();
  int64_t after = options.after_revision.value_or(current);
  if (after == 0) after = oldest;
  // A revision that was never issued is as far from here as a lost one.
  if (after < oldest || after > current) {
    return store::CompactedError(oldest, current, store.store_id());
  }
  auto state = std::make_shared<EventCursor::State>();
  state->options = std::move(options);
  state->position = after;
  return std::unique_ptr<EventCursor>(new EventCursor(impl_, std::move(state)));
}

}  // namespace caisson::core
