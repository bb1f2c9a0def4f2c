#include "runtime/plan/names.h"

#include <sched.h>
#include <sys/mount.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"

#include "runtime/base/str_cat.h"

namespace caisson::plan {
namespace {

struct Bit {
  uint64_t bit;
  std::string_view name;
};

constexpr Bit kNamespaces[] = {
    {CLONE_NEWNS, "mount"},      {CLONE_NEWPID, "pid"},
    {CLONE_NEWIPC, "ipc"},       {CLONE_NEWUTS, "uts"},
    {CLONE_NEWNET, "network"},   {CLONE_NEWUSER, "user"},
    {CLONE_NEWCGROUP, "cgroup"}, {0x80, "time"},
};

constexpr Bit kAttributes[] = {
    {MOUNT_ATTR_RDONLY, "ro"},
    {MOUNT_ATTR_NOSUID, "nosuid"},
    {MOUNT_ATTR_NODEV, "nodev"},
    {MOUNT_ATTR_NOEXEC, "noexec"},
    {MOUNT_ATTR_NOATIME, "noatime"},
    {MOUNT_ATTR_STRICTATIME, "strictatime"},
    {MOUNT_ATTR_NODIRATIME, "nodiratime"},
    {MOUNT_ATTR_IDMAP, "idmap"},
    {MOUNT_ATTR_NOSYMFOLLOW, "nosymfollow"},
};

constexpr Bit kPropagation[] = {
    {MS_PRIVATE, "private"},
    {MS_SLAVE, "slave"},
    {MS_SHARED, "shared"},
    {MS_UNBINDABLE, "unbindable"},
};

std::string Join(std::span<const Bit> bits, uint64_t value) {
  std::string text;
  for (const Bit& bit : bits) {
    if ((value & bit.bit) == 0) continue;
    base::StrAppend(&text, text.empty() ? "" : ",", bit.name);
    value &= ~bit.bit;
  }
  if (value != 0) {
    base::StrAppend(&text, text.empty() ? "0x" : ",0x",
                    absl::StrCat(absl::Hex(value)));
  }
  return text;
}

}  // namespace

std::string NamespaceNames(uint64_t clone_flags) {
  return Join(kNamespaces, clone_flags);
}

std::string AttributeNames(uint64_t mount_attributes) {
  return Join(kAttributes, mount_attributes);
}

std::string PropagationNames(uint64_t mount_flags) {
  const std::string name = Join(kPropagation, mount_flags & ~uint64_t{MS_REC});
  return (mount_flags & MS_REC) != 0 ? base::StrCat("recursive ", name) : name;
}

}  // namespace caisson::plan
