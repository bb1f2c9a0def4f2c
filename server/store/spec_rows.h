// The specs table: one JSON text per distinct spec, shared by the object's
// row, its tombstone and its events.
//
// Process: caissond. Thread: a SpecRows belongs to one connection.
#ifndef CAISSON_SERVER_STORE_SPEC_ROWS_H_
#define CAISSON_SERVER_STORE_SPEC_ROWS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"

#include "runtime/spec/spec.h"
#include "server/store/sqlite.h"

namespace caisson::store {

std::string EncodeSpec(const spec::ContainerSpec& spec);
std::string EncodeSpec(const spec::ExecSpec& spec);

// Reads specs by row id; rows read while the same spec is alive share it.
class SpecRows {
 public:
  explicit SpecRows(Database* db) : db_(db) {}

  // Null for no id and for a row that is gone.
  absl::StatusOr<std::shared_ptr<const spec::ContainerSpec>> Container(
      std::optional<int64_t> id);
  absl::StatusOr<std::shared_ptr<const spec::ExecSpec>> Exec(
      std::optional<int64_t> id);

 private:
  template <typename Spec>
  using Cache = absl::flat_hash_map<int64_t, std::weak_ptr<const Spec>>;

  template <typename Spec, typename Parse>
  absl::StatusOr<std::shared_ptr<const Spec>> Load(std::optional<int64_t> id,
                                                   Cache<Spec>* cache,
                                                   Parse parse);

  Database* const db_;
  Cache<spec::ContainerSpec> containers_;
  Cache<spec::ExecSpec> execs_;
};

}  // namespace caisson::store

#endif  // CAISSON_SERVER_STORE_SPEC_ROWS_H_
