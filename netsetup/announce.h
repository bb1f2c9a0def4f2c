// Telling others on a link who has an address now, without being asked: who
// knew its last owner would go on sending to that one's MAC, for up to a minute
// (the kernel asks again only when nobody has answered for a while).
//
// Process: daemon. Thread: any.
#ifndef CAISSON_NETSETUP_ANNOUNCE_H_
#define CAISSON_NETSETUP_ANNOUNCE_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "netsetup/ip_address.h"
#include "runtime/base/unique_fd.h"

namespace caisson::netsetup {

// An Ethernet frame for everybody: an ARP announcement (RFC 5227, section 3),
// or an unsolicited neighbour advertisement (RFC 4861, section 7.2.6).
std::vector<uint8_t> BuildAnnouncement(const IpAddress& address,
                                       const MacAddress& mac);

// A socket for links of the network namespace of the calling thread; from any
// thread then. To close it takes the kernel tens of milliseconds: it waits for
// all processors (packet_release).
absl::StatusOr<base::UniqueFd> OpenAnnouncementSocket();

// Sends it out of the link of that number. A frame that gets lost, or a link
// that is down, is no error: who missed it asks later.
absl::Status SendAnnouncement(int socket, int link, const IpAddress& address,
                              const MacAddress& mac);

}  // namespace caisson::netsetup

#endif  // CAISSON_NETSETUP_ANNOUNCE_H_
