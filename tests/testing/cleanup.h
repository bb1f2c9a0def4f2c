// Ends and removes everything that one daemon under test has made, whether or
// not the daemon still can.
#ifndef CAISSON_TESTS_TESTING_CLEANUP_H_
#define CAISSON_TESTS_TESTING_CLEANUP_H_

#include <sys/types.h>

#include <string>
#include <vector>

namespace caisson::testing {

// Where one daemon under test lives.
struct Sandbox {
  std::string directory;    // holds the others; removed as well
  std::string root;         // --root
  std::string state;        // --state; names the daemon, keeper and shims
  std::string cgroup_base;  // --cgroup-base, a name that nobody else has
};

// Kills what runs in the cgroups and whatever has the state directory on its
// command line, removes the cgroups and the directory. What could not be
// removed is returned, a line each.
std::vector<std::string> CleanUp(const Sandbox& sandbox);

// The processes that have the state directory on their command line: daemon,
// keeper and shims.
std::vector<pid_t> ServiceProcesses(const std::string& state);

}  // namespace caisson::testing

#endif  // CAISSON_TESTS_TESTING_CLEANUP_H_
