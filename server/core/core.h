// Core, wired: containers, execs and the system behind their interfaces, with
// the threads, the link to the shims and the recovery that they share.
//
//   main: lock the root -> Store::Open -> OutputService -> Core::Open
//         -> Recover -> serve ... -> stop serving -> BeginShutdown -> ~Core
//
// Process: caissond. Thread: main for Open, Recover and destruction; the
// interfaces from any.
#ifndef CAISSON_SERVER_CORE_CORE_H_
#define CAISSON_SERVER_CORE_CORE_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "server/core/container_manager.h"
#include "server/core/exec_manager.h"
#include "server/core/network_manager.h"
#include "server/core/output_source.h"
#include "server/core/system.h"
#include "server/store/store.h"

namespace caisson::core {

struct CoreOptions {
  std::string root;         // absolute; exists and is locked by this process
  std::string state;        // absolute; exists
  std::string cgroup_base;  // as --cgroup-base
  std::string shim_path;    // the caisson-shim to start a missing keeper with
  int threads = 0;          // 0: by the number of processors
};

class Core {
 public:
  // Looks at the host, makes the directories below root and state and the
  // cgroup base, and starts the threads. The store and the output service
  // outlive core. FAILED_PRECONDITION IN_USE: the base has another owner.
  static absl::StatusOr<std::unique_ptr<Core>> Open(const CoreOptions& options,
                                                    store::Store* store,
                                                    OutputService* output);

  // Leaves containers running. Callbacks that were waiting are called with
  // UNAVAILABLE SHUTTING_DOWN before this returns.
  virtual ~Core() = default;

  // Compares the rows with the host and adopts, repairs or removes. Containers
  // whose shim does not answer yet are finished in the background. Blocks for
  // a moment; calls before it has returned get UNAVAILABLE RECOVERING.
  virtual absl::Status Recover() = 0;

  virtual ContainerManager& containers() = 0;
  virtual ExecManager& execs() = 0;
  virtual NetworkManager& networks() = 0;
  virtual System& system() = 0;

  // From now on calls get UNAVAILABLE SHUTTING_DOWN, waiting ones at once;
  // what is under way may end.
  virtual void BeginShutdown() = 0;
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_CORE_H_
