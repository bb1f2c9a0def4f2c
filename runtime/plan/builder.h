// Makes plans: all decisions of a launch in one pure function, the same bytes
// for the same input.
//
// Process: daemon. Thread: any; pure.
#ifndef CAISSON_RUNTIME_PLAN_BUILDER_H_
#define CAISSON_RUNTIME_PLAN_BUILDER_H_

#include <stdint.h>
#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "runtime/cgroup/base.h"
#include "runtime/linux/host_facts.h"
#include "runtime/spec/spec.h"

namespace caisson::plan {

// Why an op is in the plan; notes[i] belongs to op i.
struct OpNote {
  std::string why;
};

struct Plan {
  std::string bytes;  // what the shim gets; OpenPlan (header.h) reads it
  std::vector<OpNote> notes;
  std::string cgroup_path;  // for people
  // One line each: the choices that no single op shows ("user namespace: the
  // host's, because ..."), and defaults that were lowered to the host's limits.
  std::vector<std::string> summary;
};

// A device of the host that the spec names, as DetectDevices found it.
struct HostDevice {
  mode_t mode = 0;  // type and permissions
  uint32_t major = 0;
  uint32_t minor = 0;
};

// The running container whose namespaces another one joins. The shim opens a
// pidfd and checks that the process is in that container's cgroup.
struct NamespaceOwner {
  pid_t pid = 0;  // of its init, in the host's pid namespace
  std::string container_id;
};

struct LaunchContext {
  std::string container_id;
  uint64_t run = 1;
  // Directories that exist; used with a writable layer. A volatile overlay
  // leaves a mark in `work_path` that makes the next mount fail: empty it
  // before every start.
  std::string upper_path;
  std::string work_path;
  // Files that are mounted at /etc/hosts, /etc/resolv.conf and /etc/hostname
  // unless the spec mounts something there. They exist, and belong to this
  // container: with id maps its root becomes their owner. Empty: none.
  std::string hosts_path;
  std::string resolv_conf_path;
  std::string hostname_path;
  bool named_reader = false;
  // Deleted after exit, and nobody will read its layer: "volatile" overlay and
  // no fdatasync of records.
  bool volatile_state = false;
  spec::OnDisconnect on_disconnect;
  // By the spec's own words (namespaces.*.target, network.container).
  std::map<std::string, NamespaceOwner> owners;
  // Where the network namespace of NetworkMode::kNamespace is.
  std::string network_namespace_path;
  // By the spec's host_path, from DetectDevices (host_devices.h).
  std::map<std::string, HostDevice> devices;
};

struct ExecContext {
  std::string container_id;
  uint64_t run = 1;
  uint32_t exec_number = 0;
  bool named_reader = false;
};

// Plans a container. `effective` is WithDefaults of a valid spec. Errors:
// INVALID_ARGUMENT with field violations for what only shows here,
// FAILED_PRECONDITION for what this host or the other container does not allow.
absl::StatusOr<Plan> BuildLaunchPlan(const spec::ContainerSpec& effective,
                                     const linux_::HostFacts& facts,
                                     const cgroup::Base& base,
                                     const LaunchContext& context);

// Plans an exec into a running container; both specs are effective. The shim
// fills kSlotInitPidfd, and kSlotDevpts for a terminal.
absl::StatusOr<Plan> BuildExecPlan(const spec::ExecSpec& effective,
                                   const spec::ContainerSpec& container,
                                   const linux_::HostFacts& facts,
                                   const cgroup::Base& base,
                                   const ExecContext& context);

}  // namespace caisson::plan

#endif  // CAISSON_RUNTIME_PLAN_BUILDER_H_
