// The calls of NetworkManager that are about network namespaces: those with a
// name, and what is in that of a container.

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"

#include "netsetup/interface.h"
#include "netsetup/netns.h"
#include "runtime/base/error_detail.h"
#include "runtime/base/status_macros.h"
#include "runtime/spec/validate.h"
#include "server/core/errors.h"
#include "server/core/host/container_netns.h"
#include "server/core/manager/network_calls.h"
#include "server/core/manager/replies.h"
#include "server/core/network/named_namespaces.h"
#include "server/core/network/network_errors.h"

namespace caisson::core {
namespace {

using Endpoints = std::vector<store::Endpoint>;

// One that shares with one that shares with one ...
constexpr int kMaxSharing = 8;

// The container that the network namespace of `container` was made for; null
// when that is the host's or it cannot be told any more.
ContainerPtr OwnerOf(const store::Catalog& catalog, ContainerPtr container) {
  for (int i = 0; i < kMaxSharing && container != nullptr; ++i) {
    const spec::Network& network = container->spec->network;
    if (network.mode == spec::NetworkMode::kHost) return nullptr;
    if (network.mode != spec::NetworkMode::kContainer) return container;
    container = catalog.Find(network.container);
  }
  return container;
}

int64_t Count(uint64_t counter) {
  return static_cast<int64_t>(std::min<uint64_t>(counter, INT64_MAX));
}

InterfaceEntry EntryOf(const netsetup::Interface& interface,
                       const Endpoints& endpoints) {
  const netsetup::Link& link = interface.link;
  InterfaceEntry entry;
  entry.name = link.name;
  entry.index = link.index;
  entry.kind = link.kind;
  if (!link.mac.is_zero()) entry.mac = link.mac.ToString();
  entry.mtu = link.mtu;
  entry.up = link.up;
  entry.state = std::string(link.state);
  for (const store::Endpoint& endpoint : endpoints) {
    // Its guest may have renamed it.
    const bool is_it = endpoint.inside_index > 0
                           ? endpoint.inside_index == link.index
                           : endpoint.interface == link.name;
    if (endpoint.attached && is_it) {
      entry.network_id = endpoint.network_id;
    }
  }
  const netsetup::LinkCounters counters =
      link.counters.value_or(netsetup::LinkCounters());
  entry.rx_bytes = Count(counters.rx_bytes);
  entry.rx_packets = Count(counters.rx_packets);
  entry.rx_errors = Count(counters.rx_errors);
  entry.rx_dropped = Count(counters.rx_dropped);
  entry.tx_bytes = Count(counters.tx_bytes);
  entry.tx_packets = Count(counters.tx_packets);
  entry.tx_errors = Count(counters.tx_errors);
  entry.tx_dropped = Count(counters.tx_dropped);
  return entry;
}

absl::StatusOr<InterfaceList> ReadInterfaces(
    const store::ContainerRecord& container,
    const absl::StatusOr<base::UniqueFd>& netns, const Endpoints& endpoints) {
  if (!netns.ok()) {
    return WrongState(container.id, store::ContainerState::kExited, "RUNNING");
  }
  auto socket = netsetup::OpenSocketIn(netns->get());
  if (!socket.ok()) return SetupFailed(socket.status());
  InterfaceList list;
  list.read_time = absl::Now();
  auto interfaces = netsetup::ListInterfaces(&*socket);
  if (!interfaces.ok()) return SetupFailed(interfaces.status());
  size_t addresses = 0;
  for (const netsetup::Interface& interface : *interfaces) {
    if (list.interfaces.size() >= kMaxListedInterfaces) {
      list.truncated = true;
      break;
    }
    InterfaceEntry& entry =
        list.interfaces.emplace_back(EntryOf(interface, endpoints));
    for (const netsetup::IpPrefix& prefix : interface.addresses) {
      if (++addresses > kMaxListedAddresses) {
        list.truncated = true;
        break;
      }
      entry.addresses.push_back(prefix.ToString());
    }
  }
  return list;
}

}  // namespace

void NetworkCalls::ListInterfaces(std::string container,
                                  Callback<InterfaceList> callback) {
  absl::Status status = env_->Gate();
  const store::Catalog& catalog = env_->store->catalog();
  const ContainerPtr row = catalog.Find(container);
  if (status.ok() && row == nullptr) status = ContainerNotFound(container);
  if (status.ok() && row->status.state != store::ContainerState::kRunning) {
    status = WrongState(row->id, row->status.state, "RUNNING");
  }
  ContainerPtr owner;
  if (status.ok()) {
    owner = OwnerOf(catalog, row);
    if (owner == nullptr) {
      status = NoNetworkOfItsOwn(row->id, row->status.state);
    }
  }
  if (!status.ok()) {
    Reply(env_, std::move(callback), std::move(status));
    return;
  }
  env_->lane->Run<InterfaceList>(
      [env = env_, row, endpoints = owner->status.networks] {
        return ReadInterfaces(
            *row, OpenNetns(env->places, env->facts.boot_id, *row), endpoints);
      },
      std::move(callback));
}

void NetworkCalls::CreateNamespace(CreateNetworkNamespaceArgs args,
                                   Callback<NetworkNamespacePtr> callback) {
  absl::Status status = env_->Gate();
  const std::string why = spec::NetworkNamespaceNameProblem(args.name);
  if (status.ok() && !why.empty())
    status = base::InvalidFields({{"name", why}});
  if (!status.ok()) {
    Reply(env_, std::move(callback), std::move(status));
    return;
  }
  BeginRequest<Callback<NetworkNamespacePtr>>(
      env_, args.request, std::move(callback),
      [this](const RequestOutcome& outcome,
             Callback<NetworkNamespacePtr> done) {
        if (!outcome.status.ok()) return done(outcome.status);
        NetworkNamespacePtr made =
            env_->store->catalog().NetworkNamespaceById(outcome.object_id);
        if (made == nullptr) {
          return done(NetworkNamespaceNotFound(outcome.object_id));
        }
        done(std::move(made));
      },
      [this, &args](TicketPtr ticket, Callback<NetworkNamespacePtr> done) {
        env_->namespaces->Create(std::move(args.name), std::move(ticket),
                                 std::move(done));
        return NoCall();
      });
}

void NetworkCalls::DeleteNamespace(DeleteNetworkNamespaceArgs args,
                                   Callback<NetworkNamespacePtr> callback) {
  if (absl::Status status = env_->Gate(); !status.ok()) {
    Reply(env_, std::move(callback), std::move(status));
    return;
  }
  BeginRequest<Callback<NetworkNamespacePtr>>(
      env_, args.request, std::move(callback),
      [](const RequestOutcome& outcome, Callback<NetworkNamespacePtr> done) {
        if (!outcome.status.ok()) return done(outcome.status);
        // It was deleted, and its record went with it.
        done(NetworkNamespacePtr());
      },
      [this, &args](TicketPtr ticket, Callback<NetworkNamespacePtr> done) {
        env_->namespaces->Delete(std::move(args), std::move(ticket),
                                 std::move(done));
        return NoCall();
      });
}

}  // namespace caisson::core
