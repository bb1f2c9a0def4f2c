// What can still be had of a container that was deleted not long ago: its last
// record and its exit.
//
// Process: caissond. Thread: any.
#ifndef CAISSON_SERVER_CORE_MANAGER_TOMBSTONE_H_
#define CAISSON_SERVER_CORE_MANAGER_TOMBSTONE_H_

#include "server/core/actor/env.h"
#include "server/core/container_manager.h"

namespace caisson::core {

// A stream without output: it ends with the exit.
Started AttachTombstone(Env* env, const ContainerPtr& tombstone, bool replayed);

WaitResult WaitOnTombstone(const ContainerPtr& tombstone);

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_MANAGER_TOMBSTONE_H_
