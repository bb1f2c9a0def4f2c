// Executes plans: netlink requests and sysctls, in order, and back again when
// one fails. No decisions.
//
// Process: daemon. Thread: any; of the host's network namespace, as are all
// threads of the daemon.
#ifndef CAISSON_NETSETUP_NETWORK_APPLY_H_
#define CAISSON_NETSETUP_NETWORK_APPLY_H_

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "absl/status/status.h"

#include "netsetup/announcer.h"
#include "netsetup/netlink/socket.h"
#include "netsetup/network/op.h"

namespace caisson::netsetup {

// The namespaces that a plan names; all of it is borrowed.
struct Place {
  int fd = -1;
  Socket* socket = nullptr;
};
struct Places {
  Place host;
  std::map<NetnsName, Place> containers;
  // Without it nobody but the namespace of the op is told by Announce.
  Announcer* announcer = nullptr;
};

// Consulted before op `index`: an error fails it without doing it. Tests fail
// every op once; a crash is tested by not coming back. With a hook every op is
// sent for itself.
using FaultHook = std::function<absl::Status(size_t index)>;

// Numbers of links, by namespace and name.
using LinkIndexes = std::map<std::pair<NetnsName, std::string>, int>;

struct Applied {
  // "step 4 of 11: add address '10.0.0.2/24 to eth0': File exists", with the
  // payloads of a NetError.
  absl::Status status;
  // Which op failed, when one did.
  size_t failed = 0;
  // After a failure: whether everything that had been done is undone. If not,
  // the object has to be detached or destroyed once more.
  absl::Status undone;
  // Of links that were made, or had to be asked for.
  LinkIndexes indexes;
};

// All of the plan, or nothing of it. Ops of one namespace that need nothing
// from each other go to the kernel in one send; those behind a failed one in
// such a send are undone as well.
Applied Apply(const Plan& plan, const Places& places,
              const FaultHook& fault = nullptr);

}  // namespace caisson::netsetup

#endif  // CAISSON_NETSETUP_NETWORK_APPLY_H_
