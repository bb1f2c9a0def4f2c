// Reads rows back: all tables when the store opens, events whenever a watcher
// is behind the ring.
//
// Process: caissond. Thread: the owner of the connection.
#ifndef CAISSON_SERVER_STORE_LOADER_H_
#define CAISSON_SERVER_STORE_LOADER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "server/store/catalog.h"
#include "server/store/spec_rows.h"
#include "server/store/sqlite.h"
#include "server/store/store.h"
#include "server/store/writer.h"

namespace caisson::store {

// Fills the catalog, and tells the writer which spec rows exist.
absl::Status LoadTables(Database* db, Catalog* catalog, Writer* writer);

// All rows, by network and address.
absl::StatusOr<std::vector<LeaseRow>> LoadLeases(Database* db);

// Whole transactions in (after, through], at least one, and no further one
// that would exceed `max_events`.
absl::StatusOr<EventSlice> LoadEvents(Database* db, SpecRows* specs,
                                      int64_t after, int64_t through,
                                      size_t max_events);

}  // namespace caisson::store

#endif  // CAISSON_SERVER_STORE_LOADER_H_
