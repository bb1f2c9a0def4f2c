#include "server/store/stage.h"

#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "runtime/base/error_detail.h"
#include "runtime/base/status_macros.h"
#include "server/store/string_view.h"

namespace caisson::store {
namespace {

absl::Status UnknownContainer(std::string_view id) {
  return base::MakeError(absl::StatusCode::kNotFound, "CONTAINER_NOT_FOUND",
                         absl::StrCat("no container '", AbslView(id), "'"),
                         {{"container", std::string(id)}});
}

absl::Status UnknownNetwork(std::string_view id) {
  return base::MakeError(absl::StatusCode::kNotFound, "NETWORK_NOT_FOUND",
                         absl::StrCat("no network '", AbslView(id), "'"),
                         {{"network", std::string(id)}});
}

absl::Status UnknownNetworkNamespace(std::string_view id) {
  return base::MakeError(
      absl::StatusCode::kNotFound, "NETWORK_NAMESPACE_NOT_FOUND",
      absl::StrCat("no network namespace '", AbslView(id), "'"),
      {{"network_namespace", std::string(id)}});
}

// `kind` is that of the holder: "container", "network" ...
absl::Status NameInUse(const std::string& kind, const std::string& name,
                       const std::string& holder) {
  return base::MakeError(
      absl::StatusCode::kAlreadyExists, "NAME_IN_USE",
      absl::StrCat("the name '", name, "' is in use by ", kind, " ", holder),
      {{kind, holder}, {"name", name}});
}

// Pages are ordered by the moment at which a record became visible; `old` may
// be null.
template <typename Ptr>
int64_t CreateRevision(const Ptr& old, int64_t revision) {
  const bool was_visible = old != nullptr && old->intent != Intent::kCreate;
  return was_visible ? old->create_revision : revision;
}

}  // namespace

// One transaction on its way into the stage: looks through its own changes,
// then those staged before it, then the catalog.
class Stage::Adding {
 public:
  Adding(const Stage* stage, int64_t revision) : stage_(stage) {
    result_.change.revision = revision;
  }

  absl::Status Apply(const Transaction& transaction) {
    for (const ContainerRecord& record : transaction.delete_containers) {
      CAISSON_RETURN_IF_ERROR(Delete(record));
    }
    for (const std::string& id : transaction.erase_containers) {
      if (Container(id) != nullptr) Forget(id);
    }
    for (const ContainerRecord& record : transaction.put_containers) {
      CAISSON_RETURN_IF_ERROR(PutContainer(record));
    }
    for (const std::string& id : transaction.erase_execs) {
      if (Exec(id) == nullptr) continue;
      finals_.execs[id] = Exec(id);
      own_.execs[id] = nullptr;
      result_.change.erase_execs.push_back(id);
    }
    for (const ExecRecord& record : transaction.put_execs) {
      CAISSON_RETURN_IF_ERROR(PutExec(record));
    }
    CAISSON_RETURN_IF_ERROR(ApplyNetworks(transaction));
    CAISSON_RETURN_IF_ERROR(ApplyNetworkNamespaces(transaction));
    for (const RequestRow& row : transaction.put_requests) {
      result_.change.put_requests.push_back(
          std::make_shared<const RequestRow>(row));
    }
    result_.change.erase_requests = transaction.erase_requests;
    for (const EventDraft& draft : transaction.events) {
      CAISSON_RETURN_IF_ERROR(AddEvent(draft));
    }
    return absl::OkStatus();
  }

  StagedTransaction TakeResult() { return std::move(result_); }

  void MergeInto(Delta* delta) {
    for (auto& [id, record] : own_.containers) delta->containers[id] = record;
    for (auto& [id, record] : own_.execs) delta->execs[id] = record;
    for (auto& [name, id] : own_.names) delta->names[name] = id;
    for (auto& [id, record] : own_.networks) delta->networks[id] = record;
    for (auto& [name, id] : own_.network_names) {
      delta->network_names[name] = id;
    }
    for (auto& [id, record] : own_.namespaces) delta->namespaces[id] = record;
    for (auto& [name, id] : own_.namespace_names) {
      delta->namespace_names[name] = id;
    }
  }

 private:
  int64_t revision() const { return result_.change.revision; }

  absl::Status ApplyNetworks(const Transaction& transaction) {
    for (const NetworkRecord& record : transaction.delete_networks) {
      CAISSON_RETURN_IF_ERROR(DeleteNetwork(record));
    }
    for (const std::string& id : transaction.erase_networks) {
      if (Network(id) != nullptr) ForgetNetwork(id);
    }
    for (const NetworkRecord& record : transaction.put_networks) {
      CAISSON_RETURN_IF_ERROR(PutNetwork(record));
    }
    result_.put_leases = transaction.put_leases;
    result_.erase_leases = transaction.erase_leases;
    return absl::OkStatus();
  }

  absl::Status ApplyNetworkNamespaces(const Transaction& transaction) {
    for (const auto& record : transaction.delete_network_namespaces) {
      CAISSON_RETURN_IF_ERROR(DeleteNetworkNamespace(record));
    }
    for (const std::string& id : transaction.erase_network_namespaces) {
      if (NetworkNamespace(id) != nullptr) ForgetNetworkNamespace(id);
    }
    for (const auto& record : transaction.put_network_namespaces) {
      CAISSON_RETURN_IF_ERROR(PutNetworkNamespace(record));
    }
    return absl::OkStatus();
  }

  // What the newest change before this one left at `key`; null: none did.
  template <typename Map>
  const typename Map::mapped_type* Staged(Map Delta::*map,
                                          std::string_view key) const {
    for (const Delta* delta : {&own_, &stage_->staged_}) {
      const auto found = (delta->*map).find(AbslView(key));
      if (found != (delta->*map).end()) return &found->second;
    }
    return nullptr;
  }

  ContainerPtr Container(std::string_view id) const {
    const ContainerPtr* staged = Staged(&Delta::containers, id);
    return staged != nullptr ? *staged : stage_->catalog_->ContainerById(id);
  }

  ExecPtr Exec(std::string_view id) const {
    const ExecPtr* staged = Staged(&Delta::execs, id);
    return staged != nullptr ? *staged : stage_->catalog_->ExecById(id);
  }

  NetworkPtr Network(std::string_view id) const {
    const NetworkPtr* staged = Staged(&Delta::networks, id);
    return staged != nullptr ? *staged : stage_->catalog_->NetworkById(id);
  }

  NetworkNamespacePtr NetworkNamespace(std::string_view id) const {
    const NetworkNamespacePtr* staged = Staged(&Delta::namespaces, id);
    return staged != nullptr ? *staged
                             : stage_->catalog_->NetworkNamespaceById(id);
  }

  // The id of the container that has the name; empty: it is free.
  std::string NameHolder(std::string_view name) const {
    const std::string* staged = Staged(&Delta::names, name);
    if (staged != nullptr) return *staged;
    const ContainerPtr holder = stage_->catalog_->NameHolder(name);
    return holder == nullptr ? "" : holder->id;
  }

  std::string NetworkNameHolder(std::string_view name) const {
    const std::string* staged = Staged(&Delta::network_names, name);
    if (staged != nullptr) return *staged;
    const NetworkPtr holder = stage_->catalog_->NetworkNameHolder(name);
    return holder == nullptr ? "" : holder->id;
  }

  std::string NamespaceNameHolder(std::string_view name) const {
    const std::string* staged = Staged(&Delta::namespace_names, name);
    if (staged != nullptr) return *staged;
    const auto holder = stage_->catalog_->NetworkNamespaceNameHolder(name);
    return holder == nullptr ? "" : holder->id;
  }

  void Forget(const std::string& id) {
    own_.names[Container(id)->name] = "";
    own_.containers[id] = nullptr;
    result_.change.erase_containers.push_back(id);
  }

  absl::Status Delete(const ContainerRecord& record) {
    const ContainerPtr old = Container(record.id);
    if (old == nullptr) return UnknownContainer(record.id);
    auto last = std::make_shared<ContainerRecord>(record);
    last->revision = revision();
    last->create_revision = old->create_revision;
    last->intent = Intent::kNone;
    last->status.state = ContainerState::kDeleted;
    last->status.delete_time = stage_->now_;
    Forget(record.id);
    finals_.containers[record.id] = last;
    result_.change.put_tombstones.push_back(last);
    return absl::OkStatus();
  }

  absl::Status PutContainer(const ContainerRecord& record) {
    if (record.id.empty() || record.name.empty()) {
      return absl::InternalError("store: a container without id or name");
    }
    const std::string holder = NameHolder(record.name);
    if (!holder.empty() && holder != record.id) {
      return NameInUse("container", record.name, holder);
    }
    const ContainerPtr old = Container(record.id);
    auto put = std::make_shared<ContainerRecord>(record);
    put->revision = revision();
    put->create_revision = CreateRevision(old, revision());
    if (old != nullptr) own_.names[old->name] = "";
    own_.names[put->name] = put->id;
    own_.containers[put->id] = put;
    result_.change.put_containers.push_back(std::move(put));
    return absl::OkStatus();
  }

  absl::Status PutExec(const ExecRecord& record) {
    if (Container(record.container_id) == nullptr) {
      return UnknownContainer(record.container_id);
    }
    const ExecPtr old = Exec(record.id);
    auto put = std::make_shared<ExecRecord>(record);
    put->revision = revision();
    put->create_revision = CreateRevision(old, revision());
    own_.execs[put->id] = put;
    result_.change.put_execs.push_back(std::move(put));
    return absl::OkStatus();
  }

  void ForgetNetwork(const std::string& id) {
    own_.network_names[Network(id)->name] = "";
    own_.networks[id] = nullptr;
    result_.change.erase_networks.push_back(id);
  }

  absl::Status DeleteNetwork(const NetworkRecord& record) {
    const NetworkPtr old = Network(record.id);
    if (old == nullptr) return UnknownNetwork(record.id);
    auto last = std::make_shared<NetworkRecord>(record);
    last->revision = revision();
    last->create_revision = old->create_revision;
    last->intent = Intent::kNone;
    ForgetNetwork(record.id);
    finals_.networks[record.id] = std::move(last);
    return absl::OkStatus();
  }

  absl::Status PutNetwork(const NetworkRecord& record) {
    if (record.id.empty() || record.name.empty()) {
      return absl::InternalError("store: a network without id or name");
    }
    const std::string holder = NetworkNameHolder(record.name);
    if (!holder.empty() && holder != record.id) {
      return NameInUse("network", record.name, holder);
    }
    const NetworkPtr old = Network(record.id);
    auto put = std::make_shared<NetworkRecord>(record);
    put->revision = revision();
    put->create_revision = CreateRevision(old, revision());
    if (old != nullptr) own_.network_names[old->name] = "";
    own_.network_names[put->name] = put->id;
    own_.networks[put->id] = put;
    result_.change.put_networks.push_back(std::move(put));
    return absl::OkStatus();
  }

  void ForgetNetworkNamespace(const std::string& id) {
    own_.namespace_names[NetworkNamespace(id)->name] = "";
    own_.namespaces[id] = nullptr;
    result_.change.erase_network_namespaces.push_back(id);
  }

  absl::Status DeleteNetworkNamespace(const NetworkNamespaceRecord& record) {
    const NetworkNamespacePtr old = NetworkNamespace(record.id);
    if (old == nullptr) return UnknownNetworkNamespace(record.id);
    auto last = std::make_shared<NetworkNamespaceRecord>(record);
    last->revision = revision();
    last->create_revision = old->create_revision;
    last->intent = Intent::kNone;
    ForgetNetworkNamespace(record.id);
    finals_.namespaces[record.id] = std::move(last);
    return absl::OkStatus();
  }

  absl::Status PutNetworkNamespace(const NetworkNamespaceRecord& record) {
    if (record.id.empty() || record.name.empty()) {
      return absl::InternalError("store: a namespace without id or name");
    }
    const std::string holder = NamespaceNameHolder(record.name);
    if (!holder.empty() && holder != record.id) {
      return NameInUse("network_namespace", record.name, holder);
    }
    const NetworkNamespacePtr old = NetworkNamespace(record.id);
    auto put = std::make_shared<NetworkNamespaceRecord>(record);
    put->revision = revision();
    put->create_revision = CreateRevision(old, revision());
    if (old != nullptr) own_.namespace_names[old->name] = "";
    own_.namespace_names[put->name] = put->id;
    own_.namespaces[put->id] = put;
    result_.change.put_network_namespaces.push_back(std::move(put));
    return absl::OkStatus();
  }

  absl::Status AddEvent(const EventDraft& draft) {
    auto event = std::make_shared<Event>();
    event->revision = revision();
    event->time =
        draft.time == absl::InfinitePast() ? stage_->now_ : draft.time;
    event->type = draft.type;
    event->attributes = draft.attributes;
    event->request_id = draft.request_id;
    if (!draft.container_id.empty()) {
      event->container = LastContainer(draft.container_id);
      if (event->container == nullptr) {
        return UnknownContainer(draft.container_id);
      }
    }
    if (!draft.exec_id.empty()) {
      event->exec = LastExec(draft.exec_id);
      if (event->exec == nullptr) {
        return base::MakeError(absl::StatusCode::kNotFound, "EXEC_NOT_FOUND",
                               absl::StrCat("no exec '", draft.exec_id, "'"),
                               {{"exec", draft.exec_id}});
      }
    }
    if (!draft.network_id.empty()) {
      event->network = LastNetwork(draft.network_id);
      if (event->network == nullptr) return UnknownNetwork(draft.network_id);
    }
    if (!draft.network_namespace_id.empty()) {
      event->network_namespace = LastNamespace(draft.network_namespace_id);
      if (event->network_namespace == nullptr) {
        return UnknownNetworkNamespace(draft.network_namespace_id);
      }
    }
    result_.events.push_back(std::move(event));
    return absl::OkStatus();
  }

  // As it is after this transaction, or was when this transaction ended it.
  ContainerPtr LastContainer(const std::string& id) const {
    ContainerPtr record = Container(id);
    if (record != nullptr) return record;
    const auto last = finals_.containers.find(id);
    return last == finals_.containers.end() ? nullptr : last->second;
  }

  ExecPtr LastExec(const std::string& id) const {
    ExecPtr record = Exec(id);
    if (record != nullptr) return record;
    const auto last = finals_.execs.find(id);
    return last == finals_.execs.end() ? nullptr : last->second;
  }

  NetworkPtr LastNetwork(const std::string& id) const {
    NetworkPtr record = Network(id);
    if (record != nullptr) return record;
    const auto last = finals_.networks.find(id);
    return last == finals_.networks.end() ? nullptr : last->second;
  }

  NetworkNamespacePtr LastNamespace(const std::string& id) const {
    NetworkNamespacePtr record = NetworkNamespace(id);
    if (record != nullptr) return record;
    const auto last = finals_.namespaces.find(id);
    return last == finals_.namespaces.end() ? nullptr : last->second;
  }

  const Stage* const stage_;
  Delta own_;
  Delta finals_;  // last states of what this transaction removes
  StagedTransaction result_;
};

absl::StatusOr<StagedTransaction> Stage::Add(const Transaction& transaction,
                                             int64_t revision) {
  Adding adding(this, revision);
  CAISSON_RETURN_IF_ERROR(adding.Apply(transaction));
  adding.MergeInto(&staged_);
  return adding.TakeResult();
}

}  // namespace caisson::store
