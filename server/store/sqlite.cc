#include "server/store/sqlite.h"

#include <string.h>

#include <utility>

#include "absl/strings/str_cat.h"

#include "runtime/base/error_detail.h"
#include "runtime/base/status_macros.h"
#include "server/store/string_view.h"

namespace caisson::store {
namespace {

bool IsMediumFailure(int code) {
  switch (code & 0xff) {
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_PERM:
    case SQLITE_NOMEM:
    case SQLITE_BUSY:
      return true;
    default:
      return false;
  }
}

}  // namespace

absl::Status SqliteError(sqlite3* db, int code, std::string_view what) {
  const char* text = db == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(db);
  const int os_error = db == nullptr ? 0 : sqlite3_system_errno(db);
  std::string message = absl::StrCat("store: ", AbslView(what), ": ", text,
                                     " (sqlite ", code, ")");
  std::vector<std::pair<std::string, std::string>> metadata = {
      {"sqlite", absl::StrCat(code)}};
  if (os_error != 0) {
    const char* name = ::strerrorname_np(os_error);
    metadata.emplace_back("errno",
                          name == nullptr ? absl::StrCat(os_error) : name);
  }
  if (IsMediumFailure(code)) {
    return base::MakeError(absl::StatusCode::kResourceExhausted, "DISK_FULL",
                           message, std::move(metadata));
  }
  return absl::InternalError(message);
}

Query::Query(sqlite3* db, sqlite3_stmt* statement, int code)
    : db_(db), statement_(statement), code_(code) {}

Query::~Query() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

Query::Query(Query&& other) noexcept
    : db_(other.db_),
      statement_(std::exchange(other.statement_, nullptr)),
      next_parameter_(other.next_parameter_),
      code_(other.code_) {}

void Query::Keep(int code) {
  if (code_ == SQLITE_OK) code_ = code;
}

Query& Query::Int(int64_t value) {
  if (code_ != SQLITE_OK) return *this;
  Keep(sqlite3_bind_int64(statement_, next_parameter_++, value));
  return *this;
}

Query& Query::OptionalInt(std::optional<int64_t> value) {
  if (value.has_value()) return Int(*value);
  if (code_ != SQLITE_OK) return *this;
  Keep(sqlite3_bind_null(statement_, next_parameter_++));
  return *this;
}

Query& Query::Text(std::string_view value) {
  if (code_ != SQLITE_OK) return *this;
  // A null pointer would bind NULL, not the empty text.
  const char* data = value.data() == nullptr ? "" : value.data();
  Keep(sqlite3_bind_text64(statement_, next_parameter_++, data, value.size(),
                           SQLITE_STATIC, SQLITE_UTF8));
  return *this;
}

Query& Query::Blob(std::string_view value) {
  if (code_ != SQLITE_OK) return *this;
  const char* data = value.data() == nullptr ? "" : value.data();
  Keep(sqlite3_bind_blob64(statement_, next_parameter_++, data, value.size(),
                           SQLITE_STATIC));
  return *this;
}

absl::StatusOr<bool> Query::Step() {
  if (code_ != SQLITE_OK) return SqliteError(db_, code_, "prepare");
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return SqliteError(db_, sqlite3_extended_errcode(db_),
                     sqlite3_sql(statement_));
}

absl::Status Query::Run() {
  while (true) {
    CAISSON_ASSIGN_OR_RETURN(const bool row, Step());
    if (!row) return absl::OkStatus();
  }
}

absl::Status Query::RunAndRewind() {
  absl::Status status = Run();
  if (statement_ != nullptr) {
    sqlite3_reset(statement_);
    next_parameter_ = 1;
  }
  return status;
}

int64_t Query::IntAt(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::optional<int64_t> Query::OptionalIntAt(int column) const {
  if (sqlite3_column_type(statement_, column) == SQLITE_NULL) {
    return std::nullopt;
  }
  return IntAt(column);
}

std::string_view Query::TextAt(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  if (data == nullptr) return {};
  const int size = sqlite3_column_bytes(statement_, column);
  return {static_cast<const char*>(data), static_cast<size_t>(size)};
}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(
    const std::string& path, int flags, const std::string& vfs) {
  sqlite3* db = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &db, flags | SQLITE_OPEN_NOMUTEX,
                      vfs.empty() ? nullptr : vfs.c_str());
  // SQLite hands out a handle even when opening failed: it holds the error.
  std::unique_ptr<Database> database(new Database(db));
  if (code != SQLITE_OK) {
    return SqliteError(db, code, absl::StrCat("open '", path, "'"));
  }
  sqlite3_extended_result_codes(db, 1);
  return database;
}

Database::~Database() {
  for (const auto& [sql, statement] : cache_) sqlite3_finalize(statement);
  sqlite3_close_v2(db_);
}

Query Database::Prepare(const char* sql) {
  const auto found = cache_.find(sql);
  if (found != cache_.end()) return Query(db_, found->second, SQLITE_OK);
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT,
                                      &statement, nullptr);
  if (code != SQLITE_OK) return Query(db_, nullptr, code);
  cache_.emplace(sql, statement);
  return Query(db_, statement, SQLITE_OK);
}

absl::Status Database::Execute(const char* sql) {
  const int code = sqlite3_exec(db_, sql, nullptr, nullptr, nullptr);
  if (code == SQLITE_OK) return absl::OkStatus();
  return SqliteError(db_, sqlite3_extended_errcode(db_), sql);
}

absl::StatusOr<std::optional<int64_t>> Database::SelectInt(const char* sql) {
  Query query = Prepare(sql);
  CAISSON_ASSIGN_OR_RETURN(const bool row, query.Step());
  if (!row) return std::optional<int64_t>();
  return query.OptionalIntAt(0);
}

absl::StatusOr<std::string> Database::SelectText(const char* sql) {
  Query query = Prepare(sql);
  CAISSON_ASSIGN_OR_RETURN(const bool row, query.Step());
  return row ? std::string(query.TextAt(0)) : std::string();
}

}  // namespace caisson::store
