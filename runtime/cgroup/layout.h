// Which cgroup directories and writes a container or an exec needs, as steps
// that a plan carries and somebody else executes. All decisions, no I/O.
//
// Process: daemon. Thread: any; pure.
#ifndef CAISSON_RUNTIME_CGROUP_LAYOUT_H_
#define CAISSON_RUNTIME_CGROUP_LAYOUT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "runtime/cgroup/base.h"
#include "runtime/cgroup/group.h"
#include "runtime/spec/spec.h"

namespace caisson::cgroup {

// In this order, by the process outside, before the clone; what the child does
// is said.
enum class StepKind {
  kMkdir,            // path; must not exist
  kWrite,            // path, value: one write(2)
  kAttachDeviceBpf,  // path: v2 directory; value: struct bpf_insn[]
  kOpenTasks,        // path: v1 `tasks`, write only; the child writes "0"
  kOpenDirForClone,  // path: v2 directory for CLONE_INTO_CGROUP
};

struct CgroupStep {
  StepKind kind = StepKind::kMkdir;
  std::string path;
  std::string value;
  // An old kernel may lack the file (ENOENT): go on.
  bool optional = false;
  std::string why;

  bool operator==(const CgroupStep&) const = default;
};

// One line of a device allow list.
struct DeviceRule {
  char type = 'c';     // 'c' or 'b'
  int64_t major = -1;  // -1: any
  int64_t minor = -1;
  std::string access = "rwm";  // of "rwm"

  bool operator==(const DeviceRule&) const = default;
};

// null, zero, full, random, urandom, tty, console, ptmx, pts/*. All access:
// making another node of them gives nothing new, and needs CAP_MKNOD.
std::vector<DeviceRule> DefaultDeviceRules();

struct ContainerLimits {
  spec::Cpu cpu;
  spec::Memory memory;
  int64_t pids_limit = -1;
  std::vector<DeviceRule> devices;
  bool all_devices = false;  // privileged: no device rules at all
};

struct Layout {
  std::vector<CgroupStep> steps;
  Group group;               // to kill, count and remove
  std::string display_path;  // for people
};

// A new container `id`. FAILED_PRECONDITION or UNIMPLEMENTED (with detail
// FEATURE_UNAVAILABLE) when this host cannot enforce what was asked for.
absl::StatusOr<Layout> BuildContainerLayout(const Base& base,
                                            std::string_view id,
                                            const ContainerLimits& limits);

// The directories that every container has, made before its plan is executed:
// what is there already takes no time then. Best effort; those that are made
// are `group`'s to remove.
void CreateContainerDirectories(const Base& base, std::string_view id);

// Exec `number` of the running container `id`. `limits` are the container's:
// they say in which hierarchies it lives.
absl::StatusOr<Layout> BuildExecLayout(const Base& base, std::string_view id,
                                       uint32_t number,
                                       const ContainerLimits& limits);

}  // namespace caisson::cgroup

#endif  // CAISSON_RUNTIME_CGROUP_LAYOUT_H_
