// As json_fields.h, for network.h. Internal to json.cc.
//
// Process: daemon. Thread: any; pure.
#ifndef CAISSON_RUNTIME_SPEC_NETWORK_JSON_FIELDS_H_
#define CAISSON_RUNTIME_SPEC_NETWORK_JSON_FIELDS_H_

#include <concepts>
#include <type_traits>

#include "runtime/spec/network.h"

namespace caisson::spec {

// Calls visit("name", member) for each member. T is const for the writer.
template <typename T, typename Struct>
concept Is = std::same_as<std::remove_const_t<T>, Struct>;

template <Is<Bandwidth> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("bits_per_second", s.bits_per_second);
  visit("burst_bytes", s.burst_bytes);
}
template <Is<NetworkRoute> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("destination", s.destination);
  visit("gateway", s.gateway);
  visit("metric", s.metric);
}
template <Is<NetworkAttachment> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("network", s.network);
  visit("interface", s.interface);
  visit("addresses", s.addresses);
  visit("mac", s.mac);
  visit("aliases", s.aliases);
  visit("default_route", s.default_route);
  visit("routes", s.routes);
  visit("ingress", s.ingress);
  visit("egress", s.egress);
}
template <Is<PortMapping> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("container_port", s.container_port);
  visit("host_port", s.host_port);
  visit("host_ip", s.host_ip);
  visit("protocol", s.protocol);
  visit("count", s.count);
  visit("network", s.network);
}
template <Is<Dns> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("servers", s.servers);
  visit("searches", s.searches);
  visit("options", s.options);
}
template <Is<ExtraHost> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("name", s.name);
  visit("address", s.address);
}
template <Is<Network> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("mode", s.mode);
  visit("container", s.container);
  visit("namespace", s.namespace_name);
  visit("namespace_path", s.namespace_path);
  visit("networks", s.networks);
  visit("ports", s.ports);
  visit("dns", s.dns);
  visit("extra_hosts", s.extra_hosts);
}
template <Is<AddressRange> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("first", s.first);
  visit("last", s.last);
}
template <Is<Subnet> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("cidr", s.cidr);
  visit("gateway", s.gateway);
  visit("ranges", s.ranges);
  visit("reserved", s.reserved);
}
template <Is<Nat> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("routed", s.routed);
  visit("source", s.source);
}
template <Is<NetworkSpec> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("name", s.name);
  visit("labels", s.labels);
  visit("driver", s.driver);
  visit("interface", s.interface);
  visit("mode", s.mode);
  visit("subnets", s.subnets);
  visit("mtu", s.mtu);
  visit("internal", s.internal);
  visit("isolation", s.isolation);
  visit("isolate_endpoints", s.isolate_endpoints);
  visit("ingress", s.ingress);
  visit("nat4", s.nat4);
  visit("nat6", s.nat6);
  visit("no_dns", s.no_dns);
}

}  // namespace caisson::spec

#endif  // CAISSON_RUNTIME_SPEC_NETWORK_JSON_FIELDS_H_
