// Addresses as numbers, to count with.
//
// Process: daemon. Thread: any; pure.
#ifndef CAISSON_NETSETUP_IPAM_VALUES_H_
#define CAISSON_NETSETUP_IPAM_VALUES_H_

#include "netsetup/ip_address.h"
#include "netsetup/ipam/offsets.h"

namespace caisson::netsetup::ipam {

Offset ValueOf(const IpAddress& address);

// The address with that number; of IPv4 the low 32 bits count.
IpAddress AddressFrom(Offset value, bool ip6);

// The bits behind a prefix. Its length must be one that its address can have.
Offset HostMask(const IpPrefix& prefix);

}  // namespace caisson::netsetup::ipam

#endif  // CAISSON_NETSETUP_IPAM_VALUES_H_
