#include "server/store/writer.h"

#include "runtime/base/status_macros.h"
#include "server/store/codec.h"
#include "server/store/network_codec.h"
#include "server/store/spec_rows.h"
#include "server/store/string_view.h"

namespace caisson::store {
namespace {

// What an event row takes besides its texts, roughly.
constexpr size_t kEventOverheadBytes = 128;

constexpr char kPutContainer[] =
    "INSERT INTO containers(id, name, spec, data) VALUES (?1, ?2, ?3, ?4) "
    "ON CONFLICT(id) DO UPDATE SET name = ?2, spec = ?3, data = ?4";
constexpr char kPutExec[] =
    "INSERT INTO execs(id, container, spec, data) VALUES (?1, ?2, ?3, ?4) "
    "ON CONFLICT(id) DO UPDATE SET spec = ?3, data = ?4";
constexpr char kPutRequest[] =
    "INSERT OR REPLACE INTO requests(id, object, start_time, end_time, data) "
    "VALUES (?, ?, ?, ?, ?)";
constexpr char kPutTombstone[] =
    "INSERT OR REPLACE INTO tombstones(id, spec, data) VALUES (?, ?, ?)";
constexpr char kPutEvent[] =
    "INSERT INTO events(revision, n, bytes, time, type, container, "
    "container_spec, container_data, exec, exec_spec, exec_data, network, "
    "network_data, network_namespace, network_namespace_data, extra) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
constexpr char kPutNetwork[] =
    "INSERT INTO networks(id, name, data) VALUES (?1, ?2, ?3) "
    "ON CONFLICT(id) DO UPDATE SET name = ?2, data = ?3";
constexpr char kPutNetworkNamespace[] =
    "INSERT INTO network_namespaces(id, name, data) VALUES (?1, ?2, ?3) "
    "ON CONFLICT(id) DO UPDATE SET name = ?2, data = ?3";
// Whichever commit comes last, the newest state of a lease stays.
constexpr char kPutLease[] =
    "INSERT INTO leases(network, address, endpoint, state, quarantined_until, "
    "boot_id, generation) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) "
    "ON CONFLICT(network, address) DO UPDATE SET endpoint = ?3, state = ?4, "
    "quarantined_until = ?5, boot_id = ?6, generation = ?7 "
    "WHERE generation < ?7";
constexpr char kEraseLease[] =
    "DELETE FROM leases WHERE network = ? AND address = ? AND generation = ?";

}  // namespace

absl::StatusOr<size_t> Writer::Write(const StagedTransaction& transaction) {
  const CatalogChange& change = transaction.change;
  ended_specs_.clear();
  texts_.clear();
  ended_bytes_ = 0;
  CAISSON_RETURN_IF_ERROR(PutTombstones(change));
  CAISSON_RETURN_IF_ERROR(RemoveContainers(change));
  CAISSON_RETURN_IF_ERROR(PutContainers(change));
  CAISSON_RETURN_IF_ERROR(RemoveExecs(change));
  CAISSON_RETURN_IF_ERROR(PutExecs(change));
  CAISSON_RETURN_IF_ERROR(PutRequests(change));
  CAISSON_RETURN_IF_ERROR(RemoveNetworks(change));
  CAISSON_RETURN_IF_ERROR(PutNetworks(change));
  CAISSON_RETURN_IF_ERROR(RemoveNetworkNamespaces(change));
  CAISSON_RETURN_IF_ERROR(PutNetworkNamespaces(change));
  CAISSON_RETURN_IF_ERROR(WriteLeases(transaction));
  return PutEvents(transaction);
}

void Writer::RolledBack() {
  for (auto entry = undo_.rbegin(); entry != undo_.rend(); ++entry) {
    if (entry->second.has_value()) {
      specs_[entry->first] = *entry->second;
    } else {
      specs_.erase(entry->first);
    }
  }
  undo_.clear();
}

absl::Status Writer::PutTombstones(const CatalogChange& change) {
  for (const std::string& id : change.erase_tombstones) {
    CAISSON_RETURN_IF_ERROR(
        db_->Prepare("DELETE FROM tombstones WHERE id = ?").Text(id).Run());
  }
  for (const ContainerPtr& record : change.put_tombstones) {
    std::string& text = texts_[record.get()];
    text = EncodeContainer(*record);
    CAISSON_RETURN_IF_ERROR(db_->Prepare(kPutTombstone)
                                .Text(record->id)
                                .OptionalInt(SpecId(record->id))
                                .Text(text)
                                .Run());
  }
  return absl::OkStatus();
}

absl::Status Writer::RemoveContainers(const CatalogChange& change) {
  for (const std::string& id : change.erase_containers) {
    for (const ExecPtr& exec : catalog_->ExecsOf(id)) {
      CAISSON_RETURN_IF_ERROR(DropSpec(exec->id, change.revision));
    }
    // The exec rows go with it (ON DELETE CASCADE).
    CAISSON_RETURN_IF_ERROR(
        db_->Prepare("DELETE FROM containers WHERE id = ?").Text(id).Run());
    // A create that was rolled back was never visible: no event knows it.
    const ContainerPtr old = catalog_->ContainerById(id);
    const bool ever_told = old == nullptr || old->intent != Intent::kCreate;
    CAISSON_RETURN_IF_ERROR(DropSpec(id, change.revision, ever_told));
  }
  return absl::OkStatus();
}

absl::Status Writer::PutContainers(const CatalogChange& change) {
  for (const ContainerPtr& record : change.put_containers) {
    CAISSON_RETURN_IF_ERROR(
        KeepSpec(record->id, record->spec.get(), change.revision));
    std::string& text = texts_[record.get()];
    text = EncodeContainer(*record);
    CAISSON_RETURN_IF_ERROR(db_->Prepare(kPutContainer)
                                .Text(record->id)
                                .Text(record->name)
                                .OptionalInt(SpecId(record->id))
                                .Text(text)
                                .Run());
  }
  return absl::OkStatus();
}

absl::Status Writer::RemoveExecs(const CatalogChange& change) {
  for (const std::string& id : change.erase_execs) {
    CAISSON_RETURN_IF_ERROR(
        db_->Prepare("DELETE FROM execs WHERE id = ?").Text(id).Run());
    CAISSON_RETURN_IF_ERROR(DropSpec(id, change.revision));
  }
  return absl::OkStatus();
}

absl::Status Writer::PutExecs(const CatalogChange& change) {
  for (const ExecPtr& record : change.put_execs) {
    CAISSON_RETURN_IF_ERROR(
        KeepSpec(record->id, record->spec.get(), change.revision));
    std::string& text = texts_[record.get()];
    text = EncodeExec(*record);
    CAISSON_RETURN_IF_ERROR(db_->Prepare(kPutExec)
                                .Text(record->id)
                                .Text(record->container_id)
                                .OptionalInt(SpecId(record->id))
                                .Text(text)
                                .Run());
  }
  return absl::OkStatus();
}

absl::Status Writer::PutRequests(const CatalogChange& change) {
  for (const std::string& id : change.erase_requests) {
    CAISSON_RETURN_IF_ERROR(
        db_->Prepare("DELETE FROM requests WHERE id = ?").Text(id).Run());
  }
  for (const RequestPtr& row : change.put_requests) {
    const std::string text = EncodeRequest(*row);
    CAISSON_RETURN_IF_ERROR(db_->Prepare(kPutRequest)
                                .Text(row->id)
                                .Text(row->object_id)
                                .Int(EncodeTime(row->start_time))
                                .Int(EncodeTime(row->end_time))
                                .Text(text)
                                .Run());
  }
  return absl::OkStatus();
}

absl::Status Writer::RemoveNetworks(const CatalogChange& change) {
  for (const std::string& id : change.erase_networks) {
    for (const char* sql : {"DELETE FROM networks WHERE id = ?",
                            "DELETE FROM leases WHERE network = ?"}) {
      CAISSON_RETURN_IF_ERROR(db_->Prepare(sql).Text(id).Run());
    }
  }
  return absl::OkStatus();
}

absl::Status Writer::PutNetworks(const CatalogChange& change) {
  for (const NetworkPtr& record : change.put_networks) {
    std::string& text = texts_[record.get()];
    text = EncodeNetwork(*record);
    CAISSON_RETURN_IF_ERROR(db_->Prepare(kPutNetwork)
                                .Text(record->id)
                                .Text(record->name)
                                .Text(text)
                                .Run());
  }
  return absl::OkStatus();
}

absl::Status Writer::RemoveNetworkNamespaces(const CatalogChange& change) {
  for (const std::string& id : change.erase_network_namespaces) {
    CAISSON_RETURN_IF_ERROR(
        db_->Prepare("DELETE FROM network_namespaces WHERE id = ?")
            .Text(id)
            .Run());
  }
  return absl::OkStatus();
}

absl::Status Writer::PutNetworkNamespaces(const CatalogChange& change) {
  for (const NetworkNamespacePtr& record : change.put_network_namespaces) {
    std::string& text = texts_[record.get()];
    text = EncodeNetworkNamespace(*record);
    CAISSON_RETURN_IF_ERROR(db_->Prepare(kPutNetworkNamespace)
                                .Text(record->id)
                                .Text(record->name)
                                .Text(text)
                                .Run());
  }
  return absl::OkStatus();
}

absl::Status Writer::WriteLeases(const StagedTransaction& transaction) {
  for (const LeaseRow& row : transaction.erase_leases) {
    CAISSON_RETURN_IF_ERROR(db_->Prepare(kEraseLease)
                                .Text(row.network_id)
                                .Text(row.address)
                                .Int(row.generation)
                                .Run());
  }
  for (const LeaseRow& row : transaction.put_leases) {
    CAISSON_RETURN_IF_ERROR(db_->Prepare(kPutLease)
                                .Text(row.network_id)
                                .Text(row.address)
                                .Text(row.endpoint_id)
                                .Int(row.state)
                                .Int(row.quarantined_until_ns)
                                .Text(row.boot_id)
                                .Int(row.generation)
                                .Run());
  }
  return absl::OkStatus();
}

absl::StatusOr<size_t> Writer::PutEvents(const StagedTransaction& transaction) {
  size_t total = ended_bytes_;
  int64_t n = 0;
  Query query = db_->Prepare(kPutEvent);
  for (const EventPtr& event : transaction.events) {
    const auto text_of = [&](const auto& record, auto encode) -> std::string& {
      std::string& text = texts_[record.get()];
      if (text.empty() && record != nullptr) text = encode(*record);
      return text;
    };
    const std::string container = text_of(event->container, EncodeContainer);
    const std::string exec = text_of(event->exec, EncodeExec);
    const std::string network = text_of(event->network, EncodeNetwork);
    const std::string network_namespace =
        text_of(event->network_namespace, EncodeNetworkNamespace);
    const std::string extra = EncodeEventExtra(*event);
    const size_t bytes = kEventOverheadBytes + event->type.size() +
                         container.size() + exec.size() + network.size() +
                         network_namespace.size() + extra.size();
    // The query borrows the texts until it has run.
    std::string_view container_id;
    std::string_view exec_id;
    std::string_view network_id;
    std::string_view namespace_id;
    if (event->container != nullptr) container_id = event->container->id;
    if (event->exec != nullptr) exec_id = event->exec->id;
    if (event->network != nullptr) network_id = event->network->id;
    if (event->network_namespace != nullptr) {
      namespace_id = event->network_namespace->id;
    }
    query.Int(event->revision)
        .Int(n++)
        .Int(static_cast<int64_t>(bytes))
        .Int(EncodeTime(event->time))
        .Text(event->type)
        .Text(container_id)
        .OptionalInt(SpecId(container_id))
        .Text(container)
        .Text(exec_id)
        .OptionalInt(SpecId(exec_id))
        .Text(exec)
        .Text(network_id)
        .Text(network)
        .Text(namespace_id)
        .Text(network_namespace)
        .Text(extra);
    CAISSON_RETURN_IF_ERROR(query.RunAndRewind());
    total += bytes;
  }
  return total;
}

template <typename Spec>
absl::Status Writer::KeepSpec(const std::string& object_id, const Spec* spec,
                              int64_t revision) {
  const auto found = specs_.find(object_id);
  if (found != specs_.end() && found->second.spec == spec) {
    return absl::OkStatus();
  }
  if (found != specs_.end()) {
    CAISSON_RETURN_IF_ERROR(DropSpec(object_id, revision));
  }
  if (spec == nullptr) return absl::OkStatus();
  const std::string json = EncodeSpec(*spec);
  CAISSON_RETURN_IF_ERROR(
      db_->Prepare("INSERT INTO specs(bytes, json) VALUES (?, ?)")
          .Int(static_cast<int64_t>(json.size()))
          .Text(json)
          .Run());
  Remember(object_id);
  specs_[object_id] = {spec, db_->last_insert_rowid()};
  return absl::OkStatus();
}

absl::Status Writer::DropSpec(const std::string& object_id, int64_t revision,
                              bool ever_told) {
  const auto found = specs_.find(object_id);
  if (found == specs_.end()) return absl::OkStatus();
  const int64_t id = found->second.id;
  if (ever_told) {
    Query query =
        db_->Prepare("UPDATE specs SET dead = ? WHERE id = ? RETURNING bytes");
    CAISSON_ASSIGN_OR_RETURN(const bool row,
                             query.Int(revision).Int(id).Step());
    if (row) ended_bytes_ += static_cast<size_t>(query.IntAt(0));
    ended_specs_[object_id] = id;
  } else {
    CAISSON_RETURN_IF_ERROR(
        db_->Prepare("DELETE FROM specs WHERE id = ?").Int(id).Run());
  }
  Remember(object_id);
  specs_.erase(object_id);
  return absl::OkStatus();
}

void Writer::Remember(const std::string& object_id) {
  const auto found = specs_.find(object_id);
  undo_.emplace_back(object_id, found == specs_.end()
                                    ? std::nullopt
                                    : std::make_optional(found->second));
}

std::optional<int64_t> Writer::SpecId(std::string_view object_id) const {
  const auto found = specs_.find(AbslView(object_id));
  if (found != specs_.end()) return found->second.id;
  const auto ended = ended_specs_.find(AbslView(object_id));
  if (ended != ended_specs_.end()) return ended->second;
  return std::nullopt;
}

}  // namespace caisson::store
