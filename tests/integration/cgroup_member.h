// A process in cgroups that a layout describes: what the shim does with the
// steps, so that the driver can be tested on real cgroups without one.
#ifndef CAISSON_TESTS_INTEGRATION_CGROUP_MEMBER_H_
#define CAISSON_TESTS_INTEGRATION_CGROUP_MEMBER_H_

#include <sys/types.h>

#include <functional>
#include <utility>
#include <vector>

#include "absl/status/status.h"

#include "runtime/base/unique_fd.h"
#include "runtime/cgroup/layout.h"

namespace caisson::testing {

// Executes the steps: directories and files are made, what the child needs is
// opened.
struct OpenedLayout {
  base::UniqueFd clone_directory;     // -1: none
  std::vector<base::UniqueFd> tasks;  // v1
};
absl::Status ApplySteps(const std::vector<cgroup::CgroupStep>& steps,
                        OpenedLayout* opened);

// A child that runs `body` inside the cgroups and exits with what it returns.
// Killed and reaped at the end of its life.
class CgroupMember {
 public:
  // Ends the test program when the child cannot be made.
  CgroupMember(const OpenedLayout& opened, const std::function<int()>& body);
  ~CgroupMember();
  CgroupMember(const CgroupMember&) = delete;
  CgroupMember& operator=(const CgroupMember&) = delete;

  pid_t pid() const { return pid_; }
  // Waits for the end: the status as waitpid gives it.
  int Wait();

 private:
  pid_t pid_ = -1;
};

}  // namespace caisson::testing

#endif  // CAISSON_TESTS_INTEGRATION_CGROUP_MEMBER_H_
