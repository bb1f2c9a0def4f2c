#include "clients/caisson/network_spec_flags.h"

#include "clients/caisson/ip_text.h"

namespace caisson::cli {

namespace {

// The subnet that an address lies in; null: none.
v1::Subnet* SubnetOf(const IpValue& ip, v1::NetworkSpec* spec) {
  for (v1::Subnet& subnet : *spec->mutable_subnets()) {
    const auto span = ParseIpSubnet(subnet.cidr());
    if (span.has_value() && span->Contains(ip)) return &subnet;
  }
  return nullptr;
}

// Finds the subnet of the address in `text`; "" or what is wrong.
std::string FindSubnet(const char* flag, const std::string& text,
                       const std::optional<IpValue>& ip, v1::NetworkSpec* spec,
                       v1::Subnet** subnet) {
  const std::string what = std::string(flag) + ": \"" + text + "\" is ";
  if (!ip.has_value()) return what + "no address";
  *subnet = SubnetOf(*ip, spec);
  return *subnet == nullptr ? what + "in no --subnet" : "";
}

// "masquerade", "routed" or an address.
void TakeNat(const std::string& text, v1::Nat* nat) {
  if (text == "routed") {
    nat->set_routed(true);
  } else {
    nat->set_source(text);
  }
}

}  // namespace

void NetworkSpecFlags::Declare(Flags* flags) {
  flags->Text("-d,--driver", &driver, "DRIVER",
              "bridge, ptp, macvlan, ipvlan or host-device; default: bridge");
  flags->Text("--interface", &interface, "NAME",
              "interface of the host: an existing bridge, the link below, or "
              "the device");
  flags->Text("--mode", &mode, "MODE",
              "of macvlan: bridge, private, vepa, passthru; of ipvlan: l2, l3, "
              "l3s");
  flags->Texts("-l,--label", &labels, "NAME[=VALUE]", "set a label");
  flags->Texts("--subnet", &subnets, "CIDR",
               "addresses of the network, as 10.1.0.0/16; one of each family, "
               "or more");
  flags->Texts("--gateway", &gateways, "ADDRESS", "gateway of a subnet");
  flags->Texts("--ip-range", &ranges, "CIDR|FIRST-LAST",
               "choose addresses of a subnet from here alone");
  flags->Texts("--reserve", &reserved, "ADDRESS",
               "give this address only to who asks for it");
  flags->Number("--mtu", &mtu, "BYTES", "largest packet");
  flags->Switch("--internal", &internal, "no way to the outside");
  flags->Text("--isolation", &isolation, "none|network|strict",
              "what other networks reach: everything, published ports, "
              "nothing; default: network");
  flags->Switch("--isolate-endpoints", &isolate_endpoints,
                "its containers do not reach each other");
  flags->Switch("--ingress", &ingress,
                "the outside reaches the containers' own addresses");
  flags->Text("--nat4", &nat4, "masquerade|routed|ADDRESS",
              "how IPv4 leaves; default: masquerade");
  flags->Text("--nat6", &nat6, "masquerade|routed|ADDRESS", "how IPv6 leaves");
  flags->Switch("--no-dns", &no_dns, "do not answer for names of containers");
}

std::string NetworkSpecFlags::Fill(v1::NetworkSpec* spec) const {
  spec->set_driver(driver);
  spec->set_interface(interface);
  spec->set_mode(mode);
  for (const std::string& text : labels) {
    const size_t equals = text.find('=');
    if (text.empty() || equals == 0) {
      return "--label: \"" + text + "\" is not NAME[=VALUE]";
    }
    (*spec->mutable_labels())[text.substr(0, equals)] =
        equals == std::string::npos ? "" : text.substr(equals + 1);
  }
  if (mtu.has_value()) spec->set_mtu(*mtu);
  spec->set_internal(internal);
  spec->set_isolate_endpoints(isolate_endpoints);
  spec->set_ingress(ingress);
  spec->set_no_dns(no_dns);
  std::string wrong = FillSubnets(spec);
  return wrong.empty() ? FillTraffic(spec) : wrong;
}

std::string NetworkSpecFlags::FillSubnets(v1::NetworkSpec* spec) const {
  for (const std::string& text : subnets) spec->add_subnets()->set_cidr(text);
  v1::Subnet* subnet = nullptr;
  std::string wrong;
  for (const std::string& text : gateways) {
    wrong = FindSubnet("--gateway", text, ParseIpValue(text), spec, &subnet);
    if (!wrong.empty()) return wrong;
    subnet->set_gateway(text);
  }
  for (const std::string& text : ranges) {
    const std::optional<IpSpan> span = ParseIpSpan(text);
    if (!span.has_value()) {
      return "--ip-range: \"" + text + "\" is not CIDR or FIRST-LAST";
    }
    wrong = FindSubnet("--ip-range", text, span->first, spec, &subnet);
    if (!wrong.empty()) return wrong;
    v1::AddressRange* range = subnet->add_ranges();
    range->set_first(span->first.Text());
    range->set_last(span->last.Text());
  }
  for (const std::string& text : reserved) {
    wrong = FindSubnet("--reserve", text, ParseIpValue(text), spec, &subnet);
    if (!wrong.empty()) return wrong;
    subnet->add_reserved(text);
  }
  return "";
}

std::string NetworkSpecFlags::FillTraffic(v1::NetworkSpec* spec) const {
  if (isolation == "none") {
    spec->set_isolation(v1::NETWORK_ISOLATION_NONE);
  } else if (isolation == "network") {
    spec->set_isolation(v1::NETWORK_ISOLATION_NETWORK);
  } else if (isolation == "strict") {
    spec->set_isolation(v1::NETWORK_ISOLATION_STRICT);
  } else if (!isolation.empty()) {
    return "--isolation: \"" + isolation + "\" is not none, network or strict";
  }
  // To masquerade is what happens unless something else is asked for.
  if (!nat4.empty() && nat4 != "masquerade") {
    TakeNat(nat4, spec->mutable_nat4());
  }
  if (!nat6.empty() && nat6 != "masquerade") {
    TakeNat(nat6, spec->mutable_nat6());
  }
  return "";
}

}  // namespace caisson::cli
