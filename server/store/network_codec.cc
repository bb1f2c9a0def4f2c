#include "server/store/network_codec.h"

#include <utility>

#include "runtime/base/status_macros.h"
#include "runtime/spec/json.h"

namespace caisson::store {
namespace {

Json EncodeBandwidth(const spec::Bandwidth& bandwidth) {
  Json json = Json::object();
  Put(&json, "bits", bandwidth.bits_per_second);
  Put(&json, "burst", bandwidth.burst_bytes);
  return json;
}

void PutBandwidth(Json* object, const char* key,
                  const std::optional<spec::Bandwidth>& value) {
  if (value.has_value()) (*object)[key] = EncodeBandwidth(*value);
}

void GetBandwidth(const Json& object, const char* key,
                  std::optional<spec::Bandwidth>* value) {
  const Json* member = Member(object, key);
  if (member == nullptr) return;
  value->emplace();
  Get(*member, "bits", &(*value)->bits_per_second);
  Get(*member, "burst", &(*value)->burst_bytes);
}

Json EncodeRoute(const spec::NetworkRoute& route) {
  Json json = Json::object();
  Put(&json, "to", route.destination);
  Put(&json, "via", route.gateway);
  Put(&json, "metric", route.metric);
  return json;
}

spec::NetworkRoute DecodeRoute(const Json& json) {
  spec::NetworkRoute route;
  Get(json, "to", &route.destination);
  Get(json, "via", &route.gateway);
  Get(json, "metric", &route.metric);
  return route;
}

Json EncodePort(const PublishedPort& port) {
  Json json = Json::object();
  Put(&json, "protocol", port.protocol);
  Put(&json, "host_ip", port.host_ip);
  Put(&json, "host_port", port.host_port);
  Put(&json, "port", port.container_port);
  json["count"] = port.count;
  return json;
}

PublishedPort DecodePort(const Json& json) {
  PublishedPort port;
  Get(json, "protocol", &port.protocol);
  Get(json, "host_ip", &port.host_ip);
  Get(json, "host_port", &port.host_port);
  Get(json, "port", &port.container_port);
  Get(json, "count", &port.count);
  return port;
}

// A part of a network's spec, or all of it.
Json EncodeSpec(const spec::NetworkSpec& spec) {
  return ParseJson(spec::SpecToJson(spec));
}

Json EncodeLent(const LentDevice& lent) {
  Json json = Json::object();
  Put(&json, "endpoint", lent.endpoint_id);
  Put(&json, "container", lent.container_id);
  Put(&json, "interface", lent.interface);
  Put(&json, "endpoint_mac", lent.endpoint_mac);
  Put(&json, "boot", lent.boot_id);
  Put(&json, "index", lent.index);
  Put(&json, "kind", lent.kind);
  Put(&json, "mac", lent.mac);
  Put(&json, "mtu", lent.mtu);
  Put(&json, "group", lent.group);
  Put(&json, "up", lent.up ? 1 : 0);
  Put(&json, "alias", lent.alias);
  Put(&json, "alternative_names", lent.alternative_names);
  Put(&json, "address_generation", lent.address_generation);
  return json;
}

LentDevice DecodeLent(const Json& json) {
  LentDevice lent;
  Get(json, "endpoint", &lent.endpoint_id);
  Get(json, "container", &lent.container_id);
  Get(json, "interface", &lent.interface);
  Get(json, "endpoint_mac", &lent.endpoint_mac);
  Get(json, "boot", &lent.boot_id);
  Get(json, "index", &lent.index);
  Get(json, "kind", &lent.kind);
  Get(json, "mac", &lent.mac);
  Get(json, "mtu", &lent.mtu);
  Get(json, "group", &lent.group);
  Get(json, "up", &lent.up);
  Get(json, "alias", &lent.alias);
  Get(json, "alternative_names", &lent.alternative_names);
  Get(json, "address_generation", &lent.address_generation);
  return lent;
}

}  // namespace

std::string EncodeNetwork(const NetworkRecord& record) {
  Json json = Json::object();
  json["name"] = record.name;
  if (record.spec != nullptr) json["spec"] = EncodeSpec(*record.spec);
  if (!record.subnets.empty()) {
    spec::NetworkSpec effective;
    effective.subnets = record.subnets;
    json["effective"] = EncodeSpec(effective);
  }
  Put(&json, "intent", Number(record.intent));
  Put(&json, "up", record.up ? 1 : 0);
  if (record.lent.has_value()) json["lent"] = EncodeLent(*record.lent);
  Put(&json, "loopback_boot", record.loopback_boot_id);
  Put(&json, "request", record.request_id);
  Put(&json, "create_time", record.create_time);
  Put(&json, "create_revision", record.create_revision);
  Put(&json, "revision", record.revision);
  return DumpJson(json);
}

absl::Status DecodeNetwork(std::string_view text, NetworkRecord* record) {
  CAISSON_ASSIGN_OR_RETURN(const Json json, ParseObject(text, "network"));
  Get(json, "name", &record->name);
  if (const Json* spec = Member(json, "spec"); spec != nullptr) {
    CAISSON_ASSIGN_OR_RETURN(spec::NetworkSpec parsed,
                             spec::NetworkSpecFromJson(DumpJson(*spec)));
    record->spec = std::make_shared<const spec::NetworkSpec>(std::move(parsed));
  }
  if (const Json* effective = Member(json, "effective"); effective != nullptr) {
    CAISSON_ASSIGN_OR_RETURN(spec::NetworkSpec parsed,
                             spec::NetworkSpecFromJson(DumpJson(*effective)));
    record->subnets = std::move(parsed.subnets);
  }
  GetEnum(json, "intent", Intent::kDelete, Intent::kNone, &record->intent);
  Get(json, "up", &record->up);
  if (const Json* lent = Member(json, "lent"); lent != nullptr) {
    record->lent = DecodeLent(*lent);
  }
  Get(json, "loopback_boot", &record->loopback_boot_id);
  Get(json, "request", &record->request_id);
  Get(json, "create_time", &record->create_time);
  Get(json, "create_revision", &record->create_revision);
  Get(json, "revision", &record->revision);
  return absl::OkStatus();
}

std::string EncodeNetworkNamespace(const NetworkNamespaceRecord& record) {
  Json json = Json::object();
  json["name"] = record.name;
  Put(&json, "intent", Number(record.intent));
  Put(&json, "inode", record.inode);
  Put(&json, "boot", record.boot_id);
  Put(&json, "request", record.request_id);
  Put(&json, "create_time", record.create_time);
  Put(&json, "create_revision", record.create_revision);
  Put(&json, "revision", record.revision);
  return DumpJson(json);
}

absl::Status DecodeNetworkNamespace(std::string_view text,
                                    NetworkNamespaceRecord* record) {
  CAISSON_ASSIGN_OR_RETURN(const Json json,
                           ParseObject(text, "network namespace"));
  Get(json, "name", &record->name);
  GetEnum(json, "intent", Intent::kDelete, Intent::kNone, &record->intent);
  Get(json, "inode", &record->inode);
  Get(json, "boot", &record->boot_id);
  Get(json, "request", &record->request_id);
  Get(json, "create_time", &record->create_time);
  Get(json, "create_revision", &record->create_revision);
  Get(json, "revision", &record->revision);
  return absl::OkStatus();
}

Json EncodeEndpoint(const Endpoint& endpoint) {
  Json json = Json::object();
  Put(&json, "id", endpoint.id);
  Put(&json, "network", endpoint.network_id);
  Put(&json, "network_name", endpoint.network_name);
  Put(&json, "interface", endpoint.interface);
  Put(&json, "mac", endpoint.mac);
  Put(&json, "addresses", endpoint.addresses);
  Put(&json, "gateways", endpoint.gateways);
  Put(&json, "aliases", endpoint.aliases);
  Put(&json, "announce", endpoint.announce ? 1 : 0);
  Put(&json, "default_route", endpoint.default_route ? 1 : 0);
  Put(&json, "never_default_route", endpoint.never_default_route ? 1 : 0);
  for (const spec::NetworkRoute& route : endpoint.routes) {
    json["routes"].push_back(EncodeRoute(route));
  }
  PutBandwidth(&json, "ingress", endpoint.ingress);
  PutBandwidth(&json, "egress", endpoint.egress);
  for (const PublishedPort& port : endpoint.ports) {
    json["ports"].push_back(EncodePort(port));
  }
  Put(&json, "host_link", endpoint.host_link);
  Put(&json, "inside_index", endpoint.inside_index);
  Put(&json, "attached", endpoint.attached ? 1 : 0);
  return json;
}

Endpoint DecodeEndpoint(const Json& json) {
  Endpoint endpoint;
  Get(json, "id", &endpoint.id);
  Get(json, "network", &endpoint.network_id);
  Get(json, "network_name", &endpoint.network_name);
  Get(json, "interface", &endpoint.interface);
  Get(json, "mac", &endpoint.mac);
  Get(json, "addresses", &endpoint.addresses);
  Get(json, "gateways", &endpoint.gateways);
  Get(json, "aliases", &endpoint.aliases);
  Get(json, "announce", &endpoint.announce);
  Get(json, "default_route", &endpoint.default_route);
  Get(json, "never_default_route", &endpoint.never_default_route);
  ForEachItem(json, "routes", [&](const Json& item) {
    endpoint.routes.push_back(DecodeRoute(item));
  });
  GetBandwidth(json, "ingress", &endpoint.ingress);
  GetBandwidth(json, "egress", &endpoint.egress);
  ForEachItem(json, "ports", [&](const Json& item) {
    endpoint.ports.push_back(DecodePort(item));
  });
  Get(json, "host_link", &endpoint.host_link);
  Get(json, "inside_index", &endpoint.inside_index);
  Get(json, "attached", &endpoint.attached);
  return endpoint;
}

}  // namespace caisson::store
