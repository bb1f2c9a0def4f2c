// The host's side of networks, as the daemon uses it: make a network, attach
// and detach an endpoint, put everything right after a crash. Observes, plans,
// applies.
//
// Process: daemon. Thread: any of the host's network namespace, several at a
// time: every call has a socket of its own, and the kernel puts requests in
// order. Calls for one object come one at a time; the caller sees to that.
//
// The caller stores what it is about to do before each call and what came of
// it after. Whatever a call was interrupted by, Destroy and Detach remove what
// is there.
#ifndef CAISSON_NETSETUP_NETWORK_HOST_H_
#define CAISSON_NETSETUP_NETWORK_HOST_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "netsetup/announcer.h"
#include "netsetup/link.h"
#include "netsetup/netns.h"
#include "netsetup/network/apply.h"
#include "netsetup/network/network.h"
#include "netsetup/network/plan.h"
#include "runtime/base/unique_fd.h"

namespace caisson::netsetup {

struct Attachment {
  // The host's side of the veth; empty for drivers without one.
  std::string host_link;
  // What the container has; zero when it is that of the device below.
  MacAddress mac;
  // The number of the link in the container; 0: not known.
  int inside_index = 0;
};

// What became of one object of a recovery.
struct Recovered {
  // One of them is set; none for links without an owner.
  std::string network_id;
  std::string endpoint_id;
  // What was done, as of Describe; empty: all was well.
  std::vector<std::string> steps;
  absl::Status status;
};

class Host {
 public:
  // In the network namespace of the calling thread. `instance` marks what is
  // this daemon's: hexadecimal digits that stay the same for its root.
  static absl::StatusOr<Host> Open(std::string_view instance);

  // Both are no error when all is done already. INVALID_ARGUMENT as of
  // ValidateNetwork; else as of PlanCreateNetwork, or a NetError.
  absl::Status CreateNetwork(const Network& network) const;
  absl::Status DestroyNetwork(const Network& network) const;

  // Gives the container of `netns_fd` the endpoint, or changes nothing. What is
  // left of an earlier attachment of the endpoint goes first. A
  // NetError of class kExhausted when the bridge is full, kConflict when a name
  // or an address is taken. `fault` as of Apply.
  absl::StatusOr<Attachment> Attach(const Network& network,
                                    const Endpoint& endpoint, int netns_fd,
                                    const FaultHook& fault = nullptr) const;
  // No error when there is nothing (any more). `netns_fd` is -1 when the
  // namespace is gone. A device is the host's again, as of endpoint.device; at
  // once also where the namespace ends. ENODEV when it is nowhere, EEXIST when
  // another link of the host has its name.
  absl::Status Detach(const Network& network, const Endpoint& endpoint,
                      int netns_fd, DetachHow how) const;

  // The interface of a network with the driver host-device, while it is the
  // host's. ENODEV.
  absl::StatusOr<DeviceState> DescribeDevice(const Network& network) const;
  // Whether the container has the link of the endpoint; it has no veth.
  absl::StatusOr<bool> HasInside(const Network& network,
                                 const Endpoint& endpoint, int netns_fd) const;

  // Makes the gateways of an endpoint that is attached the container's way out,
  // for each family that has none; another one stays.
  absl::Status AddDefaultRoute(const Network& network, const Endpoint& endpoint,
                               int netns_fd) const;

  // Its inverse: nothing for what is not there, or leads elsewhere.
  absl::Status RemoveDefaultRoute(const Network& network,
                                  const Endpoint& endpoint, int netns_fd) const;

  // After a start: adopts, repairs, makes anew, removes. `netns_of` gives the
  // namespace of an endpoint's container. One object that fails takes no other
  // with it.
  absl::StatusOr<std::vector<Recovered>> Recover(
      const Desired& desired,
      const std::function<int(const std::string& endpoint_id)>& netns_of) const;

  // What Recover would do.
  absl::StatusOr<std::vector<Part>> PlanRecover(
      const Desired& desired,
      const std::function<int(const std::string& endpoint_id)>& netns_of) const;

  // What plans of networks and endpoints start from; no container is looked
  // into.
  absl::StatusOr<Observed> Look() const;
  const std::string& instance() const { return instance_; }

  // As the container counts: what it received is rx. NOT_FOUND when the
  // endpoint is not attached.
  absl::StatusOr<LinkCounters> Counters(const Network& network,
                                        const Endpoint& endpoint,
                                        int netns_fd) const;

  // Every link of the host that has our tag, for an audit.
  absl::StatusOr<std::vector<Link>> ListOwnLinks() const;

 private:
  struct Seen;
  struct Container;

  Host(std::string instance, Netns netns, base::UniqueFd announcements);

  absl::Status GiveBack(const Network& network, const Endpoint& endpoint,
                        int netns_fd) const;
  absl::StatusOr<Link> FindInside(const Network& network,
                                  const Endpoint& endpoint,
                                  Container* container) const;

  absl::Status LookForRecover(
      const Desired& desired,
      const std::function<int(const std::string& endpoint_id)>& netns_of,
      Seen* seen) const;

  std::string instance_;
  // To give moved devices back.
  Netns netns_;
  std::unique_ptr<Announcer> announcer_;
};

}  // namespace caisson::netsetup

#endif  // CAISSON_NETSETUP_NETWORK_HOST_H_
