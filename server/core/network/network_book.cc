#include "server/core/network/network_book.h"

#include <optional>
#include <utility>

#include "netsetup/ip_address.h"
#include "runtime/base/status_macros.h"
#include "server/core/network/host_values.h"
#include "server/core/network/network_errors.h"

namespace caisson::core {
namespace {

namespace ipam = netsetup::ipam;
namespace nft = netsetup::nft;
using netsetup::IpAddress;

using Endpoints = std::vector<store::Endpoint>;

}  // namespace

NetworkBook::NetworkBook(std::string boot_id, Find find, PortProbe is_port_free,
                         AddressProbe is_address_free, Clock clock)
    : boot_id_(std::move(boot_id)),
      find_(std::move(find)),
      is_port_free_(std::move(is_port_free)),
      is_address_free_(std::move(is_address_free)),
      clock_(std::move(clock)) {}

absl::Status NetworkBook::Add(const store::NetworkRecord& network) {
  Entry entry;
  entry.id = network.id;
  entry.subnets = network.subnets;
  for (const spec::Subnet& subnet : network.subnets) {
    CAISSON_ASSIGN_OR_RETURN(ipam::PoolConfig config, PoolConfigOf(subnet));
    CAISSON_ASSIGN_OR_RETURN(ipam::Pool pool,
                             ipam::Pool::Build(std::move(config), boot_id_));
    entry.pools.push_back(std::move(pool));
  }
  absl::MutexLock lock(&mutex_);
  networks_.insert_or_assign(network.id, std::move(entry));
  return absl::OkStatus();
}

std::vector<store::LeaseRow> NetworkBook::Recover(
    const std::string& network_id, const std::vector<store::LeaseRow>& rows) {
  absl::MutexLock lock(&mutex_);
  std::vector<store::LeaseRow> erase;
  const auto entry = networks_.find(network_id);
  if (entry == networks_.end()) return rows;
  std::vector<std::vector<ipam::Lease>> leases(entry->second.pools.size());
  for (const store::LeaseRow& row : rows) {
    const auto lease = LeaseOf(row);
    size_t index = 0;
    while (
        lease.ok() && index < leases.size() &&
        !entry->second.pools[index].config().subnet.Contains(lease->address)) {
      ++index;
    }
    if (!lease.ok() || index == leases.size()) {
      erase.push_back(row);
    } else {
      leases[index].push_back(*lease);
    }
  }
  for (size_t i = 0; i < leases.size(); ++i) {
    for (const ipam::Lease& gone :
         entry->second.pools[i].Recover(leases[i], clock_())) {
      erase.push_back(RowOf(network_id, gone));
    }
  }
  return erase;
}

absl::Status NetworkBook::Close(const store::NetworkRecord& network) {
  absl::MutexLock lock(&mutex_);
  const auto entry = networks_.find(network.id);
  if (entry == networks_.end()) return absl::OkStatus();
  if (!entry->second.endpoints.empty()) {
    return NetworkInUse(network.name, entry->second.endpoints.size());
  }
  entry->second.closed = true;
  return absl::OkStatus();
}

void NetworkBook::Reopen(const std::string& network_id) {
  absl::MutexLock lock(&mutex_);
  const auto entry = networks_.find(network_id);
  if (entry != networks_.end()) entry->second.closed = false;
}

void NetworkBook::Remove(const std::string& network_id) {
  absl::MutexLock lock(&mutex_);
  networks_.erase(network_id);
}

void NetworkBook::TakeBack(const Reservation& reservation) {
  absl::MutexLock lock(&mutex_);
  TakeBackLocked(reservation);
}

void NetworkBook::TakeBackLocked(const Reservation& reservation) {
  for (const store::Endpoint& endpoint : reservation.endpoints) {
    for (const store::PublishedPort& port : endpoint.ports) {
      ReleasePortLocked(endpoint, port);
    }
    const auto entry = networks_.find(endpoint.network_id);
    if (entry != networks_.end()) entry->second.endpoints.erase(endpoint.id);
  }
  for (const store::LeaseRow& row : reservation.put) {
    const auto lease = LeaseOf(row);
    ipam::Pool* const pool =
        lease.ok() ? PoolOf(row.network_id, lease->address) : nullptr;
    if (pool == nullptr) continue;
    const auto held = pool->Find(lease->address);
    if (!held.has_value() || held->endpoint != lease->endpoint) continue;
    std::optional<ipam::Lease> before;
    for (const store::LeaseRow& old : reservation.replaced) {
      if (old.network_id != row.network_id || old.address != row.address) {
        continue;
      }
      if (const auto replaced = LeaseOf(old); replaced.ok()) before = *replaced;
    }
    pool->Restore(lease->address, std::move(before));
  }
  for (const store::LeaseRow& row : reservation.erase) {
    const auto lease = LeaseOf(row);
    ipam::Pool* const pool =
        lease.ok() ? PoolOf(row.network_id, lease->address) : nullptr;
    if (pool != nullptr) pool->ReturnExpired({*lease});
  }
}

absl::Status NetworkBook::Adopt(const store::Endpoint& endpoint) {
  absl::MutexLock lock(&mutex_);
  const auto entry = networks_.find(endpoint.network_id);
  if (entry == networks_.end()) return NetworkNotFound(endpoint.network_id);
  entry->second.endpoints.insert(endpoint.id);
  for (const store::PublishedPort& port : endpoint.ports) {
    CAISSON_ASSIGN_OR_RETURN(const std::vector<nft::Element> elements,
                             PortElements(port, endpoint));
    CAISSON_RETURN_IF_ERROR(
        ports_.Apply({.add = elements, .remove = {}}).status());
  }
  return absl::OkStatus();
}

std::vector<store::LeaseRow> NetworkBook::BeginRelease(
    const Endpoints& endpoints) {
  absl::MutexLock lock(&mutex_);
  std::vector<store::LeaseRow> rows;
  for (const store::Endpoint& endpoint : endpoints) {
    std::vector<store::LeaseRow> one = BeginReleaseLocked(endpoint);
    rows.insert(rows.end(), one.begin(), one.end());
  }
  return rows;
}

void NetworkBook::FinishRelease(const Endpoints& endpoints) {
  absl::MutexLock lock(&mutex_);
  for (const store::Endpoint& endpoint : endpoints) {
    FinishReleaseLocked(endpoint);
  }
}

void NetworkBook::CancelRelease(const store::Endpoint& endpoint) {
  absl::MutexLock lock(&mutex_);
  for (const std::string& text : endpoint.addresses) {
    const auto prefix = netsetup::ParseIpPrefix(text);
    if (!prefix.ok()) continue;
    ipam::Pool* const pool = PoolOf(endpoint.network_id, prefix->address);
    if (pool == nullptr) continue;
    std::optional<ipam::Lease> lease = pool->Find(prefix->address);
    if (!lease.has_value() || lease->endpoint != endpoint.id) continue;
    lease->state = ipam::LeaseState::kActive;
    lease->quarantined_until = absl::ZeroDuration();
    pool->Restore(prefix->address, std::move(lease));
  }
}

void NetworkBook::Release(const Endpoints& endpoints) {
  absl::MutexLock lock(&mutex_);
  for (const store::Endpoint& endpoint : endpoints) {
    BeginReleaseLocked(endpoint);
    FinishReleaseLocked(endpoint);
  }
}

ipam::Pool* NetworkBook::PoolOf(const std::string& network_id,
                                const IpAddress& address) {
  const auto entry = networks_.find(network_id);
  if (entry == networks_.end()) return nullptr;
  for (ipam::Pool& pool : entry->second.pools) {
    if (pool.config().subnet.Contains(address)) return &pool;
  }
  return nullptr;
}

std::vector<store::LeaseRow> NetworkBook::BeginReleaseLocked(
    const store::Endpoint& endpoint) {
  std::vector<store::LeaseRow> rows;
  for (const std::string& text : endpoint.addresses) {
    const auto prefix = netsetup::ParseIpPrefix(text);
    if (!prefix.ok()) continue;
    ipam::Pool* const pool = PoolOf(endpoint.network_id, prefix->address);
    if (pool == nullptr) continue;
    const auto held = pool->Find(prefix->address);
    if (!held.has_value() || held->endpoint != endpoint.id) continue;
    if (held->state == ipam::LeaseState::kQuarantined) {
      rows.push_back(RowOf(endpoint.network_id, *held));
      continue;
    }
    const auto lease =
        pool->BeginRelease(prefix->address, endpoint.id, clock_());
    if (lease.ok()) rows.push_back(RowOf(endpoint.network_id, *lease));
  }
  return rows;
}

void NetworkBook::FinishReleaseLocked(const store::Endpoint& endpoint) {
  for (const store::PublishedPort& port : endpoint.ports) {
    ReleasePortLocked(endpoint, port);
  }
  const auto entry = networks_.find(endpoint.network_id);
  if (entry != networks_.end()) entry->second.endpoints.erase(endpoint.id);
  for (const std::string& text : endpoint.addresses) {
    const auto prefix = netsetup::ParseIpPrefix(text);
    if (!prefix.ok()) continue;
    ipam::Pool* const pool = PoolOf(endpoint.network_id, prefix->address);
    if (pool != nullptr) pool->FinishRelease(prefix->address, endpoint.id);
  }
}

void NetworkBook::ReleasePort(const store::Endpoint& endpoint,
                              const store::PublishedPort& port) {
  absl::MutexLock lock(&mutex_);
  ReleasePortLocked(endpoint, port);
}

void NetworkBook::ReleasePortLocked(const store::Endpoint& endpoint,
                                    const store::PublishedPort& port) {
  const auto elements = PortElements(port, endpoint);
  if (!elements.ok()) return;  // then it was never published
  base::IgnoreError(ports_.Apply({.add = {}, .remove = *elements}).status(),
                    "what is not there is no error");
}

bool NetworkBook::Holds(const store::Endpoint& endpoint) const {
  absl::MutexLock lock(&mutex_);
  const auto entry = networks_.find(endpoint.network_id);
  return entry != networks_.end() &&
         entry->second.endpoints.contains(endpoint.id);
}

size_t NetworkBook::EndpointsOf(const std::string& network_id) const {
  absl::MutexLock lock(&mutex_);
  const auto entry = networks_.find(network_id);
  return entry == networks_.end() ? 0 : entry->second.endpoints.size();
}

}  // namespace caisson::core
