#include "server/store/loader.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "runtime/base/status_macros.h"
#include "server/store/codec.h"
#include "server/store/network_codec.h"

namespace caisson::store {
namespace {

// A row of (id, spec, data) as a container record.
absl::StatusOr<ContainerPtr> ContainerOf(const Query& query, SpecRows* specs) {
  auto record = std::make_shared<ContainerRecord>();
  record->id = std::string(query.TextAt(0));
  CAISSON_ASSIGN_OR_RETURN(record->spec,
                           specs->Container(query.OptionalIntAt(1)));
  CAISSON_RETURN_IF_ERROR(DecodeContainer(query.TextAt(2), record.get()));
  return ContainerPtr(std::move(record));
}

absl::StatusOr<ExecPtr> ExecOf(const Query& query, SpecRows* specs) {
  auto record = std::make_shared<ExecRecord>();
  record->id = std::string(query.TextAt(0));
  CAISSON_ASSIGN_OR_RETURN(record->spec, specs->Exec(query.OptionalIntAt(1)));
  CAISSON_RETURN_IF_ERROR(DecodeExec(query.TextAt(2), record.get()));
  return ExecPtr(std::move(record));
}

// Columns `id` and the next one as a network record.
absl::StatusOr<NetworkPtr> NetworkOf(const Query& query, int id) {
  auto record = std::make_shared<NetworkRecord>();
  record->id = std::string(query.TextAt(id));
  CAISSON_RETURN_IF_ERROR(DecodeNetwork(query.TextAt(id + 1), record.get()));
  return NetworkPtr(std::move(record));
}

absl::StatusOr<NetworkNamespacePtr> NetworkNamespaceOf(const Query& query,
                                                       int id) {
  auto record = std::make_shared<NetworkNamespaceRecord>();
  record->id = std::string(query.TextAt(id));
  CAISSON_RETURN_IF_ERROR(
      DecodeNetworkNamespace(query.TextAt(id + 1), record.get()));
  return NetworkNamespacePtr(std::move(record));
}

// Calls `use(query)` for each row.
template <typename Use>
absl::Status ForEachRow(Database* db, const char* sql, Use use) {
  Query query = db->Prepare(sql);
  while (true) {
    CAISSON_ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return absl::OkStatus();
    CAISSON_RETURN_IF_ERROR(use(query));
  }
}

absl::Status LoadRequests(Database* db, CatalogChange* change) {
  return ForEachRow(
      db, "SELECT id, object, start_time, end_time, data FROM requests",
      [&](const Query& query) -> absl::Status {
        auto row = std::make_shared<RequestRow>();
        row->id = std::string(query.TextAt(0));
        row->object_id = std::string(query.TextAt(1));
        row->start_time = DecodeTime(query.IntAt(2));
        row->end_time = DecodeTime(query.IntAt(3));
        CAISSON_RETURN_IF_ERROR(DecodeRequest(query.TextAt(4), row.get()));
        change->put_requests.push_back(std::move(row));
        return absl::OkStatus();
      });
}

absl::Status LoadNetworks(Database* db, CatalogChange* change) {
  return ForEachRow(db, "SELECT id, data FROM networks",
                    [&](const Query& query) -> absl::Status {
                      CAISSON_ASSIGN_OR_RETURN(NetworkPtr record,
                                               NetworkOf(query, 0));
                      change->put_networks.push_back(std::move(record));
                      return absl::OkStatus();
                    });
}

absl::Status LoadNetworkNamespaces(Database* db, CatalogChange* change) {
  return ForEachRow(
      db, "SELECT id, data FROM network_namespaces",
      [&](const Query& query) -> absl::Status {
        CAISSON_ASSIGN_OR_RETURN(NetworkNamespacePtr record,
                                 NetworkNamespaceOf(query, 0));
        change->put_network_namespaces.push_back(std::move(record));
        return absl::OkStatus();
      });
}

constexpr char kSelectEvents[] =
    "SELECT container, container_spec, container_data, exec, exec_spec, "
    "exec_data, revision, time, type, extra, network, network_data, "
    "network_namespace, network_namespace_data FROM events "
    "WHERE revision > ? AND revision <= ? ORDER BY revision, n";

// A row of kSelectEvents.
absl::StatusOr<EventPtr> EventOf(const Query& query, SpecRows* specs) {
  auto event = std::make_shared<Event>();
  event->revision = query.IntAt(6);
  event->time = DecodeTime(query.IntAt(7));
  event->type = std::string(query.TextAt(8));
  CAISSON_RETURN_IF_ERROR(DecodeEventExtra(query.TextAt(9), event.get()));
  if (!query.TextAt(0).empty()) {
    CAISSON_ASSIGN_OR_RETURN(event->container, ContainerOf(query, specs));
  }
  if (!query.TextAt(3).empty()) {
    auto exec = std::make_shared<ExecRecord>();
    exec->id = std::string(query.TextAt(3));
    CAISSON_ASSIGN_OR_RETURN(exec->spec, specs->Exec(query.OptionalIntAt(4)));
    CAISSON_RETURN_IF_ERROR(DecodeExec(query.TextAt(5), exec.get()));
    event->exec = std::move(exec);
  }
  if (!query.TextAt(10).empty()) {
    CAISSON_ASSIGN_OR_RETURN(event->network, NetworkOf(query, 10));
  }
  if (!query.TextAt(12).empty()) {
    CAISSON_ASSIGN_OR_RETURN(event->network_namespace,
                             NetworkNamespaceOf(query, 12));
  }
  return EventPtr(std::move(event));
}

}  // namespace

absl::Status LoadTables(Database* db, Catalog* catalog, Writer* writer) {
  SpecRows specs(db);
  CatalogChange change;
  CAISSON_RETURN_IF_ERROR(ForEachRow(
      db, "SELECT id, spec, data FROM containers",
      [&](const Query& query) -> absl::Status {
        CAISSON_ASSIGN_OR_RETURN(ContainerPtr record,
                                 ContainerOf(query, &specs));
        if (query.OptionalIntAt(1).has_value()) {
          writer->AdoptSpec(record->id, {record->spec.get(), query.IntAt(1)});
        }
        change.put_containers.push_back(std::move(record));
        return absl::OkStatus();
      }));
  CAISSON_RETURN_IF_ERROR(ForEachRow(
      db, "SELECT id, spec, data FROM execs",
      [&](const Query& query) -> absl::Status {
        CAISSON_ASSIGN_OR_RETURN(ExecPtr record, ExecOf(query, &specs));
        if (query.OptionalIntAt(1).has_value()) {
          writer->AdoptSpec(record->id, {record->spec.get(), query.IntAt(1)});
        }
        change.put_execs.push_back(std::move(record));
        return absl::OkStatus();
      }));
  CAISSON_RETURN_IF_ERROR(
      ForEachRow(db, "SELECT id, spec, data FROM tombstones",
                 [&](const Query& query) -> absl::Status {
                   CAISSON_ASSIGN_OR_RETURN(ContainerPtr record,
                                            ContainerOf(query, &specs));
                   change.put_tombstones.push_back(std::move(record));
                   return absl::OkStatus();
                 }));
  CAISSON_RETURN_IF_ERROR(LoadRequests(db, &change));
  CAISSON_RETURN_IF_ERROR(LoadNetworks(db, &change));
  CAISSON_RETURN_IF_ERROR(LoadNetworkNamespaces(db, &change));
  catalog->Apply(change);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<LeaseRow>> LoadLeases(Database* db) {
  std::vector<LeaseRow> rows;
  CAISSON_RETURN_IF_ERROR(ForEachRow(
      db,
      "SELECT network, address, endpoint, state, quarantined_until, boot_id, "
      "generation FROM leases ORDER BY network, address",
      [&](const Query& query) {
        LeaseRow& row = rows.emplace_back();
        row.network_id = std::string(query.TextAt(0));
        row.address = std::string(query.TextAt(1));
        row.endpoint_id = std::string(query.TextAt(2));
        row.state = static_cast<int32_t>(query.IntAt(3));
        row.quarantined_until_ns = query.IntAt(4);
        row.boot_id = std::string(query.TextAt(5));
        row.generation = query.IntAt(6);
        return absl::OkStatus();
      }));
  return rows;
}

absl::StatusOr<EventSlice> LoadEvents(Database* db, SpecRows* specs,
                                      int64_t after, int64_t through,
                                      size_t max_events) {
  EventSlice slice;
  slice.through_revision = std::max(after, through);
  Query query = db->Prepare(kSelectEvents);
  query.Int(after).Int(through);
  while (true) {
    CAISSON_ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return slice;
    CAISSON_ASSIGN_OR_RETURN(EventPtr event, EventOf(query, specs));
    slice.events.push_back(std::move(event));
    if (slice.events.size() <= max_events) continue;
    // One too many: give back the transaction that does not fit, unless it
    // is the only one; then it must be read to its end.
    const int64_t last = slice.events.back()->revision;
    if (slice.events.front()->revision == last) continue;
    while (slice.events.back()->revision == last) slice.events.pop_back();
    slice.through_revision = slice.events.back()->revision;
    return slice;
  }
}

}  // namespace caisson::store
