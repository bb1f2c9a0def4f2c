#include "server/store/format3_file.h"

#include <memory>

#include "runtime/base/status_macros.h"
#include "server/store/format2_file.h"
#include "server/store/sqlite.h"

namespace caisson::store {
namespace {

constexpr char kTables[] = R"sql(
CREATE TABLE network_namespaces(
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  data TEXT NOT NULL) WITHOUT ROWID;
ALTER TABLE events ADD COLUMN network_namespace TEXT NOT NULL DEFAULT '';
ALTER TABLE events
  ADD COLUMN network_namespace_data TEXT NOT NULL DEFAULT '';
PRAGMA user_version = 3;
)sql";

constexpr char kRows[] = R"sql(
INSERT INTO network_namespaces VALUES
  ('d0000000000000000000000000000000', 'green',
   '{"boot":"boot-1","create_revision":13,"inode":77,"name":"green",
     "revision":13}');
INSERT INTO events VALUES
  (13, 0, 300, 1700000002000000000, 'network_namespace.created', '', NULL, '',
   '', NULL, '', '', '', '', 'd0000000000000000000000000000000',
   '{"boot":"boot-1","create_revision":13,"inode":77,"name":"green",
     "revision":13}');
)sql";

}  // namespace

absl::Status MakeFormat3File(const StoreOptions& options) {
  CAISSON_RETURN_IF_ERROR(MakeFormat2File(options));
  CAISSON_ASSIGN_OR_RETURN(
      const std::unique_ptr<Database> db,
      Database::Open(options.path, SQLITE_OPEN_READWRITE, options.vfs));
  CAISSON_RETURN_IF_ERROR(db->Execute(kTables));
  return db->Execute(kRows);
}

}  // namespace caisson::store
