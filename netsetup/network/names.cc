#include <algorithm>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

#include "netsetup/network/network.h"
#include "runtime/base/str_cat.h"

namespace caisson::netsetup {
namespace {

using base::StrCat;

constexpr std::string_view kBridgePrefix = "cb";
constexpr std::string_view kVethPrefix = "cv";
constexpr std::string_view kIfbPrefix = "ci";
constexpr size_t kBridgeDigits = 10;
constexpr size_t kLinkDigits = 11;

// FNV-1a: kept for ever, since addresses that were given out follow from it.
uint64_t HashOf(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) {
    hash ^= static_cast<uint8_t>(c);
    hash *= 0x100000001b3;
  }
  return hash;
}

std::string NameOf(std::string_view prefix, std::string_view id,
                   size_t digits) {
  return StrCat(prefix, id.substr(0, digits));
}

}  // namespace

std::string_view DriverName(Driver driver) {
  switch (driver) {
    case Driver::kBridge:
      return "bridge";
    case Driver::kPtp:
      return "ptp";
    case Driver::kMacvlan:
      return "macvlan";
    case Driver::kIpvlan:
      return "ipvlan";
    case Driver::kHostDevice:
      break;
  }
  return "host-device";
}

bool Network::HasFamily(int family) const {
  return std::any_of(subnets.begin(), subnets.end(), [&](const Subnet& one) {
    return one.prefix.address.family() == family;
  });
}

std::string BridgeName(const Network& network) {
  if (!network.interface.empty()) return network.interface;
  return NameOf(kBridgePrefix, network.id, kBridgeDigits);
}

std::string HostLinkName(std::string_view endpoint_id) {
  return NameOf(kVethPrefix, endpoint_id, kLinkDigits);
}

std::string IfbName(std::string_view endpoint_id) {
  return NameOf(kIfbPrefix, endpoint_id, kLinkDigits);
}

int HostIndex(std::string_view endpoint_id) {
  return static_cast<int>(0x40000000 |
                          (HashOf(StrCat("index:", endpoint_id)) & 0x3fffffff));
}

int InsideIndex(const Network& network, const Endpoint& endpoint) {
  if (endpoint.inside_index > 0) return endpoint.inside_index;
  return network.has_veth() ? 0 : HostIndex(endpoint.id);
}

DeviceState StateOf(const Link& device) {
  return {.index = device.index,
          .kind = device.kind,
          .mac = device.mac,
          .mtu = device.mtu,
          .group = device.group,
          .up = device.up,
          .alias = device.alias,
          .alternative_names = device.alternative_names,
          .address_generation = device.address_generation};
}

MacAddress MacOf(std::string_view role, std::string_view id) {
  uint64_t hash = HashOf(StrCat(role, ":", id));
  MacAddress mac;
  mac.bytes[0] = 0x02;
  for (size_t i = 1; i < mac.bytes.size(); ++i) {
    mac.bytes[i] = static_cast<uint8_t>(hash & 0xff);
    hash >>= 8;
  }
  return mac;
}

std::string Tag::ToString() const {
  return network_id.empty()
             ? StrCat("caisson:", instance, ":endpoint:", endpoint_id)
             : StrCat("caisson:", instance, ":network:", network_id);
}

Tag TagOfNetwork(std::string_view instance, std::string_view network_id) {
  return {.instance = std::string(instance),
          .network_id = std::string(network_id)};
}

Tag TagOfEndpoint(std::string_view instance, std::string_view endpoint_id) {
  return {.instance = std::string(instance),
          .endpoint_id = std::string(endpoint_id)};
}

std::optional<Tag> ParseTag(std::string_view alias) {
  const std::vector<absl::string_view> parts =
      absl::StrSplit(base::AbslView(alias), ':');
  if (parts.size() != 4 || parts[0] != "caisson" || parts[1].empty() ||
      parts[3].empty()) {
    return std::nullopt;
  }
  if (parts[2] == "network") {
    return TagOfNetwork(base::StdView(parts[1]), base::StdView(parts[3]));
  }
  if (parts[2] == "endpoint") {
    return TagOfEndpoint(base::StdView(parts[1]), base::StdView(parts[3]));
  }
  return std::nullopt;
}

std::optional<Tag> OwnTag(const Link& link) {
  std::optional<Tag> tag = ParseTag(link.alias);
  if (!tag.has_value()) return std::nullopt;
  const bool is_named =
      tag->endpoint_id.empty()
          ? link.name == NameOf(kBridgePrefix, tag->network_id, kBridgeDigits)
          : link.name == HostLinkName(tag->endpoint_id) ||
                link.name == IfbName(tag->endpoint_id);
  if (!is_named) return std::nullopt;
  return tag;
}

bool BelongsTo(const Link& link, const Tag& tag) {
  if (!link.alias.empty()) return OwnTag(link) == tag;
  if (tag.endpoint_id.empty()) {
    return link.name == NameOf(kBridgePrefix, tag.network_id, kBridgeDigits) &&
           link.mac == MacOf("bridge", tag.network_id);
  }
  return (link.name == HostLinkName(tag.endpoint_id) &&
          link.mac == MacOf("host", tag.endpoint_id)) ||
         (link.name == IfbName(tag.endpoint_id) &&
          link.mac == MacOf("ifb", tag.endpoint_id));
}

uint32_t GraveyardOf(std::string_view instance) {
  // Far from the small numbers that people use, and never 0 or all ones.
  return 0x40000000 | static_cast<uint32_t>(HashOf(instance) & 0x3fffffff);
}

}  // namespace caisson::netsetup
