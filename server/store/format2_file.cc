#include "server/store/format2_file.h"

#include <memory>

#include "runtime/base/status_macros.h"
#include "server/store/format1_file.h"
#include "server/store/sqlite.h"

namespace caisson::store {
namespace {

constexpr char kTables[] = R"sql(
CREATE TABLE networks(
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  data TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE leases(
  network TEXT NOT NULL,
  address TEXT NOT NULL,
  endpoint TEXT NOT NULL,
  state INTEGER NOT NULL,
  quarantined_until INTEGER NOT NULL,
  boot_id TEXT NOT NULL,
  generation INTEGER NOT NULL,
  PRIMARY KEY (network, address)) WITHOUT ROWID;
ALTER TABLE events ADD COLUMN network TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN network_data TEXT NOT NULL DEFAULT '';
PRAGMA user_version = 2;
)sql";

constexpr char kRows[] = R"sql(
INSERT INTO networks VALUES
  ('f0000000000000000000000000000000', 'blue',
   '{"create_revision":12,"name":"blue","revision":12,
     "spec":{"name":"blue"},"up":1}');
INSERT INTO leases VALUES
  ('f0000000000000000000000000000000', '10.1.0.2', 'e', 1, 0, 'boot-1', 3);
INSERT INTO events VALUES
  (12, 0, 300, 1700000001000000000, 'network.created', '', NULL, '',
   '', NULL, '', '', 'f0000000000000000000000000000000',
   '{"create_revision":12,"name":"blue","revision":12,
     "spec":{"name":"blue"},"up":1}');
)sql";

}  // namespace

absl::Status MakeFormat2File(const StoreOptions& options) {
  CAISSON_RETURN_IF_ERROR(MakeFormat1File(options));
  CAISSON_ASSIGN_OR_RETURN(
      const std::unique_ptr<Database> db,
      Database::Open(options.path, SQLITE_OPEN_READWRITE, options.vfs));
  CAISSON_RETURN_IF_ERROR(db->Execute(kTables));
  return db->Execute(kRows);
}

}  // namespace caisson::store
