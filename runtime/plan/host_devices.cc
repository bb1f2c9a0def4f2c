#include "runtime/plan/host_devices.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <map>
#include <string>

namespace caisson::plan {

std::map<std::string, HostDevice> DetectDevices(
    const spec::ContainerSpec& spec) {
  std::map<std::string, HostDevice> devices;
  for (const spec::Device& device : spec.devices) {
    struct stat info;
    // Follows links: names below /dev/disk and the like are links.
    if (::stat(device.host_path.c_str(), &info) != 0) continue;
    if (!S_ISCHR(info.st_mode) && !S_ISBLK(info.st_mode)) continue;
    devices[device.host_path] =
        HostDevice{info.st_mode, ::major(info.st_rdev), ::minor(info.st_rdev)};
  }
  return devices;
}

}  // namespace caisson::plan
