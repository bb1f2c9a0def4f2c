// A thin owner around SQLite's C interface: a connection with a cache of
// prepared statements, a statement that resets itself, errors as absl::Status.
//
// Process: caissond. Thread: a Database belongs to one thread at a time; the
// owner serialises (SQLite's own mutexes are off).
#ifndef CAISSON_SERVER_STORE_SQLITE_H_
#define CAISSON_SERVER_STORE_SQLITE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include <sqlite3.h>

namespace caisson::store {

// What a failed SQLite call means to a caller: RESOURCE_EXHAUSTED DISK_FULL
// when the medium is full or broken (SQLITE_FULL, IOERR, READONLY, CANTOPEN,
// CORRUPT ...), INTERNAL otherwise. Metadata: sqlite (extended code), errno.
absl::Status SqliteError(sqlite3* db, int code, std::string_view what);

// One use of a prepared statement; gives it back to the cache, reset, when it
// goes out of scope. Errors are kept and returned by the next Step or Run.
class Query {
 public:
  Query(sqlite3* db, sqlite3_stmt* statement, int code);
  ~Query();
  Query(Query&& other) noexcept;
  Query& operator=(Query&&) = delete;

  // Bind the next parameter. Text and blobs are borrowed until the query is
  // stepped for the last time.
  Query& Int(int64_t value);
  Query& OptionalInt(std::optional<int64_t> value);
  Query& Text(std::string_view value);
  Query& Blob(std::string_view value);

  // True: a row is there to read; false: no further row.
  absl::StatusOr<bool> Step();
  // Steps to the end.
  absl::Status Run();
  // Run, then ready for new parameters: one statement, many rows.
  absl::Status RunAndRewind();

  int64_t IntAt(int column) const;
  std::optional<int64_t> OptionalIntAt(int column) const;
  // Valid until the next Step.
  std::string_view TextAt(int column) const;

 private:
  void Keep(int code);

  sqlite3* db_;
  sqlite3_stmt* statement_;
  int next_parameter_ = 1;
  int code_;
};

class Database {
 public:
  // `flags` are SQLite's open flags; SQLITE_OPEN_NOMUTEX is added.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path,
                                                        int flags,
                                                        const std::string& vfs);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // `sql` must be a constant with static storage: its address is the key of
  // the cache, so that a statement is parsed once per connection.
  Query Prepare(const char* sql);

  // Runs statements whose results nobody wants.
  absl::Status Execute(const char* sql);

  // The first column of the first row; nothing for no row or NULL.
  absl::StatusOr<std::optional<int64_t>> SelectInt(const char* sql);
  absl::StatusOr<std::string> SelectText(const char* sql);

  bool in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }
  int64_t last_insert_rowid() const { return sqlite3_last_insert_rowid(db_); }
  sqlite3* get() { return db_; }

 private:
  explicit Database(sqlite3* db) : db_(db) {}

  sqlite3* const db_;
  absl::flat_hash_map<const char*, sqlite3_stmt*> cache_;
};

}  // namespace caisson::store

#endif  // CAISSON_SERVER_STORE_SQLITE_H_
