#include "runtime/cgroup/v1/devices.h"

#include <cstdint>

#include "runtime/base/str_cat.h"
#include "runtime/cgroup/steps.h"

namespace caisson::cgroup::v1 {
namespace {

std::string Number(int64_t number) {
  return number < 0 ? "*" : base::StrCat(number);
}

}  // namespace

void AppendDevices(const std::string& directory, const ContainerLimits& limits,
                   std::vector<CgroupStep>* steps) {
  if (limits.all_devices) return;
  Write(directory, "devices.deny", "a", "no device unless it is listed", steps);
  for (const DeviceRule& rule : limits.devices) {
    Write(directory, "devices.allow",
          base::StrCat(std::string(1, rule.type), " ", Number(rule.major), ":",
                       Number(rule.minor), " ", rule.access),
          "device that the container may use", steps);
  }
}

}  // namespace caisson::cgroup::v1
