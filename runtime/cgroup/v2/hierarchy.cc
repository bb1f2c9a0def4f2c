#include "runtime/cgroup/v2/hierarchy.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "runtime/base/file.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/base/syscall_error.h"
#include "runtime/cgroup/files.h"

namespace caisson::cgroup::v2 {
namespace {

constexpr auto kWanted =
    std::to_array<std::string_view>({"cpu", "cpuset", "memory", "pids"});

bool Lists(const std::string& directory, std::string_view file,
           std::string_view controller) {
  const absl::StatusOr<std::string> text = ReadText(directory, file);
  if (!text.ok()) return false;
  const std::vector<std::string> words = Words(*text);
  return std::find(words.begin(), words.end(), controller) != words.end();
}

// Lets the children of `directory` have `controller`.
absl::Status Enable(const std::string& directory, std::string_view controller) {
  if (Lists(directory, "cgroup.subtree_control", controller)) {
    return absl::OkStatus();
  }
  return base::WriteFile(FileIn(directory, "cgroup.subtree_control"),
                         base::StrCat("+", controller));
}

// From the mount point down to `base`, `base` excluded. What fails shows in
// base's cgroup.controllers.
void HandDown(const std::string& mount_point, const std::string& base,
              std::string_view controller) {
  if (Lists(base, "cgroup.controllers", controller)) return;
  for (size_t end = mount_point.size(); end < base.size();
       end = base.find('/', end + 1)) {
    const std::string directory = base.substr(0, end);
    base::IgnoreError(Enable(directory, controller),
                      "the controllers that arrive are read at the end");
  }
}

}  // namespace

absl::StatusOr<std::vector<std::string>> Delegate(
    const std::string& mount_point, const std::string& base) {
  std::vector<std::string> controllers;
  for (const std::string_view controller : kWanted) {
    HandDown(mount_point, base, controller);
    if (!Lists(base, "cgroup.controllers", controller)) continue;
    const absl::Status enabled = Enable(base, controller);
    if (base::ErrnoOf(enabled) == EBUSY) {
      return absl::FailedPreconditionError(
          base::StrCat("cgroup '", base,
                       "' has processes, so it cannot have children "
                       "with limits"));
    }
    if (enabled.ok()) controllers.emplace_back(controller);
  }
  return controllers;
}

}  // namespace caisson::cgroup::v2
