#include <algorithm>
#include <iterator>

#include "runtime/base/status_macros.h"
#include "server/store/store_impl.h"

namespace caisson::store {
namespace {

constexpr absl::Duration kMaintenancePeriod = absl::Seconds(5);
// Rows removed between two chances for a commit to get in.
constexpr size_t kRowsAtOnce = 500;
// WAL pages at which commits stand still for a moment, so that the WAL can
// start anew: under a constant load no other moment may come.
constexpr int kRestartPages = 8'000;

// Moves up to `count` elements out of `from`.
std::vector<std::string> TakeSome(std::vector<std::string>* from,
                                  size_t count) {
  const size_t taken = std::min(count, from->size());
  const auto begin = from->end() - static_cast<ptrdiff_t>(taken);
  std::vector<std::string> some(std::make_move_iterator(begin),
                                std::make_move_iterator(from->end()));
  from->erase(begin, from->end());
  return some;
}

absl::Status CheckpointStatus(Database* db, int mode) {
  const int code =
      sqlite3_wal_checkpoint_v2(db->get(), nullptr, mode, nullptr, nullptr);
  // Busy: a reader or another checkpoint was in the way; the next round.
  if (code == SQLITE_OK || code == SQLITE_BUSY) return absl::OkStatus();
  return SqliteError(db->get(), sqlite3_extended_errcode(db->get()),
                     "checkpoint");
}

}  // namespace

absl::Status Store::Impl::Maintain() {
  absl::Status status = ForgetRecords();
  status.Update(ForgetEvents());
  status.Update(Checkpoint());
  if (!status.ok()) Record(status, 0);
  return status;
}

absl::Status Store::Impl::ForgetRecords() {
  const absl::Time now = options_.clock();
  std::vector<std::string> tombstones = catalog_.ExpiredTombstones(
      now - options_.tombstone_age, options_.max_tombstones);
  std::vector<std::string> requests = catalog_.ExpiredRequests(
      now - options_.request_age, options_.max_requests);
  while (!tombstones.empty() || !requests.empty()) {
    StagedTransaction staged;
    staged.change.erase_tombstones = TakeSome(&tombstones, kRowsAtOnce);
    staged.change.erase_requests = TakeSome(&requests, kRowsAtOnce);
    const absl::Status forgotten =
        AsWriter([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
          return WriteUnrevised(staged);
        });
    if (!forgotten.ok()) return forgotten;
  }
  return absl::OkStatus();
}

absl::Status Store::Impl::WriteUnrevised(const StagedTransaction& staged) {
  const absl::Status status =
      InTransaction([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
        return writer_->Write(staged).status();
      });
  if (!status.ok()) {
    writer_->RolledBack();
    return status;
  }
  writer_->Committed();
  catalog_.Apply(staged.change);
  return absl::OkStatus();
}

absl::Status Store::Impl::ForgetEvents() {
  bool more = true;
  while (more) {
    const absl::Status forgotten =
        AsWriter([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS -> absl::Status {
          CAISSON_ASSIGN_OR_RETURN(more, ForgetSomeEvents());
          return absl::OkStatus();
        });
    if (!forgotten.ok()) return forgotten;
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> Store::Impl::ForgetSomeEvents() {
  CAISSON_ASSIGN_OR_RETURN(
      const EventCut cut,
      FindEventCut(db_.get(), options_, totals_, options_.clock(),
                   static_cast<int64_t>(kRowsAtOnce)));
  // Told before it happens: a watcher must not read past a hole in silence.
  // (If the removal fails, a few events are refused that are still there.)
  compacted_ = std::max<int64_t>(compacted_, cut.through_revision);
  int64_t spec_bytes = 0;
  const absl::Status removed =
      InTransaction([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS -> absl::Status {
        if (cut.through_revision > 0) {
          CAISSON_RETURN_IF_ERROR(RemoveEvents(db_.get(), cut));
        }
        CAISSON_ASSIGN_OR_RETURN(spec_bytes,
                                 RemoveDeadSpecs(db_.get(), compacted_));
        return absl::OkStatus();
      });
  if (!removed.ok()) return removed;
  totals_.count -= cut.removed.count;
  totals_.bytes -= cut.removed.bytes + spec_bytes;
  return cut.through_revision > 0;
}

absl::Status Store::Impl::Checkpoint() {
  {
    absl::MutexLock lock(&checkpoint_mutex_);
    CAISSON_RETURN_IF_ERROR(
        CheckpointStatus(checkpointer_.get(), SQLITE_CHECKPOINT_PASSIVE));
  }
  {
    absl::MutexLock lock(&thread_mutex_);
    if (wal_pages_ < kRestartPages) return absl::OkStatus();
  }
  return AsWriter([this]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return CheckpointStatus(db_.get(), SQLITE_CHECKPOINT_RESTART);
  });
}

void Store::Impl::MaintenanceLoop() {
  const auto due = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(thread_mutex_) {
    return wake_ || stop_;
  };
  while (true) {
    {
      absl::MutexLock lock(&thread_mutex_);
      thread_mutex_.AwaitWithTimeout(absl::Condition(&due), kMaintenancePeriod);
      if (stop_) return;
      wake_ = false;
    }
    // A failure is in health(); the next round tries again.
    Maintain().IgnoreError();
  }
}

int Store::Impl::OnWal(void* self, sqlite3*, const char*, int pages) {
  static_cast<Impl*>(self)->NoteWalPages(pages);
  return SQLITE_OK;
}

void Store::Impl::NoteWalPages(int pages) {
  absl::MutexLock lock(&thread_mutex_);
  if (pages < wal_pages_) wake_at_pages_ = kCheckpointPages;
  wal_pages_ = pages;
  if (pages < wake_at_pages_) return;
  wake_at_pages_ = pages + kCheckpointPages;
  wake_ = true;
}

StoreHealth Store::Impl::health() const {
  absl::MutexLock lock(&health_mutex_);
  return health_;
}

}  // namespace caisson::store
