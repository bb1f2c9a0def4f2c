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

absl::StatusOr<std::unique_ptr<NetworkNames>> NetworkNames::Open() {
  auto responder = dns::Responder::Open();
  if (!responder.ok()) return responder.status();
  std::unique_ptr<NetworkNames> names(new NetworkNames(*std::move(responder)));
  names->UpdateUpstreams();
  return names;
}

void NetworkNames::UpdateUpstreams() {
  HostResolver host = ReadHostResolver();
  if (host.resolv_conf == host_.resolv_conf) return;
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
      const auto served = served_.find(endpoint.network_id);
      if (served != served_.end() && !served->second) continue;
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
  if (!status.ok()) {
    CAISSON_LOG(kError, "names are not answered for", {"network", network.name},
                {"error", status.ToString()});
  }
  absl::MutexLock lock(&mutex_);
  served_[network.id] = status.ok();
}

bool NetworkNames::IsServed(const std::string& network_id) const {
  absl::MutexLock lock(&mutex_);
  const auto served = served_.find(network_id);
  return served != served_.end() && served->second;
}

void NetworkNames::Forget(const std::string& network_id) {
  responder_->Remove(network_id);
  zones_.erase(network_id);
  absl::MutexLock lock(&mutex_);
  served_.erase(network_id);
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
