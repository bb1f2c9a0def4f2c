#include <sys/socket.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "netsetup/network/network.h"
#include "runtime/base/error_detail.h"
#include "runtime/base/str_cat.h"

namespace caisson::netsetup {
namespace {

using base::StrCat;

constexpr size_t kIdDigits = 32;
constexpr uint32_t kMinMtu = 68;      // RFC 791
constexpr uint32_t kMinMtuV6 = 1280;  // RFC 8200; below it IPv6 is off
constexpr uint32_t kMaxMtu = 65535;
constexpr size_t kMaxAlternativeName = 127;

class Violations {
 public:
  void Add(std::string field, std::string why) {
    found_.push_back({std::move(field), std::move(why)});
  }
  void AddUnless(bool is_good, std::string field, std::string why) {
    if (!is_good) Add(std::move(field), std::move(why));
  }
  absl::Status Finish() {
    if (found_.empty()) return absl::OkStatus();
    return base::InvalidFields(std::move(found_));
  }

 private:
  std::vector<base::FieldViolation> found_;
};

bool IsId(std::string_view id) {
  return id.size() == kIdDigits &&
         std::all_of(id.begin(), id.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

void CheckSubnet(const Network& network, size_t at, Violations* violations) {
  const Subnet& subnet = network.subnets[at];
  const std::string field = StrCat("subnets[", at, "]");
  violations->AddUnless(subnet.prefix == subnet.prefix.Network(),
                        field + ".prefix", "has bits behind its length");
  for (size_t other = 0; other < at; ++other) {
    if (subnet.prefix.Overlaps(network.subnets[other].prefix)) {
      violations->Add(field + ".prefix",
                      StrCat("overlaps subnets[", other, "]"));
    }
  }
  if (subnet.gateway.has_value()) {
    violations->AddUnless(subnet.prefix.Contains(*subnet.gateway),
                          field + ".gateway", "is not in the subnet");
  } else if (network.driver == Driver::kPtp ||
             (network.has_own_bridge() && !network.internal)) {
    violations->Add(
        field + ".gateway",
        StrCat("driver ", DriverName(network.driver), " needs one"));
  }
}

const Subnet* SubnetOf(const Network& network, const IpPrefix& address) {
  for (const Subnet& subnet : network.subnets) {
    if (subnet.prefix.length == address.length &&
        subnet.prefix.Contains(address.address)) {
      return &subnet;
    }
  }
  return nullptr;
}

void CheckRates(const Network& network, const Endpoint& endpoint,
                Violations* violations) {
  const bool is_veth =
      network.driver == Driver::kBridge || network.driver == Driver::kPtp;
  const std::pair<const char*, const std::optional<Rate>*> rates[] = {
      {"ingress", &endpoint.ingress}, {"egress", &endpoint.egress}};
  for (const auto& [field, rate] : rates) {
    if (!rate->has_value()) continue;
    violations->AddUnless(is_veth, field,
                          StrCat("driver ", DriverName(network.driver),
                                 " cannot limit bandwidth"));
    violations->AddUnless((*rate)->bytes_per_second > 0, field,
                          "must be above 0");
  }
}

}  // namespace

absl::Status ValidateNetwork(const Network& network) {
  Violations violations;
  violations.AddUnless(IsId(network.id), "id", "must be 32 hexadecimal digits");
  const bool needs_interface =
      network.driver != Driver::kBridge && network.driver != Driver::kPtp;
  if (needs_interface || !network.interface.empty()) {
    violations.AddUnless(IsLinkName(network.interface), "interface",
                         "must be the name of a link");
  }
  violations.AddUnless(
      network.driver != Driver::kPtp || network.interface.empty(), "interface",
      "driver ptp has none");
  for (size_t i = 0; i < network.subnets.size(); ++i) {
    CheckSubnet(network, i, &violations);
  }
  const uint32_t least = network.HasFamily(AF_INET6) ? kMinMtuV6 : kMinMtu;
  violations.AddUnless(
      network.mtu == 0 || (network.mtu >= least && network.mtu <= kMaxMtu),
      "mtu", StrCat("must be 0 or from ", least, " to ", kMaxMtu));
  violations.AddUnless(
      !network.isolate_endpoints || network.driver == Driver::kBridge,
      "isolateEndpoints", "only driver bridge can");
  return violations.Finish();
}

absl::Status ValidateEndpoint(const Network& network,
                              const Endpoint& endpoint) {
  Violations violations;
  violations.AddUnless(IsId(endpoint.id), "id",
                       "must be 32 hexadecimal digits");
  violations.AddUnless(endpoint.network_id == network.id, "networkId",
                       "is that of another network");
  violations.AddUnless(
      IsLinkName(endpoint.interface) && endpoint.interface != "lo" &&
          // To the kernel a pattern, from which it makes a name.
          endpoint.interface.find('%') == std::string::npos,
      "interface", "must be the name of a link");
  violations.AddUnless(endpoint.mac.is_zero() || endpoint.mac.is_unicast(),
                       "mac", "must be a unicast address");
  violations.AddUnless(endpoint.mac.is_zero() || !network.has_parents_mac(),
                       "mac",
                       "links of the network have that of its interface");
  for (size_t i = 0; i < endpoint.addresses.size(); ++i) {
    const std::string field = StrCat("addresses[", i, "]");
    const Subnet* const subnet = SubnetOf(network, endpoint.addresses[i]);
    violations.AddUnless(subnet != nullptr, field,
                         "is in no subnet of the network");
    violations.AddUnless(
        subnet == nullptr || subnet->gateway != endpoint.addresses[i].address,
        field, "is the gateway");
  }
  for (size_t i = 0; i < endpoint.sysctls.size(); ++i) {
    violations.AddUnless(SysctlPath(endpoint.sysctls[i].key).ok(),
                         StrCat("sysctls[", i, "]"), "is not below net/");
  }
  CheckRates(network, endpoint, &violations);
  const std::string& name = endpoint.alternative_name;
  violations.AddUnless(
      name.size() <= kMaxAlternativeName &&
          std::all_of(name.begin(), name.end(),
                      [](char c) {
                        return c > ' ' && c < 0x7f && c != '/' && c != ':';
                      }),
      "alternativeName", "must be at most 127 printable characters");
  return violations.Finish();
}

}  // namespace caisson::netsetup
