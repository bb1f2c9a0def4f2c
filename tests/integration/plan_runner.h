// Runs plans as the shim does, without shim and daemon: prepare, clone, child.
// Everything happens in a mount namespace of the test's own whose root is
// shared, as a host's is under systemd.
#ifndef CAISSON_TESTS_INTEGRATION_PLAN_RUNNER_H_
#define CAISSON_TESTS_INTEGRATION_PLAN_RUNNER_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/base/unique_fd.h"
#include "runtime/cgroup/base.h"
#include "runtime/init/run_plan.h"
#include "runtime/linux/host_facts.h"
#include "runtime/plan/builder.h"
#include "runtime/spec/spec.h"

namespace caisson::testing {

// What a test can see of the host that a launch must not change.
struct HostPicture {
  std::string mountinfo;
  std::vector<std::string> fds;
  std::vector<std::string> cgroups;
  std::string hostname;
  std::string namespaces;

  bool operator==(const HostPicture&) const = default;
};

struct PlanResult {
  bool started = false;  // the error pipe hung up without a failure
  init::OpFailure failure = {0, 0};
  int exit_code = -1;  // -1: killed by `signal`
  int signal = 0;
  std::string out;
  std::string err;
  int64_t prepare_ns = 0;
  int64_t spawn_ns = 0;
  int64_t child_ns = 0;  // from the clone to execve
};

// A running process of a plan, and what the shim would keep of it.
struct RunningPlan {
  std::string bytes;
  plan::PlanView view;
  pid_t pid = -1;
  std::vector<int> slots;
  base::UniqueFd pidfd;
  base::UniqueFd sync_write;
  base::UniqueFd out;  // the pty master with a terminal
  base::UniqueFd err;
  base::UniqueFd mount_namespace;  // the test's, which PREPARE may leave
  PlanResult result;
};

class PlanRunner {
 public:
  PlanRunner();
  ~PlanRunner();
  PlanRunner(const PlanRunner&) = delete;
  PlanRunner& operator=(const PlanRunner&) = delete;

  // A root file system with busybox; the test may add hostile things.
  const std::string& rootfs() const { return rootfs_; }
  const std::string& directory() const { return directory_; }
  plan::LaunchContext& context() { return context_; }
  const linux_::HostFacts& facts() const { return facts_; }
  const cgroup::Base& base() const { return base_; }

  // `sh -c script` in rootfs().
  spec::ContainerSpec Shell(const std::string& script) const;
  // Builds and ends the test program on an error.
  plan::Plan Build(const spec::ContainerSpec& spec);
  absl::StatusOr<plan::Plan> TryBuild(const spec::ContainerSpec& spec);

  // Starts; result.started says whether the program runs.
  RunningPlan Start(std::string bytes, RunningPlan* container = nullptr);
  // Reads all output, waits, and removes what is left.
  PlanResult Finish(RunningPlan running);
  PlanResult Run(std::string bytes);
  PlanResult Run(const spec::ContainerSpec& spec);
  PlanResult RunShell(const std::string& script) { return Run(Shell(script)); }
  // Runs `exec` in a container that runs.
  PlanResult Exec(const spec::ContainerSpec& container,
                  const spec::ExecSpec& exec, RunningPlan* running);
  std::string BuildExec(const spec::ContainerSpec& container,
                        const spec::ExecSpec& exec);
  // A second container beside the first, with a layer and an id of its own.
  std::string BuildSecond(const spec::ContainerSpec& spec);
  void SetOwner(const std::string& name, const RunningPlan& running);
  // "pid:[...]\nipc:[...]\nuts:[...]\nnet:[...]\n"
  std::string NamespacesOf(const RunningPlan& running) const;
  void Kill(RunningPlan* running);
  // The process is a zombie when this returns.
  void AwaitDeath(const RunningPlan& running);
  // From now on as on a host that has the unified hierarchy only; without
  // controllers if others have them here. False: there is no such hierarchy.
  bool UseUnifiedOnly();
  // Makes upper and work directories empty again.
  void ResetLayer();
  void RemoveCgroups();
  void RemoveExecCgroups();

  HostPicture Look() const;

 private:
  static void RemoveGroup(const cgroup::Group& group);

  std::string directory_;
  std::string rootfs_;
  linux_::HostFacts facts_;
  cgroup::Base base_;
  cgroup::Base made_base_;  // all that there is to remove
  plan::LaunchContext context_;
};

// Replaces op `index` by one that always fails.
std::string BreakOp(std::string bytes, uint32_t index);

}  // namespace caisson::testing

#endif  // CAISSON_TESTS_INTEGRATION_PLAN_RUNNER_H_
