#include "server/core/network/named_namespaces.h"

#include <cerrno>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

#include "netsetup/sysctl.h"
#include "runtime/base/error_detail.h"
#include "runtime/base/file.h"
#include "runtime/base/log.h"
#include "runtime/base/path_safe.h"
#include "runtime/base/random_id.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/base/syscall_error.h"
#include "server/core/errors.h"
#include "server/core/network/network_errors.h"

namespace caisson::core {
namespace {

using base::StrCat;
using netsetup::NetnsPin;
using store::Intent;

// How long an audit waits for what is under way on the lane, and a repair.
constexpr absl::Duration kAuditLimit = absl::Seconds(2);
constexpr absl::Duration kRepairLimit = absl::Seconds(10);
constexpr char kKind[] = "network_namespace";

// Those that other network namespaces of ours get from netsetup and from the
// plan of their container.
std::vector<netsetup::Sysctl> Sysctls() {
  std::vector<netsetup::Sysctl> sysctls = netsetup::DefaultSysctls();
  sysctls.push_back({"net/ipv4/ip_unprivileged_port_start", "0"});
  sysctls.push_back({"net/ipv4/ping_group_range", "0 2147483647"});
  return sysctls;
}

// Whether it may have processes, now or in a moment.
bool MayRun(const store::ContainerRecord& container) {
  switch (container.status.state) {
    case store::ContainerState::kRunning:
    case store::ContainerState::kPaused:
    case store::ContainerState::kRestarting:
      return true;
    case store::ContainerState::kCreated:
    case store::ContainerState::kExited:
    case store::ContainerState::kDeleted:
      break;
  }
  return container.intent == Intent::kCreate ||
         container.intent == Intent::kStart;
}

// By its name, or by where it is.
bool Joins(const store::ContainerRecord& container, const std::string& name) {
  if (container.spec == nullptr) return false;
  const spec::Network& network = container.spec->network;
  if (network.mode == spec::NetworkMode::kNamespace) {
    return network.namespace_name == name;
  }
  return network.mode == spec::NetworkMode::kNamespacePath &&
         base::IsCleanAbsolutePath(network.namespace_path) &&
         base::NormalizePath(network.namespace_path) ==
             NetworkNamespacePath(name);
}

AuditObject Object(const std::string& name, std::string owner, AuditState state,
                   std::string detail = "") {
  return {.kind = kKind,
          .key = NetworkNamespacePath(name),
          .owner = std::move(owner),
          .state = state,
          .detail = std::move(detail)};
}

// Runs `work` on the lane and waits for it.
template <typename T>
absl::StatusOr<T> RunOn(Executor* lane, absl::Duration limit,
                        absl::AnyInvocable<absl::StatusOr<T>()> work) {
  struct Result {
    absl::Notification done;
    absl::StatusOr<T> value;
  };
  auto result = std::make_shared<Result>();
  lane->Post([result, work = std::move(work)]() mutable {
    result->value = work();
    result->done.Notify();
  });
  if (result->done.WaitForNotificationWithTimeout(limit)) {
    return std::move(result->value);
  }
  return base::MakeError(absl::StatusCode::kUnavailable, "STUCK_IN_KERNEL",
                         "the kernel does not answer about networks");
}

// The outcome of a request that an earlier daemon carried out.
void FinishRequest(const store::Store& store, const std::string& request,
                   const std::string& object, store::Transaction* transaction) {
  if (request.empty()) return;
  const store::RequestPtr row = store.catalog().Request(request);
  if (row == nullptr || row->outcome != store::RequestRow::Outcome::kRunning) {
    return;
  }
  store::RequestRow done = *row;
  done.outcome = store::RequestRow::Outcome::kOk;
  done.object_id = object;
  done.end_time = absl::Now();
  transaction->put_requests.push_back(std::move(done));
}

}  // namespace

std::string NetworkNamespacePath(std::string_view name) {
  return StrCat(netsetup::kNamedNetnsDirectory, "/", name);
}

std::string NamedNamespaces::TagOf(std::string_view id) const {
  return StrCat("caisson:", options_.instance, ":namespace:", id);
}

bool NamedNamespaces::IsOurs(const NetnsPin& pin, const Record& record) const {
  return pin.tag == TagOf(record.id);
}

bool NamedNamespaces::IsThere(const NetnsPin& pin, const Record& record) const {
  return IsOurs(pin, record) && pin.netns.has_value() &&
         record.boot_id == options_.boot_id &&
         static_cast<int64_t>(pin.netns->inode) == record.inode;
}

// A container that is or may come to be in it; empty: none.
std::string NamedNamespaces::UserOf(const Record& record) const {
  for (const store::ContainerPtr& container :
       options_.store->catalog().AllContainers()) {
    if (MayRun(*container) && Joins(*container, record.name)) {
      return container->id;
    }
  }
  return "";
}

// The one that there was, as long as anything holds it; else a new one.
absl::StatusOr<netsetup::Netns> NamedNamespaces::Find(
    const Record& record) const {
  netsetup::Netns netns;
  const auto held = held_.find(record.id);
  if (held != held_.end()) {
    CAISSON_ASSIGN_OR_RETURN(netns.fd, base::Duplicate(held->second.fd.get()));
    netns.id = held->second.id;
    return netns;
  }
  for (const store::ContainerPtr& container :
       options_.store->catalog().AllContainers()) {
    if (!Joins(*container, record.name)) continue;
    absl::StatusOr<base::UniqueFd> fd = options_.open_netns(*container);
    if (!fd.ok()) continue;
    CAISSON_ASSIGN_OR_RETURN(netns.id, netsetup::IdOfNetns(fd->get()));
    if (record.boot_id != options_.boot_id ||
        static_cast<int64_t>(netns.id.inode) != record.inode) {
      continue;
    }
    netns.fd = *std::move(fd);
    return netns;
  }
  return netsetup::CreateNetns(Sysctls());
}

absl::Status NamedNamespaces::Pin(netsetup::Netns netns, Record* record) {
  const absl::Status status =
      netsetup::PinNetns(netns.fd.get(), record->name,
                         netsetup::kNamedNetnsDirectory, TagOf(record->id));
  if (base::ErrnoOf(status) == EEXIST) {
    return NetworkNamespaceNameTaken(record->name,
                                     NetworkNamespacePath(record->name));
  }
  CAISSON_RETURN_IF_ERROR(SetupFailed(status));
  record->inode = static_cast<int64_t>(netns.id.inode);
  record->boot_id = options_.boot_id;
  held_[record->id] = std::move(netns);
  return absl::OkStatus();
}

// Only what is ours; nothing there is no error.
absl::Status NamedNamespaces::Unpin(const Record& record) {
  const auto pin = netsetup::FindNetnsPin(record.name);
  if (!pin.ok()) return SetupFailed(pin.status());
  if (!pin->has_value() || !IsOurs(**pin, record)) return absl::OkStatus();
  return SetupFailed(netsetup::UnpinNetns(record.name));
}

absl::StatusOr<NetworkNamespacePtr> NamedNamespaces::Make(
    const std::string& name, Ticket* ticket) {
  const store::Catalog& catalog = options_.store->catalog();
  if (static_cast<int64_t>(catalog.counts().network_namespaces) >=
      kMaxNetworkNamespaces) {
    return LimitReached("network_namespaces", kMaxNetworkNamespaces);
  }
  Record record;
  record.id = base::RandomId();
  record.name = name;
  record.intent = Intent::kCreate;
  record.request_id = ticket->id();
  record.create_time = absl::Now();
  store::Transaction intent;
  intent.put_network_namespaces.push_back(record);
  ticket->AddIntent(&intent, record.id);
  CAISSON_RETURN_IF_ERROR(options_.store->Commit(std::move(intent)).status());
  absl::StatusOr<netsetup::Netns> netns = netsetup::CreateNetns(Sysctls());
  absl::Status status = SetupFailed(netns.status());
  if (status.ok()) status = Pin(*std::move(netns), &record);
  if (status.ok()) {
    record.intent = Intent::kNone;
    store::Transaction done;
    done.put_network_namespaces.push_back(record);
    done.AddNamespaceEvent("network_namespace.created", record.id,
                           ticket->id());
    ticket->AddOutcome(&done, absl::OkStatus(), record.id);
    status = options_.store->Commit(std::move(done)).status();
  }
  if (status.ok()) return catalog.NetworkNamespaceById(record.id);
  held_.erase(record.id);
  base::IgnoreError(Unpin(record), "what is left is removed at the next start");
  store::Transaction undo;
  undo.erase_network_namespaces.push_back(record.id);
  ticket->AddOutcome(&undo, status, "");
  base::IgnoreError(options_.store->Commit(std::move(undo)).status(),
                    "a row with an intent is undone at the next start");
  return status;
}

void NamedNamespaces::Create(std::string name, TicketPtr ticket,
                             Callback<NetworkNamespacePtr> callback) {
  options_.lane->Post([this, name = std::move(name), ticket = std::move(ticket),
                       callback = std::move(callback)]() mutable {
    absl::StatusOr<NetworkNamespacePtr> made = Make(name, ticket.get());
    ticket->Announce(made.status(), made.ok() ? (*made)->id : "");
    options_.executor->Post(
        [made = std::move(made), callback = std::move(callback)]() mutable {
          callback(std::move(made));
        });
  });
}

absl::StatusOr<NetworkNamespacePtr> NamedNamespaces::Remove(
    const DeleteNetworkNamespaceArgs& args, Ticket* ticket) {
  const NetworkNamespacePtr found =
      options_.store->catalog().FindNetworkNamespace(args.name);
  if (found == nullptr) {
    if (!args.allow_missing) return NetworkNamespaceNotFound(args.name);
    return NetworkNamespacePtr();
  }
  if (args.expected_revision.has_value() &&
      *args.expected_revision != found->revision) {
    return base::MakeError(
        absl::StatusCode::kAborted, "REVISION_CHANGED",
        StrCat("network namespace '", args.name, "' is at revision ",
               found->revision),
        {{kKind, args.name}, {"revision", absl::StrCat(found->revision)}});
  }
  std::string user = UserOf(*found);
  if (!user.empty()) return NetworkNamespaceInUse(args.name, user);
  Record record = *found;
  record.intent = Intent::kDelete;
  record.request_id = ticket->id();
  store::Transaction intent;
  intent.put_network_namespaces.push_back(record);
  ticket->AddIntent(&intent, record.id);
  CAISSON_RETURN_IF_ERROR(options_.store->Commit(std::move(intent)).status());
  // From here on nobody joins; who has begun to before is seen now.
  user = UserOf(record);
  if (!user.empty()) {
    const absl::Status in_use = NetworkNamespaceInUse(args.name, user);
    store::Transaction undo;
    undo.put_network_namespaces.push_back(*found);
    ticket->AddOutcome(&undo, in_use, "");
    CAISSON_RETURN_IF_ERROR(options_.store->Commit(std::move(undo)).status());
    return in_use;
  }
  CAISSON_RETURN_IF_ERROR(Unpin(record));
  held_.erase(record.id);
  store::Transaction done;
  done.delete_network_namespaces.push_back(record);
  done.AddNamespaceEvent("network_namespace.deleted", record.id, ticket->id());
  ticket->AddOutcome(&done, absl::OkStatus(), record.id);
  CAISSON_RETURN_IF_ERROR(options_.store->Commit(std::move(done)).status());
  return std::make_shared<Record>(std::move(record));
}

void NamedNamespaces::Delete(DeleteNetworkNamespaceArgs args, TicketPtr ticket,
                             Callback<NetworkNamespacePtr> callback) {
  options_.lane->Post([this, args = std::move(args), ticket = std::move(ticket),
                       callback = std::move(callback)]() mutable {
    absl::StatusOr<NetworkNamespacePtr> gone = Remove(args, ticket.get());
    ticket->Announce(gone.status(),
                     gone.ok() && *gone != nullptr ? (*gone)->id : "");
    options_.executor->Post(
        [gone = std::move(gone), callback = std::move(callback)]() mutable {
          callback(std::move(gone));
        });
  });
}

absl::StatusOr<std::string> NamedNamespaces::PathOf(
    std::string_view name) const {
  const NetworkNamespacePtr record =
      options_.store->catalog().FindNetworkNamespace(name);
  if (record == nullptr || record->intent != Intent::kNone) {
    return NetworkNamespaceNotFound(name);
  }
  std::string path = NetworkNamespacePath(name);
  const absl::StatusOr<netsetup::Netns> netns =
      netsetup::OpenNamedNetns(record->name);
  if (!netns.ok()) {
    return NetworkNamespaceBroken(name, path,
                                  base::StdView(netns.status().message()));
  }
  // Its number alone says nothing: the kernel gives it to the next one.
  const absl::StatusOr<std::optional<NetnsPin>> pin =
      netsetup::FindNetnsPin(record->name);
  if (!pin.ok() || !pin->has_value() || !IsThere(**pin, *record)) {
    return NetworkNamespaceBroken(name, path, "another one is");
  }
  return path;
}

// --- Recovery and audits ---------------------------------------------------

void NamedNamespaces::Recover() {
  absl::Notification done;
  options_.lane->Post([this, &done] {
    for (const NetworkNamespacePtr& record :
         options_.store->catalog().AllNetworkNamespaces()) {
      RecoverRow(*record);
    }
    base::IgnoreError(RemoveOrphans(), "it is logged");
    done.Notify();
  });
  done.WaitForNotification();
}

void NamedNamespaces::RecoverRow(const Record& record) {
  absl::Status status;
  if (record.intent == Intent::kNone) {
    status = Mend(record, Mending::kMissing);
  } else {
    status = Unpin(record);
    store::Transaction end;
    if (record.intent == Intent::kCreate) {
      end.erase_network_namespaces.push_back(record.id);
      if (!record.request_id.empty()) {
        end.erase_requests.push_back(record.request_id);
      }
    } else {
      end.delete_network_namespaces.push_back(record);
      end.AddNamespaceEvent("network_namespace.deleted", record.id);
      FinishRequest(*options_.store, record.request_id, record.id, &end);
    }
    if (status.ok()) status = options_.store->Commit(std::move(end)).status();
  }
  if (status.ok()) return;
  CAISSON_LOG(kError, "network namespace is not as it shall be",
              {"name", record.name}, {"error", status.ToString()});
}

// The row as it became, and that it did.
absl::Status NamedNamespaces::Settle(const Record& record,
                                     std::string_view event) {
  store::Transaction told;
  told.put_network_namespaces.push_back(record);
  told.AddNamespaceEvent(std::string(event), record.id);
  return options_.store->Commit(std::move(told)).status();
}

absl::Status NamedNamespaces::Mend(const Record& record, Mending mending) {
  CAISSON_ASSIGN_OR_RETURN(const std::optional<NetnsPin> pin,
                           netsetup::FindNetnsPin(record.name));
  const std::string path = NetworkNamespacePath(record.name);
  if (pin.has_value()) {
    if (!IsOurs(*pin, record)) {
      return NetworkNamespaceNameTaken(record.name, path);
    }
    if (IsThere(*pin, record)) return Adopt(record);
    const bool making = record.inode == 0 || record.boot_id != options_.boot_id;
    // What a daemon before us made, and did not come to record.
    if (making && pin->netns.has_value()) return Adopt(record);
    if (pin->netns.has_value() && mending == Mending::kMissing) {
      return NetworkNamespaceBroken(record.name, path, "another one is");
    }
  }
  CAISSON_ASSIGN_OR_RETURN(netsetup::Netns netns, Find(record));
  Record mended = record;
  mended.inode = 0;
  mended.boot_id = options_.boot_id;
  store::Transaction intent;
  intent.put_network_namespaces.push_back(mended);
  CAISSON_RETURN_IF_ERROR(options_.store->Commit(std::move(intent)).status());
  CAISSON_RETURN_IF_ERROR(Unpin(record));
  CAISSON_RETURN_IF_ERROR(Pin(std::move(netns), &mended));
  CAISSON_LOG(kInfo, "network namespace is mounted again",
              {"name", record.name});
  return Settle(mended, "network_namespace.repaired");
}

// What is mounted is the one.
absl::Status NamedNamespaces::Adopt(const Record& record) {
  if (held_.contains(record.id) && record.inode != 0) return absl::OkStatus();
  CAISSON_ASSIGN_OR_RETURN(netsetup::Netns netns,
                           netsetup::OpenNamedNetns(record.name));
  Record found = record;
  found.inode = static_cast<int64_t>(netns.id.inode);
  found.boot_id = options_.boot_id;
  held_[record.id] = std::move(netns);
  if (found == record) return absl::OkStatus();
  return Settle(found, "network_namespace.repaired");
}

absl::Status NamedNamespaces::MendAll(Mending mending) {
  absl::Status first;
  for (const NetworkNamespacePtr& record :
       options_.store->catalog().AllNetworkNamespaces()) {
    if (record->intent != Intent::kNone) continue;
    const absl::Status status = Mend(*record, mending);
    if (status.ok()) continue;
    CAISSON_LOG(kError, "network namespace is not as it shall be",
                {"name", record->name}, {"error", status.ToString()});
    if (first.ok()) first = status;
  }
  return first;
}

absl::Status NamedNamespaces::RemoveOrphans() {
  CAISSON_ASSIGN_OR_RETURN(const std::vector<AuditObject> objects, Look());
  absl::Status first;
  for (const AuditObject& object : objects) {
    if (object.state != AuditState::kOrphan) continue;
    const size_t slash = object.key.rfind('/');
    const absl::Status status =
        netsetup::UnpinNetns(object.key.substr(slash + 1));
    if (status.ok()) continue;
    CAISSON_LOG(kError, "network namespace stays", {"path", object.key},
                {"error", status.ToString()});
    if (first.ok()) first = status;
  }
  return first;
}

absl::StatusOr<std::vector<AuditObject>> NamedNamespaces::Look() const {
  CAISSON_ASSIGN_OR_RETURN(const std::vector<NetnsPin> pins,
                           netsetup::ListNetnsPins());
  std::map<std::string, const NetnsPin*> by_name;
  for (const NetnsPin& pin : pins) by_name[pin.name] = &pin;
  std::vector<AuditObject> objects;
  std::set<std::string> tags;
  for (const NetworkNamespacePtr& record :
       options_.store->catalog().AllNetworkNamespaces()) {
    tags.insert(TagOf(record->id));
    if (record->intent != Intent::kNone) continue;
    const auto pin = by_name.find(record->name);
    const auto add = [&](AuditState state, const char* detail) {
      objects.push_back(Object(record->name, record->id, state, detail));
    };
    if (pin == by_name.end()) {
      add(AuditState::kMissing, "nothing has the name");
    } else if (!IsOurs(*pin->second, *record)) {
      add(AuditState::kMissing, "the name is somebody else's");
    } else if (!pin->second->netns.has_value()) {
      add(AuditState::kMissing, "no namespace is mounted there");
    } else if (!IsThere(*pin->second, *record)) {
      add(AuditState::kDrifted, "another namespace is mounted there");
    } else {
      add(AuditState::kOk, "");
    }
  }
  const std::string ours = TagOf("");
  for (const NetnsPin& pin : pins) {
    if (pin.tag.rfind(ours, 0) != 0 || tags.contains(pin.tag)) continue;
    objects.push_back(
        Object(pin.name, "", AuditState::kOrphan,
               StrCat("of network namespace ", pin.tag.substr(ours.size()))));
  }
  return objects;
}

absl::StatusOr<std::vector<AuditObject>> NamedNamespaces::Inventory() {
  return RunOn<std::vector<AuditObject>>(options_.lane, kAuditLimit,
                                         [this] { return Look(); });
}

// What cannot be put right is found by the next look, with the reason.
absl::Status NamedNamespaces::Repair() {
  return RunOn<bool>(options_.lane, kRepairLimit,
                     [this]() -> absl::StatusOr<bool> {
                       const absl::Status orphans = RemoveOrphans();
                       const absl::Status rows = MendAll(Mending::kAll);
                       return orphans.ok() && rows.ok();
                     })
      .status();
}

}  // namespace caisson::core
