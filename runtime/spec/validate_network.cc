// What a container wants of networks.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"

#include "runtime/base/str_cat.h"
#include "runtime/spec/defaults.h"
#include "runtime/spec/ip.h"
#include "runtime/spec/validate.h"
#include "runtime/spec/violations.h"

namespace caisson::spec {
namespace {

constexpr size_t kMaxNamespaceName = 255;
constexpr size_t kMaxAddresses = 16;
constexpr size_t kMaxAliases = 64;
constexpr size_t kMaxRoutes = 256;
constexpr int64_t kMaxPort = 65535;
constexpr int64_t kMaxMetric = UINT32_MAX;
// A byte a second; 100 Tbit/s.
constexpr int64_t kMinBitsPerSecond = 8;
constexpr int64_t kMaxBitsPerSecond = 100'000'000'000'000;
constexpr int64_t kMaxBurstBytes = INT32_MAX;
constexpr size_t kMaxDnsEntries = 32;
constexpr size_t kMaxDnsOptionBytes = 128;
constexpr size_t kMaxExtraHosts = 1024;

void CheckCount(const std::string& field, size_t count, size_t most,
                Violations* out) {
  if (count <= most) return;
  out->Add(field, base::StrCat("has more than ", most, " entries"));
}

// The address of a host: neither all of them nor a group.
void CheckHostAddress(const std::string& field, const std::string& text,
                      Violations* out) {
  const std::optional<Ip> ip = ParseIp(text);
  if (!ip.has_value()) {
    out->Add(field, "is not an IPv4 or IPv6 address");
  } else if (ip->is_unspecified() || ip->is_multicast()) {
    out->Add(field, "is not the address of one host");
  }
}

// --- Attachments -----------------------------------------------------------

void CheckAddresses(const std::string& field,
                    const std::vector<std::string>& addresses,
                    Violations* out) {
  CheckCount(field, addresses.size(), kMaxAddresses, out);
  std::set<Ip> seen;
  for (size_t i = 0; i < addresses.size(); ++i) {
    const std::optional<Ip> ip = ParseIp(addresses[i]);
    CheckHostAddress(At(field, i), addresses[i], out);
    if (!ip.has_value()) continue;
    if (ip->is_loopback() || ip->is_link_local()) {
      out->Add(At(field, i), "is not an address of a network");
    }
    if (!seen.insert(*ip).second) out->Add(At(field, i), "is there twice");
  }
}

void CheckAliases(const std::string& field,
                  const std::vector<std::string>& aliases, Violations* out) {
  CheckCount(field, aliases.size(), kMaxAliases, out);
  std::set<std::string> seen;
  for (size_t i = 0; i < aliases.size(); ++i) {
    if (!IsDnsLabel(aliases[i])) {
      out->Add(At(field, i),
               "must be 1..63 letters, digits, '-' and '_', and begin and end "
               "with a letter or digit");
    }
    // Names are compared without regard to case (RFC 4343).
    if (!seen.insert(absl::AsciiStrToLower(aliases[i])).second) {
      out->Add(At(field, i), "is there twice");
    }
  }
}

void CheckRoute(const std::string& field, const NetworkRoute& route,
                Violations* out) {
  const std::optional<Cidr> destination = ParseCidr(route.destination);
  if (!destination.has_value()) {
    out->Add(field + ".destination", "is not a prefix, as \"10.9.0.0/16\"");
  } else if (!destination->is_network()) {
    out->Add(field + ".destination", "has bits behind its length");
  }
  if (!route.gateway.empty()) {
    const std::optional<Ip> gateway = ParseIp(route.gateway);
    CheckHostAddress(field + ".gateway", route.gateway, out);
    if (gateway.has_value() && destination.has_value() &&
        gateway->v6 != destination->address.v6) {
      out->Add(field + ".gateway", "is not of the destination's family");
    }
  }
  out->CheckRange(field + ".metric", route.metric, 0, kMaxMetric);
}

void CheckBandwidth(const std::string& field,
                    const std::optional<Bandwidth>& bandwidth,
                    Violations* out) {
  if (!bandwidth.has_value()) return;
  out->CheckRange(field + ".bits_per_second", bandwidth->bits_per_second,
                  kMinBitsPerSecond, kMaxBitsPerSecond, "bits");
  out->CheckRange(field + ".burst_bytes", bandwidth->burst_bytes, 0,
                  kMaxBurstBytes, "bytes");
}

void CheckAttachment(const std::string& field,
                     const NetworkAttachment& attachment, Violations* out) {
  out->CheckReference(field + ".network", attachment.network, "network");
  if (!attachment.interface.empty() &&
      (!IsInterfaceName(attachment.interface) ||
       attachment.interface == "lo")) {
    out->Add(field + ".interface",
             "must be 1..15 printable characters without '/', ':' and '%', "
             "and not \"lo\"");
  }
  CheckAddresses(field + ".addresses", attachment.addresses, out);
  if (!attachment.mac.empty() && !IsUnicastMac(attachment.mac)) {
    out->Add(field + ".mac",
             "is not the MAC address of one interface, as "
             "\"02:42:ac:11:00:02\"");
  }
  CheckAliases(field + ".aliases", attachment.aliases, out);
  CheckCount(field + ".routes", attachment.routes.size(), kMaxRoutes, out);
  for (size_t i = 0; i < attachment.routes.size(); ++i) {
    CheckRoute(At(field + ".routes", i), attachment.routes[i], out);
  }
  CheckBandwidth(field + ".ingress", attachment.ingress, out);
  CheckBandwidth(field + ".egress", attachment.egress, out);
}

void CheckAttachments(const std::vector<NetworkAttachment>& networks,
                      Violations* out) {
  const std::string field = "spec.network.attach.networks";
  if (networks.empty()) out->Add(field, "must name a network");
  CheckCount(field, networks.size(), kMaxAttachments, out);
  std::set<std::string> references;
  std::set<std::string> interfaces;
  bool has_default_route = false;
  for (size_t i = 0; i < networks.size(); ++i) {
    CheckAttachment(At(field, i), networks[i], out);
    if (!references.insert(networks[i].network).second) {
      out->Add(At(field, i) + ".network", "is there twice");
    }
    const std::string& interface = networks[i].interface;
    if (!interface.empty() && !interfaces.insert(interface).second) {
      out->Add(At(field, i) + ".interface", "is there twice");
    }
    if (!networks[i].default_route.value_or(false)) continue;
    if (has_default_route) {
      out->Add(At(field, i) + ".default_route",
               "is set for another network already");
    }
    has_default_route = true;
  }
}

// --- Ports -----------------------------------------------------------------

// The ports of the host that a mapping takes.
struct HostPorts {
  std::string protocol;
  Ip ip;
  int64_t first = 0;
  int64_t last = 0;

  bool Collides(const HostPorts& other) const {
    return protocol == other.protocol && ip.v6 == other.ip.v6 &&
           first <= other.last && other.first <= last &&
           (ip == other.ip || ip.is_unspecified() || other.ip.is_unspecified());
  }
};

int64_t CountOf(const PortMapping& port) {
  return port.count == 0 ? 1 : port.count;
}

// Nothing where the host's ports are still to be chosen, or make no sense.
std::optional<HostPorts> HostPortsOf(const PortMapping& port) {
  const std::optional<Ip> ip =
      ParseIp(port.host_ip.empty() ? kDefaultHostIp : port.host_ip);
  if (!ip.has_value() || port.host_port <= 0) return std::nullopt;
  return HostPorts{
      port.protocol.empty() ? std::string(kDefaultProtocol) : port.protocol,
      *ip, port.host_port, port.host_port + CountOf(port) - 1};
}

void AddProblem(const std::string& field, std::string problem,
                Violations* out) {
  if (!problem.empty()) out->Add(field, std::move(problem));
}

void CheckPort(const std::string& field, const PortMapping& port,
               Violations* out) {
  out->CheckRange(field + ".container_port", port.container_port, 1, kMaxPort);
  out->CheckRange(field + ".host_port", port.host_port, 0, kMaxPort);
  out->CheckRange(field + ".count", port.count, 0, kMaxPort);
  const int64_t highest = std::max(port.container_port, port.host_port);
  if (highest <= kMaxPort && port.count > 1 && port.count <= kMaxPort &&
      highest + port.count - 1 > kMaxPort) {
    out->Add(field + ".count", "reaches beyond port 65535");
  }
  AddProblem(field + ".host_ip", HostIpProblem(port.host_ip), out);
  AddProblem(field + ".protocol", ProtocolProblem(port.protocol), out);
  if (!port.network.empty()) {
    out->CheckReference(field + ".network", port.network, "network");
  }
}

void CheckCollisions(const std::string& field,
                     const std::vector<PortMapping>& ports, Violations* out) {
  std::vector<std::optional<HostPorts>> taken;
  taken.reserve(ports.size());
  for (const PortMapping& port : ports) taken.push_back(HostPortsOf(port));
  for (size_t i = 0; i < taken.size(); ++i) {
    if (!taken[i].has_value()) continue;
    for (size_t k = 0; k < i; ++k) {
      if (!taken[k].has_value() || !taken[i]->Collides(*taken[k])) continue;
      out->Add(At(field, i) + ".host_port",
               base::StrCat("is published by entry ", k, " already"));
      break;
    }
  }
}

void CheckPorts(const std::vector<PortMapping>& ports, Violations* out) {
  const std::string field = "spec.network.ports";
  CheckCount(field, ports.size(), kMaxPortMappings, out);
  if (ports.size() > kMaxPortMappings) return;
  int64_t total = 0;
  for (size_t i = 0; i < ports.size(); ++i) {
    CheckPort(At(field, i), ports[i], out);
    total += CountOf(ports[i]);
  }
  if (total > kMaxPublishedPorts) {
    out->Add(field, base::StrCat("publishes more than ", kMaxPublishedPorts,
                                 " ports"));
  }
  CheckCollisions(field, ports, out);
}

// --- Names -----------------------------------------------------------------

bool IsDnsOption(std::string_view option) {
  return !option.empty() && option.size() <= kMaxDnsOptionBytes &&
         std::all_of(option.begin(), option.end(), [](char c) {
           return absl::ascii_isgraph(static_cast<unsigned char>(c));
         });
}

void CheckDns(const Dns& dns, Violations* out) {
  const std::string field = "spec.network.dns";
  CheckCount(field + ".servers", dns.servers.size(), kMaxDnsEntries, out);
  for (size_t i = 0; i < dns.servers.size(); ++i) {
    CheckHostAddress(At(field + ".servers", i), dns.servers[i], out);
  }
  CheckCount(field + ".searches", dns.searches.size(), kMaxDnsEntries, out);
  for (size_t i = 0; i < dns.searches.size(); ++i) {
    if (!IsDnsName(dns.searches[i])) {
      out->Add(At(field + ".searches", i), "is not a domain, as \"a.example\"");
    }
  }
  CheckCount(field + ".options", dns.options.size(), kMaxDnsEntries, out);
  for (size_t i = 0; i < dns.options.size(); ++i) {
    if (!IsDnsOption(dns.options[i])) {
      out->Add(At(field + ".options", i),
               "is not an option of resolv.conf(5), as \"ndots:2\"");
    }
  }
}

void CheckExtraHosts(const std::vector<ExtraHost>& hosts, Violations* out) {
  const std::string field = "spec.network.extra_hosts";
  CheckCount(field, hosts.size(), kMaxExtraHosts, out);
  for (size_t i = 0; i < hosts.size(); ++i) {
    if (!IsDnsName(hosts[i].name)) {
      out->Add(At(field, i) + ".name", "is not the name of a host");
    }
    if (!ParseIp(hosts[i].address).has_value()) {
      out->Add(At(field, i) + ".address", "is not an IPv4 or IPv6 address");
    }
  }
}

// What would have no effect would only seem to have one.
void RefuseWithoutAttach(const Network& network, Violations* out) {
  const std::string why =
      "is only for a container that is attached to networks";
  if (!network.networks.empty()) out->Add("spec.network.attach", why);
  if (!network.ports.empty()) out->Add("spec.network.ports", why);
  if (network.dns.has_value()) out->Add("spec.network.dns", why);
  if (!network.extra_hosts.empty()) out->Add("spec.network.extra_hosts", why);
}

}  // namespace

std::string NetworkNamespaceNameProblem(std::string_view name) {
  if (name.empty() || name.size() > kMaxNamespaceName) {
    return "names of network namespaces have 1..255 characters";
  }
  const auto is_good = [](char c) { return c > ' ' && c < 0x7f && c != '/'; };
  if (!std::all_of(name.begin(), name.end(), is_good)) {
    return "names of network namespaces consist of printable ASCII without "
           "space and '/'";
  }
  if (name == "." || name == "..") return "is the name of a directory";
  return "";
}

std::string HostIpProblem(std::string_view host_ip) {
  if (host_ip.empty()) return "";
  const std::optional<Ip> ip = ParseIp(host_ip);
  if (!ip.has_value()) return "is not an IPv4 or IPv6 address";
  if (ip->is_multicast()) return "is not an address of the host";
  if (ip->v6 && ip->is_loopback()) {
    return "cannot be ::1: the kernel does not route IPv6 loopback into "
           "another namespace; 127.0.0.1 works";
  }
  return "";
}

std::string ProtocolProblem(std::string_view protocol) {
  const bool known = protocol.empty() || protocol == "tcp" ||
                     protocol == "udp" || protocol == "sctp";
  return known ? "" : "is not tcp, udp or sctp";
}

std::vector<base::FieldViolation> Validate(const NetworkAttachment& attachment,
                                           const std::string& field) {
  Violations out;
  CheckAttachment(field, attachment, &out);
  return out.Take();
}

std::vector<base::FieldViolation> Validate(const PortMapping& port,
                                           const std::string& field) {
  Violations out;
  CheckPort(field, port, &out);
  return out.Take();
}

void CheckNetwork(const Network& network, Violations* out) {
  switch (network.mode) {
    case NetworkMode::kDefault:
    case NetworkMode::kNone:
    case NetworkMode::kHost:
      RefuseWithoutAttach(network, out);
      return;
    case NetworkMode::kContainer:
      out->CheckReference("spec.network.container", network.container);
      RefuseWithoutAttach(network, out);
      return;
    case NetworkMode::kNamespace:
      if (const std::string why =
              NetworkNamespaceNameProblem(network.namespace_name);
          !why.empty()) {
        out->Add("spec.network.namespace", why);
      }
      RefuseWithoutAttach(network, out);
      return;
    case NetworkMode::kNamespacePath:
      out->CheckPath("spec.network.namespace_path", network.namespace_path);
      RefuseWithoutAttach(network, out);
      return;
    case NetworkMode::kAttach:
      CheckAttachments(network.networks, out);
      CheckPorts(network.ports, out);
      if (network.dns.has_value()) CheckDns(*network.dns, out);
      CheckExtraHosts(network.extra_hosts, out);
      return;
  }
  out->Add("spec.network", "is not a kind of network");
}

}  // namespace caisson::spec
