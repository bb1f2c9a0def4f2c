// What the services work with, put together once by main and shared by all
// roles.
//
// Process: caissond. Thread: any (constant after main has filled it in).
#ifndef CAISSON_SERVER_SERVICE_BACKEND_H_
#define CAISSON_SERVER_SERVICE_BACKEND_H_

#include <string>

#include "server/core/container_manager.h"
#include "server/core/event_log.h"
#include "server/core/exec_manager.h"
#include "server/core/network_manager.h"
#include "server/core/output_source.h"
#include "server/core/system.h"
#include "server/service/stream_slots.h"
#include "server/store/store.h"

namespace caisson::service {

// Limits of this layer, as GetInfo tells them.
inline constexpr int kMaxAttachPerContainer = 2048;
inline constexpr int kMaxWatches = 1024;
inline constexpr int kMaxLogStreams = 2048;

struct Backend {
  core::ContainerManager* containers = nullptr;
  core::ExecManager* execs = nullptr;
  core::NetworkManager* networks = nullptr;
  core::System* system = nullptr;
  core::OutputService* output = nullptr;
  core::EventLog* events = nullptr;
  store::Store* store = nullptr;
  std::string version;

  StreamSlots* attach_slots = nullptr;
  StreamSlots* watch_slots = nullptr;
  StreamSlots* log_slots = nullptr;
};

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_BACKEND_H_
