// What this host can do, found out once at the start of the daemon: the input
// of every plan, and what GetInfo reports. (How its cgroups are set up is in
// cgroup/facts.h.)
//
// Process: daemon. Thread: any; immutable once detected.
#ifndef CAISSON_RUNTIME_LINUX_HOST_FACTS_H_
#define CAISSON_RUNTIME_LINUX_HOST_FACTS_H_

#include <sys/resource.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace caisson::linux_ {

// Names of features; each is reported, whether it is there or not.
inline constexpr std::string_view kFeatureOverlay = "overlay";
inline constexpr std::string_view kFeatureOverlayVolatile = "overlay_volatile";
// Layers of an overlay may be idmapped mounts (5.19).
inline constexpr std::string_view kFeatureOverlayIdmap = "overlay_idmap";
inline constexpr std::string_view kFeatureIdmappedMounts = "idmapped_mounts";
inline constexpr std::string_view kFeatureUserNamespace = "user_namespace";
// A container's user namespace may have others below it.
inline constexpr std::string_view kFeatureNestedUserNamespace =
    "nested_user_namespace";
inline constexpr std::string_view kFeatureTimeNamespace = "time_namespace";
inline constexpr std::string_view kFeatureCgroupNamespace = "cgroup_namespace";
inline constexpr std::string_view kFeatureSeccomp = "seccomp";
inline constexpr std::string_view kFeatureCloneIntoCgroup = "clone_into_cgroup";
inline constexpr std::string_view kFeatureMountSetattr = "mount_setattr";
inline constexpr std::string_view kFeatureMqueue = "mqueue";

struct Feature {
  std::string name;
  bool available = false;
  std::string reason;  // why not; empty when available
};

struct HostFacts {
  std::string kernel_release;  // "6.1.0-18-amd64"
  int kernel_major = 0;
  int kernel_minor = 0;
  std::string machine;  // "x86_64"
  std::string boot_id;
  std::vector<Feature> features;
  // By RLIMIT_*: the daemon's own limits; without CAP_SYS_RESOURCE no process
  // can be given more than the hard one.
  std::array<rlimit, RLIMIT_NLIMITS> rlimits = {};
  uint64_t nr_open = 0;  // the most that anybody's RLIMIT_NOFILE can be
  uint64_t effective_capabilities = 0;  // of the daemon, bit n
  uint64_t bounding_capabilities = 0;
  int last_capability = 0;
  int oom_score_adj = 0;      // of the daemon
  int oom_score_adj_min = 0;  // the lowest that it may set without privilege
  int online_cpus = 1;
  int64_t memory_bytes = 0;
  int64_t swap_bytes = 0;

  bool KernelAtLeast(int major, int minor) const {
    return kernel_major > major ||
           (kernel_major == major && kernel_minor >= minor);
  }
  // Null for a name that is not among them.
  const Feature* FindFeature(std::string_view name) const;
  bool Has(std::string_view name) const;
};

// Asks the kernel: reads procfs and tries the calls that only trying tells.
// Changes nothing.
absl::StatusOr<HostFacts> DetectHostFacts();

// Sets major and minor from "6.1.0-18-amd64"; false when it is no release.
bool ParseKernelRelease(std::string_view release, int* major, int* minor);

}  // namespace caisson::linux_

#endif  // CAISSON_RUNTIME_LINUX_HOST_FACTS_H_
