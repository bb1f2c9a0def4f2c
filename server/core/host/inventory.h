// What the service has on this host, compared with what it should have: the
// objects of Audit, and the removal of those that nobody owns.
//
// Process: caissond. Thread: one that may wait for the kernel and the disk.
#ifndef CAISSON_SERVER_CORE_HOST_INVENTORY_H_
#define CAISSON_SERVER_CORE_HOST_INVENTORY_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "runtime/cgroup/base.h"
#include "server/core/system.h"

namespace caisson::core {

// A container that has a row.
struct ExpectedContainer {
  std::string id;
  // A shim and a cgroup belong to it.
  bool running = false;
  // Something is being made or removed: its objects may or may not exist.
  bool changing = false;
  std::set<uint64_t> execs;  // numbers of those that have a row
};

// Where the service keeps its things.
struct Places {
  std::string root;   // <root>/containers, trash, stock
  std::string state;  // <state>/shims
  cgroup::Base base;
};

// Every object, sorted by kind and key:
//   cgroup     directory in one hierarchy   directory  <root>/containers/<id>
//   exec       <root>/containers/<id>/x/<n> shim       lock of the container
//   socket     <state>/shims/<id>.sock      trash      <root>/trash/<name>
//   process    pid in a container's cgroup  stock      <root>/stock/<slot>
// Rows are read before the host is: pass what was expected then, and look
// again at an orphan before removing it (a container may have just been made).
absl::StatusOr<std::vector<AuditObject>> TakeInventory(
    const Places& places, const std::vector<ExpectedContainer>& expected);

// Removes an object that TakeInventory called an orphan; gone is OK. Kills
// what lives in a cgroup first. INVALID_ARGUMENT for what is no orphan.
absl::Status RemoveOrphan(const Places& places, const AuditObject& object);

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_HOST_INVENTORY_H_
