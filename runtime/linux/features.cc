#include "runtime/linux/features.h"

#include <linux/seccomp.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"

#include "runtime/base/file.h"
#include "runtime/base/str_cat.h"
#include "runtime/base/syscall_error.h"
#include "runtime/base/unique_fd.h"

namespace caisson::linux_ {
namespace {

Feature Available(std::string_view name) {
  return {.name = std::string(name), .available = true, .reason = {}};
}

Feature Missing(std::string_view name, std::string reason) {
  return {.name = std::string(name),
          .available = false,
          .reason = std::move(reason)};
}

Feature ByVersion(const HostFacts& facts, std::string_view name, int major,
                  int minor) {
  if (facts.KernelAtLeast(major, minor)) return Available(name);
  return Missing(name, base::StrCat("needs Linux ", major, ".", minor,
                                    ", this is ", facts.kernel_release));
}

// A file system that can be opened can be mounted; opening loads its module.
Feature ByFileSystem(std::string_view name, const char* type) {
  const base::UniqueFd fd(
      static_cast<int>(::syscall(SYS_fsopen, type, FSOPEN_CLOEXEC)));
  if (fd.is_valid()) return Available(name);
  return Missing(name,
                 base::StrCat("fsopen ", type, ": ", base::ErrnoName(errno)));
}

Feature ByNamespace(std::string_view name, std::string_view kind) {
  if (base::PathExists(base::StrCat("/proc/self/ns/", kind))) {
    return Available(name);
  }
  return Missing(name, base::StrCat("the kernel has no ", kind, " namespaces"));
}

Feature UserNamespaces() {
  Feature feature = ByNamespace(kFeatureUserNamespace, "user");
  if (!feature.available) return feature;
  const absl::StatusOr<std::string> text =
      base::ReadFileToString("/proc/sys/user/max_user_namespaces", 64);
  int64_t most = 1;
  if (text.ok() && absl::SimpleAtoi(*text, &most) && most == 0) {
    return Missing(kFeatureUserNamespace,
                   "sysctl user.max_user_namespaces is 0");
  }
  return feature;
}

// Two switches of distributions take user namespaces from everybody but the
// host's root: from processes in another user namespace too.
Feature NestedUserNamespaces() {
  const auto reads = [](std::string_view path, std::string_view forbidden) {
    const absl::StatusOr<std::string> text = base::ReadFileToString(path, 64);
    return text.ok() && text->starts_with(forbidden);
  };
  if (reads("/proc/sys/kernel/unprivileged_userns_clone", "0")) {
    return Missing(kFeatureNestedUserNamespace,
                   "sysctl kernel.unprivileged_userns_clone is 0");
  }
  if (reads("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1")) {
    return Missing(kFeatureNestedUserNamespace,
                   "sysctl kernel.apparmor_restrict_unprivileged_userns is 1");
  }
  return Available(kFeatureNestedUserNamespace);
}

Feature Seccomp() {
  const uint32_t action = SECCOMP_RET_ERRNO;
  if (::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0) {
    return Available(kFeatureSeccomp);
  }
  return Missing(kFeatureSeccomp,
                 base::StrCat("seccomp: ", base::ErrnoName(errno)));
}

Feature MountSetattr() {
  // With no attributes at all it fails with EINVAL where it exists.
  ::syscall(SYS_mount_setattr, -1, "", 0, nullptr, 0);
  if (errno != ENOSYS) return Available(kFeatureMountSetattr);
  return Missing(kFeatureMountSetattr, "mount_setattr: ENOSYS");
}

}  // namespace

std::vector<Feature> DetectFeatures(const HostFacts& facts) {
  return {
      ByFileSystem(kFeatureOverlay, "overlay"),
      ByVersion(facts, kFeatureOverlayVolatile, 5, 10),
      ByVersion(facts, kFeatureOverlayIdmap, 5, 19),
      ByVersion(facts, kFeatureIdmappedMounts, 5, 12),
      UserNamespaces(),
      NestedUserNamespaces(),
      ByNamespace(kFeatureTimeNamespace, "time"),
      ByNamespace(kFeatureCgroupNamespace, "cgroup"),
      Seccomp(),
      ByVersion(facts, kFeatureCloneIntoCgroup, 5, 7),
      MountSetattr(),
      ByFileSystem(kFeatureMqueue, "mqueue"),
  };
}

}  // namespace caisson::linux_
