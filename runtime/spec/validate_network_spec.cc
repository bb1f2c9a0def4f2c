// What a network is to be.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/str_cat.h"
#include "runtime/spec/defaults.h"
#include "runtime/spec/ip.h"
#include "runtime/spec/validate.h"
#include "runtime/spec/violations.h"

namespace caisson::spec {
namespace {

constexpr size_t kMaxSubnets = 16;
constexpr size_t kMaxRanges = 64;
constexpr size_t kMaxReserved = 1024;
constexpr int kMinLengthV4 = 8;
constexpr int kMinLengthV6 = 16;
constexpr int64_t kMinMtu = 68;      // RFC 791
constexpr int64_t kMinMtuV6 = 1280;  // RFC 8200; below it IPv6 is off
constexpr int64_t kMaxMtu = 65535;

struct DriverRules {
  std::string_view name;
  // Of `interface`.
  bool takes_interface = false;
  bool needs_interface = false;
  // Packets pass the host, so that its firewall can say something about them.
  bool passes_host = false;
  std::vector<std::string_view> modes;
};

const DriverRules* FindDriver(std::string_view name) {
  static const auto* const drivers = new std::array<DriverRules, 5>{{
      {"bridge", true, false, true, {}},
      {"ptp", false, false, true, {}},
      {"macvlan", true, true, false, {"bridge", "private", "vepa", "passthru"}},
      {"ipvlan", true, true, false, {"l2", "l3", "l3s"}},
      {"host-device", true, true, false, {}},
  }};
  const auto* const found = std::find_if(
      drivers->begin(), drivers->end(),
      [&](const DriverRules& rules) { return rules.name == name; });
  return found == drivers->end() ? nullptr : found;
}

void CheckName(const std::string& name, Violations* out) {
  if (name.empty()) return;
  std::string problem = NameProblem(name);
  // What command lines call the modes of a container without networks.
  if (name == "none" || name == "host") problem = "is the name of no network";
  if (!problem.empty()) out->Add("spec.name", std::move(problem));
}

void CheckInterface(const NetworkSpec& spec, const DriverRules& driver,
                    Violations* out) {
  const std::string field = "spec.interface";
  if (spec.interface.empty()) {
    if (driver.needs_interface) {
      out->Add(field, base::StrCat("driver ", driver.name, " needs one"));
    }
  } else if (!driver.takes_interface) {
    out->Add(field, base::StrCat("driver ", driver.name, " has none"));
  } else if (!IsInterfaceName(spec.interface) || spec.interface == "lo") {
    out->Add(field, "is not the name of an interface");
  }
}

void CheckMode(const NetworkSpec& spec, const DriverRules& driver,
               Violations* out) {
  if (spec.mode.empty()) return;
  if (driver.modes.empty()) {
    out->Add("spec.mode", base::StrCat("driver ", driver.name, " has none"));
  } else if (std::find(driver.modes.begin(), driver.modes.end(), spec.mode) ==
             driver.modes.end()) {
    std::string known;
    for (const std::string_view mode : driver.modes) {
      base::StrAppend(&known, known.empty() ? "" : ", ", mode);
    }
    out->Add("spec.mode", base::StrCat("driver ", driver.name, " has ", known));
  }
}

// --- Subnets ---------------------------------------------------------------

// The usable prefix that a subnet is; nothing when it is none.
std::optional<Cidr> CheckCidr(const std::string& field, const std::string& text,
                              Violations* out) {
  const std::optional<Cidr> cidr = ParseCidr(text);
  if (!cidr.has_value()) {
    out->Add(field, "is not a prefix, as \"10.1.0.0/16\" or \"fd00:1::/64\"");
    return std::nullopt;
  }
  if (!cidr->is_network()) {
    out->Add(field, "has bits behind its length");
    return std::nullopt;
  }
  const Ip& ip = cidr->address;
  const int least = ip.v6 ? kMinLengthV6 : kMinLengthV4;
  if (cidr->length < least || cidr->length >= ip.bits()) {
    out->Add(field, base::StrCat("must have a length in ", least, "..",
                                 ip.bits() - 1));
    return std::nullopt;
  }
  if (ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() ||
      ip.is_link_local()) {
    out->Add(field, "is not a range that hosts have addresses of");
    return std::nullopt;
  }
  return cidr;
}

// An address in the subnet; nothing when it is none.
std::optional<Ip> CheckInside(const std::string& field, const std::string& text,
                              const Cidr& cidr, Violations* out) {
  const std::optional<Ip> ip = ParseIp(text);
  if (!ip.has_value()) {
    out->Add(field, "is not an IPv4 or IPv6 address");
    return std::nullopt;
  }
  if (!cidr.Range().Contains(*ip)) {
    out->Add(field, "is not in the subnet");
    return std::nullopt;
  }
  return ip;
}

void CheckGateway(const std::string& field, const std::string& text,
                  const Cidr& cidr, Violations* out) {
  const std::optional<Ip> ip = CheckInside(field, text, cidr, out);
  // A subnet of two addresses has only addresses of hosts (RFC 3021, RFC 6164).
  if (!ip.has_value() || cidr.address.bits() - cidr.length < 2) return;
  const IpRange all = cidr.Range();
  if (*ip == all.first) out->Add(field, "is the address of the subnet itself");
  if (!ip->v6 && *ip == all.last) out->Add(field, "is the broadcast address");
}

void CheckSubnet(const std::string& field, const Subnet& subnet,
                 const Cidr& cidr, Violations* out) {
  if (!subnet.gateway.empty()) {
    CheckGateway(field + ".gateway", subnet.gateway, cidr, out);
  }
  if (subnet.ranges.size() > kMaxRanges) {
    out->Add(field + ".ranges",
             base::StrCat("has more than ", kMaxRanges, " entries"));
  }
  for (size_t i = 0; i < subnet.ranges.size(); ++i) {
    const std::string at = At(field + ".ranges", i);
    const auto first =
        CheckInside(at + ".first", subnet.ranges[i].first, cidr, out);
    const auto last =
        CheckInside(at + ".last", subnet.ranges[i].last, cidr, out);
    if (first.has_value() && last.has_value() && *last < *first) {
      out->Add(at + ".last", "comes before first");
    }
  }
  if (subnet.reserved.size() > kMaxReserved) {
    out->Add(field + ".reserved",
             base::StrCat("has more than ", kMaxReserved, " entries"));
  }
  for (size_t i = 0; i < subnet.reserved.size(); ++i) {
    CheckInside(At(field + ".reserved", i), subnet.reserved[i], cidr, out);
  }
}

// Whether one of them is of IPv6.
bool CheckSubnets(const std::vector<Subnet>& subnets, Violations* out) {
  const std::string field = "spec.subnets";
  if (subnets.size() > kMaxSubnets) {
    out->Add(field, base::StrCat("has more than ", kMaxSubnets, " entries"));
    return false;
  }
  bool v6 = false;
  std::vector<std::optional<Cidr>> cidrs;
  for (size_t i = 0; i < subnets.size(); ++i) {
    const std::string at = At(field, i);
    const auto cidr = CheckCidr(at + ".cidr", subnets[i].cidr, out);
    cidrs.push_back(cidr);
    if (!cidr.has_value()) continue;
    v6 = v6 || cidr->address.v6;
    for (size_t k = 0; k < i; ++k) {
      if (cidrs[k].has_value() && cidr->Range().Overlaps(cidrs[k]->Range())) {
        out->Add(at + ".cidr", base::StrCat("overlaps subnet ", k));
        break;
      }
    }
    CheckSubnet(at, subnets[i], *cidr, out);
  }
  return v6;
}

// --- What passes -----------------------------------------------------------

void CheckNat(const std::string& field, const Nat& nat, bool v6,
              Violations* out) {
  if (nat.routed && !nat.source.empty()) {
    out->Add(field, "has both routed and source");
  }
  if (nat.source.empty()) return;
  const std::optional<Ip> ip = ParseIp(nat.source);
  if (!ip.has_value() || ip->v6 != v6 || ip->is_unspecified() ||
      ip->is_multicast() || ip->is_loopback()) {
    out->Add(field + ".source", v6 ? "is not an IPv6 address of the host"
                                   : "is not an IPv4 address of the host");
  }
}

// The fields that ask something of the host's firewall.
std::vector<std::string> FirewallFields(const NetworkSpec& spec) {
  std::vector<std::string> fields;
  if (spec.ingress) fields.push_back("spec.ingress");
  if (spec.nat4 != Nat()) fields.push_back("spec.nat4");
  if (spec.nat6 != Nat()) fields.push_back("spec.nat6");
  return fields;
}

void CheckTraffic(const NetworkSpec& spec, const DriverRules& driver,
                  Violations* out) {
  if (spec.isolation != NetworkIsolation::kUnspecified &&
      spec.isolation != NetworkIsolation::kNone &&
      spec.isolation != NetworkIsolation::kNetwork &&
      spec.isolation != NetworkIsolation::kStrict) {
    out->Add("spec.isolation", "is not a value of this enum");
  }
  if (spec.isolate_endpoints && driver.name != kDefaultDriver) {
    out->Add("spec.isolate_endpoints", "is only for driver bridge");
  }
  CheckNat("spec.nat4", spec.nat4, /*v6=*/false, out);
  CheckNat("spec.nat6", spec.nat6, /*v6=*/true, out);
  std::vector<std::string> fields = FirewallFields(spec);
  if (spec.internal) {
    for (const std::string& field : fields) {
      out->Add(field, "makes no sense for an internal network");
    }
  }
  if (driver.passes_host) return;
  // Refused, as a client would believe in what nobody enforces.
  if (spec.internal) fields.push_back("spec.internal");
  if (spec.isolation != NetworkIsolation::kUnspecified) {
    fields.push_back("spec.isolation");
  }
  for (const std::string& field : fields) {
    out->Add(field, base::StrCat("packets of driver ", driver.name,
                                 " do not pass the host"));
  }
}

}  // namespace

std::vector<base::FieldViolation> Validate(const NetworkSpec& spec) {
  Violations out;
  CheckName(spec.name, &out);
  CheckLabels("spec.labels", spec.labels, &out);
  const bool v6 = CheckSubnets(spec.subnets, &out);
  if (spec.mtu != 0) {
    out.CheckRange("spec.mtu", spec.mtu, v6 ? kMinMtuV6 : kMinMtu, kMaxMtu,
                   "bytes");
  }
  const DriverRules* const driver =
      FindDriver(spec.driver.empty() ? kDefaultDriver : spec.driver);
  if (driver == nullptr) {
    out.Add("spec.driver",
            "is not bridge, ptp, macvlan, ipvlan or host-device");
    return out.Take();
  }
  CheckInterface(spec, *driver, &out);
  CheckMode(spec, *driver, &out);
  CheckTraffic(spec, *driver, &out);
  return out.Take();
}

}  // namespace caisson::spec
