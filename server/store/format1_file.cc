#include "server/store/format1_file.h"

#include <sys/stat.h>

#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"
#include "server/store/sqlite.h"

namespace caisson::store {
namespace {

constexpr char kTables[] = R"sql(
CREATE TABLE meta(
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  store_id TEXT NOT NULL,
  boot_id TEXT NOT NULL,
  file_id INTEGER NOT NULL,
  reserved INTEGER NOT NULL,
  compacted INTEGER NOT NULL);
CREATE TABLE specs(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  dead INTEGER,
  bytes INTEGER NOT NULL,
  json TEXT NOT NULL);
CREATE INDEX specs_dead ON specs(dead) WHERE dead IS NOT NULL;
CREATE TABLE containers(
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  spec INTEGER,
  data TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE execs(
  id TEXT PRIMARY KEY,
  container TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,
  spec INTEGER,
  data TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX execs_container ON execs(container);
CREATE TABLE tombstones(
  id TEXT PRIMARY KEY,
  spec INTEGER,
  data TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX tombstones_spec ON tombstones(spec);
CREATE TABLE requests(
  id TEXT PRIMARY KEY,
  object TEXT NOT NULL,
  start_time INTEGER NOT NULL,
  end_time INTEGER NOT NULL,
  data TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE events(
  revision INTEGER NOT NULL,
  n INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  time INTEGER NOT NULL,
  type TEXT NOT NULL,
  container TEXT NOT NULL,
  container_spec INTEGER,
  container_data TEXT NOT NULL,
  exec TEXT NOT NULL,
  exec_spec INTEGER,
  exec_data TEXT NOT NULL,
  extra TEXT NOT NULL,
  PRIMARY KEY (revision, n)) WITHOUT ROWID;
PRAGMA application_id = 1128352083;
PRAGMA user_version = 1;
)sql";

constexpr char kRows[] = R"sql(
INSERT INTO specs VALUES
  (1, NULL, 34, '{"labels":{"k":"v"},"name":"web"}'),
  (2, NULL, 2, '{}'),
  (3, 9, 15, '{"name":"gone"}');
INSERT INTO containers VALUES
  ('a0000000000000000000000000000000', 'web', 1,
   '{"create_revision":10,"name":"web","revision":10,"run":2,"state":1}');
INSERT INTO execs VALUES
  ('e0000000000000000000000000000000', 'a0000000000000000000000000000000', 2,
   '{"container":"a0000000000000000000000000000000","create_revision":11,
     "number":7,"revision":11}');
INSERT INTO tombstones VALUES
  ('b0000000000000000000000000000000', 3,
   '{"create_revision":8,"delete_time":1700000000000000000,"name":"gone",
     "revision":9,"state":5}');
INSERT INTO requests VALUES
  ('r', 'a0000000000000000000000000000000', 1700000000000000000,
   1700000001000000000, '{"fingerprint":"00ff","method":"Run","outcome":1}');
INSERT INTO events VALUES
  (10, 0, 300, 1700000000000000000, 'container.started',
   'a0000000000000000000000000000000', 1,
   '{"create_revision":10,"name":"web","revision":10,"run":2,"state":1}',
   '', NULL, '', '{"request":"r"}'),
  (11, 0, 300, 1700000001000000000, 'exec.started',
   'a0000000000000000000000000000000', 1,
   '{"create_revision":10,"name":"web","revision":10,"run":2,"state":1}',
   'e0000000000000000000000000000000', 2,
   '{"container":"a0000000000000000000000000000000","create_revision":11,
     "number":7,"revision":11}', '');
)sql";

}  // namespace

absl::Status MakeFormat1File(const StoreOptions& options) {
  CAISSON_ASSIGN_OR_RETURN(
      const std::unique_ptr<Database> db,
      Database::Open(options.path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                     options.vfs));
  CAISSON_RETURN_IF_ERROR(db->Execute("PRAGMA synchronous = EXTRA"));
  CAISSON_RETURN_IF_ERROR(db->SelectText("PRAGMA journal_mode = WAL").status());
  CAISSON_RETURN_IF_ERROR(db->Execute(kTables));
  CAISSON_RETURN_IF_ERROR(db->Execute(kRows));
  struct stat info;
  if (::stat(options.path.c_str(), &info) != 0) {
    return base::SyscallError("stat", options.path);
  }
  return db->Prepare("INSERT INTO meta VALUES (1, 'store-1', ?, ?, 65536, 0)")
      .Text(options.boot_id)
      .Int(static_cast<int64_t>(info.st_ino))
      .Run();
}

}  // namespace caisson::store
