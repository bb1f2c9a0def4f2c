#include "server/core/host/container_netns.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "absl/strings/str_cat.h"

#include "runtime/base/syscall_error.h"
#include "runtime/cgroup/driver.h"

namespace caisson::core {
namespace {

absl::Status Gone() {
  return absl::NotFoundError("its first process is gone");
}

}  // namespace

absl::StatusOr<base::UniqueFd> OpenNetns(
    const Places& places, std::string_view boot_id,
    const store::ContainerRecord& container) {
  const pid_t pid = container.status.pid;
  if (pid <= 0 || container.kernel.boot_id != boot_id) {
    return absl::NotFoundError("it does not run");
  }
  const std::string path = absl::StrCat("/proc/", pid, "/ns/net");
  base::UniqueFd netns(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!netns.is_valid()) {
    return errno == ENOENT ? Gone() : base::SyscallError("open", path);
  }
  // Asked for after the open: it was the container's then.
  const absl::StatusOr<std::vector<pid_t>> members =
      cgroup::ListPids(places.base.Container(container.id));
  if (!members.ok()) {
    const int err = base::ErrnoOf(members.status());
    // The cgroup went with the process.
    return err == ENOENT || err == ENODEV ? Gone() : members.status();
  }
  if (std::find(members->begin(), members->end(), pid) == members->end()) {
    return Gone();
  }
  return netns;
}

}  // namespace caisson::core
