#include "server/store/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"

#include "runtime/base/error_detail.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"
#include "runtime/base/unique_fd.h"
#include "server/store/loader.h"
#include "server/store/page_token.h"
#include "server/store/schema.h"
#include "server/store/store_impl.h"

namespace caisson::store {
namespace {

// Creates the file private before SQLite does it by the umask (it holds
// environments), and returns its inode: what tells a restored copy from the
// file that was here before.
absl::StatusOr<int64_t> CreatePrivateFile(const std::string& path) {
  const base::UniqueFd fd(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (fd.get() < 0) return base::SyscallError("open", path);
  struct stat info;
  if (::fstat(fd.get(), &info) != 0) return base::SyscallError("stat", path);
  return static_cast<int64_t>(info.st_ino);
}

}  // namespace

absl::Status Store::Impl::Open() {
  CAISSON_ASSIGN_OR_RETURN(const int64_t file_id,
                           CreatePrivateFile(options_.path));
  const auto open = [this](int flags) {
    return Database::Open(options_.path, flags, options_.vfs);
  };
  absl::MutexLock write_lock(&write_mutex_);
  CAISSON_ASSIGN_OR_RETURN(db_, open(SQLITE_OPEN_READWRITE));
  CAISSON_RETURN_IF_ERROR(ConfigureWriter(db_.get()));
  CAISSON_RETURN_IF_ERROR(CreateTables(db_.get()));
  CAISSON_ASSIGN_OR_RETURN(const Identity identity,
                           OpenIdentity(db_.get(), options_.boot_id, file_id));
  writer_ = std::make_unique<Writer>(db_.get(), &catalog_);
  CAISSON_RETURN_IF_ERROR(LoadTables(db_.get(), &catalog_, writer_.get()));
  CAISSON_ASSIGN_OR_RETURN(totals_, CountEvents(db_.get()));
  CatalogChange none;
  none.revision = identity.last_revision;
  catalog_.Apply(none);
  store_id_ = identity.store_id;
  next_revision_ = identity.last_revision + 1;
  reserved_ = identity.reserved_revision;
  compacted_ = identity.compacted_revision;
  ring_ = std::make_unique<EventRing>(options_.ring_events, options_.ring_bytes,
                                      identity.last_revision);
  sqlite3_wal_hook(db_->get(), &Impl::OnWal, this);

  absl::MutexLock read_lock(&read_mutex_);
  CAISSON_ASSIGN_OR_RETURN(reader_, open(SQLITE_OPEN_READONLY));
  CAISSON_RETURN_IF_ERROR(reader_->Execute("PRAGMA busy_timeout = 5000"));
  reader_specs_ = std::make_unique<SpecRows>(reader_.get());
  absl::MutexLock checkpoint_lock(&checkpoint_mutex_);
  CAISSON_ASSIGN_OR_RETURN(checkpointer_, open(SQLITE_OPEN_READWRITE));
  // The log is opened with the first read: now, not when descriptors are short.
  for (Database* database : {reader_.get(), checkpointer_.get()}) {
    CAISSON_RETURN_IF_ERROR(database->Execute("PRAGMA schema_version"));
  }
  if (options_.background_thread) {
    thread_ = std::thread([this] { MaintenanceLoop(); });
  }
  return absl::OkStatus();
}

Store::Impl::~Impl() {
  if (!thread_.joinable()) return;
  {
    absl::MutexLock lock(&thread_mutex_);
    stop_ = true;
  }
  thread_.join();
}

absl::StatusOr<EventSlice> Store::Impl::ReadStoredEvents(int64_t after,
                                                         size_t max_events) {
  // Not beyond what is published, though the rows may already be there.
  const int64_t through = catalog_.revision();
  absl::StatusOr<EventSlice> slice;
  {
    absl::MutexLock lock(&read_mutex_);
    slice = LoadEvents(reader_.get(), reader_specs_.get(), after, through,
                       max_events);
  }
  // Compaction may have overtaken the query: check afterwards.
  if (after < compacted_) {
    return CompactedError(compacted_, catalog_.revision(), store_id_);
  }
  return slice;
}

absl::StatusOr<std::vector<LeaseRow>> Store::Impl::ReadLeases() {
  absl::MutexLock lock(&read_mutex_);
  return LoadLeases(reader_.get());
}

absl::Status Store::Impl::CheckToken(const std::string& text) const {
  if (text.empty()) return absl::OkStatus();
  CAISSON_ASSIGN_OR_RETURN(const PageToken token, ParsePageToken(text));
  const int64_t current = catalog_.revision();
  if (token.revision >= compacted_ && token.revision <= current) {
    return absl::OkStatus();
  }
  return CompactedError(compacted_, current, store_id_);
}

absl::StatusOr<std::unique_ptr<Store>> Store::Open(StoreOptions options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  CAISSON_RETURN_IF_ERROR(impl->Open());
  return std::unique_ptr<Store>(new Store(std::move(impl)));
}

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Store::~Store() = default;

absl::StatusOr<int64_t> Store::Commit(Transaction transaction) {
  return impl_->Commit(std::move(transaction));
}

const Catalog& Store::catalog() const {
  return impl_->catalog_;
}

const std::string& Store::store_id() const {
  return impl_->store_id_;
}

absl::StatusOr<ContainerPage> Store::ListContainers(
    const ContainerFilter& filter, const PageRequest& page,
    Catalog::ContainerSize size_of) const {
  CAISSON_RETURN_IF_ERROR(impl_->CheckToken(page.token));
  return impl_->catalog_.List(filter, page, size_of);
}

absl::StatusOr<ExecPage> Store::ListExecs(const ExecFilter& filter,
                                          const PageRequest& page,
                                          Catalog::ExecSize size_of) const {
  CAISSON_RETURN_IF_ERROR(impl_->CheckToken(page.token));
  return impl_->catalog_.ListExecs(filter, page, size_of);
}

absl::StatusOr<NetworkPage> Store::ListNetworks(
    const NetworkFilter& filter, const PageRequest& page,
    Catalog::NetworkSize size_of) const {
  CAISSON_RETURN_IF_ERROR(impl_->CheckToken(page.token));
  return impl_->catalog_.ListNetworks(filter, page, size_of);
}

absl::StatusOr<NetworkNamespacePage> Store::ListNetworkNamespaces(
    const NetworkNamespaceFilter& filter, const PageRequest& page) const {
  CAISSON_RETURN_IF_ERROR(impl_->CheckToken(page.token));
  return impl_->catalog_.ListNetworkNamespaces(filter, page);
}

absl::StatusOr<std::vector<LeaseRow>> Store::ReadLeases() {
  return impl_->ReadLeases();
}

int64_t Store::compacted_revision() const {
  return impl_->compacted_;
}

bool Store::ReadRecentEvents(int64_t after, size_t max_events,
                             EventSlice* slice) const {
  return impl_->ring_->Read(after, max_events, slice);
}

absl::StatusOr<EventSlice> Store::ReadStoredEvents(int64_t after,
                                                   size_t max_events) {
  return impl_->ReadStoredEvents(after, max_events);
}

void Store::SetListener(std::function<void(int64_t revision)> listener) {
  impl_->listener_ = std::move(listener);
}

absl::Status Store::Maintain() {
  return impl_->Maintain();
}

StoreHealth Store::health() const {
  return impl_->health();
}

absl::Status CompactedError(int64_t oldest, int64_t current,
                            const std::string& store_id) {
  return base::MakeError(
      absl::StatusCode::kOutOfRange, "REVISION_COMPACTED",
      absl::StrCat("events up to revision ", oldest,
                   " are compacted, the current revision is ", current,
                   ": list again"),
      {{"oldest", absl::StrCat(oldest)},
       {"current", absl::StrCat(current)},
       {"storeId", store_id}});
}

}  // namespace caisson::store
