#include "server/core/network/network_errors.h"

#include <cerrno>
#include <string>

#include "absl/strings/str_cat.h"

#include "netsetup/netlink/net_error.h"
#include "runtime/base/error_detail.h"
#include "runtime/base/str_cat.h"
#include "runtime/base/syscall_error.h"

namespace caisson::core {

using absl::StatusCode;
using base::MakeError;
using base::StrCat;

namespace {

// BR_MAX_PORTS of the kernel, but for the number that is none.
constexpr int kMaxBridgePorts = 1023;

std::string TextOf(const store::PublishedPort& port) {
  return absl::StrCat(port.host_ip, ":", port.host_port, "/", port.protocol);
}

}  // namespace

absl::Status NetworkNotFound(std::string_view network) {
  return MakeError(StatusCode::kNotFound, "NETWORK_NOT_FOUND",
                   StrCat("no network '", network, "'"),
                   {{"network", std::string(network)}});
}

absl::Status AlreadyConnected(std::string_view network) {
  return MakeError(
      StatusCode::kAlreadyExists, "ALREADY_CONNECTED",
      StrCat("the container is connected to network '", network, "' already"),
      {{"network", std::string(network)}});
}

absl::Status NotConnected(std::string_view network) {
  return MakeError(
      StatusCode::kFailedPrecondition, "NOT_CONNECTED",
      network.empty()
          ? "the container is connected to no network"
          : StrCat("the container is not connected to network '", network, "'"),
      {{"network", std::string(network)}});
}

absl::Status PortNotPublished(const store::PublishedPort& port) {
  const std::string where = TextOf(port);
  return MakeError(StatusCode::kNotFound, "PORT_NOT_PUBLISHED",
                   StrCat("the container does not publish port ", where),
                   {{"port", where}});
}

absl::Status NetworkInUse(std::string_view network, size_t endpoints) {
  return MakeError(
      StatusCode::kFailedPrecondition, "NETWORK_IN_USE",
      StrCat("network '", network, "' has ", endpoints, " attached"),
      {{"network", std::string(network)},
       {"endpoints", absl::StrCat(endpoints)}});
}

absl::Status SubnetOfNetwork(std::string_view subnet,
                             std::string_view network) {
  return MakeError(
      StatusCode::kAlreadyExists, "SUBNET_IN_USE",
      StrCat("subnet ", subnet, " overlaps network '", network, "'"),
      {{"subnet", std::string(subnet)}, {"network", std::string(network)}});
}

absl::Status SubnetOfHost(std::string_view subnet, std::string_view route) {
  return MakeError(
      StatusCode::kAlreadyExists, "SUBNET_IN_USE",
      StrCat("subnet ", subnet, " overlaps the host's route to ", route),
      {{"subnet", std::string(subnet)}, {"route", std::string(route)}});
}

absl::Status AddressInUse(std::string_view network, std::string_view address) {
  return MakeError(
      StatusCode::kAlreadyExists, "ADDRESS_IN_USE",
      StrCat("address ", address, " of network '", network, "' is taken"),
      {{"network", std::string(network)}, {"address", std::string(address)}});
}

absl::Status NoFreeAddress(std::string_view network, const absl::Status& why) {
  return MakeError(
      StatusCode::kResourceExhausted, "NO_FREE_ADDRESS",
      StrCat("network '", network, "': ", base::StdView(why.message())),
      {{"network", std::string(network)}});
}

absl::Status PortInUse(const store::PublishedPort& port, std::string_view by) {
  const std::string where = TextOf(port);
  return MakeError(StatusCode::kAlreadyExists, "PORT_IN_USE",
                   StrCat("port ", where, " is taken by ", by),
                   {{"port", where}, {"by", std::string(by)}});
}

absl::Status NetworkNamespaceNotFound(std::string_view name) {
  return MakeError(StatusCode::kNotFound, "NETWORK_NAMESPACE_NOT_FOUND",
                   StrCat("no network namespace '", name, "'"),
                   {{"network_namespace", std::string(name)}});
}

absl::Status NetworkNamespaceInUse(std::string_view name,
                                   std::string_view container) {
  return MakeError(StatusCode::kFailedPrecondition, "NETWORK_NAMESPACE_IN_USE",
                   StrCat("container '", container,
                          "' is in network namespace '", name, "'"),
                   {{"network_namespace", std::string(name)},
                    {"container", std::string(container)}});
}

absl::Status NetworkNamespaceBroken(std::string_view name,
                                    std::string_view path,
                                    std::string_view why) {
  return MakeError(
      StatusCode::kFailedPrecondition, "NETWORK_NAMESPACE_BROKEN",
      StrCat("network namespace '", name, "' is not at '", path, "': ", why),
      {{"network_namespace", std::string(name)}, {"path", std::string(path)}});
}

absl::Status NetworkNamespaceNameTaken(std::string_view name,
                                       std::string_view path) {
  return MakeError(StatusCode::kAlreadyExists, "NAME_IN_USE",
                   StrCat("'", path, "' is there already, and is not ours"),
                   {{"name", std::string(name)}, {"path", std::string(path)}});
}

absl::Status SetupFailed(const absl::Status& status) {
  if (status.ok() || !base::DetailOf(status).reason.empty()) return status;
  const netsetup::NetError error = netsetup::NetErrorOf(status);
  const std::string text(base::StdView(status.message()));
  const int err = base::ErrnoOf(status);
  if (err == EXFULL) {
    return MakeError(StatusCode::kResourceExhausted, "LIMIT_REACHED",
                     StrCat("the bridge has no free port: ", text),
                     {{"limit", "bridge_ports"},
                      {"value", absl::StrCat(kMaxBridgePorts)},
                      {"errno", base::ErrnoName(err)}});
  }
  if (absl::IsUnimplemented(status)) {
    return MakeError(StatusCode::kUnimplemented, "FEATURE_UNAVAILABLE", text,
                     {{"errno", base::ErrnoName(err)}});
  }
  return MakeError(StatusCode::kFailedPrecondition, "NETWORK_SETUP_FAILED",
                   text,
                   {{"step", error.op},
                    {"object", error.object},
                    {"errno", base::ErrnoName(err)},
                    {"kernel", error.ack.text}});
}

}  // namespace caisson::core
