// What may be forgotten, decided a bounded piece at a time so that no commit
// waits long behind it.
//
// Process: caissond. Thread: the writer of the moment.
#ifndef CAISSON_SERVER_STORE_RETENTION_H_
#define CAISSON_SERVER_STORE_RETENTION_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "server/store/sqlite.h"
#include "server/store/store.h"

namespace caisson::store {

struct EventTotals {
  int64_t count = 0;
  int64_t bytes = 0;  // of events, and of specs that only they tell of
};

absl::StatusOr<EventTotals> CountEvents(Database* db);

struct EventCut {
  int64_t through_revision = 0;  // 0: nothing to forget
  EventTotals removed;
};

// The oldest events that the options no longer keep, at most about
// `max_events`, whole transactions only.
absl::StatusOr<EventCut> FindEventCut(Database* db, const StoreOptions& options,
                                      const EventTotals& totals, absl::Time now,
                                      int64_t max_events);

// Removes the events. To be called within a transaction.
absl::Status RemoveEvents(Database* db, const EventCut& cut);

// Removes specs of ended objects that no event and no tombstone tells of (a
// bounded number) and returns their bytes. To be called within a transaction.
absl::StatusOr<int64_t> RemoveDeadSpecs(Database* db,
                                        int64_t compacted_revision);

}  // namespace caisson::store

#endif  // CAISSON_SERVER_STORE_RETENTION_H_
