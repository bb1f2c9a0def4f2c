#include "server/core/network/network_names.h"

#include <algorithm>
#include <utility>

#include "netsetup/ip_address.h"
#include "netsetup/network/network.h"
#include "runtime/base/file.h"
#include "runtime/base/log.h"
#include "server/core/network/host_values.h"

namespace caisson::core {
namespace {

namespace dns = netsetup::dns;

constexpr size_t kMaxResolvConfBytes = 64 * 1024;
// Whoever has the port of names may give it back at any time, or never.
constexpr absl::Duration kFirstRetry = absl::Seconds(1);
constexpr absl::Duration kLastRetry = absl::Seconds(30);

// Whether names are answered for on it: where the host has a bridge with
// addresses of its own.
bool WantsNames(const store::NetworkRecord& network) {
  if (network.spec->no_dns) return false;
  const auto host = HostNetwork(network);
  return host.ok() && host->has_own_bridge() && !network.subnets.empty();
}

}  // namespace

HostResolver ReadHostResolver() {
  HostResolver resolver;
  auto text = base::ReadFileToString("/etc/resolv.conf", kMaxResolvConfBytes);
  if (text.ok()) resolver.resolv_conf = *std::move(text);
  auto upstream = base::ReadFileToString("/run/systemd/resolve/resolv.conf",
                                         kMaxResolvConfBytes);
  if (upstream.ok()) resolver.upstream = *std::move(upstream);
  return resolver;
}

// The networks' own servers, unless the spec names others.
std::string BuildResolvConf(const spec::Network& network,
                            const HostResolver& host,
                            const std::vector<std::string>& responders) {
  const bool are_asked =
      !network.dns.has_value() || network.dns->servers.empty();
  return ResolvConf(network.dns, host,
                    are_asked ? responders : std::vector<std::string>());
}

NameFiles BuildNameFiles(const spec::ContainerSpec& effective,
                         const std::vector<store::Endpoint>& endpoints,
                         const HostResolver& host,
                         const std::vector<std::string>& responders) {
  std::vector<std::string> addresses;
  for (const bool first : {true, false}) {
    for (const store::Endpoint& endpoint : endpoints) {
      if (endpoint.default_route != first) continue;
      for (const std::string& address : endpoint.addresses) {
        addresses.push_back(address.substr(0, address.find('/')));
      }
    }
  }
  const spec::Network& network = effective.network;
  return {.hosts = HostsFile(effective.hostname, effective.domainname,
                             addresses, network.extra_hosts),
          .resolv_conf = BuildResolvConf(network, host, responders),
          .hostname = HostnameFile(effective.hostname)};
}

dns::ZoneEntry NamesOf(const std::string& container_id,
                       const LiveContainer& live,
                       const store::Endpoint& endpoint) {
  dns::ZoneEntry entry;
  entry.name = live.name;
  entry.aliases = endpoint.aliases;
  entry.short_id = container_id.substr(0, kShortIdDigits);
  for (const std::string& text : endpoint.addresses) {
    const auto prefix = netsetup::ParseIpPrefix(text);
    if (prefix.ok()) entry.addresses.push_back(prefix->address);
  }
  for (const store::Endpoint& other : live.endpoints) {
    if (other.id != endpoint.id) {
      entry.other_networks.push_back(other.network_id);
    }
  }
  return entry;
}

absl::StatusOr<std::unique_ptr<NetworkNames>> NetworkNames::Open() {
  auto responder = dns::Responder::Open();
  if (!responder.ok()) return responder.status();
  std::unique_ptr<NetworkNames> names(new NetworkNames(*std::move(responder)));
  names->UpdateUpstreams();
  return names;
}

void NetworkNames::UpdateUpstreams() {
  HostResolver host = ReadHostResolver();
  if (host == host_) return;
  host_ = std::move(host);
  std::vector<dns::SocketAddress> upstreams;
  for (const std::string& text : ForwardServers(host_)) {
    const auto address = netsetup::ParseIpAddress(text);
    if (address.ok()) upstreams.push_back({.address = *address});
  }
  responder_->SetUpstreams(std::move(upstreams));
}

std::vector<std::string> NetworkNames::ServersOf(
    const std::vector<store::Endpoint>& endpoints,
    const std::vector<store::NetworkPtr>& networks) const {
  std::vector<std::string> servers;
  absl::MutexLock lock(&mutex_);
  for (const bool first : {true, false}) {
    for (const store::Endpoint& endpoint : endpoints) {
      if (endpoint.default_route != first) continue;
      const auto network = std::find_if(
          networks.begin(), networks.end(),
          [&endpoint](const store::NetworkPtr& one) {
            return one != nullptr && one->id == endpoint.network_id;
          });
      if (network == networks.end() || !WantsNames(**network)) continue;
      const auto service = services_.find(endpoint.network_id);
      if (service != services_.end() && !service->second.status.ok()) continue;
      for (const spec::Subnet& subnet : (*network)->subnets) {
        if (!subnet.gateway.empty()) servers.push_back(subnet.gateway);
      }
    }
  }
  return servers;
}

void NetworkNames::Serve(const store::NetworkRecord& network) {
  if (!WantsNames(network)) return;
  const auto host = HostNetwork(network);
  if (!host.ok()) return;
  dns::ServerOptions options;
  options.device = netsetup::BridgeName(*host);
  for (const netsetup::Subnet& subnet : host->subnets) {
    if (subnet.gateway.has_value()) {
      options.addresses.push_back(*subnet.gateway);
    }
  }
  responder_->Remove(network.id);
  responder_->SetZone(network.id, ZoneOf(network));
  const absl::Status status = responder_->Add(network.id, options).status();
  absl::MutexLock lock(&mutex_);
  Service& service = services_[network.id];
  // Once, not with each try.
  if (!status.ok() && service.status.ok()) {
    CAISSON_LOG(kError, "names are not answered for", {"network", network.name},
                {"error", status.ToString()});
  } else if (status.ok() && !service.status.ok()) {
    CAISSON_LOG(kInfo, "names are answered for again",
                {"network", network.name});
  }
  service.status = status;
  if (status.ok()) service = {};
}

std::set<std::string> NetworkNames::Tend(
    const std::vector<store::NetworkPtr>& networks, absl::Time now) {
  UpdateUpstreams();
  std::set<std::string> served;
  for (const store::NetworkPtr& network : networks) {
    {
      absl::MutexLock lock(&mutex_);
      const auto found = services_.find(network->id);
      if (found == services_.end() || found->second.status.ok()) continue;
      Service& service = found->second;
      if (now < service.next_try) continue;
      service.delay = std::clamp(2 * service.delay, kFirstRetry, kLastRetry);
      service.next_try = now + service.delay;
    }
    Serve(*network);
    if (IsServed(network->id)) served.insert(network->id);
  }
  return served;
}

bool NetworkNames::IsServed(const std::string& network_id) const {
  absl::MutexLock lock(&mutex_);
  const auto service = services_.find(network_id);
  return service != services_.end() && service->second.status.ok();
}

std::string NetworkNames::WhyNot(const std::string& network_id) const {
  absl::MutexLock lock(&mutex_);
  const auto service = services_.find(network_id);
  if (service == services_.end()) return "";
  return std::string(service->second.status.message());
}

void NetworkNames::Forget(const std::string& network_id) {
  responder_->Remove(network_id);
  zones_.erase(network_id);
  absl::MutexLock lock(&mutex_);
  services_.erase(network_id);
}

// What there is, or an empty one.
dns::ZonePtr NetworkNames::ZoneOf(const store::NetworkRecord& network) {
  dns::ZonePtr& zone = zones_[network.id];
  if (zone != nullptr) return zone;
  dns::ZoneOptions options;
  options.internal = network.spec->internal;
  for (const spec::Subnet& subnet : network.subnets) {
    const auto prefix = netsetup::ParseIpPrefix(subnet.cidr);
    if (prefix.ok()) options.subnets.push_back(*prefix);
  }
  absl::StatusOr<dns::ZonePtr> built = dns::Zone::Build(options, {});
  if (built.ok()) zone = *std::move(built);
  return zone;
}

void NetworkNames::Add(const store::NetworkRecord& network,
                       const dns::ZoneEntry& entry) {
  UpdateUpstreams();
  const dns::ZonePtr zone = ZoneOf(network);
  if (zone == nullptr) return;
  zones_[network.id] = zone->With(entry);
  responder_->SetZone(network.id, zones_[network.id]);
}

void NetworkNames::Replace(const std::string& network_id,
                           const dns::ZoneEntry& before,
                           const dns::ZoneEntry& after) {
  const auto zone = zones_.find(network_id);
  if (zone == zones_.end() || zone->second == nullptr) return;
  zone->second = zone->second->Without(before)->With(after);
  responder_->SetZone(network_id, zone->second);
}

void NetworkNames::Remove(const std::string& network_id,
                          const dns::ZoneEntry& entry) {
  const auto zone = zones_.find(network_id);
  if (zone == zones_.end() || zone->second == nullptr) return;
  zone->second = zone->second->Without(entry);
  responder_->SetZone(network_id, zone->second);
}

}  // namespace caisson::core
