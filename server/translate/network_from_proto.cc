#include "server/translate/network_from_proto.h"

#include <string>
#include <string_view>
#include <utility>

#include "runtime/base/error_detail.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/spec/validate.h"
#include "server/translate/message.h"
#include "server/translate/process_from_proto.h"
#include "server/translate/spec_from_proto.h"

namespace caisson::translate {
namespace {

namespace pb = ::caisson::v1;

spec::Bandwidth BandwidthFromProto(const pb::Bandwidth& proto) {
  return {.bits_per_second = proto.bits_per_second(),
          .burst_bytes = proto.burst_bytes()};
}

spec::NetworkAttachment Translate(const pb::NetworkAttachment& proto) {
  spec::NetworkAttachment out;
  out.network = proto.network();
  out.interface = proto.interface();
  out.addresses = ListFromProto(proto.addresses());
  out.mac = proto.mac();
  out.aliases = ListFromProto(proto.aliases());
  if (proto.has_default_route()) out.default_route = proto.default_route();
  for (const pb::NetworkRoute& route : proto.routes()) {
    out.routes.push_back({.destination = route.destination(),
                          .gateway = route.gateway(),
                          .metric = route.metric()});
  }
  if (proto.has_ingress()) out.ingress = BandwidthFromProto(proto.ingress());
  if (proto.has_egress()) out.egress = BandwidthFromProto(proto.egress());
  return out;
}

void ModeFromProto(const pb::Network& proto, Violations* violations,
                   spec::Network* out) {
  switch (proto.mode_case()) {
    case pb::Network::kNone:
      RequireTrue(proto.none(), "spec.network.none", violations);
      out->mode = spec::NetworkMode::kNone;
      return;
    case pb::Network::kHost:
      RequireTrue(proto.host(), "spec.network.host", violations);
      out->mode = spec::NetworkMode::kHost;
      return;
    case pb::Network::kContainer:
      out->mode = spec::NetworkMode::kContainer;
      out->container = proto.container();
      return;
    case pb::Network::kAttach:
      out->mode = spec::NetworkMode::kAttach;
      for (const pb::NetworkAttachment& network : proto.attach().networks()) {
        out->networks.push_back(Translate(network));
      }
      return;
    case pb::Network::kNamespace:
      out->mode = spec::NetworkMode::kNamespace;
      out->namespace_name = proto.namespace_();
      return;
    case pb::Network::kNamespacePath:
      out->mode = spec::NetworkMode::kNamespacePath;
      out->namespace_path = proto.namespace_path();
      return;
    case pb::Network::MODE_NOT_SET:
      return;
  }
}

spec::PortMapping Translate(const pb::PortMapping& proto) {
  return {.container_port = proto.container_port(),
          .host_port = proto.host_port(),
          .host_ip = proto.host_ip(),
          .protocol = proto.protocol(),
          .count = proto.count(),
          .network = proto.network()};
}

spec::Subnet SubnetFromProto(const pb::Subnet& proto) {
  spec::Subnet out;
  out.cidr = proto.cidr();
  out.gateway = proto.gateway();
  for (const pb::AddressRange& range : proto.ranges()) {
    out.ranges.push_back({.first = range.first(), .last = range.last()});
  }
  out.reserved = ListFromProto(proto.reserved());
  return out;
}

spec::Nat NatFromProto(const pb::Nat& proto, std::string_view field,
                       Violations* violations) {
  spec::Nat out;
  switch (proto.kind_case()) {
    case pb::Nat::kRouted:
      RequireTrue(proto.routed(), base::StrCat(field, ".routed"), violations);
      out.routed = true;
      break;
    case pb::Nat::kSource:
      out.source = proto.source();
      // Below, the empty text would mean that nothing was asked for.
      if (out.source.empty()) {
        violations->push_back(
            {base::StrCat(field, ".source"), "must be an address of the host"});
      }
      break;
    case pb::Nat::KIND_NOT_SET:
      break;
  }
  return out;
}

// One part of a spec alone; nothing in it cannot be translated.
template <typename Spec, typename Proto>
absl::StatusOr<Spec> PartFromProto(const Proto& proto,
                                   const std::string& path) {
  CAISSON_RETURN_IF_ERROR(RejectUnknownFields(proto, path));
  Spec spec = Translate(proto);
  Violations violations = spec::Validate(spec, path);
  if (!violations.empty()) return base::InvalidFields(std::move(violations));
  return spec;
}

}  // namespace

absl::StatusOr<spec::NetworkAttachment> AttachmentFromProto(
    const pb::NetworkAttachment& proto, const std::string& path) {
  return PartFromProto<spec::NetworkAttachment>(proto, path);
}

absl::StatusOr<spec::PortMapping> PortFromProto(const pb::PortMapping& proto,
                                                const std::string& path) {
  return PartFromProto<spec::PortMapping>(proto, path);
}

spec::Network NetworkFromProto(const pb::Network& proto,
                               Violations* violations) {
  spec::Network out;
  ModeFromProto(proto, violations, &out);
  for (const pb::PortMapping& port : proto.ports()) {
    out.ports.push_back(Translate(port));
  }
  if (proto.has_dns()) {
    out.dns = {.servers = ListFromProto(proto.dns().servers()),
               .searches = ListFromProto(proto.dns().searches()),
               .options = ListFromProto(proto.dns().options())};
  }
  for (const pb::ExtraHost& host : proto.extra_hosts()) {
    out.extra_hosts.push_back({.name = host.name(), .address = host.address()});
  }
  return out;
}

spec::NetworkSpec TranslateSpec(const pb::NetworkSpec& proto,
                                Violations* violations) {
  spec::NetworkSpec out;
  out.name = proto.name();
  out.labels = MapFromProto(proto.labels());
  out.driver = proto.driver();
  out.interface = proto.interface();
  out.mode = proto.mode();
  for (const pb::Subnet& subnet : proto.subnets()) {
    out.subnets.push_back(SubnetFromProto(subnet));
  }
  out.mtu = proto.mtu();
  out.internal = proto.internal();
  out.isolation = static_cast<spec::NetworkIsolation>(proto.isolation());
  out.isolate_endpoints = proto.isolate_endpoints();
  out.ingress = proto.ingress();
  out.nat4 = NatFromProto(proto.nat4(), "spec.nat4", violations);
  out.nat6 = NatFromProto(proto.nat6(), "spec.nat6", violations);
  out.no_dns = proto.no_dns();
  return out;
}

}  // namespace caisson::translate
