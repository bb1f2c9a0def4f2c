// The grammar of `user` and of group names: "name|uid[:group|gid]".
//
// Process: daemon. Thread: any; pure. Digits are always a number, never a
// name, so that nobody becomes root through a user called "0".
#ifndef CAISSON_RUNTIME_SPEC_USER_H_
#define CAISSON_RUNTIME_SPEC_USER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace caisson::spec {

// The highest uid and gid; 2^32-1 means "no change" to the kernel.
inline constexpr int64_t kMaxId = 4294967294;

// A user or a group: a number, or a name to look up inside the container.
struct Principal {
  std::optional<uint32_t> number;
  std::string name;  // when there is no number

  bool operator==(const Principal&) const = default;
};

struct UserRef {
  Principal user;
  std::optional<Principal> group;  // unset: the primary group of the user

  bool operator==(const UserRef&) const = default;
};

// Refuses signs, spaces, hex, names with "/" "," ":" or control characters,
// and names longer than 256 bytes. INVALID_ARGUMENT, with the reason only.
absl::StatusOr<Principal> ParsePrincipal(std::string_view text);

// Empty text means 0:0.
absl::StatusOr<UserRef> ParseUser(std::string_view text);

}  // namespace caisson::spec

#endif  // CAISSON_RUNTIME_SPEC_USER_H_
