// The start of the daemon: an actor for every row, and the removal of what has
// no row.
//
// Process: caissond. Thread: main.
#ifndef CAISSON_SERVER_CORE_MANAGER_RECOVERY_H_
#define CAISSON_SERVER_CORE_MANAGER_RECOVERY_H_

#include <string>

#include "server/core/actor/env.h"
#include "server/core/lifecycle.h"
#include "server/core/manager/registry.h"
#include "server/store/records.h"

namespace caisson::core {

// What an earlier daemon was about when it wrote the row.
State StateOf(const store::ContainerRecord& record);

// Makes the actors and lets each begin its recovery; those that find a shim
// finish on their own. Then removes directories, cgroups and sockets that have
// no row: a delete that was interrupted after its commit leaves them.
void RecoverContainers(Env* env, Registry* registry);

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_MANAGER_RECOVERY_H_
