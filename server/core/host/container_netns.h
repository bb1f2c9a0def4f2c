// The network namespace of a container that runs.
//
// Process: caissond. Thread: any.
#ifndef CAISSON_SERVER_CORE_HOST_CONTAINER_NETNS_H_
#define CAISSON_SERVER_CORE_HOST_CONTAINER_NETNS_H_

#include <string_view>

#include "absl/status/statusor.h"

#include "runtime/base/unique_fd.h"
#include "server/core/host/inventory.h"
#include "server/store/records.h"

namespace caisson::core {

// By its first process. A number alone may be somebody else's by now: the
// cgroup tells. NOT_FOUND when the container does not run (any more), or ran
// under another kernel.
absl::StatusOr<base::UniqueFd> OpenNetns(
    const Places& places, std::string_view boot_id,
    const store::ContainerRecord& container);

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_HOST_CONTAINER_NETNS_H_
