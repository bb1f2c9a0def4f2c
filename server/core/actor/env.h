// What all actors share: the parts of core, put together once.
//
// Process: caissond. Thread: any; constant after core was opened but for the
// flags, and every part is thread-safe.
#ifndef CAISSON_SERVER_CORE_ACTOR_ENV_H_
#define CAISSON_SERVER_CORE_ACTOR_ENV_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "runtime/linux/host_facts.h"
#include "server/core/errors.h"
#include "server/core/executor.h"
#include "server/core/host/inventory.h"
#include "server/core/host/slow_lane.h"
#include "server/core/host/trash.h"
#include "server/core/launch/directory_stock.h"
#include "server/core/output_source.h"
#include "server/core/request_table.h"
#include "server/shimlink/link.h"
#include "server/store/store.h"

namespace caisson::core {

class NamedNamespaces;
class Networks;

// Limits, as GetInfo tells them.
inline constexpr int64_t kMaxContainers = 4096;
inline constexpr int64_t kMaxRunningExecs = shim::kMaxExecs;
inline constexpr int64_t kMaxFinishedExecs = 64;

struct Env {
  store::Store* store = nullptr;
  OutputService* output = nullptr;
  Executor* executor = nullptr;  // queues and timers
  Executor* blocking = nullptr;  // kills and removals that wait for the kernel
  SlowLane* lane = nullptr;      // looks that may hang
  shimlink::Link* link = nullptr;
  Trash* trash = nullptr;
  DirectoryStock* stock = nullptr;
  RequestTable* requests = nullptr;
  Networks* networks = nullptr;
  NamedNamespaces* namespaces = nullptr;
  Places places;
  linux_::HostFacts facts;
  // The actor has nothing left to do: its cgroups and its shim are gone.
  std::function<void(const std::string& id)> forget;
  // After this an exit that the store refused is tried again.
  absl::Duration commit_retry = absl::Seconds(1);
  std::atomic<bool> recovering = true;
  std::atomic<bool> shutting_down = false;

  // Why no call is taken at the moment.
  absl::Status Gate() const {
    if (shutting_down) return ShuttingDown();
    return recovering ? Recovering() : absl::OkStatus();
  }

  std::string ContainerDirectory(const std::string& id) const {
    return places.root + "/containers/" + id;
  }
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_ACTOR_ENV_H_
