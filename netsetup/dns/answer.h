// What a network's server does with the bytes of a query. It answers what its
// zones know, and says what is for others:
//
//     the name                               | network       | internal one
//     of a container, an alias, a short id,  | its addresses, or no error and
//     an address of a container (PTR)        | no record (*), never forwarded
//     below the network's domain, or the     | no such name
//     address of a subnet, and none of these |
//     anything else, single labels too       | forwarded     | no such name
//
//     (*) Another type or the other family: NXDOMAIN would make resolvers give
//     up on the family that exists.
//
// On an internal network "no such name" is the truth: there is no outside.
// REFUSED would be no better: musl waits for its whole timeout on it.
// Answers may be kept for kTtlSeconds: a name may move to another container
// any time, and an address is nobody else's for the 10 s of its quarantine.
// Negative ones have no SOA record, so nobody may keep them (RFC 2308, 5): a
// container that is about to start must not be missing until a cache forgets.
//
// Process: daemon. Thread: any; pure.
#ifndef CAISSON_NETSETUP_DNS_ANSWER_H_
#define CAISSON_NETSETUP_DNS_ANSWER_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "netsetup/dns/message.h"
#include "netsetup/dns/zone.h"

namespace caisson::netsetup::dns {

inline constexpr uint32_t kTtlSeconds = 1;

struct Answer {
  enum class Action {
    kDrop,     // not even an error: what is no query may be a forged response
    kRespond,  // with `response`
    kForward,
  };
  Action action = Action::kDrop;
  Bytes response;
  // For kForward: where the question ends, and how large a reply may be.
  size_t question_end = 0;
  size_t max_reply_bytes = 0;
};

// `zones` are those of the networks of the client: that of the server that it
// asked comes first, the first that knows a name wins, and one that is not
// internal allows forwarding. Addresses begin with the one of number
// `rotation`, counted around; what does not fit is left out, over UDP with the
// bit that says so. Without a zone nothing is known: SERVFAIL.
Answer BuildAnswer(std::span<const Zone* const> zones, ByteView query,
                   Transport transport, uint32_t rotation);

// The error response to a query that is at least a header. Question and EDNS
// are repeated when the query is well formed.
Bytes BuildError(ByteView query, ResponseCode code);

}  // namespace caisson::netsetup::dns

#endif  // CAISSON_NETSETUP_DNS_ANSWER_H_
