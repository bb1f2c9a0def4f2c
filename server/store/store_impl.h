// The store's inside, shared by store.cc (open and read), store_commit.cc (the
// queue and the writing) and store_maintenance.cc (retention, checkpoints).
//
// Process: caissond. Thread: any; what each lock protects stands beside it.
#ifndef CAISSON_SERVER_STORE_STORE_IMPL_H_
#define CAISSON_SERVER_STORE_STORE_IMPL_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

#include "server/store/catalog.h"
#include "server/store/event_ring.h"
#include "server/store/retention.h"
#include "server/store/spec_rows.h"
#include "server/store/sqlite.h"
#include "server/store/stage.h"
#include "server/store/store.h"
#include "server/store/writer.h"

namespace caisson::store {

class Store::Impl {
 public:
  // WAL pages (4 KiB each) between two wake-ups of the maintenance thread.
  static constexpr int kCheckpointPages = 1'000;

  explicit Impl(StoreOptions options) : options_(std::move(options)) {}
  ~Impl();

  absl::Status Open();
  absl::StatusOr<int64_t> Commit(Transaction transaction);
  absl::Status Maintain();
  absl::StatusOr<EventSlice> ReadStoredEvents(int64_t after, size_t max_events);
  absl::StatusOr<std::vector<LeaseRow>> ReadLeases();
  absl::Status CheckToken(const std::string& token) const;
  StoreHealth health() const;

  const StoreOptions options_;
  Catalog catalog_;
  std::string store_id_;
  std::unique_ptr<EventRing> ring_;
  std::atomic<int64_t> compacted_{0};
  std::function<void(int64_t)> listener_;

 private:
  // A caller in the queue: a transaction, or work of the store's own.
  struct Pending {
    std::optional<Transaction> transaction;
    absl::AnyInvocable<absl::Status()> work;
    bool done = false;
    absl::Status status;
    int64_t revision = 0;
    absl::CondVar ready;
  };
  using Batch = std::vector<Pending*>;

  void Enqueue(Pending* pending);
  Batch TakeBatch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(queue_mutex_);
  void RunBatch(const Batch& batch) ABSL_LOCKS_EXCLUDED(write_mutex_);
  absl::Status WriteBatch(const Batch& batch)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status WriteTransactions(const Batch& batch)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status Reserve(size_t count)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // Runs `change` as one SQLite transaction.
  absl::Status InTransaction(absl::AnyInvocable<absl::Status()> change)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  void Publish() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  void Record(const absl::Status& status, size_t commits);

  // Runs `work` as the writer, between two batches.
  absl::Status AsWriter(absl::AnyInvocable<absl::Status()> work);
  absl::Status ForgetRecords();
  // Writes changes of the store's own, which take no revision.
  absl::Status WriteUnrevised(const StagedTransaction& staged)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status ForgetEvents();
  absl::StatusOr<bool> ForgetSomeEvents()
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status Checkpoint();
  void MaintenanceLoop();
  static int OnWal(void* self, sqlite3* db, const char* name, int pages);
  void NoteWalPages(int pages);

  // What was written in the SQLite transaction under way.
  struct Written {
    StagedTransaction staged;
    size_t bytes;
  };

  absl::Mutex queue_mutex_;
  std::vector<Pending*> queue_ ABSL_GUARDED_BY(queue_mutex_);

  // Held by the writer of the moment; the queue lets only one come here.
  absl::Mutex write_mutex_ ABSL_ACQUIRED_AFTER(queue_mutex_);
  std::unique_ptr<Database> db_ ABSL_GUARDED_BY(write_mutex_);
  std::unique_ptr<Writer> writer_ ABSL_GUARDED_BY(write_mutex_);
  std::vector<Written> written_ ABSL_GUARDED_BY(write_mutex_);
  int64_t next_revision_ ABSL_GUARDED_BY(write_mutex_) = 1;
  int64_t reserved_ ABSL_GUARDED_BY(write_mutex_) = 0;
  EventTotals totals_ ABSL_GUARDED_BY(write_mutex_);

  absl::Mutex read_mutex_;
  std::unique_ptr<Database> reader_ ABSL_GUARDED_BY(read_mutex_);
  std::unique_ptr<SpecRows> reader_specs_ ABSL_GUARDED_BY(read_mutex_);

  absl::Mutex checkpoint_mutex_;
  std::unique_ptr<Database> checkpointer_ ABSL_GUARDED_BY(checkpoint_mutex_);

  mutable absl::Mutex health_mutex_;
  StoreHealth health_ ABSL_GUARDED_BY(health_mutex_);

  absl::Mutex thread_mutex_;
  int wal_pages_ ABSL_GUARDED_BY(thread_mutex_) = 0;
  int wake_at_pages_ ABSL_GUARDED_BY(thread_mutex_) = kCheckpointPages;
  bool wake_ ABSL_GUARDED_BY(thread_mutex_) = false;
  bool stop_ ABSL_GUARDED_BY(thread_mutex_) = false;
  std::thread thread_;
};

}  // namespace caisson::store

#endif  // CAISSON_SERVER_STORE_STORE_IMPL_H_
