#include "runtime/cgroup/layout.h"

#include <utility>

#include "absl/strings/str_split.h"

#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/cgroup/files.h"
#include "runtime/cgroup/steps.h"
#include "runtime/cgroup/v1/limits.h"
#include "runtime/cgroup/v2/devices.h"
#include "runtime/cgroup/v2/limits.h"

namespace caisson::cgroup {
namespace {

constexpr std::string_view kInit = "init";

using Steps = std::vector<CgroupStep>;

std::vector<std::string> ControllersOf(const Directory& directory) {
  return absl::StrSplit(directory.what, ',');
}

// The v1 cpuset costs a directory, two writes and a join, so only those have
// one who ask for it.
bool IsUsed(const Directory& directory, const ContainerLimits& limits) {
  return directory.what != "cpuset" || v1::NeedsCpuset(limits);
}

Group UsedPart(Group group, const ContainerLimits& limits) {
  std::erase_if(group.directories, [&](const Directory& directory) {
    return !IsUsed(directory, limits);
  });
  return group;
}

void OpenTasks(const std::string& leaf, Steps* steps) {
  CgroupStep step;
  step.kind = StepKind::kOpenTasks;
  step.path = FileIn(leaf, "tasks");
  step.why = "the child joins by writing 0 to it";
  steps->push_back(std::move(step));
}

void OpenForClone(const std::string& leaf, Steps* steps) {
  CgroupStep step;
  step.kind = StepKind::kOpenDirForClone;
  step.path = leaf;
  step.why = "the child is born in it";
  steps->push_back(std::move(step));
}

bool Has(const std::vector<std::string>& words, std::string_view word) {
  for (const std::string& candidate : words) {
    if (candidate == word) return true;
  }
  return false;
}

absl::Status AppendV1(const Base& base, const Directory& directory,
                      const ContainerLimits& limits, Steps* steps) {
  const std::vector<std::string> controllers = ControllersOf(directory);
  Mkdir(directory.path, "limits of the container", steps);
  for (const std::string& controller : controllers) {
    CAISSON_RETURN_IF_ERROR(
        v1::AppendLimits(base, directory.path, controller, limits, steps));
  }
  const std::string leaf = FileIn(directory.path, kInit);
  Mkdir(leaf, "its own processes", steps);
  if (Has(controllers, "cpuset")) {
    v1::AppendCpuset(base, leaf, limits.cpu, steps);
  }
  for (const std::string& controller : controllers) {
    v1::AppendMirror(leaf, controller, limits, steps);
  }
  OpenTasks(leaf, steps);
  return absl::OkStatus();
}

// Controllers of the base that its containers hand down to their leaves.
std::string SubtreeControl(const std::vector<std::string>& controllers) {
  std::string value;
  for (const std::string& controller : controllers) {
    base::StrAppend(&value, value.empty() ? "+" : " +", controller);
  }
  return value;
}

absl::Status AppendV2(const Base& base, const Directory& directory,
                      const ContainerLimits& limits, Steps* steps) {
  Mkdir(directory.path, "limits of the container", steps);
  for (const std::string& controller : base.unified_controllers) {
    CAISSON_RETURN_IF_ERROR(
        v2::AppendLimits(base, directory.path, controller, limits, steps));
  }
  if (!base.facts.HasController("devices")) {
    v2::AppendDevices(directory.path, limits, steps);
  }
  if (!base.unified_controllers.empty()) {
    Write(directory.path, "cgroup.subtree_control",
          SubtreeControl(base.unified_controllers),
          "count and limit processes and execs apart", steps);
  }
  const std::string leaf = FileIn(directory.path, kInit);
  Mkdir(leaf, "its own processes", steps);
  for (const std::string& controller : base.unified_controllers) {
    v2::AppendMirror(leaf, controller, limits, steps);
  }
  OpenForClone(leaf, steps);
  return absl::OkStatus();
}

bool CanLimit(const Base& base, std::string_view controller) {
  if (Has(base.unified_controllers, controller)) return true;
  const Hierarchy* hierarchy = base.facts.Find(controller);
  return hierarchy != nullptr && hierarchy->version == Version::kV1;
}

// A limit that nothing would enforce is an error, not a wish.
absl::Status CheckControllers(const Base& base, const ContainerLimits& limits) {
  const spec::Cpu& cpu = limits.cpu;
  const spec::Memory& memory = limits.memory;
  const bool wants_cpu = cpu.limit_millis || cpu.quota_micros || cpu.weight ||
                         cpu.shares || cpu.burst_micros || cpu.idle;
  const bool wants_memory = memory.limit_bytes || memory.swap_limit_bytes ||
                            memory.high_bytes || memory.low_bytes ||
                            memory.min_bytes;
  const std::pair<std::string_view, bool> wanted[] = {
      {"cpu", wants_cpu},
      {"memory", wants_memory},
      {"cpuset", v1::NeedsCpuset(limits)},
      {"pids", limits.pids_limit >= 0}};
  for (const auto& [controller, is_wanted] : wanted) {
    if (!is_wanted || CanLimit(base, controller)) continue;
    return MissingFeature(base::StrCat("cgroup_", controller),
                          base::StrCat("there is no cgroup controller \"",
                                       controller, "\" to use"));
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<DeviceRule> DefaultDeviceRules() {
  return {
      {.type = 'c', .major = 1, .minor = 3},    // null
      {.type = 'c', .major = 1, .minor = 5},    // zero
      {.type = 'c', .major = 1, .minor = 7},    // full
      {.type = 'c', .major = 1, .minor = 8},    // random
      {.type = 'c', .major = 1, .minor = 9},    // urandom
      {.type = 'c', .major = 5, .minor = 0},    // tty
      {.type = 'c', .major = 5, .minor = 1},    // console
      {.type = 'c', .major = 5, .minor = 2},    // ptmx
      {.type = 'c', .major = 136, .minor = -1}  // pts/*
  };
}

absl::StatusOr<Layout> BuildContainerLayout(const Base& base,
                                            std::string_view id,
                                            const ContainerLimits& limits) {
  CAISSON_RETURN_IF_ERROR(CheckControllers(base, limits));
  Layout layout;
  layout.group = UsedPart(base.Container(id), limits);
  layout.display_path = base.DisplayPath(id);
  for (const Directory& directory : layout.group.directories) {
    CAISSON_RETURN_IF_ERROR(
        directory.what == kUnified
            ? AppendV2(base, directory, limits, &layout.steps)
            : AppendV1(base, directory, limits, &layout.steps));
  }
  return layout;
}

void CreateContainerDirectories(const Base& base, std::string_view id) {
  const Group group = UsedPart(base.Container(id), {});
  for (const Directory& directory : group.directories) {
    // The first failure is the start's to report: it comes there as well.
    if (!MakeCgroup(directory.path).ok()) return;
    // Its list of devices cannot be closed once it has a child.
    if (Has(ControllersOf(directory), "devices")) continue;
    if (!MakeCgroup(FileIn(directory.path, kInit)).ok()) return;
  }
}

absl::StatusOr<Layout> BuildExecLayout(const Base& base, std::string_view id,
                                       uint32_t number,
                                       const ContainerLimits& limits) {
  Layout layout;
  layout.group = UsedPart(base.Exec(id, number), limits);
  layout.display_path = base::StrCat(base.DisplayPath(id), "/x", number);
  for (const Directory& directory : layout.group.directories) {
    Mkdir(directory.path, "processes of the exec", &layout.steps);
    if (directory.what == kUnified) {
      OpenForClone(directory.path, &layout.steps);
      continue;
    }
    if (Has(ControllersOf(directory), "cpuset")) {
      v1::AppendCpuset(base, directory.path, limits.cpu, &layout.steps);
    }
    OpenTasks(directory.path, &layout.steps);
  }
  return layout;
}

}  // namespace caisson::cgroup
