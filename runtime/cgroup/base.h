// The base: the cgroup below which everything of one daemon lives, in every
// hierarchy. Nothing outside of it is ever listed, changed or removed.
//
// Process: daemon (create), keeper (join). Thread: one at start.
//
//   <base>/               one daemon's; no process on v2
//   <base>/owner-<name>   marks whose it is; always empty
//   <base>/keeper         the keeper and the shims
//   <base>/<id>/          one container: limits, no process
//   <base>/<id>/init      its own processes
//   <base>/<id>/x<n>      its n-th exec
#ifndef CAISSON_RUNTIME_CGROUP_BASE_H_
#define CAISSON_RUNTIME_CGROUP_BASE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "runtime/cgroup/facts.h"
#include "runtime/cgroup/group.h"

namespace caisson::cgroup {

struct Base {
  Facts facts;
  // The base itself: a directory in every hierarchy that containers use. The
  // v1 cpuset is last and used only by containers that ask for it.
  Group group;
  // v2: the controllers that can be delegated to containers. Known after
  // CreateBase.
  std::vector<std::string> unified_controllers;
  // v1 cpuset of the base, which every new child needs a copy of.
  std::string cpuset_cpus;
  std::string cpuset_mems;
  // v1: memory.memsw.* exist (boot parameter swapaccount).
  bool has_v1_swap = false;

  Group Container(std::string_view id) const;
  Group Exec(std::string_view id, uint32_t number) const;
  // Path of a container in the hierarchy that limits memory, without the mount
  // point: for people.
  std::string DisplayPath(std::string_view id) const;
};

// Pure. `path` as in --cgroup-base: absolute from the root of each hierarchy,
// or relative: to the cgroup of this process on v1 and hybrid hosts, to the
// root on pure v2 (where a cgroup with processes cannot have children with
// controllers). Empty: "caisson". INVALID_ARGUMENT for ".." and the root.
absl::StatusOr<Base> ResolveBase(const Facts& facts, std::string_view path);

// Makes the base and its keeper cgroup, delegates controllers to it (v2) and
// gives it cpus and memory nodes (v1), marks it with `owner` (letters and
// digits, the store's id), and fills in what is known only now.
// FAILED_PRECONDITION IN_USE when another owner has containers below it.
absl::Status CreateBase(std::string_view owner, Base* base);

// The same without change: for a keeper that was started before the daemon.
// Makes the directories, not the mark.
absl::Status CreateKeeperGroup(Base* base);

// Moves the calling process, which must have one thread, into the keeper's
// cgroup. Its children are born there.
absl::Status JoinKeeperGroup(const Base& base);

// Names of the containers that have a cgroup in any hierarchy, sorted: all
// directories but the keeper's and the mark.
absl::StatusOr<std::vector<std::string>> ListContainers(const Base& base);

// Removes keeper cgroup, mark and base when they are empty: nothing while a
// keeper is in it. OK when gone.
absl::Status RemoveBase(const Base& base);

}  // namespace caisson::cgroup

#endif  // CAISSON_RUNTIME_CGROUP_BASE_H_
