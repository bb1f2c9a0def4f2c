// The kernel's side of networks: links, addresses, routes and the firewall of
// the host, put together. No decisions about who gets what.
//
//   Networks --posts--> NetworkLane --> netsetup::Host    rtnetlink, sysctls
//                                   +-> netsetup::nft     one table
//                                   +-> StaleFlows        conntrack
//                                   +-> LentDevices       rows, mounts
//                                   +-> BorrowedBridges   rows, sysctls
//
// Process: caissond. Thread: the network executor's one thread, in the host's
// network namespace as all threads are; every call may wait for the kernel.
#ifndef CAISSON_SERVER_CORE_NETWORK_NETWORK_LANE_H_
#define CAISSON_SERVER_CORE_NETWORK_NETWORK_LANE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "netsetup/ip_address.h"
#include "netsetup/netfilter_socket.h"
#include "netsetup/network/host.h"
#include "netsetup/nft/table.h"
#include "netsetup/nft/watch.h"
#include "netsetup/sysctl.h"
#include "server/core/network/borrowed_bridges.h"
#include "server/core/network/endpoint_ref.h"
#include "server/core/network/lent_devices.h"
#include "server/core/network/network_errors.h"
#include "server/core/network/stale_flows.h"
#include "server/core/system.h"
#include "server/store/records.h"

namespace caisson::core {

// The host that a plan meets.
struct HostView {
  std::string instance;  // the daemon's part of tags
  std::string table;     // the firewall's name
  bool has_table = false;
  netsetup::Observed observed;
};

class NetworkLane {
 public:
  // `instance` marks what is ours: hexadecimal digits, the same for a root for
  // ever.
  static absl::StatusOr<std::unique_ptr<NetworkLane>> Open(
      const std::string& instance, LentDevices::Options devices);
  NetworkLane(const NetworkLane&) = delete;
  NetworkLane& operator=(const NetworkLane&) = delete;

  // The host has the network, or nothing of it.
  absl::Status Make(const store::NetworkRecord& network);
  absl::Status Unmake(const store::NetworkRecord& network);
  // The host as it is now, for explanations.
  absl::StatusOr<HostView> Look() const;

  // Before the first endpoint of a namespace: how its links shall behave
  // (NamespaceSysctls).
  absl::Status Prepare(int netns_fd,
                       const std::vector<netsetup::Sysctl>& sysctls);
  // Where programs may have run: what they have set, or their spec has, stays.
  static absl::Status PrepareRunning(int netns_fd,
                                     const spec::ContainerSpec& spec);
  // Returns the endpoint as it became, or leaves nothing of it.
  absl::StatusOr<store::Endpoint> Attach(const EndpointRef& ref, int netns_fd);
  // What is not there is no error. `how` as of netsetup; the namespace is not
  // needed where it ends.
  absl::Status Detach(const EndpointRef& ref, netsetup::DetachHow how,
                      int netns_fd = -1);

  // Of one that is attached without it: its gateways are the way out.
  absl::Status AddDefaultRoute(const EndpointRef& ref, int netns_fd) const;
  absl::Status RemoveDefaultRoute(const EndpointRef& ref, int netns_fd) const;

  // One port of an endpoint that is attached, or nothing of it. The port need
  // not be among those of the endpoint.
  absl::Status Publish(const EndpointRef& ref,
                       const store::PublishedPort& port);
  // What is not there is no error. Connections that are established go on, but
  // for those of protocols without any.
  absl::Status Unpublish(const EndpointRef& ref,
                         const store::PublishedPort& port);

  // After a start, and when somebody else changed something: everything that
  // shall be is, and nothing else of ours. The firewall first, whatever becomes
  // of links. What was done is logged and returned; an object that cannot be
  // read or repaired keeps no other from it.
  absl::StatusOr<std::vector<netsetup::Recovered>> Recover(
      const std::vector<store::NetworkPtr>& networks,
      const std::vector<LiveEndpoint>& endpoints);
  // The firewall has been made by Recover once. Before that nothing is added to
  // it: what an earlier daemon left there would go.
  bool is_recovered() const { return is_recovered_; }

  // What of it would be done of links, and why something cannot be.
  absl::StatusOr<std::vector<netsetup::Part>> PlanRecover(
      const std::vector<store::NetworkPtr>& networks,
      const std::vector<LiveEndpoint>& endpoints) const;

  // Makes the firewall what it shall be where somebody changed it, and forgets
  // the connections that took a wrong way meanwhile; whether there was anything
  // to do.
  absl::StatusOr<bool> MendTable(const std::vector<LiveEndpoint>& endpoints);
  // Sees what others change; see NetworkWatch.
  absl::StatusOr<netsetup::nft::Watch> WatchTable() const {
    return netsetup::nft::Watch::Open(table_);
  }

  // Gives the device of a network back that is about to go; see LentDevices.
  absl::Status ReturnDevice(const store::NetworkRecord& network) {
    return SetupFailed(devices_.Detach(network));
  }

  // For audits.
  absl::StatusOr<std::vector<AuditObject>> AuditDevices(
      const std::vector<LiveEndpoint>& live) const {
    return devices_.Audit(live);
  }
  absl::StatusOr<std::vector<netsetup::Link>> ListOwnLinks() const {
    return host_.ListOwnLinks();
  }
  // How the firewall differs from what it shall be for these, whatever we
  // think that we made of it; empty: it does not.
  absl::StatusOr<std::vector<std::string>> CheckTable(
      const std::vector<store::NetworkPtr>& networks,
      const std::vector<LiveEndpoint>& endpoints);
  absl::StatusOr<std::vector<netsetup::nft::ForeignDrop>> ForeignDrops() {
    return table_.DetectForeignDrops();
  }

  // Every subnet that the host has a route to.
  absl::StatusOr<std::vector<netsetup::IpPrefix>> Routes() const;

 private:
  NetworkLane(netsetup::Host host, netsetup::nft::Table table,
              netsetup::NetfilterSocket conntrack,
              std::unique_ptr<StaleFlows> stale_flows,
              LentDevices::Options devices);

  absl::Status AddElements(const std::vector<netsetup::nft::Element>& elements);
  absl::Status RemoveElements(
      const std::vector<netsetup::nft::Element>& elements);
  // What shall be, for Recover.
  struct Wanted;
  static absl::Status Want(const store::NetworkRecord& network, Wanted* wanted);
  static absl::Status Want(const LiveEndpoint& endpoint, Wanted* wanted);
  void ForgetFlows(const netsetup::FlowFilter& filter);
  absl::Status ForgetMisled(const std::vector<LiveEndpoint>& endpoints);

  netsetup::Host host_;
  netsetup::nft::Table table_;
  netsetup::NetfilterSocket conntrack_;
  netsetup::SysctlWriter sysctls_;
  std::unique_ptr<StaleFlows> stale_flows_;
  bool has_table_ = false;
  bool is_recovered_ = false;
  BorrowedBridges bridges_;
  LentDevices devices_;
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_NETWORK_NETWORK_LANE_H_
