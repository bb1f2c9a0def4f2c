// What an earlier daemon left, and audits: rows against the host.

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

#include "netsetup/ipam/pool.h"
#include "netsetup/network/network.h"
#include "netsetup/probe.h"
#include "runtime/base/log.h"
#include "runtime/base/random_id.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/base/syscall_error.h"
#include "server/core/network/ask_lane.h"
#include "server/core/network/host_values.h"
#include "server/core/network/network_audit.h"
#include "server/core/network/network_errors.h"
#include "server/core/network/networks.h"

namespace caisson::core {

absl::Status Networks::Recover() {
  absl::Status result;
  absl::Notification done;
  lane_thread_.Post([&] {
    auto lane = NetworkLane::Open(
        InstanceOf(options_.store->store_id()),
        {.store = options_.store,
         .boot_id = options_.boot_id,
         .directory = absl::StrCat(options_.state, "/devices")});
    if (lane.ok()) {
      lane_ = *std::move(lane);
    } else {
      lane_status_ = SetupFailed(lane.status());
      CAISSON_LOG(kError, "this host can have no networks",
                  {"error", lane_status_.ToString()});
    }
    if (auto names = NetworkNames::Open(); names.ok()) {
      names_ = *std::move(names);
    } else {
      CAISSON_LOG(kError, "no names on networks",
                  {"error", names.status().ToString()});
    }
    result = RecoverRows();
    if (result.ok()) AdoptContainers();
    if (result.ok() && lane_ != nullptr) {
      // What needs no network works on: a kernel may lack what we need. One
      // that fails (a full disk) keeps no other from what it can do.
      for (const absl::Status& part :
           {UndoConnects(), RecoverHost().status(), MakeDefault()}) {
        if (part.ok()) continue;
        CAISSON_LOG(kError, "networks are not as they shall be",
                    {"error", part.ToString()});
      }
    }
    done.Notify();
  });
  done.WaitForNotification();
  // Takes longer than a start may.
  lane_thread_.Post([this] {
    DetectFeatures();
    DetectForeignDrops();
    TendNames();
  });
  return result;
}

Networks::Facts Networks::facts() const {
  absl::MutexLock lock(&facts_mutex_);
  return facts_;
}

void Networks::DetectFeatures() {
  const auto features = netsetup::DetectFeatures();
  if (!features.ok()) {
    CAISSON_LOG(kWarning, "what networks this kernel has is not known",
                {"error", features.status().ToString()});
    return;
  }
  absl::MutexLock lock(&facts_mutex_);
  for (const netsetup::Feature& feature : *features) {
    std::string name = absl::StrCat("network_", feature.name);
    std::replace(name.begin(), name.end(), '-', '_');
    facts_.features.push_back(
        {std::move(name), feature.is_there(), feature.missing_because});
  }
}

// Accepting a packet in our table does not help where another one drops it.
void Networks::DetectForeignDrops() {
  drops_timer_ = 0;
  if (lane_ == nullptr) return;
  const auto drops = lane_->ForeignDrops();
  if (!drops.ok()) {
    CAISSON_LOG(kWarning, "other firewalls are not seen",
                {"error", drops.status().ToString()});
    return;
  }
  std::vector<std::string> names;
  for (const netsetup::nft::ForeignDrop& drop : *drops) {
    names.push_back(absl::StrCat(
        drop.family, "/", drop.table, "/", drop.chain,
        drop.is_of_names
            ? " drops questions of containers for names to this host"
            : " drops forwarded packets, also those of containers"));
  }
  absl::MutexLock lock(&facts_mutex_);
  if (names != facts_.foreign_drops && !names.empty()) {
    CAISSON_LOG(kWarning, "another firewall defeats ours",
                {"chains", absl::StrJoin(names, "; ")});
  }
  facts_.foreign_drops = std::move(names);
}

// Undoes and finishes what was begun, and fills the book.
absl::Status Networks::RecoverRows() {
  store::Transaction changes;
  std::map<std::string, std::vector<store::LeaseRow>> leases;
  CAISSON_ASSIGN_OR_RETURN(const std::vector<store::LeaseRow> rows,
                           options_.store->ReadLeases());
  const auto owners = OwnersOfEndpoints(options_.store->catalog());
  for (const store::LeaseRow& row : rows) {
    if (IsQuarantined(row) || owners.contains(row.endpoint_id)) {
      leases[row.network_id].push_back(row);
    } else {
      changes.erase_leases.push_back(row);
    }
  }

  for (const NetworkPtr& network : options_.store->catalog().AllNetworks()) {
    if (network->intent != store::Intent::kNone) {
      const absl::Status gone =
          lane_ == nullptr ? lane_status_ : lane_->Unmake(*network);
      if (!gone.ok()) {
        CAISSON_LOG(kError, "network stays", {"network", network->name},
                    {"error", gone.ToString()});
        continue;
      }
      if (network->intent == store::Intent::kCreate) {
        changes.erase_networks.push_back(network->id);
        if (!network->request_id.empty()) {
          changes.erase_requests.push_back(network->request_id);
        }
      } else {
        changes.delete_networks.push_back(*network);
        changes.AddNetworkEvent("network.deleted", network->id, "");
      }
      continue;
    }
    CAISSON_RETURN_IF_ERROR(book_.Add(*network));
    for (store::LeaseRow& row :
         book_.Recover(network->id, leases[network->id])) {
      changes.erase_leases.push_back(std::move(row));
    }
    leases.erase(network->id);
  }
  for (auto& [network, unknown] : leases) {
    for (store::LeaseRow& row : unknown) {
      changes.erase_leases.push_back(std::move(row));
    }
  }
  return options_.store->Commit(std::move(changes)).status();
}

void Networks::AdoptContainers() {
  for (const ContainerPtr& container :
       options_.store->catalog().AllContainers()) {
    LiveContainer live;
    for (const store::Endpoint& endpoint : container->status.networks) {
      // Held until the container's actor has found out what became of it.
      const absl::Status held = book_.Adopt(endpoint);
      if (!held.ok()) {
        CAISSON_LOG(kError, "endpoint is not adopted whole",
                    {"container", container->id}, {"error", held.ToString()});
      }
      if (endpoint.attached) live.endpoints.push_back(endpoint);
    }
    // One whose start was not completed is attached anew by its actor.
    if (live.endpoints.empty() ||
        container->status.state != store::ContainerState::kRunning) {
      continue;
    }
    absl::StatusOr<base::UniqueFd> netns = options_.open_netns(*container);
    // It ended meanwhile, as its actor will find.
    if (absl::IsNotFound(netns.status())) continue;
    // Else it may run on: what it has stays, and is opened by a later repair.
    if (netns.ok()) live.netns = *std::move(netns);
    GoLive(container->id, std::move(live));
  }
}

// Connects of running containers that the daemon before us began, and did not
// record the end of: nobody was told that they were done.
absl::Status Networks::UndoConnects() {
  for (const ContainerPtr& container :
       options_.store->catalog().AllContainers()) {
    if (container->intent != store::Intent::kNone ||
        container->status.state != store::ContainerState::kRunning) {
      continue;
    }
    const Endpoints& endpoints = container->status.networks;
    if (std::all_of(endpoints.begin(), endpoints.end(),
                    [](const auto& endpoint) { return endpoint.attached; })) {
      continue;
    }
    CAISSON_RETURN_IF_ERROR(UndoConnectsOf(*container));
  }
  return absl::OkStatus();
}

absl::Status Networks::UndoConnectsOf(const store::ContainerRecord& container) {
  const absl::StatusOr<base::UniqueFd> netns = options_.open_netns(container);
  store::ContainerRecord record = container;
  record.status.networks.clear();
  Endpoints undone;
  for (const store::Endpoint& endpoint : container.status.networks) {
    absl::Status gone;
    if (!endpoint.attached) {
      const absl::StatusOr<EndpointRef> ref = RefOf(container.id, endpoint);
      if (!ref.ok()) {
        gone = ref.status();
      } else if (netns.ok()) {
        gone = lane_->Detach(*ref, netsetup::DetachHow::kNow, netns->get());
      } else if (absl::IsNotFound(netns.status())) {
        gone = lane_->Detach(*ref, netsetup::DetachHow::kNamespaceEnds);
      } else {
        gone = netns.status();
      }
    }
    if (!endpoint.attached && gone.ok()) {
      CAISSON_LOG(kInfo, "connect undone", {"container", container.id},
                  {"network", endpoint.network_name});
      undone.push_back(endpoint);
      continue;
    }
    record.status.networks.push_back(endpoint);
    if (gone.ok()) continue;
    // It goes with the container, or when it is disconnected.
    CAISSON_LOG(kError, "connect is not undone", {"container", container.id},
                {"network", endpoint.network_name}, {"error", gone.ToString()});
  }
  store::Transaction undo;
  undo.put_leases = book_.BeginRelease(undone);
  undo.put_containers.push_back(std::move(record));
  CAISSON_RETURN_IF_ERROR(options_.store->Commit(std::move(undo)).status());
  book_.FinishRelease(undone);
  return absl::OkStatus();
}

absl::Status Networks::MakeDefault() {
  if (options_.store->catalog().FindNetwork(kDefaultNetwork) != nullptr) {
    return absl::OkStatus();
  }
  spec::NetworkSpec spec;
  spec.name = std::string(kDefaultNetwork);
  spec.driver = "bridge";
  absl::StatusOr<store::NetworkRecord> record = NewRecord(spec, "");
  if (!record.ok()) {
    CAISSON_LOG(kWarning, "no default network",
                {"error", record.status().ToString()});
    return absl::OkStatus();
  }
  record->intent = store::Intent::kNone;
  CAISSON_RETURN_IF_ERROR(book_.Add(*record));
  store::Transaction made;
  made.put_networks.push_back(*record);
  made.AddNetworkEvent("network.created", record->id, "");
  return options_.store->Commit(std::move(made)).status();
}

absl::StatusOr<std::vector<AuditObject>> Networks::Inventory() {
  using Objects = std::vector<AuditObject>;
  return AskLane<Objects>(&lane_thread_, [this]() -> absl::StatusOr<Objects> {
    return NetworkAudit({.store = options_.store,
                         .lane = lane_.get(),
                         .names = names_.get(),
                         .networks = NetworksUp(),
                         .endpoints = LiveEndpoints(),
                         .is_leaving =
                             [this](const std::string& endpoint) {
                               return leaving_.Has(endpoint);
                             }})
        .Run();
  });
}

// Addresses that nobody has are given back.
absl::Status Networks::RepairLeases() {
  CAISSON_ASSIGN_OR_RETURN(const std::vector<store::LeaseRow> rows,
                           options_.store->ReadLeases());
  const auto owners = OwnersOfEndpoints(options_.store->catalog());
  store::Transaction changes;
  Endpoints released;
  for (const store::LeaseRow& row : rows) {
    if (IsQuarantined(row) || owners.contains(row.endpoint_id)) continue;
    const auto address = netsetup::ParseIpAddress(row.address);
    std::vector<store::LeaseRow> put;
    if (address.ok()) {
      store::Endpoint orphan;
      orphan.id = row.endpoint_id;
      orphan.network_id = row.network_id;
      orphan.addresses = {
          netsetup::IpPrefix{*address, address->bits()}.ToString()};
      put = book_.BeginRelease({orphan});
      released.push_back(std::move(orphan));
    }
    CAISSON_LOG(kInfo, "lease of nobody given back",
                {"network", row.network_id}, {"address", row.address});
    if (put.empty()) {
      changes.erase_leases.push_back(row);
    } else {
      changes.put_leases.push_back(std::move(put.front()));
    }
  }
  if (changes.erase_leases.empty() && changes.put_leases.empty()) {
    return absl::OkStatus();
  }
  CAISSON_RETURN_IF_ERROR(options_.store->Commit(std::move(changes)).status());
  book_.FinishRelease(released);
  return absl::OkStatus();
}

}  // namespace caisson::core
