// The database file: its tables, its identity, and what a restart must know
// (boot, reserved revisions, how far events are compacted).
//
//   meta        one row: version of the format is SQLite's user_version
//   specs       one row per distinct spec; `dead` is the revision at which the
//               last object that used it ceased: events may still refer to it
//   containers execs tombstones requests     JSON rows, see codec.h
//   networks    JSON rows; their specs are in them, and since format 4 who has
//               a device of the host
//   network_namespaces                       JSON rows
//   leases      keyed (network, address); network_records.h says when a row is
//               replaced or erased
//   events      keyed (revision, n)
//
// Process: caissond. Thread: that of the writing connection.
#ifndef CAISSON_SERVER_STORE_SCHEMA_H_
#define CAISSON_SERVER_STORE_SCHEMA_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "server/store/sqlite.h"

namespace caisson::store {

// How many revisions are reserved durably at a time: one synced write per
// block, and a restart skips what is left of the last one.
inline constexpr int64_t kRevisionBlock = 65'536;

struct Identity {
  std::string store_id;
  int64_t last_revision = 0;      // the newest that may have been issued
  int64_t reserved_revision = 0;  // may be issued without a new reservation
  int64_t compacted_revision = 0;
};

// Sets the pragmas of a connection that writes.
absl::Status ConfigureWriter(Database* db);

// Creates or migrates the tables. FAILED_PRECONDITION for a newer format.
absl::Status CreateTables(Database* db);

// Decides what is left of the past: a file that was copied or restored is
// another store (a new id), a new boot compacts all events. Reserves a block
// of revisions. Durable (synced) on return. `file_id` tells files apart.
absl::StatusOr<Identity> OpenIdentity(Database* db, const std::string& boot_id,
                                      int64_t file_id);

// Makes all revisions up to `reserved` usable. Synced on return: the numbers
// of a power cut are never used again.
absl::Status ReserveRevisions(Database* db, int64_t reserved);

}  // namespace caisson::store

#endif  // CAISSON_SERVER_STORE_SCHEMA_H_
