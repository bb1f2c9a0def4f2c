// Device nodes on the container's /dev: the standard ones, and those of the
// host that the spec names.
#include <stdint.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"

#include "runtime/base/error_detail.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/plan/build.h"
#include "runtime/plan/ops.h"

namespace caisson::plan {
namespace {

struct Node {
  std::string_view name;
  uint32_t major;
  uint32_t minor;
};

// What every program may expect, and nothing that reaches a disk or memory.
constexpr Node kStandardNodes[] = {
    {"null", 1, 3},   {"zero", 1, 5},    {"full", 1, 7},
    {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0},
};

void AddNode(Launch& launch, std::string_view name, mode_t mode, dev_t number,
             std::string why) {
  Op op = MakeOp(OpKind::kMakeDevice, Executor::kPrepare);
  op.in = kSlotDev;
  op.s1 = launch.draft.steps.Str(name);
  op.a = mode;
  op.b = number;
  op.c = launch.root_uid;
  op.d = launch.root_gid;
  if (name.find('/') != std::string_view::npos) op.flags |= kOpParents;
  launch.draft.Add(op, std::move(why));
}

bool IsStandard(std::string_view name) {
  for (const Node& node : kStandardNodes) {
    if (node.name == name) return true;
  }
  return false;
}

absl::Status AddHostDevice(Launch& launch, const spec::Device& device,
                           const std::string& field) {
  constexpr std::string_view kDevPrefix = "/dev/";
  const std::string& target =
      device.container_path.empty() ? device.host_path : device.container_path;
  if (!target.starts_with(kDevPrefix)) {
    return BadField(base::StrCat(field, ".container_path"),
                    "must be below /dev: no other file system of a container "
                    "allows devices");
  }
  const auto found = launch.context.devices.find(device.host_path);
  if (found == launch.context.devices.end()) {
    if (device.optional) {
      launch.draft.summary.push_back(base::StrCat(
          "device ", device.host_path, ": not on this host, and optional"));
      return absl::OkStatus();
    }
    return base::MakeError(absl::StatusCode::kFailedPrecondition,
                           "START_FAILED",
                           base::StrCat(field, ": this host has no device \"",
                                        device.host_path, "\""),
                           {{"stage", "PLAN"}, {"path", device.host_path}});
  }
  const HostDevice& host = found->second;
  const std::string_view name =
      std::string_view(target).substr(kDevPrefix.size());
  if (IsStandard(name)) return absl::OkStatus();
  AddNode(launch, name, host.mode, ::makedev(host.major, host.minor),
          "a device of the host that the spec names; the allow-list of the "
          "cgroup names it too");
  return absl::OkStatus();
}

}  // namespace

absl::Status AddDeviceNodes(Launch& launch) {
  for (const Node& node : kStandardNodes) {
    AddNode(launch, node.name, S_IFCHR | 0666,
            ::makedev(node.major, node.minor), "part of the standard /dev");
  }
  for (size_t i = 0; i < launch.spec.devices.size(); ++i) {
    CAISSON_RETURN_IF_ERROR(AddHostDevice(
        launch, launch.spec.devices[i], base::StrCat("spec.devices[", i, "]")));
  }
  return absl::OkStatus();
}

}  // namespace caisson::plan
