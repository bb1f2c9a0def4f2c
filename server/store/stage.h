// Checks transactions against the published tables and turns them into what
// will be written and published. Several transactions of one SQLite
// transaction see each other's changes here before any is published.
//
// Process: caissond. Thread: the writer of the moment.
#ifndef CAISSON_SERVER_STORE_STAGE_H_
#define CAISSON_SERVER_STORE_STAGE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "server/store/catalog.h"
#include "server/store/records.h"
#include "server/store/store.h"

namespace caisson::store {

struct StagedTransaction {
  CatalogChange change;
  std::vector<LeaseRow> put_leases;
  std::vector<LeaseRow> erase_leases;
  std::vector<EventPtr> events;
};

class Stage {
 public:
  Stage(const Catalog* catalog, absl::Time now)
      : catalog_(catalog), now_(now) {}

  // On an error nothing of the transaction is staged. See Store::Commit.
  absl::StatusOr<StagedTransaction> Add(const Transaction& transaction,
                                        int64_t revision);

 private:
  // What differs from the catalog. A null pointer or an empty id: gone.
  struct Delta {
    absl::flat_hash_map<std::string, ContainerPtr> containers;
    absl::flat_hash_map<std::string, ExecPtr> execs;
    absl::flat_hash_map<std::string, NetworkPtr> networks;
    absl::flat_hash_map<std::string, std::string> names;
    absl::flat_hash_map<std::string, std::string> network_names;
    absl::flat_hash_map<std::string, NetworkNamespacePtr> namespaces;
    absl::flat_hash_map<std::string, std::string> namespace_names;
  };
  class Adding;

  const Catalog* const catalog_;
  const absl::Time now_;
  Delta staged_;
};

}  // namespace caisson::store

#endif  // CAISSON_SERVER_STORE_STAGE_H_
