#include "server/core/network/network_lane.h"

#include <netinet/in.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_replace.h"

#include "netsetup/addr.h"
#include "netsetup/conntrack.h"
#include "netsetup/netns.h"
#include "netsetup/nft/schema.h"
#include "netsetup/route.h"
#include "netsetup/sysctl.h"
#include "runtime/base/file.h"
#include "runtime/base/log.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "server/core/network/flow_judge.h"
#include "server/core/network/host_values.h"
#include "server/core/network/network_errors.h"

namespace caisson::core {
namespace {

namespace nft = netsetup::nft;
using netsetup::DetachHow;

// Where a connection keeps no state of its own that a new owner would refuse.
std::optional<uint8_t> ConnectionlessProtocol(std::string_view name) {
  if (name == "udp") return IPPROTO_UDP;
  if (name == "sctp") return IPPROTO_SCTP;
  return std::nullopt;
}

// A flow keeps the way it began with, to the port's owner or past it. None for
// protocols where that is no matter.
std::optional<netsetup::FlowFilter> FlowsTo(const store::PublishedPort& port) {
  netsetup::FlowFilter filter;
  filter.protocol = ConnectionlessProtocol(port.protocol);
  const auto host = netsetup::ParseIpAddress(port.host_ip);
  if (!filter.protocol.has_value() || !host.ok()) return std::nullopt;
  if (!host->is_unspecified()) filter.original_destination = *host;
  filter.original_port = static_cast<uint16_t>(port.host_port);
  filter.port_count = port.count;
  return filter;
}

// Those of them that do not lead to the endpoint.
std::optional<netsetup::FlowFilter> FlowsPast(const store::PublishedPort& port,
                                              const netsetup::Endpoint& owner) {
  std::optional<netsetup::FlowFilter> filter = FlowsTo(port);
  const auto host = netsetup::ParseIpAddress(port.host_ip);
  for (const netsetup::IpPrefix& address : owner.addresses) {
    if (filter.has_value() && address.address.is_v6() == host->is_v6()) {
      filter->except_reply_source = address.address;
      return filter;
    }
  }
  return std::nullopt;
}

bool IsHostDevice(const EndpointRef& ref) {
  return ref.network->spec->driver == "host-device";
}

}  // namespace

absl::StatusOr<std::unique_ptr<NetworkLane>> NetworkLane::Open(
    const std::string& instance, LentDevices::Options devices) {
  CAISSON_ASSIGN_OR_RETURN(netsetup::Host host, netsetup::Host::Open(instance));
  CAISSON_ASSIGN_OR_RETURN(nft::Table table, nft::Table::Open(instance));
  CAISSON_ASSIGN_OR_RETURN(netsetup::NetfilterSocket conntrack,
                           netsetup::NetfilterSocket::Open());
  CAISSON_ASSIGN_OR_RETURN(std::unique_ptr<StaleFlows> stale_flows,
                           StaleFlows::Open());
  return std::unique_ptr<NetworkLane>(
      new NetworkLane(std::move(host), std::move(table), std::move(conntrack),
                      std::move(stale_flows), std::move(devices)));
}

NetworkLane::NetworkLane(netsetup::Host host, nft::Table table,
                         netsetup::NetfilterSocket conntrack,
                         std::unique_ptr<StaleFlows> stale_flows,
                         LentDevices::Options devices)
    : host_(std::move(host)),
      table_(std::move(table)),
      conntrack_(std::move(conntrack)),
      stale_flows_(std::move(stale_flows)),
      bridges_(devices.store, devices.boot_id),
      devices_(std::move(devices), &host_) {}

absl::Status NetworkLane::AddElements(
    const std::vector<nft::Element>& elements) {
  if (elements.empty()) return absl::OkStatus();
  if (!is_recovered_) {
    return absl::FailedPreconditionError(
        "the firewall that an earlier daemon left is not taken over yet");
  }
  if (has_table_) return table_.Apply({.add = elements, .remove = {}});
  // A host without networks has no table.
  nft::Elements first;
  CAISSON_RETURN_IF_ERROR(
      first.Apply({.add = elements, .remove = {}}).status());
  CAISSON_RETURN_IF_ERROR(table_.Create(std::move(first)));
  has_table_ = true;
  return absl::OkStatus();
}

absl::Status NetworkLane::RemoveElements(
    const std::vector<nft::Element>& elements) {
  if (elements.empty() || !has_table_) return absl::OkStatus();
  CAISSON_RETURN_IF_ERROR(table_.Apply({.add = {}, .remove = elements}));
  if (table_.elements().size() > 0) return absl::OkStatus();
  CAISSON_RETURN_IF_ERROR(table_.Destroy());
  has_table_ = false;
  return absl::OkStatus();
}

absl::Status NetworkLane::Make(const store::NetworkRecord& network) {
  CAISSON_ASSIGN_OR_RETURN(const netsetup::Network wanted,
                           HostNetwork(network));
  CAISSON_ASSIGN_OR_RETURN(const std::vector<nft::Element> elements,
                           NetworkElements(network));
  CAISSON_RETURN_IF_ERROR(SetupFailed(host_.CreateNetwork(wanted)));
  const absl::Status status = AddElements(elements);
  if (!status.ok()) {
    base::IgnoreError(host_.DestroyNetwork(wanted),
                      "what is left is found at the next start");
  }
  return SetupFailed(status);
}

absl::Status NetworkLane::Unmake(const store::NetworkRecord& network) {
  CAISSON_ASSIGN_OR_RETURN(const netsetup::Network wanted,
                           HostNetwork(network));
  CAISSON_ASSIGN_OR_RETURN(const std::vector<nft::Element> elements,
                           NetworkElements(network));
  absl::Status closed = RemoveElements(elements);
  closed.Update(bridges_.Restore(network));
  const absl::Status gone = host_.DestroyNetwork(wanted);
  return SetupFailed(gone.ok() ? closed : gone);
}

absl::StatusOr<HostView> NetworkLane::Look() const {
  absl::StatusOr<netsetup::Observed> observed = host_.Look();
  if (!observed.ok()) return SetupFailed(observed.status());
  return HostView{.instance = host_.instance(),
                  .table = table_.name(),
                  .has_table = has_table_,
                  .observed = *std::move(observed)};
}

void NetworkLane::ForgetFlows(const netsetup::FlowFilter& filter) {
  base::IgnoreError(netsetup::FlushFlows(&conntrack_, filter).status(),
                    "connections that nobody answers end by themselves");
}

absl::Status NetworkLane::Prepare(
    int netns_fd, const std::vector<netsetup::Sysctl>& sysctls) {
  return SetupFailed(netsetup::RunInNetns(
      netns_fd, [this, &sysctls]() { return sysctls_.Write(sysctls); }));
}

absl::Status NetworkLane::PrepareRunning(int netns_fd,
                                         const spec::ContainerSpec& spec) {
  std::set<std::string> kept;
  for (const auto& [name, value] : spec.sysctls) {
    kept.insert(absl::StrReplaceAll(name, {{".", "/"}}));
  }
  return SetupFailed(netsetup::SetDefaultSysctls(netns_fd, kept));
}

absl::StatusOr<store::Endpoint> NetworkLane::Attach(const EndpointRef& ref,
                                                    int netns_fd) {
  CAISSON_ASSIGN_OR_RETURN(const netsetup::Network network,
                           HostNetwork(*ref.network));
  CAISSON_ASSIGN_OR_RETURN(const netsetup::Endpoint endpoint,
                           HostEndpoint(ref.endpoint, ref.container_id));
  CAISSON_ASSIGN_OR_RETURN(const std::vector<nft::Element> elements,
                           EndpointElements(*ref.network, ref.endpoint));
  stale_flows_->Settle(endpoint.addresses);
  const absl::StatusOr<netsetup::Attachment> attachment =
      IsHostDevice(ref) ? devices_.Attach(ref, netns_fd)
                        : host_.Attach(network, endpoint, netns_fd);
  if (!attachment.ok()) return SetupFailed(attachment.status());
  absl::Status status = bridges_.AllowLoopback(ref);
  if (status.ok()) status = AddElements(elements);
  if (!status.ok()) {
    base::IgnoreError(Detach(ref, DetachHow::kNow, netns_fd),
                      "what is left is found at the next start");
    return SetupFailed(status);
  }
  for (const store::PublishedPort& port : ref.endpoint.ports) {
    const auto flows = FlowsPast(port, endpoint);
    if (flows.has_value()) stale_flows_->AddPort(*flows);
  }
  store::Endpoint out = ref.endpoint;
  out.attached = true;
  out.host_link = attachment->host_link;
  out.inside_index = attachment->inside_index;
  if (!attachment->mac.is_zero()) out.mac = attachment->mac.ToString();
  return out;
}

absl::Status NetworkLane::Detach(const EndpointRef& ref, DetachHow how,
                                 int netns_fd) {
  CAISSON_ASSIGN_OR_RETURN(const netsetup::Network network,
                           HostNetwork(*ref.network));
  CAISSON_ASSIGN_OR_RETURN(const netsetup::Endpoint endpoint,
                           HostEndpoint(ref.endpoint, ref.container_id));
  CAISSON_ASSIGN_OR_RETURN(const std::vector<nft::Element> elements,
                           EndpointElements(*ref.network, ref.endpoint));
  const absl::Status closed = RemoveElements(elements);
  if (IsFiltered(*ref.network)) stale_flows_->Add(endpoint.addresses);
  const absl::Status gone =
      IsHostDevice(ref) ? devices_.Detach(ref, netns_fd)
                        : host_.Detach(network, endpoint, netns_fd, how);
  return SetupFailed(gone.ok() ? closed : gone);
}

absl::Status NetworkLane::AddDefaultRoute(const EndpointRef& ref,
                                          int netns_fd) const {
  CAISSON_ASSIGN_OR_RETURN(const netsetup::Network network,
                           HostNetwork(*ref.network));
  CAISSON_ASSIGN_OR_RETURN(const netsetup::Endpoint endpoint,
                           HostEndpoint(ref.endpoint, ref.container_id));
  return SetupFailed(host_.AddDefaultRoute(network, endpoint, netns_fd));
}

absl::Status NetworkLane::RemoveDefaultRoute(const EndpointRef& ref,
                                             int netns_fd) const {
  CAISSON_ASSIGN_OR_RETURN(const netsetup::Network network,
                           HostNetwork(*ref.network));
  CAISSON_ASSIGN_OR_RETURN(const netsetup::Endpoint endpoint,
                           HostEndpoint(ref.endpoint, ref.container_id));
  return SetupFailed(host_.RemoveDefaultRoute(network, endpoint, netns_fd));
}

absl::Status NetworkLane::Publish(const EndpointRef& ref,
                                  const store::PublishedPort& port) {
  EndpointRef alone = ref;
  alone.endpoint.ports = {port};
  CAISSON_ASSIGN_OR_RETURN(const std::vector<nft::Element> elements,
                           PortElements(port, ref.endpoint));
  CAISSON_ASSIGN_OR_RETURN(const netsetup::Endpoint endpoint,
                           HostEndpoint(ref.endpoint, ref.container_id));
  absl::Status status = bridges_.AllowLoopback(alone);
  if (status.ok()) status = AddElements(elements);
  // Packets that came while nobody had the port go on to where they went.
  const auto flows = FlowsPast(port, endpoint);
  if (status.ok() && flows.has_value()) ForgetFlows(*flows);
  return SetupFailed(status);
}

absl::Status NetworkLane::Unpublish(const EndpointRef& ref,
                                    const store::PublishedPort& port) {
  CAISSON_ASSIGN_OR_RETURN(const std::vector<nft::Element> elements,
                           PortElements(port, ref.endpoint));
  const absl::Status closed = RemoveElements(elements);
  const auto flows = FlowsTo(port);
  if (closed.ok() && flows.has_value()) ForgetFlows(*flows);
  return SetupFailed(closed);
}

struct NetworkLane::Wanted {
  netsetup::Desired desired;
  nft::Elements elements;
  std::map<std::string, int> namespaces;  // by endpoint
};

absl::Status NetworkLane::Want(const store::NetworkRecord& network,
                               Wanted* wanted) {
  wanted->desired.untouched.insert(network.id);
  CAISSON_ASSIGN_OR_RETURN(const std::vector<nft::Element> elements,
                           NetworkElements(network));
  CAISSON_ASSIGN_OR_RETURN(netsetup::Network host, HostNetwork(network));
  wanted->desired.networks.push_back(std::move(host));
  return wanted->elements.Apply({.add = elements, .remove = {}}).status();
}

absl::Status NetworkLane::Want(const LiveEndpoint& live, Wanted* wanted) {
  const EndpointRef& ref = live.ref;
  wanted->desired.untouched.insert(ref.endpoint.id);
  CAISSON_ASSIGN_OR_RETURN(const std::vector<nft::Element> elements,
                           EndpointElements(*ref.network, ref.endpoint));
  CAISSON_ASSIGN_OR_RETURN(netsetup::Endpoint host, HostEndpointOf(ref));
  wanted->desired.endpoints.push_back(std::move(host));
  wanted->namespaces[ref.endpoint.id] = live.netns_fd;
  return wanted->elements.Apply({.add = elements, .remove = {}}).status();
}

absl::StatusOr<std::vector<netsetup::Recovered>> NetworkLane::Recover(
    const std::vector<store::NetworkPtr>& networks,
    const std::vector<LiveEndpoint>& endpoints) {
  Wanted wanted;
  for (const store::NetworkPtr& network : networks) {
    const absl::Status status = Want(*network, &wanted);
    if (status.ok()) continue;
    CAISSON_LOG(kError, "network is not as it shall be",
                {"network", network->id}, {"error", status.ToString()});
  }
  for (const LiveEndpoint& live : endpoints) {
    const absl::Status status = Want(live, &wanted);
    if (status.ok()) continue;
    CAISSON_LOG(kError, "network is not as it shall be",
                {"container", live.ref.container_id},
                {"endpoint", live.ref.endpoint.id},
                {"error", status.ToString()});
  }
  if (wanted.elements.size() > 0) {
    CAISSON_RETURN_IF_ERROR(table_.Create(std::move(wanted.elements)));
    has_table_ = true;
  } else {
    CAISSON_RETURN_IF_ERROR(table_.Destroy());
    has_table_ = false;
  }
  // Nobody knows for how long there was none before us.
  if (!std::exchange(is_recovered_, true)) {
    const absl::Status forgotten = ForgetMisled(endpoints);
    if (!forgotten.ok()) {
      CAISSON_LOG(kWarning, "connections may go on where they went",
                  {"error", forgotten.ToString()});
    }
  }
  std::vector<netsetup::Recovered> parts = devices_.Recover(endpoints);
  CAISSON_ASSIGN_OR_RETURN(
      std::vector<netsetup::Recovered> rest,
      host_.Recover(wanted.desired, [&wanted](const std::string& endpoint) {
        return wanted.namespaces.at(endpoint);
      }));
  std::move(rest.begin(), rest.end(), std::back_inserter(parts));
  for (const netsetup::Recovered& part : parts) {
    for (const std::string& step : part.steps) {
      CAISSON_LOG(kInfo, "network repaired", {"step", step},
                  {"network", part.network_id}, {"endpoint", part.endpoint_id});
    }
    if (part.status.ok()) continue;
    CAISSON_LOG(kError, "network is not as it shall be",
                {"network", part.network_id}, {"endpoint", part.endpoint_id},
                {"error", part.status.ToString()});
  }
  for (const LiveEndpoint& live : endpoints) {
    base::IgnoreError(bridges_.AllowLoopback(live.ref),
                      "the bridge is told above");
  }
  return parts;
}

absl::StatusOr<std::vector<netsetup::Part>> NetworkLane::PlanRecover(
    const std::vector<store::NetworkPtr>& networks,
    const std::vector<LiveEndpoint>& endpoints) const {
  Wanted wanted;
  for (const store::NetworkPtr& network : networks) {
    base::IgnoreError(Want(*network, &wanted), "what cannot be read stays");
  }
  for (const LiveEndpoint& live : endpoints) {
    base::IgnoreError(Want(live, &wanted), "what cannot be read stays");
  }
  auto parts =
      host_.PlanRecover(wanted.desired, [&wanted](const std::string& endpoint) {
        return wanted.namespaces.at(endpoint);
      });
  if (!parts.ok()) return SetupFailed(parts.status());
  return parts;
}

absl::StatusOr<std::vector<std::string>> NetworkLane::CheckTable(
    const std::vector<store::NetworkPtr>& networks,
    const std::vector<LiveEndpoint>& endpoints) {
  Wanted wanted;
  for (const store::NetworkPtr& network : networks) {
    base::IgnoreError(Want(*network, &wanted), "it has none in the firewall");
  }
  for (const LiveEndpoint& live : endpoints) {
    base::IgnoreError(Want(live, &wanted), "it has none in the firewall");
  }
  if (!has_table_ && wanted.elements.size() == 0) {
    return std::vector<std::string>();
  }
  return table_.Check(wanted.elements);
}

absl::Status NetworkLane::ForgetMisled(
    const std::vector<LiveEndpoint>& endpoints) {
  if (endpoints.empty()) return absl::OkStatus();
  CAISSON_ASSIGN_OR_RETURN(netsetup::Socket socket, netsetup::Socket::Open());
  CAISSON_ASSIGN_OR_RETURN(const std::vector<netsetup::LinkAddress> addresses,
                           netsetup::ListAddresses(&socket));
  std::set<netsetup::IpAddress> host;
  for (const netsetup::LinkAddress& one : addresses) {
    host.insert(one.prefix.address);
  }
  FlowJudge judge(std::move(host), &table_.elements());
  for (const LiveEndpoint& live : endpoints) {
    CAISSON_RETURN_IF_ERROR(judge.Add(*live.ref.network, live.ref.endpoint));
  }
  CAISSON_ASSIGN_OR_RETURN(
      const size_t forgotten,
      netsetup::FlushFlowsIf(&conntrack_, [&judge](const netsetup::Flow& flow) {
        return judge.IsMisled(flow);
      }));
  if (forgotten > 0) {
    CAISSON_LOG(kInfo, "connections forgotten that passed no firewall",
                {"connections", forgotten});
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> NetworkLane::MendTable(
    const std::vector<LiveEndpoint>& endpoints) {
  if (!has_table_) return false;
  CAISSON_ASSIGN_OR_RETURN(const std::vector<std::string> differences,
                           table_.Check());
  if (differences.empty()) return false;
  for (const std::string& difference : differences) {
    CAISSON_LOG(kWarning, "firewall was changed", {"difference", difference});
  }
  CAISSON_RETURN_IF_ERROR(table_.Rebuild());
  CAISSON_RETURN_IF_ERROR(ForgetMisled(endpoints));
  return true;
}

absl::StatusOr<std::vector<netsetup::IpPrefix>> NetworkLane::Routes() const {
  CAISSON_ASSIGN_OR_RETURN(netsetup::Socket socket, netsetup::Socket::Open());
  CAISSON_ASSIGN_OR_RETURN(const std::vector<netsetup::Route> routes,
                           netsetup::ListRoutes(&socket));
  std::vector<netsetup::IpPrefix> prefixes;
  prefixes.reserve(routes.size());
  for (const netsetup::Route& route : routes) {
    prefixes.push_back(route.destination);
  }
  return prefixes;
}

}  // namespace caisson::core
