// WatchEvents without gRPC: cursors over the store's events. A cursor gets
// whole transactions in order, from memory while it keeps up and from SQLite
// when it does not; it holds no buffer, so a slow watcher costs nothing and
// loses nothing before compaction.
//
// Process: caissond. Thread: calls from any; all callbacks on the log's own
// thread, one at a time and with no lock held. They must not block.
#ifndef CAISSON_SERVER_CORE_EVENT_LOG_H_
#define CAISSON_SERVER_CORE_EVENT_LOG_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"

#include "server/store/filter.h"
#include "server/store/records.h"
#include "server/store/store.h"

namespace caisson::core {

struct WatchOptions {
  // Exclusive. Unset: from now on; 0: from the oldest event kept.
  std::optional<int64_t> after_revision;
  std::string store_id;            // empty: do not check
  std::vector<std::string> types;  // "container.started", "container.*"
  store::ContainerFilter filter;   // matched by identity and labels
};

struct EventBatch {
  // Resume after this: every matching event up to it was delivered.
  int64_t revision = 0;
  std::vector<store::EventPtr> events;  // never empty
};

class EventCursor;

class EventLog {
 public:
  // `store` outlives the log; the log becomes the store's listener.
  explicit EventLog(store::Store* store);
  // Ends all pending Next calls with CANCELLED and joins the thread. Calls of
  // cursors that are left do nothing any more.
  ~EventLog();
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;

  // OUT_OF_RANGE STORE_CHANGED (another store_id), REVISION_COMPACTED (too
  // old, or newer than this store has ever issued). Never waits.
  absl::StatusOr<std::unique_ptr<EventCursor>> Watch(WatchOptions options);

 private:
  friend class EventCursor;
  class Impl;
  const std::shared_ptr<Impl> impl_;
};

class EventCursor {
 public:
  using BatchCallback = absl::AnyInvocable<void(absl::StatusOr<EventBatch>)>;

  ~EventCursor();  // cancels
  EventCursor(const EventCursor&) = delete;
  EventCursor& operator=(const EventCursor&) = delete;

  // Calls back once, when there is at least one matching event: as many whole
  // transactions as fit in `max_events` (one at least). One call at a time.
  // Errors end the cursor: OUT_OF_RANGE REVISION_COMPACTED (fell behind the
  // retention), CANCELLED.
  void Next(size_t max_events, BatchCallback callback);

  // The revision up to which nothing that matches is undelivered: for the
  // bookmark at the start and those of an idle stream.
  int64_t Bookmark() const;

  // A pending Next ends with CANCELLED (on the log's thread), later ones too.
  void Cancel();

 private:
  friend class EventLog;
  struct State;
  EventCursor(std::shared_ptr<EventLog::Impl> log,
              std::shared_ptr<State> state);

  const std::shared_ptr<EventLog::Impl> log_;
  const std::shared_ptr<State> state_;
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_EVENT_LOG_H_
