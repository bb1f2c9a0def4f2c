#include "server/store/spec_rows.h"

#include <utility>

#include "runtime/base/status_macros.h"
#include "runtime/spec/json.h"

namespace caisson::store {
namespace {

// Entries whose spec is gone are swept when the cache has grown this far.
constexpr size_t kSweepAt = 4'096;

}  // namespace

std::string EncodeSpec(const spec::ContainerSpec& spec) {
  return spec::SpecToJson(spec);
}

std::string EncodeSpec(const spec::ExecSpec& spec) {
  return spec::SpecToJson(spec);
}

absl::StatusOr<std::shared_ptr<const spec::ContainerSpec>> SpecRows::Container(
    std::optional<int64_t> id) {
  return Load(id, &containers_, spec::ContainerSpecFromJson);
}

absl::StatusOr<std::shared_ptr<const spec::ExecSpec>> SpecRows::Exec(
    std::optional<int64_t> id) {
  return Load(id, &execs_, spec::ExecSpecFromJson);
}

template <typename Spec, typename Parse>
absl::StatusOr<std::shared_ptr<const Spec>> SpecRows::Load(
    std::optional<int64_t> id, Cache<Spec>* cache, Parse parse) {
  if (!id.has_value()) return std::shared_ptr<const Spec>();
  std::shared_ptr<const Spec> spec = (*cache)[*id].lock();
  if (spec != nullptr) return spec;
  Query query = db_->Prepare("SELECT json FROM specs WHERE id = ?");
  CAISSON_ASSIGN_OR_RETURN(const bool row, query.Int(*id).Step());
  if (!row) return std::shared_ptr<const Spec>();
  CAISSON_ASSIGN_OR_RETURN(Spec parsed, parse(query.TextAt(0)));
  spec = std::make_shared<const Spec>(std::move(parsed));
  if (cache->size() > kSweepAt) {
    absl::erase_if(*cache,
                   [](const auto& entry) { return entry.second.expired(); });
  }
  (*cache)[*id] = spec;
  return spec;
}

}  // namespace caisson::store
