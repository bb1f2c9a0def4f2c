// Which network namespaces have a name, and whose the names are: by the tags of
// PinNetns (netns.h), read from under what is mounted over them.
//
// Process: daemon. Thread: any that may mount; nothing that stays is mounted.
#ifndef CAISSON_NETSETUP_NETNS_PINS_H_
#define CAISSON_NETSETUP_NETNS_PINS_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "netsetup/netns.h"

namespace caisson::netsetup {

struct NetnsPin {
  std::string name;
  // Empty: somebody else's, `ip netns` leaves none.
  std::string tag;
  // None: nothing is mounted there, or no network namespace.
  std::optional<NetnsId> netns;

  bool operator==(const NetnsPin&) const = default;
};

// Every name, sorted; none when there is no such directory.
absl::StatusOr<std::vector<NetnsPin>> ListNetnsPins(
    std::string_view directory = kNamedNetnsDirectory);

// One of them; nothing when the name is free.
absl::StatusOr<std::optional<NetnsPin>> FindNetnsPin(
    std::string_view name, std::string_view directory = kNamedNetnsDirectory);

}  // namespace caisson::netsetup

#endif  // CAISSON_NETSETUP_NETNS_PINS_H_
