// Forgetting connections that netfilter knows. A connection keeps the
// translation that it began with: when a port is published anew, or an address
// gets a new owner, what is left of the old one has to go. Mostly UDP, whose
// "connections" end only by silence.
//
// Process: daemon. Thread: one at a time.
#ifndef CAISSON_NETSETUP_CONNTRACK_H_
#define CAISSON_NETSETUP_CONNTRACK_H_

#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"

#include "netsetup/ip_address.h"
#include "netsetup/netfilter_socket.h"

namespace caisson::netsetup {

// Everything that is given has to fit; at least one thing is given.
struct FlowFilter {
  // IPPROTO_*.
  std::optional<uint8_t> protocol;
  // Where the connection was sent to, before any translation: the host's
  // address and port of a published port.
  std::optional<IpAddress> original_destination;
  std::optional<uint16_t> original_port;
  // How many ports from that one on.
  int port_count = 1;
  // Who answers: the container behind the port.
  std::optional<IpAddress> reply_source;
  // Who does not, of the same family: what leads there already stays.
  std::optional<IpAddress> except_reply_source;
  // Who began it: a container, for what it has to the outside.
  std::optional<IpAddress> original_source;
};

// One entry, as far as the filter asks.
struct Flow {
  uint8_t family = 0;
  uint8_t protocol = 0;
  IpAddress original_source;
  IpAddress original_destination;
  uint16_t original_port = 0;
  IpAddress reply_source;
  IpAddress reply_destination;
  // What names it to the kernel: the attributes of the original direction, of
  // the zone and of the id, as they came.
  std::string name;
};

// INVALID_ARGUMENT for a message that does not describe a flow.
absl::StatusOr<Flow> ParseFlow(const nlmsghdr* header);

bool Matches(const FlowFilter& filter, const Flow& flow);

// Deletes every flow that fits and returns how many there were. Flows that end
// meanwhile are no error. INVALID_ARGUMENT for a filter that fits everything.
absl::StatusOr<size_t> FlushFlows(NetfilterSocket* socket,
                                  const FlowFilter& filter);

// The same for all that `is_stale` says; each flow of the host is shown to it.
absl::StatusOr<size_t> FlushFlowsIf(
    NetfilterSocket* socket, absl::FunctionRef<bool(const Flow&)> is_stale);

// The same for all that any of the addresses began or answers. The kernel walks
// its whole table for each reading of it (10 ms with 262,144 buckets, whatever
// is in them): here that is once.
absl::StatusOr<size_t> FlushFlowsOf(NetfilterSocket* socket,
                                    const std::set<IpAddress>& addresses);

}  // namespace caisson::netsetup

#endif  // CAISSON_NETSETUP_CONNTRACK_H_
