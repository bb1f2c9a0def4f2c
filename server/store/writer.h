// Writes staged transactions as rows. The caller opens and ends the SQLite
// transaction and tells the writer how it went.
//
// Process: caissond. Thread: the writer of the moment.
#ifndef CAISSON_SERVER_STORE_WRITER_H_
#define CAISSON_SERVER_STORE_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "server/store/catalog.h"
#include "server/store/sqlite.h"
#include "server/store/stage.h"

namespace caisson::store {

// The row that holds an object's spec. `spec` tells versions apart by
// identity: a record that carries the same pointer has the same spec.
struct SpecRow {
  const void* spec = nullptr;
  int64_t id = 0;
};

class Writer {
 public:
  // Both outlive the writer.
  Writer(Database* db, const Catalog* catalog) : db_(db), catalog_(catalog) {}

  // While loading: which row an object's spec is.
  void AdoptSpec(const std::string& object_id, SpecRow row) {
    specs_[object_id] = row;
  }

  // Returns the bytes kept for the sake of events: theirs, and the specs of
  // objects that ended.
  absl::StatusOr<size_t> Write(const StagedTransaction& transaction);

  // The SQLite transaction ended: keep or forget what is cached about it.
  void Committed() { undo_.clear(); }
  void RolledBack();

 private:
  absl::Status RemoveContainers(const CatalogChange& change);
  absl::Status PutTombstones(const CatalogChange& change);
  absl::Status PutContainers(const CatalogChange& change);
  absl::Status PutExecs(const CatalogChange& change);
  absl::Status RemoveExecs(const CatalogChange& change);
  absl::Status PutRequests(const CatalogChange& change);
  absl::Status RemoveNetworks(const CatalogChange& change);
  absl::Status PutNetworks(const CatalogChange& change);
  absl::Status RemoveNetworkNamespaces(const CatalogChange& change);
  absl::Status PutNetworkNamespaces(const CatalogChange& change);
  absl::Status WriteLeases(const StagedTransaction& transaction);
  absl::StatusOr<size_t> PutEvents(const StagedTransaction& transaction);

  // Writes the object's spec when it is another one than before.
  template <typename Spec>
  absl::Status KeepSpec(const std::string& object_id, const Spec* spec,
                        int64_t revision);
  // The object has ceased: so will its spec when nothing tells of it, or at
  // once when nothing ever did.
  absl::Status DropSpec(const std::string& object_id, int64_t revision,
                        bool ever_told = true);
  void Remember(const std::string& object_id);
  std::optional<int64_t> SpecId(std::string_view object_id) const;

  Database* const db_;
  const Catalog* const catalog_;
  absl::flat_hash_map<std::string, SpecRow> specs_;
  // What specs_ held before this SQLite transaction, newest last.
  std::vector<std::pair<std::string, std::optional<SpecRow>>> undo_;
  // Rows that this transaction ends, for its events; and texts already made.
  absl::flat_hash_map<std::string, int64_t> ended_specs_;
  absl::flat_hash_map<const void*, std::string> texts_;
  size_t ended_bytes_ = 0;
};

}  // namespace caisson::store

#endif  // CAISSON_SERVER_STORE_WRITER_H_
