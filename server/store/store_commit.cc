#include <algorithm>

#include "runtime/base/status_macros.h"
#include "server/store/schema.h"
#include "server/store/store_impl.h"

namespace caisson::store {
namespace {

// Transactions that share one SQLite transaction at most: bounds the wait of
// the first.
constexpr size_t kMaxBatch = 64;

}  // namespace

absl::StatusOr<int64_t> Store::Impl::Commit(Transaction transaction) {
  Pending pending;
  pending.transaction = std::move(transaction);
  Enqueue(&pending);
  if (!pending.status.ok()) return pending.status;
  return pending.revision;
}

absl::Status Store::Impl::AsWriter(absl::AnyInvocable<absl::Status()> work) {
  Pending pending;
  pending.work = std::move(work);
  Enqueue(&pending);
  return pending.status;
}

// The first in the queue writes for those behind it, then hands over to the
// first of the rest. Nobody waits longer than for two batches.
void Store::Impl::Enqueue(Pending* pending) {
  Batch batch;
  {
    absl::MutexLock lock(&queue_mutex_);
    queue_.push_back(pending);
    while (!pending->done && queue_.front() != pending) {
      pending->ready.Wait(&queue_mutex_);
    }
    if (pending->done) return;
    batch = TakeBatch();
  }
  RunBatch(batch);
  absl::MutexLock lock(&queue_mutex_);
  queue_.erase(queue_.begin(),
               queue_.begin() + static_cast<ptrdiff_t>(batch.size()));
  for (Pending* member : batch) {
    member->done = true;
    if (member != pending) member->ready.Signal();
  }
  if (!queue_.empty()) queue_.front()->ready.Signal();
}

// The front alone when it is work; else all transactions up to the next work.
Store::Impl::Batch Store::Impl::TakeBatch() {
  Batch batch;
  for (Pending* pending : queue_) {
    const bool is_work = !pending->transaction.has_value();
    if (!batch.empty() && (is_work || batch.size() == kMaxBatch)) break;
    batch.push_back(pending);
    if (is_work) break;
  }
  return batch;
}

void Store::Impl::RunBatch(const Batch& batch) {
  int64_t revision = 0;
  {
    absl::MutexLock lock(&write_mutex_);
    if (!batch.front()->transaction.has_value()) {
      batch.front()->status = batch.front()->work();
      return;
    }
    const absl::Status status = WriteBatch(batch);
    if (status.ok() || batch.size() == 1) {
      for (Pending* pending : batch) pending->status.Update(status);
    } else {
      // One of them may be what SQLite refuses: each gets its own chance.
      for (Pending* pending : batch) {
        pending->status = absl::OkStatus();
        pending->status.Update(WriteBatch({pending}));
      }
    }
    revision = next_revision_ - 1;
  }
  if (listener_ != nullptr) listener_(revision);
}

absl::Status Store::Impl::WriteBatch(const Batch& batch) {
  absl::Status status = Reserve(batch.size());
  if (status.ok()) {
    status = InTransaction([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return WriteTransactions(batch);
    });
  }
  if (status.ok()) {
    writer_->Committed();
    Publish();
  } else {
    writer_->RolledBack();
  }
  written_.clear();
  Record(status, batch.size());
  return status;
}

absl::Status Store::Impl::WriteTransactions(const Batch& batch) {
  class Stage stage(&catalog_, options_.clock());
  for (Pending* pending : batch) {
    // Numbers of failed transactions are not given to others: a write that
    // failed may still turn up after a crash.
    const int64_t revision = next_revision_++;
    absl::StatusOr<StagedTransaction> staged =
        stage.Add(*pending->transaction, revision);
    if (!staged.ok()) {
      pending->status = staged.status();
      continue;
    }
    CAISSON_ASSIGN_OR_RETURN(const size_t bytes, writer_->Write(*staged));
    pending->revision = revision;
    written_.push_back({*std::move(staged), bytes});
  }
  return absl::OkStatus();
}

absl::Status Store::Impl::Reserve(size_t count) {
  const int64_t last = next_revision_ + static_cast<int64_t>(count) - 1;
  if (last <= reserved_) return absl::OkStatus();
  const int64_t reserved = std::max(last, reserved_) + kRevisionBlock;
  CAISSON_RETURN_IF_ERROR(ReserveRevisions(db_.get(), reserved));
  reserved_ = reserved;
  return absl::OkStatus();
}

absl::Status Store::Impl::InTransaction(
    absl::AnyInvocable<absl::Status()> change) {
  absl::Status status = db_->Prepare("BEGIN IMMEDIATE").Run();
  if (status.ok()) status = change();
  if (status.ok()) status = db_->Prepare("COMMIT").Run();
  if (!status.ok() && db_->in_transaction()) {
    db_->Execute("ROLLBACK").IgnoreError();  // the first failure is told
  }
  return status;
}

// The catalog first: whoever hears of an event finds its state.
void Store::Impl::Publish() {
  for (Written& written : written_) {
    const std::vector<EventPtr>& events = written.staged.events;
    totals_.count += static_cast<int64_t>(events.size());
    totals_.bytes += static_cast<int64_t>(written.bytes);
    catalog_.Apply(written.staged.change);
    ring_->Append(written.staged.change.revision, events, MemoryOf(events));
  }
}

void Store::Impl::Record(const absl::Status& status, size_t commits) {
  absl::MutexLock lock(&health_mutex_);
  health_.last_error = status;
  if (!status.ok()) return;
  health_.commits += static_cast<int64_t>(commits);
  health_.batches += 1;
}

}  // namespace caisson::store
