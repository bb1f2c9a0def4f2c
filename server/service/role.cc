#include "server/service/role.h"

#include <algorithm>
#include <string>

#include "runtime/base/error_detail.h"
#include "runtime/base/str_cat.h"

namespace caisson::service {
namespace {

bool InGroup(const Peer& peer, std::optional<gid_t> gid) {
  if (!gid) return false;
  return peer.gid == *gid || std::find(peer.groups.begin(), peer.groups.end(),
                                       *gid) != peer.groups.end();
}

}  // namespace

std::string_view RoleName(Role role) {
  switch (role) {
    case Role::kNone:
      return "none";
    case Role::kRead:
      return "read";
    case Role::kOperate:
      return "operate";
    case Role::kAdmin:
      return "admin";
  }
  return "none";
}

absl::Status RoleTooLow(std::string_view what, Role role, Role needed) {
  return base::MakeError(
      absl::StatusCode::kPermissionDenied, "ROLE_TOO_LOW",
      base::StrCat(what, " needs the role ", RoleName(needed),
                   ", this connection has ", RoleName(role)),
      {{"role", std::string(RoleName(role))},
       {"needed", std::string(RoleName(needed))}});
}

Role RoleOf(const Peer& peer, const RolePolicy& policy) {
  if (peer.uid == 0 || peer.uid == policy.daemon_uid) return Role::kAdmin;
  if (InGroup(peer, policy.operator_gid)) return Role::kOperate;
  if (InGroup(peer, policy.reader_gid)) return Role::kRead;
  return Role::kNone;
}

}  // namespace caisson::service
