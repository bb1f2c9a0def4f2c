// The cgroups of one container or one exec: the same name in every hierarchy
// that matters, as one value.
//
// Process: daemon, keeper, shim. Thread: any; plain values.
#ifndef CAISSON_RUNTIME_CGROUP_GROUP_H_
#define CAISSON_RUNTIME_CGROUP_GROUP_H_

#include <string>
#include <string_view>
#include <vector>

namespace caisson::cgroup {

// `what` of the v2 tree; in v1 it is the controllers, as "cpu,cpuacct".
inline constexpr std::string_view kUnified = "unified";

struct Directory {
  std::string what;
  std::string path;

  bool operator==(const Directory&) const = default;
};

// One directory per hierarchy. Everything that driver.h does with a group
// includes what is below: the group of a container has its execs in it.
struct Group {
  std::vector<Directory> directories;
  // The v2 tree has cgroup.kill: the way to end everything in one write.
  bool has_kill = false;

  bool operator==(const Group&) const = default;

  // Null when there is none.
  const Directory* Unified() const;
  // The v1 directory with this controller, else the v2 one.
  const Directory* Find(std::string_view controller) const;
};

// The group below `group` with one more path component in every hierarchy.
Group Child(const Group& group, std::string_view name);

}  // namespace caisson::cgroup

#endif  // CAISSON_RUNTIME_CGROUP_GROUP_H_
