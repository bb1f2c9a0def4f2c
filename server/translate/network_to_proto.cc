#include "server/translate/network_to_proto.h"

#include "server/translate/process_to_proto.h"
#include "server/translate/spec_to_proto.h"
#include "server/translate/utf8.h"

namespace caisson::translate {
namespace {

namespace pb = ::caisson::v1;

void BandwidthToProto(const spec::Bandwidth& bandwidth, pb::Bandwidth* out) {
  out->set_bits_per_second(bandwidth.bits_per_second);
  out->set_burst_bytes(bandwidth.burst_bytes);
}

void AttachmentToProto(const spec::NetworkAttachment& attachment,
                       pb::NetworkAttachment* out) {
  out->set_network(SanitizeUtf8(attachment.network));
  out->set_interface(SanitizeUtf8(attachment.interface));
  ListToProto(attachment.addresses, out->mutable_addresses());
  out->set_mac(SanitizeUtf8(attachment.mac));
  ListToProto(attachment.aliases, out->mutable_aliases());
  if (attachment.default_route) {
    out->set_default_route(*attachment.default_route);
  }
  for (const spec::NetworkRoute& route : attachment.routes) {
    pb::NetworkRoute* added = out->add_routes();
    added->set_destination(SanitizeUtf8(route.destination));
    added->set_gateway(SanitizeUtf8(route.gateway));
    added->set_metric(route.metric);
  }
  if (attachment.ingress) {
    BandwidthToProto(*attachment.ingress, out->mutable_ingress());
  }
  if (attachment.egress) {
    BandwidthToProto(*attachment.egress, out->mutable_egress());
  }
}

void ModeToProto(const spec::Network& network, pb::Network* out) {
  switch (network.mode) {
    case spec::NetworkMode::kDefault:
      return;
    case spec::NetworkMode::kNone:
      out->set_none(true);
      return;
    case spec::NetworkMode::kHost:
      out->set_host(true);
      return;
    case spec::NetworkMode::kContainer:
      out->set_container(SanitizeUtf8(network.container));
      return;
    case spec::NetworkMode::kNamespace:
      out->set_namespace_(SanitizeUtf8(network.namespace_name));
      return;
    case spec::NetworkMode::kNamespacePath:
      out->set_namespace_path(SanitizeUtf8(network.namespace_path));
      return;
    case spec::NetworkMode::kAttach: {
      pb::NetworkAttachments* attach = out->mutable_attach();
      for (const spec::NetworkAttachment& attachment : network.networks) {
        AttachmentToProto(attachment, attach->add_networks());
      }
      return;
    }
  }
}

void PortToProto(const spec::PortMapping& port, pb::PortMapping* out) {
  out->set_container_port(port.container_port);
  out->set_host_port(port.host_port);
  out->set_host_ip(SanitizeUtf8(port.host_ip));
  out->set_protocol(SanitizeUtf8(port.protocol));
  out->set_count(port.count);
  out->set_network(SanitizeUtf8(port.network));
}

void NatToProto(const spec::Nat& nat, pb::Nat* out) {
  if (nat.routed) out->set_routed(true);
  if (!nat.source.empty()) out->set_source(SanitizeUtf8(nat.source));
}

}  // namespace

void NetworkToProto(const spec::Network& network, pb::Network* out) {
  ModeToProto(network, out);
  for (const spec::PortMapping& port : network.ports) {
    PortToProto(port, out->add_ports());
  }
  if (network.dns) {
    pb::Dns* dns = out->mutable_dns();
    ListToProto(network.dns->servers, dns->mutable_servers());
    ListToProto(network.dns->searches, dns->mutable_searches());
    ListToProto(network.dns->options, dns->mutable_options());
  }
  for (const spec::ExtraHost& host : network.extra_hosts) {
    pb::ExtraHost* added = out->add_extra_hosts();
    added->set_name(SanitizeUtf8(host.name));
    added->set_address(SanitizeUtf8(host.address));
  }
}

void SubnetToProto(const spec::Subnet& subnet, pb::Subnet* out) {
  out->set_cidr(SanitizeUtf8(subnet.cidr));
  out->set_gateway(SanitizeUtf8(subnet.gateway));
  for (const spec::AddressRange& range : subnet.ranges) {
    pb::AddressRange* added = out->add_ranges();
    added->set_first(SanitizeUtf8(range.first));
    added->set_last(SanitizeUtf8(range.last));
  }
  ListToProto(subnet.reserved, out->mutable_reserved());
}

void SpecToProto(const spec::NetworkSpec& spec, pb::NetworkSpec* out) {
  out->set_name(SanitizeUtf8(spec.name));
  MapToProto(spec.labels, out->mutable_labels());
  out->set_driver(SanitizeUtf8(spec.driver));
  out->set_interface(SanitizeUtf8(spec.interface));
  out->set_mode(SanitizeUtf8(spec.mode));
  for (const spec::Subnet& subnet : spec.subnets) {
    SubnetToProto(subnet, out->add_subnets());
  }
  out->set_mtu(spec.mtu);
  out->set_internal(spec.internal);
  out->set_isolation(static_cast<pb::NetworkIsolation>(spec.isolation));
  out->set_isolate_endpoints(spec.isolate_endpoints);
  out->set_ingress(spec.ingress);
  if (spec.nat4 != spec::Nat()) NatToProto(spec.nat4, out->mutable_nat4());
  if (spec.nat6 != spec::Nat()) NatToProto(spec.nat6, out->mutable_nat6());
  out->set_no_dns(spec.no_dns);
}

}  // namespace caisson::translate
