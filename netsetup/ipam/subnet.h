// Which subnets a network may have beside what the host already reaches.
//
// Process: daemon. Thread: any; pure.
#ifndef CAISSON_NETSETUP_IPAM_SUBNET_H_
#define CAISSON_NETSETUP_IPAM_SUBNET_H_

#include <cstdint>
#include <optional>
#include <span>

#include "absl/status/statusor.h"

#include "netsetup/ip_address.h"

namespace caisson::netsetup::ipam {

// What of `taken` (routes of the host, subnets of other networks) `subnet`
// would cover or be covered by. Default routes collide with nothing.
std::optional<IpPrefix> FindOverlap(const IpPrefix& subnet,
                                    std::span<const IpPrefix> taken);

// The first part of `length` bits of the first candidate that overlaps nothing
// in `taken`. RESOURCE_EXHAUSTED when there is none, INVALID_ARGUMENT for a
// length that a candidate does not have.
absl::StatusOr<IpPrefix> ChooseSubnet(std::span<const IpPrefix> candidates,
                                      int length,
                                      std::span<const IpPrefix> taken);

// The address `number` behind the first one of a subnet: 1 is the usual
// gateway. INVALID_ARGUMENT when the subnet ends before.
absl::StatusOr<IpAddress> AddressIn(const IpPrefix& subnet, uint64_t number);

}  // namespace caisson::netsetup::ipam

#endif  // CAISSON_NETSETUP_IPAM_SUBNET_H_
