// Bandwidth limits. What a link sends is held back by a token bucket; what it
// receives is redirected to an ifb of its own, which has the bucket.
//
// Process: daemon. Thread: any; pure.
#ifndef CAISSON_NETSETUP_TC_H_
#define CAISSON_NETSETUP_TC_H_

#include <cstdint>

#include "netsetup/netlink/message.h"

namespace caisson::netsetup {

struct Rate {
  // Above 0.
  uint64_t bytes_per_second = 0;
  // How much may go at once; 0: enough for the rate.
  uint32_t burst_bytes = 0;

  bool operator==(const Rate&) const = default;
};

// The burst that is used: at least what comes in one tick of the kernel's
// clock, and two of the largest packets.
uint32_t BurstOf(const Rate& rate);

// Limits what the link sends; replaces what there was.
Message BuildSetRate(int link, const Rate& rate);
// ENOENT or EINVAL when there is none.
Message BuildRemoveRate(int link);

// The two steps that send everything which comes in at `link` out through
// `target` instead. EEXIST when the first was done before.
Message BuildAddIngress(int link);
Message BuildRedirectIngress(int link, int target);
// Takes the redirection away with it. ENOENT or EINVAL when there is none.
Message BuildRemoveIngress(int link);

}  // namespace caisson::netsetup

#endif  // CAISSON_NETSETUP_TC_H_
