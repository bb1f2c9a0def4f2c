#include "runtime/cgroup/facts.h"

#include <sys/utsname.h>

#include <algorithm>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_split.h"

#include "runtime/base/file.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/cgroup/files.h"
#include "runtime/linux/host_facts.h"
#include "runtime/linux/mountinfo.h"

namespace caisson::cgroup {
namespace {

constexpr size_t kMaxProcBytes = 4 << 20;

// A line of /proc/<pid>/cgroup: "4:cpu,cpuacct:/user.slice".
struct Membership {
  std::vector<std::string> controllers;  // empty: the v2 tree
  std::string path;
};

absl::StatusOr<std::vector<Membership>> ParseMemberships(
    std::string_view text) {
  std::vector<Membership> list;
  for (absl::string_view line :
       absl::StrSplit(base::AbslView(text), '\n', absl::SkipEmpty())) {
    const std::vector<std::string> parts =
        absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) {
      return absl::InvalidArgumentError(
          base::StrCat("not a line of /proc/self/cgroup: '", line, "'"));
    }
    Membership membership;
    membership.controllers = absl::StrSplit(parts[1], ',', absl::SkipEmpty());
    membership.path = parts[2];
    list.push_back(std::move(membership));
  }
  return list;
}

// `path` as seen below a mount of `root`; "/" when it is outside.
std::string RelativeTo(std::string_view root, std::string_view path) {
  if (root == "/") return std::string(path);
  if (path.substr(0, root.size()) != root) return "/";
  const std::string_view rest = path.substr(root.size());
  if (rest.empty() || rest[0] != '/') return "/";
  return std::string(rest);
}

bool IsMountOf(const linux_::MountInfo& mount, const Membership& membership) {
  if (membership.controllers.empty()) return mount.type == "cgroup2";
  if (mount.type != "cgroup") return false;
  return std::all_of(membership.controllers.begin(),
                     membership.controllers.end(), [&](const auto& name) {
                       return linux_::HasMountOption(mount.super_options, name);
                     });
}

// Hierarchies that only have a name ("name=systemd") limit nothing.
bool IsNamedOnly(const Membership& membership) {
  return membership.controllers.size() == 1 &&
         membership.controllers[0].substr(0, 5) == "name=";
}

// The root of the tree has neither file, so a cgroup below it is asked; where
// there is none yet, the kernel's release.
void DetectKillAndFreeze(const Hierarchy& unified, Facts* facts) {
  std::string directory;
  if (unified.own_path != "/") {
    directory = base::StrCat(unified.mount_point, unified.own_path);
  } else if (const absl::StatusOr<std::vector<std::string>> names =
                 Subdirectories(unified.mount_point);
             names.ok() && !names->empty()) {
    directory = FileIn(unified.mount_point, names->front());
  }
  if (!directory.empty()) {
    facts->has_kill = base::PathExists(FileIn(directory, "cgroup.kill"));
    facts->has_freeze = base::PathExists(FileIn(directory, "cgroup.freeze"));
    return;
  }
  utsname name = {};
  int major = 0;
  int minor = 0;
  if (::uname(&name) != 0 ||
      !linux_::ParseKernelRelease(name.release, &major, &minor)) {
    return;
  }
  facts->has_kill = major > 5 || (major == 5 && minor >= 14);
  facts->has_freeze = major > 5 || (major == 5 && minor >= 2);
}

}  // namespace

bool Hierarchy::Has(std::string_view controller) const {
  return std::find(controllers.begin(), controllers.end(), controller) !=
         controllers.end();
}

const Hierarchy* Facts::Unified() const {
  for (const Hierarchy& hierarchy : hierarchies) {
    if (hierarchy.version == Version::kV2) return &hierarchy;
  }
  return nullptr;
}

const Hierarchy* Facts::Find(std::string_view controller) const {
  for (const Hierarchy& hierarchy : hierarchies) {
    if (hierarchy.Has(controller)) return &hierarchy;
  }
  return nullptr;
}

Version Facts::LimitsVersion() const {
  const Hierarchy* memory = Find("memory");
  if (memory != nullptr) return memory->version;
  const bool has_v1 =
      std::any_of(hierarchies.begin(), hierarchies.end(),
                  [](const Hierarchy& h) { return h.version == Version::kV1; });
  return has_v1 ? Version::kV1 : Version::kV2;
}

std::string_view Facts::Mode() const {
  if (LimitsVersion() == Version::kV2) return "v2";
  return Unified() != nullptr ? "hybrid" : "v1";
}

std::vector<std::string> Facts::Controllers() const {
  std::set<std::string> names;
  for (const Hierarchy& hierarchy : hierarchies) {
    names.insert(hierarchy.controllers.begin(), hierarchy.controllers.end());
  }
  return {names.begin(), names.end()};
}

absl::StatusOr<Facts> ParseFacts(std::string_view mountinfo,
                                 std::string_view self_cgroup,
                                 std::string_view unified_controllers) {
  CAISSON_ASSIGN_OR_RETURN(const std::vector<linux_::MountInfo> mounts,
                           linux_::ParseMountInfo(mountinfo));
  CAISSON_ASSIGN_OR_RETURN(const std::vector<Membership> memberships,
                           ParseMemberships(self_cgroup));
  Facts facts;
  for (const Membership& membership : memberships) {
    if (IsNamedOnly(membership)) continue;
    const auto mount =
        std::find_if(mounts.begin(), mounts.end(), [&](const auto& candidate) {
          return IsMountOf(candidate, membership);
        });
    if (mount == mounts.end()) continue;
    Hierarchy hierarchy;
    hierarchy.mount_point = mount->mount_point;
    hierarchy.own_path = RelativeTo(mount->root, membership.path);
    hierarchy.controllers = membership.controllers;
    if (membership.controllers.empty()) {
      hierarchy.version = Version::kV2;
      hierarchy.controllers = Words(unified_controllers);
    }
    facts.hierarchies.push_back(std::move(hierarchy));
  }
  if (facts.hierarchies.empty()) {
    return absl::FailedPreconditionError("no cgroup hierarchy is mounted");
  }
  return facts;
}

absl::StatusOr<Facts> Detect() {
  CAISSON_ASSIGN_OR_RETURN(
      const std::string mountinfo,
      base::ReadFileToString("/proc/self/mountinfo", kMaxProcBytes));
  CAISSON_ASSIGN_OR_RETURN(
      const std::string self_cgroup,
      base::ReadFileToString("/proc/self/cgroup", kMaxProcBytes));
  CAISSON_ASSIGN_OR_RETURN(Facts facts, ParseFacts(mountinfo, self_cgroup, ""));
  const Hierarchy* unified = facts.Unified();
  if (unified == nullptr) return facts;
  CAISSON_ASSIGN_OR_RETURN(
      const std::string controllers,
      ReadText(unified->mount_point, "cgroup.controllers"));
  CAISSON_ASSIGN_OR_RETURN(facts,
                           ParseFacts(mountinfo, self_cgroup, controllers));
  DetectKillAndFreeze(*facts.Unified(), &facts);
  return facts;
}

}  // namespace caisson::cgroup
