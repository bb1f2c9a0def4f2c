#include "netsetup/nft/ruleset.h"

#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "absl/strings/ascii.h"

#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"

namespace caisson::netsetup::nft {
namespace {

using base::StrCat;

// What the kernel allows and nft prints without ambiguity.
bool IsInterfaceName(std::string_view name) {
  return !name.empty() && name.size() < IFNAMSIZ && name != "." &&
         name != ".." && std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isgraph(static_cast<unsigned char>(c)) &&
                  c != '/' && c != ':' && c != '"' && c != '*' && c != '\\';
         });
}

std::string InterfaceField(std::string_view name) {
  std::string field(name);
  field.resize(FieldBytes(Field::kInterface), '\0');
  return field;
}

std::string AddressField(const IpAddress& address) {
  return std::string(reinterpret_cast<const char*>(address.bytes().data()),
                     address.bytes().size());
}

std::string GroupField(uint32_t group) {
  std::string field(sizeof(group), '\0');
  std::memcpy(field.data(), &group, sizeof(group));
  return field;
}

std::string ProtocolField(Protocol protocol) {
  std::string field(FieldBytes(Field::kProtocol), '\0');
  switch (protocol) {
    case Protocol::kTcp:
      field[0] = static_cast<char>(IPPROTO_TCP);
      break;
    case Protocol::kUdp:
      field[0] = static_cast<char>(IPPROTO_UDP);
      break;
    case Protocol::kSctp:
      field[0] = static_cast<char>(IPPROTO_SCTP);
      break;
  }
  return field;
}

std::string PortField(uint32_t port) {
  std::string field(FieldBytes(Field::kPort), '\0');
  field[0] = static_cast<char>(port >> 8);
  field[1] = static_cast<char>(port & 0xff);
  return field;
}

absl::Status AppendNat(const Nat& nat, bool ip6, const std::string& key,
                       std::vector<Element>* out) {
  switch (nat.mode) {
    case Nat::Mode::kRouted:
      break;
    case Nat::Mode::kMasquerade:
      out->push_back(
          {ip6 ? SetId::kMasquerade6 : SetId::kMasquerade4, key, {}});
      break;
    case Nat::Mode::kSource:
      if (nat.source.is_v6() != ip6 || nat.source.is_unspecified()) {
        return absl::InvalidArgumentError(StrCat("source address '",
                                                 nat.source.ToString(),
                                                 "' for IPv", ip6 ? 6 : 4));
      }
      out->push_back({ip6 ? SetId::kSource6 : SetId::kSource4, key,
                      AddressField(nat.source)});
      break;
  }
  return absl::OkStatus();
}

bool IsLoopback6(const IpAddress& address) {
  std::array<uint8_t, 16> loopback = {};
  loopback[15] = 1;
  return address == IpAddress::V6(loopback);
}

absl::Status ValidatePort(const PublishedPort& port) {
  const auto in_range = [&port](uint32_t first) {
    return first > 0 && first + port.count <= 65536;
  };
  if (port.count == 0 || !in_range(port.host_port) ||
      !in_range(port.container_port)) {
    return absl::InvalidArgumentError(StrCat(port.count, " ports from ",
                                             port.host_port, " to ",
                                             port.container_port));
  }
  if (port.container_address.is_unspecified()) {
    return absl::InvalidArgumentError("container without an address");
  }
  if (!port.host_address) return absl::OkStatus();
  if (port.host_address->is_v6() != port.container_address.is_v6()) {
    return absl::InvalidArgumentError(
        StrCat("'", port.host_address->ToString(), "' to '",
               port.container_address.ToString(), "': two families"));
  }
  if (IsLoopback6(*port.host_address)) {
    return absl::UnimplementedError(
        "the kernel routes ::1 into no other namespace");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<Element>> BuildInterfaceElements(
    const NetworkRules& network, std::string_view interface) {
  if (!IsInterfaceName(interface)) {
    return absl::InvalidArgumentError(
        StrCat("interface name '", interface, "'"));
  }
  const std::string key = InterfaceField(interface);
  std::vector<Element> elements;
  const auto add = [&elements](SetId set, const std::string& element_key) {
    elements.push_back({set, element_key, {}});
  };
  add(SetId::kNets, key);
  add(SetId::kOwn, key + key);
  if (network.siblings && network.group == 0) add(SetId::kSiblings, key + key);
  if (network.isolation == Isolation::kOpen) add(SetId::kOpen, key);
  if (network.isolation == Isolation::kStrict) add(SetId::kStrict, key);
  if (network.guards_host) add(SetId::kGuarded, key);
  if (network.internal) {
    add(SetId::kInternal, key);
    return elements;
  }
  add(SetId::kEgress, key);
  if (network.ingress) add(SetId::kIngress, key);
  CAISSON_RETURN_IF_ERROR(AppendNat(network.nat4, false, key, &elements));
  CAISSON_RETURN_IF_ERROR(AppendNat(network.nat6, true, key, &elements));
  return elements;
}

std::vector<Element> BuildGroupElements(const NetworkRules& network) {
  if (network.group == 0 || !network.siblings) return {};
  const std::string group = GroupField(network.group);
  return {{SetId::kSiblingGroups, group + group, {}}};
}

absl::StatusOr<std::vector<Element>> BuildPortElements(
    const PublishedPort& port) {
  CAISSON_RETURN_IF_ERROR(ValidatePort(port));
  const bool ip6 = port.container_address.is_v6();
  const bool everywhere =
      !port.host_address || port.host_address->is_unspecified();
  const SetId set = everywhere ? (ip6 ? SetId::kPorts6 : SetId::kPorts4)
                               : (ip6 ? SetId::kPortsAt6 : SetId::kPortsAt4);
  const std::string at = everywhere ? "" : AddressField(*port.host_address);
  const std::string prefix = at + ProtocolField(port.protocol);
  const std::string target = AddressField(port.container_address);
  std::vector<Element> elements;
  elements.reserve(port.count);
  for (uint32_t i = 0; i < port.count; ++i) {
    elements.push_back({set, prefix + PortField(port.host_port + i),
                        target + PortField(port.container_port + i)});
  }
  return elements;
}

std::optional<IpAddress> OwnerOfPort(const Elements& elements, uint8_t protocol,
                                     const IpAddress& host_address,
                                     uint16_t port) {
  if (IsLoopback6(host_address)) return std::nullopt;
  const bool ip6 = host_address.is_v6();
  std::string key(FieldBytes(Field::kProtocol), '\0');
  key[0] = static_cast<char>(protocol);
  key += PortField(port);
  // The more exact address wins.
  auto found = elements.map().find({ip6 ? SetId::kPortsAt6 : SetId::kPortsAt4,
                                    AddressField(host_address) + key});
  if (found == elements.map().end()) {
    found = elements.map().find({ip6 ? SetId::kPorts6 : SetId::kPorts4, key});
  }
  if (found == elements.map().end()) return std::nullopt;
  const std::string& target = found->second;
  const absl::StatusOr<IpAddress> owner =
      IpAddressFromBytes({reinterpret_cast<const uint8_t*>(target.data()),
                          FieldBytes(ip6 ? Field::kIp6 : Field::kIp4)});
  if (!owner.ok()) return std::nullopt;
  return *owner;
}

}  // namespace caisson::netsetup::nft
