// A container that runs, with what it has of networks.
//
// Process: caissond. Thread: the network lane.
// Ownership: it holds the namespace until the container's end, to change and
// repair it.
#ifndef CAISSON_SERVER_CORE_NETWORK_LIVE_CONTAINER_H_
#define CAISSON_SERVER_CORE_NETWORK_LIVE_CONTAINER_H_

#include <string>
#include <vector>

#include "absl/time/time.h"

#include "runtime/base/unique_fd.h"
#include "server/store/records.h"

namespace caisson::core {

struct LiveContainer {
  std::string name;
  base::UniqueFd netns;  // invalid: could not be opened yet
  std::vector<store::Endpoint> endpoints;
  // How often something of it was repaired, and when it last was.
  int repairs = 0;
  absl::Time last_repair = absl::InfinitePast();
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_NETWORK_LIVE_CONTAINER_H_
