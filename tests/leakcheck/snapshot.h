// Finds what was left behind: processes, zombies, namespaces, descriptors,
// mounts, cgroups and files, straight from /proc, cgroupfs and the disk.
//
// Shares no code with the programs under test, so that an error of theirs in
// finding an object is not repeated here.
//
// Everything is scoped: other programs of the same kind may run on the host.
#ifndef CAISSON_TESTS_LEAKCHECK_SNAPSHOT_H_
#define CAISSON_TESTS_LEAKCHECK_SNAPSHOT_H_

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace caisson::leakcheck {

// A process that is looked at closely, under a name that outlives its pid.
struct Watched {
  std::string label;
  pid_t pid = -1;
};

struct Scope {
  // All descendants of this process count; -1: none. With
  // PR_SET_CHILD_SUBREAPER it keeps those whose parents are gone.
  pid_t ancestor = -1;
  // Their descriptors, threads' namespaces and mounts count.
  std::vector<Watched> watched;
  // Every cgroup in and below a directory of this name, in every hierarchy;
  // empty: none.
  std::string cgroup_base;
  // Files below them, and the mounts of this process on or from them.
  std::vector<std::string> directories;
};

// What was seen, and how often.
using Snapshot = std::map<std::string, int>;

Snapshot Take(const Scope& scope);

// One line for each object of which there is more or less than before; empty
// when both are the same.
std::vector<std::string> Diff(const Snapshot& before, const Snapshot& after);

// Only what is there now and was not before.
std::vector<std::string> Added(const Snapshot& before, const Snapshot& after);

std::string ToText(const Snapshot& snapshot);
Snapshot FromText(const std::string& text);

// Each adds the objects of one kind.
void AddProcesses(pid_t ancestor, const std::vector<Watched>& watched,
                  Snapshot* snapshot);
void AddDescriptors(const Watched& watched, Snapshot* snapshot);
void AddMounts(const std::string& label, const std::string& mountinfo,
               const std::vector<std::string>& only_in, Snapshot* snapshot);
void AddCgroups(const std::string& base, Snapshot* snapshot);
void AddFiles(const std::string& directory, Snapshot* snapshot);

// Processes below `ancestor`, zombies included.
std::vector<pid_t> DescendantsOf(pid_t ancestor);

// The cgroup directories of that name, in every hierarchy.
std::vector<std::string> FindCgroups(const std::string& base);

}  // namespace caisson::leakcheck

#endif  // CAISSON_TESTS_LEAKCHECK_SNAPSHOT_H_
