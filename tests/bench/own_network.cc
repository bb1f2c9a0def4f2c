#include "tests/bench/own_network.h"

#include <time.h>

#include <utility>

#include "absl/time/time.h"

#include "netsetup/ipam/subnet.h"
#include "netsetup/netns.h"
#include "runtime/base/random_id.h"
#include "runtime/base/status_macros.h"
#include "server/core/network/port_probe.h"

namespace caisson::bench {
namespace {

absl::Duration SinceBoot() {
  timespec now = {};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return absl::DurationFromTimespec(now);
}

absl::StatusOr<store::NetworkPtr> BuildRecord(const std::string& cidr) {
  CAISSON_ASSIGN_OR_RETURN(const netsetup::IpPrefix prefix,
                           netsetup::ParseIpPrefix(cidr));
  CAISSON_ASSIGN_OR_RETURN(const netsetup::IpAddress gateway,
                           netsetup::ipam::AddressIn(prefix, 1));
  auto record = std::make_shared<store::NetworkRecord>();
  record->id = base::RandomId();
  record->name = "bench";
  record->spec = std::make_shared<spec::NetworkSpec>();
  record->subnets = {{.cidr = cidr, .gateway = gateway.ToString()}};
  return record;
}

}  // namespace

absl::StatusOr<std::unique_ptr<OwnNetwork>> OwnNetwork::Create(
    const std::string& instance, const std::string& cidr) {
  CAISSON_ASSIGN_OR_RETURN(store::NetworkPtr network, BuildRecord(cidr));
  CAISSON_ASSIGN_OR_RETURN(std::unique_ptr<core::NetworkLane> lane,
                           core::NetworkLane::Open(instance, {}));
  CAISSON_RETURN_IF_ERROR(lane->Recover({}, {}).status());
  CAISSON_RETURN_IF_ERROR(lane->Make(*network));
  std::unique_ptr<OwnNetwork> own(
      new OwnNetwork(std::move(network), std::move(lane)));
  CAISSON_RETURN_IF_ERROR(own->book_.Add(*own->network_));
  return own;
}

OwnNetwork::OwnNetwork(store::NetworkPtr network,
                       std::unique_ptr<core::NetworkLane> lane)
    : network_(std::move(network)),
      lane_(std::move(lane)),
      book_(
          "boot", [this](std::string_view) { return network_; },
          &core::IsPortFree, &core::IsAddressFree, &SinceBoot) {}

absl::StatusOr<store::Endpoint> OwnNetwork::Attach(
    int netns_fd, std::vector<spec::PortMapping> ports) {
  spec::Network wanted;
  wanted.mode = spec::NetworkMode::kAttach;
  wanted.networks = {{.network = network_->name}};
  wanted.ports = std::move(ports);
  for (spec::PortMapping& port : wanted.ports) {
    if (port.host_ip.empty()) port.host_ip = "0.0.0.0";
  }
  CAISSON_ASSIGN_OR_RETURN(const core::Reservation reservation,
                           book_.Reserve(wanted, "network"));
  CAISSON_RETURN_IF_ERROR(lane_->Prepare(
      netns_fd, netsetup::DefaultSysctls(netsetup::LinkEnds::kOwnBridges)));
  return lane_->Attach({.network = network_,
                        .endpoint = reservation.endpoints.front(),
                        .container_id = network_->id},
                       netns_fd);
}

absl::Status OwnNetwork::Detach(const store::Endpoint& endpoint,
                                netsetup::DetachHow how, int netns_fd) {
  CAISSON_RETURN_IF_ERROR(lane_->Detach(
      {.network = network_, .endpoint = endpoint, .container_id = network_->id},
      how, netns_fd));
  book_.Release({endpoint});
  return absl::OkStatus();
}

absl::Status OwnNetwork::End(const store::Endpoint& endpoint, int netns_fd) {
  return lane_->Detach(
      {.network = network_, .endpoint = endpoint, .container_id = network_->id},
      netsetup::DetachHow::kNow, netns_fd);
}

}  // namespace caisson::bench
