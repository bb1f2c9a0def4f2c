#include "server/store/schema.h"

#include <errno.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"
#include "server/store/string_view.h"

namespace caisson::store {
namespace {

constexpr char kFormat1[] = R"sql(
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

constexpr char kFormat2[] = R"sql(
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

constexpr char kFormat3[] = R"sql(
CREATE TABLE network_namespaces(
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  data TEXT NOT NULL) WITHOUT ROWID;
ALTER TABLE events ADD COLUMN network_namespace TEXT NOT NULL DEFAULT '';
ALTER TABLE events
  ADD COLUMN network_namespace_data TEXT NOT NULL DEFAULT '';
PRAGMA user_version = 3;
)sql";

// Rows of networks tell who has a device of the host: a daemon that does not
// read it would write them without it, and the device would be lost.
constexpr char kFormat4[] = R"sql(
PRAGMA user_version = 4;
)sql";

// Each makes its format from the one before, the first from an empty file. A
// new file goes through all of them and so is what an old one becomes.
constexpr std::array kFormats = {kFormat1, kFormat2, kFormat3, kFormat4};
constexpr int64_t kFormatVersion = kFormats.size();

// A random (version 4) UUID.
absl::StatusOr<std::string> NewUuid() {
  std::array<unsigned char, 16> bytes;
  if (::getrandom(bytes.data(), bytes.size(), 0) !=
      static_cast<ssize_t>(bytes.size())) {
    return base::SyscallError("getrandom", "store id");
  }
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
  const std::string hex = absl::BytesToHexString(absl::string_view(
      reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  const absl::string_view view = hex;
  return absl::StrCat(view.substr(0, 8), "-", view.substr(8, 4), "-",
                      view.substr(12, 4), "-", view.substr(16, 4), "-",
                      view.substr(20));
}

// Runs `change` in a transaction that is synced when it commits, whatever the
// connection does otherwise.
template <typename Change>
absl::Status CommitSynced(Database* db, Change change) {
  CAISSON_RETURN_IF_ERROR(db->Execute("PRAGMA synchronous = FULL"));
  absl::Status status = db->Execute("BEGIN IMMEDIATE");
  if (status.ok()) status = change();
  if (status.ok()) status = db->Execute("COMMIT");
  if (!status.ok() && db->in_transaction()) {
    db->Execute("ROLLBACK").IgnoreError();  // the first failure is told
  }
  const absl::Status restored = db->Execute("PRAGMA synchronous = NORMAL");
  return status.ok() ? restored : status;
}

struct MetaRow {
  bool present = false;
  std::string store_id;
  std::string boot_id;
  int64_t file_id = 0;
  int64_t reserved = 0;
  int64_t compacted = 0;
};

absl::StatusOr<MetaRow> ReadMeta(Database* db) {
  MetaRow meta;
  Query query = db->Prepare(
      "SELECT store_id, boot_id, file_id, reserved, compacted FROM meta");
  CAISSON_ASSIGN_OR_RETURN(meta.present, query.Step());
  if (!meta.present) return meta;
  meta.store_id = std::string(query.TextAt(0));
  meta.boot_id = std::string(query.TextAt(1));
  meta.file_id = query.IntAt(2);
  meta.reserved = query.IntAt(3);
  meta.compacted = query.IntAt(4);
  return meta;
}

absl::Status WriteMeta(Database* db, const MetaRow& meta) {
  return db
      ->Prepare(
          "INSERT OR REPLACE INTO meta(only_row, store_id, boot_id, "
          "file_id, reserved, compacted) VALUES (1, ?, ?, ?, ?, ?)")
      .Text(meta.store_id)
      .Text(meta.boot_id)
      .Int(meta.file_id)
      .Int(meta.reserved)
      .Int(meta.compacted)
      .Run();
}

}  // namespace

absl::Status ConfigureWriter(Database* db) {
  // The first switch to WAL goes through a rollback journal. Were its removal
  // not synced, a power cut could bring it back, and it would empty the file.
  CAISSON_RETURN_IF_ERROR(db->Execute("PRAGMA synchronous = EXTRA"));
  CAISSON_ASSIGN_OR_RETURN(const std::string mode,
                           db->SelectText("PRAGMA journal_mode = WAL"));
  if (mode != "wal") {
    return absl::InternalError(
        absl::StrCat("store: journal mode is '", mode, "', not wal"));
  }
  return db->Execute(
      "PRAGMA synchronous = NORMAL;"
      "PRAGMA foreign_keys = ON;"
      "PRAGMA wal_autocheckpoint = 0;"  // a thread of its own does that
      "PRAGMA journal_size_limit = 67108864;"
      "PRAGMA temp_store = MEMORY;"
      "PRAGMA busy_timeout = 5000");
}

absl::Status CreateTables(Database* db) {
  CAISSON_ASSIGN_OR_RETURN(const std::optional<int64_t> found,
                           db->SelectInt("PRAGMA user_version"));
  const int64_t version = found.value_or(0);
  if (version == kFormatVersion) return absl::OkStatus();
  if (version < 0 || version > kFormatVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("store: the file has format ", version,
                     ", this version knows ", kFormatVersion));
  }
  return CommitSynced(db, [&]() -> absl::Status {
    for (size_t next = static_cast<size_t>(version); next < kFormats.size();
         ++next) {
      CAISSON_RETURN_IF_ERROR(db->Execute(kFormats[next]));
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<Identity> OpenIdentity(Database* db, const std::string& boot_id,
                                      int64_t file_id) {
  CAISSON_ASSIGN_OR_RETURN(MetaRow meta, ReadMeta(db));
  const bool same_boot = meta.present && meta.boot_id == boot_id;
  const bool same_file = meta.present && meta.file_id == file_id;
  if (!same_file) {
    CAISSON_ASSIGN_OR_RETURN(meta.store_id, NewUuid());
  }
  Identity identity;
  // Anything reserved may have been issued, so all of it counts as used.
  identity.last_revision = meta.reserved;
  meta.reserved += kRevisionBlock;
  // After a power cut the newest commits may be missing though clients saw
  // their revisions; whoever watched must list again.
  const bool compact = !same_boot || !same_file;
  if (compact) meta.compacted = identity.last_revision;
  meta.boot_id = boot_id;
  meta.file_id = file_id;
  const absl::Status committed = CommitSynced(db, [&]() -> absl::Status {
    if (compact) {
      CAISSON_RETURN_IF_ERROR(db->Execute("DELETE FROM events"));
    }
    return WriteMeta(db, meta);
  });
  if (!committed.ok()) return committed;
  identity.store_id = meta.store_id;
  identity.reserved_revision = meta.reserved;
  identity.compacted_revision = meta.compacted;
  return identity;
}

absl::Status ReserveRevisions(Database* db, int64_t reserved) {
  return CommitSynced(db, [&] {
    return db->Prepare("UPDATE meta SET reserved = ?").Int(reserved).Run();
  });
}

}  // namespace caisson::store
