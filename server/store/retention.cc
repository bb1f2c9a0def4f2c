#include "server/store/retention.h"

#include "runtime/base/status_macros.h"
#include "server/store/codec.h"

namespace caisson::store {
namespace {

// Specs removed in one go: bounds the transaction.
constexpr int64_t kSpecsAtOnce = 1'000;

}  // namespace

absl::StatusOr<EventTotals> CountEvents(Database* db) {
  EventTotals totals;
  Query query = db->Prepare(
      "SELECT count(*), ifnull(sum(bytes), 0) + (SELECT "
      "ifnull(sum(bytes), 0) FROM specs WHERE dead IS NOT NULL) "
      "FROM events");
  CAISSON_RETURN_IF_ERROR(query.Step().status());
  totals.count = query.IntAt(0);
  totals.bytes = query.IntAt(1);
  return totals;
}

absl::StatusOr<EventCut> FindEventCut(Database* db, const StoreOptions& options,
                                      const EventTotals& totals, absl::Time now,
                                      int64_t max_events) {
  EventCut cut;
  const int64_t excess_count = totals.count - options.min_events;
  const int64_t excess_bytes = totals.bytes - options.max_event_bytes;
  if (excess_count <= 0 && excess_bytes <= 0) return cut;
  const int64_t oldest_kept = EncodeTime(now - options.event_age);
  // One row per transaction: it goes as a whole or stays.
  Query query = db->Prepare(
      "SELECT revision, count(*), sum(bytes), max(time) FROM events "
      "GROUP BY revision ORDER BY revision");
  while (cut.removed.count < max_events) {
    CAISSON_ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) break;
    const int64_t count = cut.removed.count + query.IntAt(1);
    const bool too_many_bytes = cut.removed.bytes < excess_bytes;
    const bool old_enough =
        count <= excess_count && query.IntAt(3) < oldest_kept;
    if (!too_many_bytes && !old_enough) break;
    cut.through_revision = query.IntAt(0);
    cut.removed.count = count;
    cut.removed.bytes += query.IntAt(2);
  }
  return cut;
}

absl::Status RemoveEvents(Database* db, const EventCut& cut) {
  CAISSON_RETURN_IF_ERROR(db->Prepare("DELETE FROM events WHERE revision <= ?")
                              .Int(cut.through_revision)
                              .Run());
  return db->Prepare("UPDATE meta SET compacted = max(compacted, ?)")
      .Int(cut.through_revision)
      .Run();
}

absl::StatusOr<int64_t> RemoveDeadSpecs(Database* db,
                                        int64_t compacted_revision) {
  Query query = db->Prepare(
      "DELETE FROM specs WHERE id IN (SELECT id FROM specs s "
      "WHERE dead IS NOT NULL AND dead <= ? AND NOT EXISTS "
      "(SELECT 1 FROM tombstones t WHERE t.spec = s.id) LIMIT ?) "
      "RETURNING bytes");
  query.Int(compacted_revision).Int(kSpecsAtOnce);
  int64_t bytes = 0;
  while (true) {
    CAISSON_ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return bytes;
    bytes += query.IntAt(0);
  }
}

}  // namespace caisson::store
