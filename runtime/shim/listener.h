// Local sockets of keeper and shims: where they listen, and who may speak.
//
// Process: keeper, shim. Thread: main only.
#ifndef CAISSON_RUNTIME_SHIM_LISTENER_H_
#define CAISSON_RUNTIME_SHIM_LISTENER_H_

#include "runtime/base/unique_fd.h"

namespace caisson::shim {

// A SOCK_SEQPACKET socket with mode 0600 that listens as `name` in a
// directory, in place of whatever had that name: the caller knows that it is
// the only one with a right to it. `name` may be as long as a file name: the
// 108 bytes of a socket address do not count. Invalid with errno on failure.
base::UniqueFd ListenAt(int directory_fd, const char* name) noexcept;

// Accepts one connection, non-blocking. Invalid with errno EAGAIN when there
// is none, with EPERM when the peer is neither root nor our own user.
base::UniqueFd AcceptPeer(int listen_fd) noexcept;

}  // namespace caisson::shim

#endif  // CAISSON_RUNTIME_SHIM_LISTENER_H_
