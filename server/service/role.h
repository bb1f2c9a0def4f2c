// The role of a connection: what its peer, as the kernel names it, may do.
//
// Process: caissond. Thread: any (plain values).
#ifndef CAISSON_SERVER_SERVICE_ROLE_H_
#define CAISSON_SERVER_SERVICE_ROLE_H_

#include <sys/types.h>

#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace caisson::service {

// Ordered: each may do all that the ones before it may.
enum class Role { kNone, kRead, kOperate, kAdmin };

// "none", "read", "operate", "admin".
std::string_view RoleName(Role role);

// PERMISSION_DENIED ROLE_TOO_LOW for `what`, a method or a value of a field.
absl::Status RoleTooLow(std::string_view what, Role role, Role needed);

// Who is at the other end of a connection, from SO_PEERCRED and
// SO_PEERGROUPS: as it was when it connected.
struct Peer {
  pid_t pid = 0;
  uid_t uid = static_cast<uid_t>(-1);
  gid_t gid = static_cast<gid_t>(-1);
  std::vector<gid_t> groups;
};

struct RolePolicy {
  uid_t daemon_uid = 0;  // ADMIN, as uid 0 is
  std::optional<gid_t> operator_gid;
  std::optional<gid_t> reader_gid;
};

// The highest role that applies.
Role RoleOf(const Peer& peer, const RolePolicy& policy);

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_ROLE_H_
