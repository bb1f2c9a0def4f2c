#include "clients/caisson/network_flags.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_split.h"

#include "clients/caisson/units.h"

namespace caisson::cli {

namespace {

constexpr std::string_view kContainer = "container:";
constexpr std::string_view kNamespace = "ns:";
constexpr int64_t kMaxPort = 65535;

// --- Networks --------------------------------------------------------------

std::string TakeRate(const std::string& value, v1::Bandwidth* bandwidth) {
  const std::optional<int64_t> rate = ParseBits(value);
  if (!rate.has_value()) return "\"" + value + "\" is no rate (as 10m)";
  bandwidth->set_bits_per_second(*rate);
  return "";
}

std::string TakeOption(const std::string& option,
                       v1::NetworkAttachment* attachment) {
  const size_t equals = std::min(option.find('='), option.size());
  const std::string key = option.substr(0, equals);
  const std::string value =
      equals < option.size() ? option.substr(equals + 1) : "";
  if (value.empty()) return "\"" + option + "\" is not KEY=VALUE";
  if (key == "ip" || key == "ip6") {
    attachment->add_addresses(WithoutBrackets(value));
  } else if (key == "alias") {
    attachment->add_aliases(value);
  } else if (key == "mac") {
    attachment->set_mac(value);
  } else if (key == "interface") {
    attachment->set_interface(value);
  } else if (key == "default-route" && (value == "true" || value == "false")) {
    attachment->set_default_route(value == "true");
  } else if (key == "ingress") {
    return TakeRate(value, attachment->mutable_ingress());
  } else if (key == "egress") {
    return TakeRate(value, attachment->mutable_egress());
  } else {
    return "\"" + option + "\" is not known";
  }
  return "";
}

// --- Ports -----------------------------------------------------------------

struct PortRange {
  int64_t first = 0;
  int64_t count = 1;
};

// "80" or "80-90".
std::optional<PortRange> ParseRange(const std::string& text) {
  const size_t dash = std::min(text.find('-'), text.size());
  const auto first = ParseInteger(text.substr(0, dash));
  const auto last =
      dash < text.size() ? ParseInteger(text.substr(dash + 1)) : first;
  if (!first.has_value() || !last.has_value() || *first < 1 || *last < *first ||
      *last > kMaxPort) {
    return std::nullopt;
  }
  return PortRange{*first, *last - *first + 1};
}

struct PortWords {
  std::string ip;
  std::string host;
  std::string container;
  std::string protocol;
};

// Nothing when there are too many parts.
std::optional<PortWords> SplitPort(std::string text) {
  PortWords words;
  const size_t slash = text.find('/');
  if (slash != std::string::npos) {
    words.protocol = text.substr(slash + 1);
    if (words.protocol.empty()) return std::nullopt;
    text.resize(slash);
  }
  const size_t last = text.rfind(':');
  words.container = last == std::string::npos ? text : text.substr(last + 1);
  if (last == std::string::npos) return words;
  text.resize(last);
  const size_t before = text.rfind(':');
  if (before == std::string::npos) {
    if (text.empty()) return std::nullopt;
    words.host = text;
    return words;
  }
  words.host = text.substr(before + 1);
  text.resize(before);
  words.ip = WithoutBrackets(text);
  // Otherwise nobody could tell where the address ends.
  const bool bare = words.ip == text;
  if (text.empty() || (bare && text.find(':') != std::string::npos)) {
    return std::nullopt;
  }
  return words;
}

}  // namespace

std::string WithoutBrackets(const std::string& text) {
  const bool has = text.size() > 2 && text.front() == '[' && text.back() == ']';
  return has ? text.substr(1, text.size() - 2) : text;
}

std::string AddNetwork(const std::string& text, v1::Network* network) {
  const bool has_container = text.rfind(kContainer, 0) == 0;
  const bool has_namespace = text.rfind(kNamespace, 0) == 0;
  const bool alone =
      text == "none" || text == "host" || has_container || has_namespace;
  const bool first = network->mode_case() == v1::Network::MODE_NOT_SET;
  if (!first && (alone || !network->has_attach())) {
    return "--network: none, host, container:ID and ns:NAME go with no other "
           "network";
  }
  if (text == "none") {
    network->set_none(true);
    return "";
  }
  if (text == "host") {
    network->set_host(true);
    return "";
  }
  if (has_container) {
    network->set_container(text.substr(kContainer.size()));
    return "";
  }
  if (has_namespace) {
    const std::string name = text.substr(kNamespace.size());
    // A path may be anybody's, a name is one of the service's.
    if (!name.empty() && name.front() == '/') {
      network->set_namespace_path(name);
    } else {
      network->set_namespace_(name);
    }
    return "";
  }
  const size_t colon = std::min(text.find(':'), text.size());
  if (colon == 0) return "--network: \"" + text + "\" names no network";
  v1::NetworkAttachment* attachment = network->mutable_attach()->add_networks();
  attachment->set_network(text.substr(0, colon));
  if (colon == text.size()) return "";
  const std::string options = text.substr(colon + 1);
  for (const std::string& option :
       std::vector<std::string>(absl::StrSplit(options, ','))) {
    const std::string wrong = TakeOption(option, attachment);
    if (!wrong.empty()) return "--network: " + wrong;
  }
  return "";
}

std::string AddPort(const std::string& text, v1::Network* network) {
  const std::string wrong = "--publish: \"" + text +
                            "\" is not [IP:][HOST:]CONTAINER[/PROTOCOL] with "
                            "ports in 1..65535";
  const std::optional<PortWords> words = SplitPort(text);
  if (!words.has_value()) return wrong;
  const std::optional<PortRange> inside = ParseRange(words->container);
  if (!inside.has_value()) return wrong;
  v1::PortMapping* port = network->add_ports();
  if (!words->host.empty() && words->host != "0") {
    const std::optional<PortRange> host = ParseRange(words->host);
    if (!host.has_value()) return wrong;
    if (host->count != inside->count) {
      return "--publish: \"" + text + "\" has ranges of different lengths";
    }
    port->set_host_port(static_cast<int32_t>(host->first));
  }
  port->set_host_ip(words->ip);
  port->set_container_port(static_cast<int32_t>(inside->first));
  if (inside->count > 1) port->set_count(static_cast<int32_t>(inside->count));
  port->set_protocol(words->protocol);
  return "";
}

std::string ParseHostPort(const std::string& text,
                          v1::UnpublishPortRequest* request) {
  const std::string wrong =
      "\"" + text + "\" is not [IP:]PORT[/PROTOCOL] with a port in 1..65535";
  const size_t slash = std::min(text.find('/'), text.size());
  if (slash + 1 == text.size()) return wrong;
  if (slash < text.size()) request->set_protocol(text.substr(slash + 1));
  const std::string place = text.substr(0, slash);
  const size_t colon = place.rfind(':');
  const bool has_ip = colon != std::string::npos;
  const std::optional<int64_t> port =
      ParseInteger(has_ip ? place.substr(colon + 1) : place);
  if (!port.has_value() || *port < 1 || *port > kMaxPort) return wrong;
  request->set_host_port(static_cast<int32_t>(*port));
  if (!has_ip) return "";
  const std::string address = place.substr(0, colon);
  request->set_host_ip(WithoutBrackets(address));
  // Otherwise nobody could tell where the address ends.
  const bool bare = request->host_ip() == address;
  const bool unclear = bare && address.find(':') != std::string::npos;
  return address.empty() || unclear ? wrong : "";
}

std::string AddHost(const std::string& text, v1::Network* network) {
  const size_t end = text.find_first_of(":=");
  if (end == std::string::npos || end == 0 || end + 1 == text.size()) {
    return "--add-host: \"" + text + "\" is not NAME:ADDRESS";
  }
  v1::ExtraHost* host = network->add_extra_hosts();
  host->set_name(text.substr(0, end));
  host->set_address(WithoutBrackets(text.substr(end + 1)));
  return "";
}

void NetworkFlags::Declare(Flags* flags) {
  flags->Texts("--network,--net", &networks, "NETWORK",
               "none, host, container:ID, ns:NAME or ns:/PATH of a network "
               "namespace, or NAME[:ip=A,mac=M,alias=N,interface=I], which "
               "may be repeated; default: default");
  flags->Texts("-p,--publish", &publish, "[IP:][HOST:]CONTAINER[/PROTOCOL]",
               "lead a port of the host, by default of 127.0.0.1, to the "
               "container, as 8080:80");
  flags->Text("--mac-address", &mac_address, "MAC",
              "MAC address in the first network");
  flags->Text("--ip", &ip, "ADDRESS", "IPv4 address in the first network");
  flags->Text("--ip6", &ip6, "ADDRESS", "IPv6 address in the first network");
  flags->Texts("--network-alias", &aliases, "NAME",
               "further name in the first network");
  flags->Texts("--dns", &dns, "ADDRESS", "server for names of no container");
  flags->Texts("--dns-search", &dns_search, "DOMAIN",
               "domain to look short names up in");
  flags->Texts("--dns-option", &dns_options, "OPTION",
               "option of resolv.conf, as ndots:2");
  flags->Texts("--add-host", &add_hosts, "NAME:ADDRESS",
               "further line of /etc/hosts");
}

std::string NetworkFlags::Fill(v1::Network* network) const {
  const std::vector<std::string> standard = {kDefaultNetwork};
  for (const std::string& text : networks.empty() ? standard : networks) {
    std::string wrong = AddNetwork(text, network);
    if (!wrong.empty()) return wrong;
  }
  for (const std::string& text : publish) {
    std::string wrong = AddPort(text, network);
    if (!wrong.empty()) return wrong;
  }
  for (const std::string& text : add_hosts) {
    std::string wrong = AddHost(text, network);
    if (!wrong.empty()) return wrong;
  }
  FillDns(network);
  return FillFirst(network);
}

void NetworkFlags::FillDns(v1::Network* network) const {
  for (const std::string& server : dns) {
    network->mutable_dns()->add_servers(server);
  }
  for (const std::string& domain : dns_search) {
    network->mutable_dns()->add_searches(domain);
  }
  for (const std::string& option : dns_options) {
    network->mutable_dns()->add_options(option);
  }
}

std::string NetworkFlags::FillFirst(v1::Network* network) const {
  const bool given =
      !mac_address.empty() || !ip.empty() || !ip6.empty() || !aliases.empty();
  if (!given) return "";
  if (!network->has_attach()) {
    return "--mac-address, --ip, --ip6 and --network-alias need a network";
  }
  v1::NetworkAttachment* first = network->mutable_attach()->mutable_networks(0);
  if (!mac_address.empty()) first->set_mac(mac_address);
  if (!ip.empty()) first->add_addresses(ip);
  if (!ip6.empty()) first->add_addresses(WithoutBrackets(ip6));
  for (const std::string& alias : aliases) first->add_aliases(alias);
  return "";
}

}  // namespace caisson::cli
