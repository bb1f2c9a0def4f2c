// What the parts of the builder share. Each part adds the ops of one facility;
// builder.cc calls them in the order in which the ops must run.
// Internal to the builder.
//
// Process: daemon. Thread: any; pure.
#ifndef CAISSON_RUNTIME_PLAN_BUILD_H_
#define CAISSON_RUNTIME_PLAN_BUILD_H_

#include <stdint.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

#include "runtime/plan/builder.h"
#include "runtime/plan/header.h"
#include "runtime/plan/ops.h"
#include "runtime/plan/steps.h"
#include "runtime/spec/spec.h"

namespace caisson::plan {

// A plan under construction, for a container or an exec.
struct Draft {
  const linux_::HostFacts& facts;
  const cgroup::Base& base;
  PlanHeader header;
  Steps steps;
  std::vector<std::string> summary;
  std::string cgroup_path;

  void Add(const Op& op, std::string why) { steps.Add(op, std::move(why)); }
};

// A file of the daemon's that is mounted over one of the image's.
struct NameFile {
  std::string_view target;
  std::string_view source;  // of the host; empty: none
  uint16_t slot = kNoSlot;  // kNoSlot: not mounted
};

// What is specific to a container.
struct Launch {
  Launch(const spec::ContainerSpec& the_spec, const LaunchContext& the_context,
         Draft& the_draft)
      : spec(the_spec), context(the_context), draft(the_draft) {}

  const spec::ContainerSpec& spec;
  const LaunchContext& context;
  Draft& draft;
  // Of the container's root, on the host.
  uint32_t root_uid = 0;
  uint32_t root_gid = 0;
  uint16_t map_slot = kNoSlot;  // user namespace for idmapped mounts
  // Missing mount points may be made: never in a directory of the host that
  // the container must not write to.
  bool create_targets = true;
  // The mount tree is copied once it is complete, which locks it: see
  // build_mount_lock.cc.
  bool locks_mounts = false;
  uint16_t empty_slot = kNoSlot;           // read-only tmpfs that masks
  std::vector<uint16_t> user_mount_slots;  // one for each of spec.mounts
  std::vector<NameFile> name_files;

  bool has_user_namespace() const {
    return spec.user_namespace.explicit_maps.has_value();
  }
};

// kDefault is private, for time the host's.
bool IsPrivate(const spec::Namespace& ns);
bool IsShared(const spec::Namespace& ns);  // another container's, or a path

// What the spec mounts at `target` itself; null: nothing.
const spec::Mount* FindMountAt(const Launch& launch, std::string_view target);

// The host's id for a container's id; nullopt: not mapped.
std::optional<uint32_t> HostId(const std::vector<spec::IdMap>& maps,
                               int64_t container_id);

// Group "tty" of every common image: that of terminals. The host's id for it;
// nullopt: not mapped.
std::optional<uint32_t> TerminalGroup(const spec::UserNamespace& user);

// kOpenPty for a process that wants a terminal.
void AddPty(const spec::Process& process, const spec::UserNamespace& user,
            Draft& draft);

// build_cgroup.cc
absl::Status AddCgroup(Launch& launch);
absl::Status AddExecCgroup(const spec::ContainerSpec& container,
                           const ExecContext& context, Draft& draft);
// build_namespaces.cc
absl::Status AddUserNamespace(Launch& launch);
absl::Status AddNamespaces(Launch& launch);
void AddNames(Launch& launch);
// build_rootfs.cc
absl::Status AddRootfs(Launch& launch);
void AddPivot(Launch& launch);
// build_standard_mounts.cc: /proc /sys /dev and what is below
absl::Status AddStandardMounts(Launch& launch);
void AddMasks(Launch& launch);
void AddTerminals(Launch& launch);
// build_mount_lock.cc: what makes a tree that the container's root can add to
// and not change. The first and the last mount ops of a container with id maps.
absl::Status AddMountStage(Launch& launch);
void AddMountLock(Launch& launch);
absl::Status CheckExecMounts(const spec::Process& process,
                             const spec::ContainerSpec& container,
                             const linux_::HostFacts& facts);
// build_devices.cc
absl::Status AddDeviceNodes(Launch& launch);
// build_mounts.cc: what the spec asks for
absl::Status AddMountSources(Launch& launch);
absl::Status AddMountTargets(Launch& launch);
// build_name_files.cc: /etc/hosts and the like
void AddNameFileSources(Launch& launch);
void AddNameFileTargets(Launch& launch);
// build_process.cc: from the user to execve; shared with execs
struct ProcessInput {
  const spec::Process& process;
  const spec::Seccomp& seccomp;
  bool create_directory = false;
};
absl::Status AddProcess(const ProcessInput& input, Draft& draft);
absl::Status AddOomScore(const spec::Process& process, bool from_parent,
                         Draft& draft);
// build_policy.cc
void FillPolicy(const Launch& launch);
void FillExecPolicy(const spec::ExecSpec& spec, const ExecContext& context,
                    const spec::ContainerSpec& container, Draft& draft);

// INVALID_ARGUMENT for one field.
absl::Status BadField(std::string_view field, std::string_view description);
// FAILED_PRECONDITION: this host does not allow it as it is.
absl::Status HostRefuses(std::string_view what);
// UNIMPLEMENTED: this host's kernel cannot do it.
absl::Status FeatureMissing(std::string_view feature, std::string_view why);

}  // namespace caisson::plan

#endif  // CAISSON_RUNTIME_PLAN_BUILD_H_
