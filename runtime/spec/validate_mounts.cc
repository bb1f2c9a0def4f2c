#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "runtime/base/path_safe.h"
#include "runtime/base/str_cat.h"
#include "runtime/spec/violations.h"

namespace caisson::spec {
namespace {

constexpr size_t kMaxMounts = 1024;
constexpr size_t kMaxDevices = 256;

// With "r" in front they are for the mounts below as well.
constexpr auto kOptions = std::to_array<std::string_view>(
    {"ro", "rw", "nosuid", "suid", "nodev", "dev", "noexec", "exec", "noatime",
     "relatime", "strictatime", "nodiratime", "diratime", "nosymfollow",
     "symfollow"});
constexpr auto kPropagations = std::to_array<std::string_view>(
    {"private", "rprivate", "slave", "rslave", "shared", "rshared"});
constexpr auto kSpecials =
    std::to_array<std::string_view>({"proc", "sysfs", "cgroup", "mqueue"});

template <size_t kSize>
bool IsOneOf(const std::array<std::string_view, kSize>& words,
             std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool IsOption(std::string_view word) {
  // "rw" and "relatime" are words of their own, not "w" and "elatime".
  if (IsOneOf(kOptions, word)) return true;
  return word.size() > 1 && word[0] == 'r' && IsOneOf(kOptions, word.substr(1));
}

// `path` is `folder` or below it; both are normalized.
bool IsWithin(std::string_view path, std::string_view folder) {
  return path.substr(0, folder.size()) == folder &&
         (path.size() == folder.size() || path[folder.size()] == '/');
}

// What procfs and sysfs say must not be replaced: programs and our own checks
// rely on it.
bool IsReservedTarget(std::string_view path) {
  return path == "/" || IsWithin(path, "/proc") ||
         (IsWithin(path, "/sys") && path != "/sys/fs/cgroup");
}

void CheckTarget(const std::string& field, const std::string& target,
                 std::set<std::string>* seen, Violations* out) {
  out->CheckPath(field, target);
  if (!base::IsCleanAbsolutePath(target)) return;
  const std::string path = base::NormalizePath(target);
  if (IsReservedTarget(path)) {
    out->Add(field,
             "must not be \"/\", \"/proc\" or below, and of \"/sys\" only "
             "\"/sys/fs/cgroup\"");
  }
  if (!seen->insert(path).second) out->Add(field, "is there twice");
}

void CheckTmpfs(const std::string& path, const TmpfsMount& tmpfs,
                Violations* out) {
  if (tmpfs.size_bytes.has_value()) {
    out->CheckRange(path + ".size_bytes", *tmpfs.size_bytes, 1, INT64_MAX,
                    "bytes");
  }
  if (tmpfs.mode.has_value()) {
    out->CheckRange(path + ".mode", *tmpfs.mode, 0, 07777);
  }
}

void CheckSource(const std::string& path, const Mount& mount, Violations* out) {
  const int sources = int{mount.bind.has_value()} +
                      int{mount.tmpfs.has_value()} +
                      int{mount.special.has_value()};
  if (sources != 1) {
    out->Add(path, "must have one of bind, tmpfs and special");
    return;
  }
  if (mount.bind.has_value()) {
    out->CheckPath(path + ".bind.source", mount.bind->source);
  }
  if (mount.tmpfs.has_value()) CheckTmpfs(path + ".tmpfs", *mount.tmpfs, out);
  if (mount.special.has_value() && !IsOneOf(kSpecials, *mount.special)) {
    out->Add(path + ".special",
             "must be \"proc\", \"sysfs\", \"cgroup\" or \"mqueue\"");
  }
}

void CheckDevicePath(const std::string& field, const std::string& path,
                     Violations* out) {
  out->CheckPath(field, path);
  if (!base::IsCleanAbsolutePath(path)) return;
  if (IsReservedTarget(base::NormalizePath(path))) {
    out->Add(field, "must not be \"/\", nor below \"/proc\" or \"/sys\"");
  }
}

// Letters of "rwm", each at most once.
bool IsPermissions(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (std::string_view("rwm").find(text[i]) == std::string_view::npos ||
        text.find(text[i], i + 1) != std::string_view::npos) {
      return false;
    }
  }
  return true;
}

}  // namespace

void CheckMounts(const std::string& path, const std::vector<Mount>& mounts,
                 Violations* out) {
  if (mounts.size() > kMaxMounts) {
    out->Add(path, base::StrCat("at most ", kMaxMounts, " mounts"));
    return;
  }
  std::set<std::string> targets;
  for (size_t i = 0; i < mounts.size(); ++i) {
    const Mount& mount = mounts[i];
    const std::string field = At(path, i);
    CheckTarget(field + ".target", mount.target, &targets, out);
    CheckSource(field, mount, out);
    if (!mount.propagation.empty() &&
        !IsOneOf(kPropagations, mount.propagation)) {
      out->Add(field + ".propagation",
               "must be \"private\", \"slave\" or \"shared\", or one of them "
               "with \"r\" before it");
    }
    for (size_t k = 0; k < mount.options.size(); ++k) {
      if (IsOption(mount.options[k])) continue;
      out->Add(At(field + ".options", k),
               "is not a mount option, as \"nosuid\" or \"rnoexec\"");
    }
  }
}

void CheckDevices(const std::string& path, const std::vector<Device>& devices,
                  Violations* out) {
  if (devices.size() > kMaxDevices) {
    out->Add(path, base::StrCat("at most ", kMaxDevices, " devices"));
    return;
  }
  std::set<std::string> seen;
  for (size_t i = 0; i < devices.size(); ++i) {
    const Device& device = devices[i];
    const std::string field = At(path, i);
    out->CheckPath(field + ".host_path", device.host_path);
    const bool own_path = !device.container_path.empty();
    const std::string& inside =
        own_path ? device.container_path : device.host_path;
    const std::string inside_field =
        field + (own_path ? ".container_path" : ".host_path");
    if (own_path) CheckDevicePath(inside_field, inside, out);
    if (base::IsCleanAbsolutePath(inside) &&
        !seen.insert(base::NormalizePath(inside)).second) {
      out->Add(inside_field, "is there twice");
    }
    if (!IsPermissions(device.permissions)) {
      out->Add(field + ".permissions",
               "must be letters of \"rwm\", each at most once");
    }
  }
}

}  // namespace caisson::spec
