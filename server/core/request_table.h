// Which requests run and how they ended: what makes a retry safe.
//
//   Begin --new--> Ticket: AddIntent into the first transaction,
//                          AddOutcome into the last, Announce after it
//         --joined--> the listener gets the announced outcome
//         --replay--> the outcome that the store kept
//
// Outcomes mean: nothing happened (never kept, a retry does it anew), or the
// object with this id was made, or a definite failure.
//
// Process: caissond. Thread: any. Listeners run on the thread that announces,
// with no lock held.
#ifndef CAISSON_SERVER_CORE_REQUEST_TABLE_H_
#define CAISSON_SERVER_CORE_REQUEST_TABLE_H_

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "server/core/types.h"
#include "server/store/store.h"

namespace caisson::core {

struct RequestOutcome {
  absl::Status status;
  std::string object_id;  // made by the request; when OK
};

// Failures that say that nothing happened: a retry is a new try.
bool IsRecordable(absl::StatusCode code);

class RequestTable;

// One request that this call carries out. One thread at a time but for what is
// said.
class Ticket {
 public:
  Ticket(RequestTable* table, RequestKey key, bool interrupted)
      : table_(table), key_(std::move(key)), interrupted_(interrupted) {}
  // Without an announcement: as if failed with UNAVAILABLE.
  ~Ticket();
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;

  // Empty: the request is not tracked, all that follows does nothing.
  const std::string& id() const { return key_.id; }
  // An earlier daemon was at it and did not record the end.
  bool interrupted() const { return interrupted_; }
  // How that came out, once recovery has found what became of it: to be asked
  // where the object's changes are serial, since it is not to be done again.
  std::optional<RequestOutcome> Recovered() const;
  // The object that it was about, as that daemon wrote down; "": none, or its
  // row is gone.
  std::string InterruptedObject() const;

  // The row that says that the request runs; in the transaction that first
  // changes anything.
  void AddIntent(store::Transaction* transaction, const std::string& object_id);
  // The row that says how it ended (removed when it is not to be kept), in the
  // transaction of its last change.
  void AddOutcome(store::Transaction* transaction, const absl::Status& status,
                  const std::string& object_id);
  // After that transaction: tells those who joined. The first call counts.
  void Announce(const absl::Status& status, const std::string& object_id);

  // Nobody waits for the outcome any more: all callers cancelled. Any thread.
  bool Abandoned() const;
  // This call's own caller is gone. Any thread.
  void CancelOwn();

 private:
  store::RequestRow Row(const std::string& object_id) const;

  RequestTable* const table_;
  const RequestKey key_;
  const bool interrupted_;
  absl::Time start_time_ = absl::Now();
  bool row_written_ = false;
  bool announced_ = false;
  std::atomic<bool> own_cancelled_ = false;
};
using TicketPtr = std::shared_ptr<Ticket>;

class RequestTable {
 public:
  using Listener = absl::AnyInvocable<void(const RequestOutcome&)>;

  // What a call with this key is to do.
  struct Joined {
    absl::AnyInvocable<void()> cancel;  // the caller is gone
  };
  using Begun = std::variant<TicketPtr, Joined, RequestOutcome>;

  explicit RequestTable(store::Store* store) : store_(store) {}
  RequestTable(const RequestTable&) = delete;
  RequestTable& operator=(const RequestTable&) = delete;

  // `on_outcome` is kept only when the call joins another. A kept failure
  // comes back with metadata replayed=true. INVALID_FIELD for what is no UUID,
  // REQUEST_ID_REUSED for another method or fingerprint.
  absl::StatusOr<Begun> Begin(const RequestKey& key, Listener on_outcome);

 private:
  friend class Ticket;
  struct Running {
    std::string method;
    std::string fingerprint;
    int32_t fingerprint_version = 0;
    // Callers that still wait, the one that carries it out included.
    int interested = 1;
    std::vector<Listener> listeners;
  };

  void Finish(const std::string& id, const RequestOutcome& outcome);
  void Leave(const std::string& id);
  bool Abandoned(const std::string& id) const;

  store::Store* const store_;
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<std::string, std::shared_ptr<Running>> running_
      ABSL_GUARDED_BY(mutex_);
};

// The status with metadata replayed=true.
absl::Status MarkReplayed(absl::Status status);

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_REQUEST_TABLE_H_
