// Why the kernel refused a change of the network, as absl::Status: the text
// names operation, object, cause and the kernel's own words; all of them
// travel as payloads too. base::ErrnoOf works on it.
//
// Process: daemon. Thread: any; plain values.
#ifndef CAISSON_NETSETUP_NETLINK_NET_ERROR_H_
#define CAISSON_NETSETUP_NETLINK_NET_ERROR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

#include "netsetup/netlink/reply.h"

namespace caisson::netsetup {

// What a caller does about it. Each has one status code.
enum class NetErrorClass : uint8_t {
  kInvalid,      // INVALID_ARGUMENT: the request can never work
  kNotFound,     // NOT_FOUND: link, address or route is not there
  kConflict,     // ALREADY_EXISTS: name, address or index is taken, or in use
  kExhausted,    // RESOURCE_EXHAUSTED: a full bridge, no memory
  kUnsupported,  // UNIMPLEMENTED: this kernel does not have it
  kDenied,       // PERMISSION_DENIED
  kTransient,    // UNAVAILABLE: the same request may work a moment later
  kInternal,     // INTERNAL
};

NetErrorClass ClassOfErrno(int err);
absl::StatusCode CodeOf(NetErrorClass error_class);

struct NetError {
  // "create veth" and "cv0123456789a": what was tried, and on what.
  std::string op;
  std::string object;
  Ack ack;
};

// OK when ack.error is 0. Otherwise the text is
//   create veth 'cv01': File exists (the kernel's words)
absl::Status ToStatus(const NetError& error);
// The same for an errno alone.
absl::Status NetErrorFrom(int err, std::string_view op,
                          std::string_view object);

// What a status made above was made from, also after Annotate; ack.error is 0
// when it was made elsewhere.
NetError NetErrorOf(const absl::Status& status);

}  // namespace caisson::netsetup

#endif  // CAISSON_NETSETUP_NETLINK_NET_ERROR_H_
