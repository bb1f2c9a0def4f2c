#include "server/core/network/networks.h"

#include <sys/socket.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "netsetup/ipam/subnet.h"
#include "runtime/base/error_detail.h"
#include "runtime/base/log.h"
#include "runtime/base/random_id.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "server/core/errors.h"
#include "server/core/network/driver_features.h"
#include "server/core/network/host_values.h"
#include "server/core/network/network_errors.h"
#include "server/core/network/port_probe.h"

namespace caisson::core {
namespace {

using netsetup::IpPrefix;
namespace ipam = netsetup::ipam;

// Subnets of networks that name none: 4094 addresses, four times what a bridge
// can have, so that none comes again soon.
constexpr int kChosenLength = 20;
constexpr std::string_view kCandidates[] = {"10.88.0.0/13", "172.24.0.0/13",
                                            "192.168.128.0/17", "10.0.0.0/8",
                                            "172.16.0.0/12"};

absl::Duration SinceBoot() {
  timespec now = {};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return absl::DurationFromTimespec(now);
}

// The firewall knows a network by its bridge: two networks of one bridge would
// be one for it, and the end of either would open the other.
absl::Status CheckBridge(const spec::NetworkSpec& spec,
                         const store::Catalog& catalog) {
  const bool is_bridge = spec.driver.empty() || spec.driver == "bridge";
  if (!is_bridge || spec.interface.empty()) return absl::OkStatus();
  for (const NetworkPtr& network : catalog.AllNetworks()) {
    const auto other = HostNetwork(*network);
    if (!other.ok() || other->driver != netsetup::Driver::kBridge ||
        netsetup::BridgeName(*other) != spec.interface) {
      continue;
    }
    return base::InvalidFields(
        {{"spec.interface", base::StrCat("is the bridge of network '",
                                         network->name, "' already")}});
  }
  return absl::OkStatus();
}

absl::Status LimitOfNetworks() {
  return LimitReached("networks", kMaxNetworks);
}

}  // namespace

Networks::Networks(Options options)
    : options_(std::move(options)),
      book_(
          options_.boot_id,
          [store = options_.store](std::string_view reference) {
            return store->catalog().FindNetwork(reference);
          },
          &IsPortFree, &IsAddressFree, &SinceBoot),
      lane_thread_(1, "core-network") {}

Networks::~Networks() {
  Stop();
}

void Networks::Stop() {
  lane_thread_.Post([this] { watch_.reset(); });
  lane_thread_.Stop();
}

absl::StatusOr<std::vector<spec::Subnet>> Networks::ChooseSubnets(
    const spec::NetworkSpec& spec) const {
  if (lane_ == nullptr) return lane_status_;
  absl::StatusOr<std::vector<IpPrefix>> routes = lane_->Routes();
  if (!routes.ok()) return SetupFailed(routes.status());
  std::vector<IpPrefix> taken = *std::move(routes);
  std::vector<std::pair<IpPrefix, std::string>> others;
  for (const NetworkPtr& network : options_.store->catalog().AllNetworks()) {
    for (const spec::Subnet& subnet : network->subnets) {
      const auto prefix = netsetup::ParseIpPrefix(subnet.cidr);
      if (!prefix.ok()) continue;
      others.emplace_back(*prefix, network->name);
    }
  }
  for (const auto& [subnet, name] : others) {
    for (const spec::Subnet& wanted : spec.subnets) {
      const auto own = netsetup::ParseIpPrefix(wanted.cidr);
      if (own.ok() && own->Overlaps(subnet)) {
        return SubnetOfNetwork(wanted.cidr, name);
      }
    }
  }
  std::vector<spec::Subnet> subnets = spec.subnets;
  const bool is_ours = WantsSubnet(spec) && spec.interface.empty();
  if (subnets.empty() && is_ours) {
    for (const auto& other : others) taken.push_back(other.first);
    std::vector<IpPrefix> candidates;
    for (const std::string_view text : kCandidates) {
      CAISSON_ASSIGN_OR_RETURN(candidates.emplace_back(),
                               netsetup::ParseIpPrefix(text));
    }
    CAISSON_ASSIGN_OR_RETURN(
        const IpPrefix chosen,
        ipam::ChooseSubnet(candidates, kChosenLength, taken));
    subnets.push_back({.cidr = chosen.ToString()});
  }
  for (spec::Subnet& subnet : subnets) {
    CAISSON_ASSIGN_OR_RETURN(const IpPrefix prefix,
                             netsetup::ParseIpPrefix(subnet.cidr));
    if (is_ours) {
      const auto overlap = ipam::FindOverlap(prefix, taken);
      if (overlap.has_value() && !spec.subnets.empty()) {
        return SubnetOfHost(subnet.cidr, overlap->ToString());
      }
    }
    // The host's own address, with the drivers that have one.
    if (subnet.gateway.empty() && WantsSubnet(spec)) {
      CAISSON_ASSIGN_OR_RETURN(const netsetup::IpAddress first,
                               ipam::AddressIn(prefix, 1));
      subnet.gateway = first.ToString();
    }
  }
  return subnets;
}

absl::StatusOr<store::NetworkRecord> Networks::NewRecord(
    const spec::NetworkSpec& spec, std::string request_id) const {
  const store::Catalog& catalog = options_.store->catalog();
  if (static_cast<int64_t>(catalog.counts().networks) >= kMaxNetworks) {
    return LimitOfNetworks();
  }
  CAISSON_RETURN_IF_ERROR(CheckDriver(spec, facts().features));
  store::NetworkRecord record;
  record.id = base::RandomId();
  record.name =
      spec.name.empty() ? record.id.substr(0, kShortIdDigits) : spec.name;
  const NetworkPtr holder = catalog.FindNetwork(record.name);
  if (holder != nullptr) {
    return base::MakeError(
        absl::StatusCode::kAlreadyExists, "NAME_IN_USE",
        base::StrCat("a network is named '", record.name, "' already"),
        {{"network", holder->id}});
  }
  CAISSON_RETURN_IF_ERROR(CheckBridge(spec, catalog));
  auto named = std::make_shared<spec::NetworkSpec>(spec);
  named->name = record.name;
  record.spec = std::move(named);
  CAISSON_ASSIGN_OR_RETURN(record.subnets, ChooseSubnets(spec));
  record.intent = store::Intent::kCreate;
  record.request_id = std::move(request_id);
  record.create_time = absl::Now();
  return record;
}

absl::StatusOr<NetworkPtr> Networks::Make(const spec::NetworkSpec& spec,
                                          Ticket* ticket) {
  if (lane_ == nullptr) return lane_status_;
  CAISSON_RETURN_IF_ERROR(EnsureRecovered());
  CAISSON_ASSIGN_OR_RETURN(store::NetworkRecord record,
                           NewRecord(spec, ticket->id()));
  store::Transaction intent;
  intent.put_networks.push_back(record);
  ticket->AddIntent(&intent, record.id);
  CAISSON_RETURN_IF_ERROR(options_.store->Commit(std::move(intent)).status());
  absl::Status status = lane_->Make(record);
  const bool made = status.ok();
  if (status.ok()) status = book_.Add(record);
  if (status.ok()) {
    record.intent = store::Intent::kNone;
    record.up = true;
    store::Transaction done;
    done.put_networks.push_back(record);
    done.AddNetworkEvent("network.created", record.id, ticket->id());
    ticket->AddOutcome(&done, absl::OkStatus(), record.id);
    status = options_.store->Commit(std::move(done)).status();
  }
  if (status.ok()) {
    EnsureWatch();
    if (names_ != nullptr) names_->Serve(record);
    return options_.store->catalog().NetworkById(record.id);
  }
  book_.Remove(record.id);
  if (made) {
    base::IgnoreError(lane_->Unmake(record),
                      "what is left is removed at the next start");
  }
  store::Transaction undo;
  undo.erase_networks.push_back(record.id);
  ticket->AddOutcome(&undo, status, "");
  base::IgnoreError(options_.store->Commit(std::move(undo)).status(),
                    "a row with an intent is undone at the next start");
  return status;
}

void Networks::Create(spec::NetworkSpec spec, TicketPtr ticket,
                      Callback<CreateNetworkResult> callback) {
  lane_thread_.Post([this, spec = std::move(spec), ticket = std::move(ticket),
                     callback = std::move(callback)]() mutable {
    absl::StatusOr<NetworkPtr> made = Make(spec, ticket.get());
    ticket->Announce(made.status(), made.ok() ? (*made)->id : "");
    options_.executor->Post(
        [made = std::move(made), callback = std::move(callback)]() mutable {
          if (!made.ok()) return callback(made.status());
          callback(CreateNetworkResult{
              .network = *std::move(made), .plan = {}, .replayed = false});
        });
  });
}

absl::StatusOr<NetworkPtr> Networks::Remove(const DeleteNetworkArgs& args,
                                            Ticket* ticket) {
  if (lane_ == nullptr) return lane_status_;
  NetworkPtr network = options_.store->catalog().FindNetwork(args.network);
  if (network == nullptr) {
    if (!args.allow_missing) return NetworkNotFound(args.network);
    return NetworkPtr();
  }
  if (args.expected_revision.has_value() &&
      *args.expected_revision != network->revision) {
    return base::MakeError(absl::StatusCode::kAborted, "REVISION_CHANGED",
                           base::StrCat("network '", network->name,
                                        "' is at revision ", network->revision),
                           {{"network", network->id},
                            {"revision", absl::StrCat(network->revision)}});
  }
  CAISSON_RETURN_IF_ERROR(book_.Close(*network));
  if (absl::Status back = lane_->ReturnDevice(*network); !back.ok()) {
    book_.Reopen(network->id);
    return back;
  }
  // Without the device.
  network = options_.store->catalog().NetworkById(network->id);
  store::NetworkRecord record = *network;
  record.intent = store::Intent::kDelete;
  store::Transaction intent;
  intent.put_networks.push_back(record);
  ticket->AddIntent(&intent, record.id);
  absl::Status status = options_.store->Commit(std::move(intent)).status();
  if (!status.ok()) {
    book_.Reopen(record.id);
    return status;
  }
  if (names_ != nullptr) names_->Forget(record.id);
  status = lane_->Unmake(record);
  if (status.ok()) {
    record.up = false;
    store::Transaction done;
    done.delete_networks.push_back(record);
    done.AddNetworkEvent("network.deleted", record.id, ticket->id());
    ticket->AddOutcome(&done, absl::OkStatus(), record.id);
    status = options_.store->Commit(std::move(done)).status();
  }
  if (!status.ok()) {
    Restore(network, status, ticket);
    return status;
  }
  book_.Remove(record.id);
  return std::make_shared<store::NetworkRecord>(std::move(record));
}

// First the row: what it tells is made by a repair, if not at once.
void Networks::Restore(const NetworkPtr& network, const absl::Status& why,
                       Ticket* ticket) {
  store::Transaction undo;
  undo.put_networks.push_back(*network);
  ticket->AddOutcome(&undo, why, "");
  const absl::Status status = options_.store->Commit(std::move(undo)).status();
  if (!status.ok()) {
    // It goes at the next start, or when it is asked for again.
    CAISSON_LOG(kError, "network is half removed", {"network", network->name},
                {"error", status.ToString()});
    RepairSoon();
    return;
  }
  book_.Reopen(network->id);
  if (!network->up) return;
  // Names are answered for on its bridge.
  if (!lane_->Make(*network).ok()) return RepairSoon();
  if (names_ != nullptr) names_->Serve(*network);
}

void Networks::Delete(DeleteNetworkArgs args, TicketPtr ticket,
                      Callback<NetworkPtr> callback) {
  lane_thread_.Post([this, args = std::move(args), ticket = std::move(ticket),
                     callback = std::move(callback)]() mutable {
    absl::StatusOr<NetworkPtr> gone = Remove(args, ticket.get());
    ticket->Announce(gone.status(),
                     gone.ok() && *gone != nullptr ? (*gone)->id : "");
    options_.executor->Post(
        [gone = std::move(gone), callback = std::move(callback)]() mutable {
          callback(std::move(gone));
        });
  });
}

absl::StatusOr<Reservation> Networks::Reserve(const spec::Network& wanted) {
  return book_.Reserve(wanted, "spec.network");
}

absl::StatusOr<EndpointRef> Networks::RefOf(
    const std::string& container_id, const store::Endpoint& endpoint) const {
  EndpointRef ref = {
      .network = options_.store->catalog().NetworkById(endpoint.network_id),
      .endpoint = endpoint,
      .container_id = container_id};
  if (ref.network == nullptr) return NetworkNotFound(endpoint.network_name);
  return ref;
}

// The default network is nothing but a row until somebody uses it.
absl::StatusOr<NetworkPtr> Networks::EnsureUp(const std::string& network_id) {
  const NetworkPtr network = options_.store->catalog().NetworkById(network_id);
  if (network == nullptr) return NetworkNotFound(network_id);
  if (network->up) return network;
  CAISSON_RETURN_IF_ERROR(lane_->Make(*network));
  store::NetworkRecord record = *network;
  record.up = true;
  store::Transaction up;
  up.put_networks.push_back(std::move(record));
  const absl::Status status = options_.store->Commit(std::move(up)).status();
  if (!status.ok()) {
    // The row tells of no network: nothing may be there.
    if (!lane_->Unmake(*network).ok()) RepairSoon();
    return status;
  }
  EnsureWatch();
  if (names_ != nullptr) names_->Serve(*network);
  return options_.store->catalog().NetworkById(network_id);
}

absl::StatusOr<Networks::Endpoints> Networks::AttachAll(
    const std::string& container_id, const Endpoints& endpoints, int netns_fd) {
  if (lane_ == nullptr) return lane_status_;
  CAISSON_RETURN_IF_ERROR(EnsureRecovered());
  Endpoints done;
  absl::Status status;
  for (const store::Endpoint& endpoint : endpoints) {
    status = EnsureUp(endpoint.network_id).status();
    if (!status.ok()) break;
    absl::StatusOr<EndpointRef> ref = RefOf(container_id, endpoint);
    status = ref.status();
    if (!status.ok()) break;
    absl::StatusOr<store::Endpoint> attached = lane_->Attach(*ref, netns_fd);
    status = attached.status();
    if (!status.ok()) break;
    done.push_back(*std::move(attached));
  }
  if (status.ok()) return done;
  for (const store::Endpoint& endpoint : done) {
    const absl::StatusOr<EndpointRef> ref = RefOf(container_id, endpoint);
    if (!ref.ok()) continue;
    const absl::Status gone =
        lane_->Detach(*ref, netsetup::DetachHow::kNow, netns_fd);
    if (!gone.ok()) RepairSoon();
  }
  // Where even taking back failed something may be left.
  SweepLater();
  return status;
}

void Networks::Attach(
    const std::string& container_id, Endpoints endpoints, base::UniqueFd netns,
    absl::AnyInvocable<void(absl::StatusOr<Endpoints>)> callback) {
  lane_thread_.Post([this, container_id, endpoints = std::move(endpoints),
                     netns = std::move(netns),
                     callback = std::move(callback)]() mutable {
    const ContainerPtr row =
        options_.store->catalog().ContainerById(container_id);
    absl::Status ready = lane_status_;
    if (lane_ != nullptr) {
      // One that was adopted: its program may have begun.
      const bool runs = row != nullptr &&
                        row->status.state == store::ContainerState::kRunning;
      ready = runs ? NetworkLane::PrepareRunning(netns.get(), *row->spec)
                   : lane_->Prepare(netns.get(),
                                    NamespaceSysctls(options_.store->catalog(),
                                                     endpoints));
    }
    absl::StatusOr<Endpoints> done =
        ready.ok() ? AttachAll(container_id, endpoints, netns.get())
                   : absl::StatusOr<Endpoints>(ready);
    if (done.ok()) {
      LiveContainer live;
      live.netns = std::move(netns);
      live.endpoints = *done;
      GoLive(container_id, std::move(live));
    }
    callback(std::move(done));
  });
}

std::vector<std::string> Networks::NameServersOf(
    const Endpoints& endpoints) const {
  if (names_ == nullptr) return {};
  std::vector<NetworkPtr> networks;
  networks.reserve(endpoints.size());
  for (const store::Endpoint& endpoint : endpoints) {
    networks.push_back(
        options_.store->catalog().NetworkById(endpoint.network_id));
  }
  return names_->ServersOf(endpoints, networks);
}

std::vector<std::string> Networks::NameServersOf(
    const NetworkPtr& network) const {
  if (names_ == nullptr) return {};
  store::Endpoint endpoint;
  endpoint.network_id = network->id;
  return names_->ServersOf({endpoint}, {network});
}

// Its names are known from now on.
void Networks::GoLive(const std::string& container_id, LiveContainer live) {
  EndLive(container_id);
  const store::Catalog& catalog = options_.store->catalog();
  const ContainerPtr container = catalog.ContainerById(container_id);
  if (container != nullptr) live.name = container->name;
  for (const store::Endpoint& endpoint : live.endpoints) {
    const NetworkPtr network = catalog.NetworkById(endpoint.network_id);
    if (names_ == nullptr || network == nullptr) continue;
    names_->Add(*network, NamesOf(container_id, live, endpoint));
  }
  live_[container_id] = std::move(live);
}

void Networks::EndLive(const std::string& container_id) {
  const auto live = live_.find(container_id);
  if (live == live_.end()) return;
  for (const store::Endpoint& endpoint : live->second.endpoints) {
    if (names_ == nullptr) break;
    names_->Remove(endpoint.network_id,
                   NamesOf(container_id, live->second, endpoint));
  }
  live_.erase(live);
}

void Networks::Reattach(
    const store::ContainerRecord& container,
    absl::AnyInvocable<void(absl::StatusOr<Endpoints>)> callback) {
  absl::StatusOr<base::UniqueFd> netns = options_.open_netns(container);
  if (!netns.ok()) {
    lane_thread_.Post(
        [status = netns.status(), callback = std::move(callback)]() mutable {
          callback(status);
        });
    return;
  }
  Attach(container.id, container.status.networks, *std::move(netns),
         std::move(callback));
}

void Networks::Detach(const std::string& container_id, Endpoints endpoints) {
  for (const store::Endpoint& endpoint : endpoints) leaving_.Add(endpoint.id);
  // Before anything is given back, so that whoever gets a port next finds the
  // firewall without it.
  lane_thread_.Post([this, container_id, endpoints = std::move(endpoints)] {
    EndLive(container_id);
    for (const store::Endpoint& endpoint : endpoints) {
      const absl::StatusOr<EndpointRef> ref = RefOf(container_id, endpoint);
      if (!ref.ok() || lane_ == nullptr) continue;
      const absl::Status status =
          lane_->Detach(*ref, netsetup::DetachHow::kNamespaceEnds);
      if (status.ok()) continue;
      CAISSON_LOG(kWarning, "endpoint is not detached cleanly",
                  {"container", container_id},
                  {"network", endpoint.network_name},
                  {"error", status.ToString()});
      RepairSoon();
    }
    SweepLater();
  });
}

}  // namespace caisson::core
