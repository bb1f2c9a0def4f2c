// The published tables: what Get and List read. In memory, changed only by
// the store after a commit, so that no read ever does I/O or waits for a
// commit, a container or a disk.
//
// Process: caissond. Thread: any; one reader/writer lock, never held across
// I/O or a callback.
#ifndef CAISSON_SERVER_STORE_CATALOG_H_
#define CAISSON_SERVER_STORE_CATALOG_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "server/store/filter.h"
#include "server/store/records.h"

namespace caisson::store {

struct ContainerPage {
  std::vector<ContainerPtr> containers;
  std::string next_page_token;  // empty: this was the last page
  int64_t revision = 0;         // that of the first page
};

struct ExecPage {
  std::vector<ExecPtr> execs;
  std::string next_page_token;
  int64_t revision = 0;
};

struct NetworkPage {
  std::vector<NetworkPtr> networks;
  std::string next_page_token;
  int64_t revision = 0;
};

struct NetworkNamespacePage {
  std::vector<NetworkNamespacePtr> namespaces;
  std::string next_page_token;
  int64_t revision = 0;
};

struct PageRequest {
  size_t max_items = 100;
  // Ends the page early (with at least one item) when the sizes add up to
  // this; `size_of` tells how large an item will be on the wire.
  size_t max_bytes = 1 << 20;
  std::string token;
};

// What one committed transaction changes in the published tables.
struct CatalogChange {
  int64_t revision = 0;
  std::vector<ContainerPtr> put_containers;
  std::vector<std::string> erase_containers;  // their execs go with them
  std::vector<ContainerPtr> put_tombstones;
  std::vector<std::string> erase_tombstones;
  std::vector<ExecPtr> put_execs;
  std::vector<std::string> erase_execs;
  std::vector<RequestPtr> put_requests;
  std::vector<std::string> erase_requests;
  std::vector<NetworkPtr> put_networks;
  std::vector<std::string> erase_networks;
  std::vector<NetworkNamespacePtr> put_network_namespaces;
  std::vector<std::string> erase_network_namespaces;
};

class Catalog {
 public:
  using ContainerSize = size_t (*)(const ContainerRecord&);
  using ExecSize = size_t (*)(const ExecRecord&);
  using NetworkSize = size_t (*)(const NetworkRecord&);

  // The revision of the newest published transaction.
  int64_t revision() const;

  // Exact id, tombstones (state kDeleted) not included; null: none. Rows
  // whose creation is not finished (Intent::kCreate) are returned: core needs
  // them; Find and List hide them.
  ContainerPtr ContainerById(std::string_view id) const;

  // What a request means by `reference`: an exact id or an exact name.
  ContainerPtr Find(std::string_view reference) const;

  // All visible containers whose id begins with `prefix`, at most `max`.
  std::vector<ContainerPtr> FindByIdPrefix(std::string_view prefix,
                                           size_t max) const;

  // The holder of a name, finished or not; null: the name is free.
  ContainerPtr NameHolder(std::string_view name) const;

  // The final state of a container deleted not long ago, by exact id.
  ContainerPtr Tombstone(std::string_view id) const;

  // Keyset order (create revision, id). A filter that names kDeleted also
  // walks the tombstones. INVALID_ARGUMENT BAD_PAGE_TOKEN for a token that is
  // not ours; the store checks the token's revision against compaction.
  absl::StatusOr<ContainerPage> List(const ContainerFilter& filter,
                                     const PageRequest& page,
                                     ContainerSize size_of = nullptr) const;

  // Every container row, unfinished ones too: for recovery and audit.
  std::vector<ContainerPtr> AllContainers() const;

  ExecPtr ExecById(std::string_view id) const;
  std::vector<ExecPtr> ExecsOf(std::string_view container_id) const;
  std::vector<ExecPtr> AllExecs() const;

  // Execs whose container matches the filter; same order and token rules.
  absl::StatusOr<ExecPage> ListExecs(const ExecFilter& filter,
                                     const PageRequest& page,
                                     ExecSize size_of = nullptr) const;

  // Networks, as containers above; nothing is kept of deleted ones.
  NetworkPtr NetworkById(std::string_view id) const;
  NetworkPtr FindNetwork(std::string_view reference) const;
  NetworkPtr NetworkNameHolder(std::string_view name) const;
  std::vector<NetworkPtr> AllNetworks() const;
  absl::StatusOr<NetworkPage> ListNetworks(const NetworkFilter& filter,
                                           const PageRequest& page,
                                           NetworkSize size_of = nullptr) const;
  // How many containers are attached.
  size_t EndpointsOf(std::string_view network_id) const;

  // Network namespaces, as networks; a reference is a name.
  NetworkNamespacePtr NetworkNamespaceById(std::string_view id) const;
  NetworkNamespacePtr FindNetworkNamespace(std::string_view name) const;
  NetworkNamespacePtr NetworkNamespaceNameHolder(std::string_view name) const;
  std::vector<NetworkNamespacePtr> AllNetworkNamespaces() const;
  absl::StatusOr<NetworkNamespacePage> ListNetworkNamespaces(
      const NetworkNamespaceFilter& filter, const PageRequest& page) const;

  RequestPtr Request(std::string_view request_id) const;

  struct Counts {
    size_t containers = 0;
    size_t execs = 0;
    size_t requests = 0;
    size_t tombstones = 0;
    size_t networks = 0;
    size_t network_namespaces = 0;
  };
  Counts counts() const;

  // For the store only: all changes of one transaction become visible at once.
  void Apply(const CatalogChange& change);

  // For the store's maintenance: what has outlived its retention.
  std::vector<std::string> ExpiredTombstones(absl::Time before,
                                             size_t keep_at_most) const;
  std::vector<std::string> ExpiredRequests(absl::Time before,
                                           size_t keep_at_most) const;

 private:
  bool IsAlive(const std::string& object_id) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  // (create revision, id): unique and never changing, so a page boundary
  // stays valid whatever happens between two pages.
  using Key = std::pair<int64_t, std::string>;
  template <typename Ptr>
  struct Table {
    std::map<Key, Ptr> ordered;
    absl::flat_hash_map<std::string, Ptr> by_id;
    void Put(Ptr record);
    Ptr Erase(std::string_view id);
    Ptr Get(std::string_view id) const;
    std::vector<Ptr> All() const;
  };
  using Names = absl::flat_hash_map<std::string, std::string>;  // name -> id

  // Give the record its name, or take it back unless another has it already.
  template <typename Record>
  static void TakeName(const Record& record, Names* names);
  template <typename Record>
  static void FreeName(const Record& record, Names* names);

  void PutContainer(const ContainerPtr& record)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Counts what an old and a new state of a container, either of which may be
  // null, have of networks.
  void CountEndpoints(const ContainerPtr& before, const ContainerPtr& after)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EraseContainer(const std::string& id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PutExec(const ExecPtr& record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EraseExec(const std::string& id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PutNetwork(const NetworkPtr& record)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EraseNetwork(const std::string& id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PutNetworkNamespace(const NetworkNamespacePtr& record)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EraseNetworkNamespace(const std::string& id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PutRequest(const RequestPtr& row) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EraseRequest(const std::string& id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  int64_t revision_ ABSL_GUARDED_BY(mutex_) = 0;
  Table<ContainerPtr> containers_ ABSL_GUARDED_BY(mutex_);
  Table<ContainerPtr> tombstones_ ABSL_GUARDED_BY(mutex_);
  Table<ExecPtr> execs_ ABSL_GUARDED_BY(mutex_);
  Table<NetworkPtr> networks_ ABSL_GUARDED_BY(mutex_);
  Names names_ ABSL_GUARDED_BY(mutex_);
  Names network_names_ ABSL_GUARDED_BY(mutex_);
  Table<NetworkNamespacePtr> network_namespaces_ ABSL_GUARDED_BY(mutex_);
  Names network_namespace_names_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, std::map<Key, ExecPtr>> execs_of_
      ABSL_GUARDED_BY(mutex_);
  // By network; none is zero.
  absl::flat_hash_map<std::string, size_t> endpoints_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, RequestPtr> requests_
      ABSL_GUARDED_BY(mutex_);
  // The order in which they expire: finished ones by end time, those that run,
  // or were interrupted and never tried again, by start time.
  std::map<std::pair<absl::Time, std::string>, RequestPtr> finished_requests_
      ABSL_GUARDED_BY(mutex_);
  std::map<std::pair<absl::Time, std::string>, RequestPtr> running_requests_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace caisson::store

#endif  // CAISSON_SERVER_STORE_CATALOG_H_
