// The one store: SQLite in WAL mode below, published tables above.
//
//   Commit(Transaction) --group--> SQLite --> Catalog + event ring --> listener
//   Get / List / FindRequest  <-- Catalog (memory, never I/O)
//   ReadEvents                <-- ring (memory), then SQLite (blocking)
//
// Every commit takes the next number of one counter (the revision); the
// records it writes and the events that announce them carry that number.
//
// Process: caissond. Thread: any. Commits that meet share one SQLite
// transaction: the first caller writes for all that queue up behind it, so
// there is one writer at a time and no hand-over when there is one caller.
// A maintenance thread checkpoints and enforces the retention.
#ifndef CAISSON_SERVER_STORE_STORE_H_
#define CAISSON_SERVER_STORE_STORE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "server/store/catalog.h"
#include "server/store/records.h"

namespace caisson::store {

struct StoreOptions {
  std::string path;     // "<root>/caisson.db"; its directory must exist
  std::string boot_id;  // a new one compacts all events of the boots before
  std::string vfs;      // name of a registered SQLite VFS; empty: the default
  std::function<absl::Time()> clock = [] { return absl::Now(); };

  // Retention. An event is kept while it is among the newest `min_events` or
  // younger than `event_age`, and never beyond `max_event_bytes`.
  int64_t min_events = 100'000;
  absl::Duration event_age = absl::Hours(1);
  int64_t max_event_bytes = 256 << 20;
  absl::Duration tombstone_age = absl::Minutes(10);
  size_t max_tombstones = 10'000;
  absl::Duration request_age = absl::Hours(1);
  size_t max_requests = 100'000;
  size_t ring_events = 8'192;     // events kept in memory
  size_t ring_bytes = 16 << 20;   // and their estimated size
  bool background_thread = true;  // off: tests call Maintain()
};

// An event to write; the store adds revision and the records as they are
// after this transaction (the last state for deletes).
struct EventDraft {
  std::string type;                  // "container.started"
  std::string container_id;          // required for container.* and exec.*
  std::string exec_id;               // required for exec.*
  std::string network_id;            // required for network.*
  std::string network_namespace_id;  // required for network_namespace.*
  std::vector<std::pair<std::string, std::string>> attributes;
  std::string request_id;
  absl::Time time = absl::InfinitePast();  // infinite past: now
};

// What is written together, or not at all.
struct Transaction {
  // Inserted or replaced by id. `revision` and `create_revision` are set by
  // the store. ALREADY_EXISTS NAME_IN_USE when another row holds the name.
  std::vector<ContainerRecord> put_containers;
  // The final states of containers that cease to exist: the row and its
  // execs go, a tombstone stays. The store sets kDeleted and delete_time.
  std::vector<ContainerRecord> delete_containers;
  // Rolled-back creates: the row goes without a trace, the name is free.
  std::vector<std::string> erase_containers;
  std::vector<ExecRecord> put_execs;
  std::vector<std::string> erase_execs;
  std::vector<RequestRow> put_requests;
  std::vector<std::string> erase_requests;  // outcomes that are not recorded
  // As containers, with names of their own; nothing stays of a deleted one,
  // and its leases go with it. NOT_FOUND NETWORK_NOT_FOUND to delete none.
  std::vector<NetworkRecord> put_networks;
  std::vector<NetworkRecord> delete_networks;
  std::vector<std::string> erase_networks;
  // The same; NETWORK_NAMESPACE_NOT_FOUND to delete none.
  std::vector<NetworkNamespaceRecord> put_network_namespaces;
  std::vector<NetworkNamespaceRecord> delete_network_namespaces;
  std::vector<std::string> erase_network_namespaces;
  // A row is replaced by one with a greater generation, and erased where it
  // has the same; otherwise it is left alone, which is no error. Erased first.
  std::vector<LeaseRow> put_leases;
  std::vector<LeaseRow> erase_leases;
  std::vector<EventDraft> events;

  void AddEvent(std::string type, std::string container_id,
                std::string exec_id = "", std::string request_id = "") {
    EventDraft draft;
    draft.type = std::move(type);
    draft.container_id = std::move(container_id);
    draft.exec_id = std::move(exec_id);
    draft.request_id = std::move(request_id);
    events.push_back(std::move(draft));
  }

  void AddNetworkEvent(std::string type, std::string network_id,
                       std::string request_id = "") {
    EventDraft draft;
    draft.type = std::move(type);
    draft.network_id = std::move(network_id);
    draft.request_id = std::move(request_id);
    events.push_back(std::move(draft));
  }

  void AddNamespaceEvent(std::string type, std::string network_namespace_id,
                         std::string request_id = "") {
    EventDraft draft;
    draft.type = std::move(type);
    draft.network_namespace_id = std::move(network_namespace_id);
    draft.request_id = std::move(request_id);
    events.push_back(std::move(draft));
  }
};

struct EventSlice {
  std::vector<EventPtr> events;  // whole transactions, ascending
  // Everything up to here is in `events` or does not exist.
  int64_t through_revision = 0;
};

struct StoreHealth {
  absl::Status last_error;  // OK once a commit worked again
  int64_t commits = 0;
  int64_t batches = 0;  // SQLite transactions; fewer than commits under load
  int64_t events = 0;
  int64_t event_bytes = 0;
};

class Store {
 public:
  // Opens or creates the file, migrates it, loads the published tables and
  // reserves a block of revisions. FAILED_PRECONDITION for a file that a
  // newer version wrote; INTERNAL for one that cannot be read. One process
  // at a time: the caller holds the lock of the root.
  static absl::StatusOr<std::unique_ptr<Store>> Open(StoreOptions options);

  // Waits for the commit under way and closes; nobody may call in any more.
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // Returns the revision once the transaction is in the WAL and published
  // (a crash of the daemon keeps it; a power cut may lose the last moments,
  // and then its revision is never used again). Blocks for one SQLite
  // transaction, tens of microseconds. RESOURCE_EXHAUSTED DISK_FULL: the disk
  // is full or broken, nothing was changed, reads go on; ALREADY_EXISTS
  // NAME_IN_USE; INVALID_ARGUMENT for an event about an unknown record.
  absl::StatusOr<int64_t> Commit(Transaction transaction);

  const Catalog& catalog() const;
  const std::string& store_id() const;

  // As Catalog::List, and OUT_OF_RANGE REVISION_COMPACTED for a token whose
  // revision can no longer be continued by a watch.
  absl::StatusOr<ContainerPage> ListContainers(
      const ContainerFilter& filter, const PageRequest& page,
      Catalog::ContainerSize size_of = nullptr) const;
  absl::StatusOr<ExecPage> ListExecs(const ExecFilter& filter,
                                     const PageRequest& page,
                                     Catalog::ExecSize size_of = nullptr) const;
  absl::StatusOr<NetworkPage> ListNetworks(
      const NetworkFilter& filter, const PageRequest& page,
      Catalog::NetworkSize size_of = nullptr) const;

  absl::StatusOr<NetworkNamespacePage> ListNetworkNamespaces(
      const NetworkNamespaceFilter& filter, const PageRequest& page) const;

  // All of them, by network and address, from SQLite: blocks. For recovery;
  // whoever commits leases knows them afterwards.
  absl::StatusOr<std::vector<LeaseRow>> ReadLeases();

  // Events with a revision above this can still be read.
  int64_t compacted_revision() const;

  // Events after `after`, from memory only. False: that part has left the
  // ring, ask ReadStoredEvents. At least one whole transaction, and no
  // further one that would exceed `max_events`.
  bool ReadRecentEvents(int64_t after, size_t max_events,
                        EventSlice* slice) const;

  // The same from SQLite: blocks, for a reader thread. OUT_OF_RANGE
  // REVISION_COMPACTED when `after` is below compacted_revision().
  absl::StatusOr<EventSlice> ReadStoredEvents(int64_t after, size_t max_events);

  // Called after each publication with its revision, on the committing
  // thread, with no lock held: it must only post. Set before the first Commit.
  void SetListener(std::function<void(int64_t revision)> listener);

  // One round of retention and a checkpoint; what the thread does by itself.
  absl::Status Maintain();

  StoreHealth health() const;

 private:
  class Impl;
  explicit Store(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
};

// OUT_OF_RANGE REVISION_COMPACTED{oldest, current, storeId}.
absl::Status CompactedError(int64_t oldest, int64_t current,
                            const std::string& store_id);

}  // namespace caisson::store

#endif  // CAISSON_SERVER_STORE_STORE_H_
