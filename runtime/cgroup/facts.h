// How the cgroups of this host are set up: which hierarchies are mounted where
// and which controllers each has. On hybrid hosts that differs by controller,
// so everything is asked per controller, never per host.
//
// Process: daemon, keeper. Thread: any; plain values.
#ifndef CAISSON_RUNTIME_CGROUP_FACTS_H_
#define CAISSON_RUNTIME_CGROUP_FACTS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace caisson::cgroup {

enum class Version { kV1 = 1, kV2 = 2 };

// One mounted hierarchy.
struct Hierarchy {
  Version version = Version::kV1;
  std::string mount_point;  // "/sys/fs/cgroup/memory"
  // Where this process is, relative to the mount point: "/" or "/a/b".
  std::string own_path;
  // v1: its controllers. v2: those of its root that no v1 hierarchy has.
  std::vector<std::string> controllers;

  bool Has(std::string_view controller) const;
};

struct Facts {
  std::vector<Hierarchy> hierarchies;  // with controllers, and the v2 tree
  bool has_kill = false;               // the v2 tree has cgroup.kill (5.14)
  bool has_freeze = false;             // the v2 tree has cgroup.freeze (5.2)

  // Null when there is none.
  const Hierarchy* Unified() const;
  const Hierarchy* Find(std::string_view controller) const;
  bool HasController(std::string_view controller) const {
    return Find(controller) != nullptr;
  }
  // Which version enforces the limits: that of the memory controller.
  Version LimitsVersion() const;
  // "v1", "v2" or "hybrid" (limits by v1, and a v2 tree beside).
  std::string_view Mode() const;
  // Sorted, each once.
  std::vector<std::string> Controllers() const;
};

// Pure: from /proc/self/mountinfo, /proc/self/cgroup and cgroup.controllers of
// the v2 tree's root (empty when there is no such tree).
absl::StatusOr<Facts> ParseFacts(std::string_view mountinfo,
                                 std::string_view self_cgroup,
                                 std::string_view unified_controllers);

// Reads those files and looks for cgroup.kill and cgroup.freeze.
absl::StatusOr<Facts> Detect();

}  // namespace caisson::cgroup

#endif  // CAISSON_RUNTIME_CGROUP_FACTS_H_
