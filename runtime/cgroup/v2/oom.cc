#include "runtime/cgroup/v2/oom.h"

#include <sys/inotify.h>

#include "runtime/base/syscall_error.h"
#include "runtime/cgroup/files.h"

namespace caisson::cgroup::v2 {

absl::StatusOr<base::UniqueFd> OpenOomEvents(const std::string& directory) {
  base::UniqueFd events(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!events.is_valid()) return base::SyscallError("inotify_init1");
  const std::string file = FileIn(directory, "memory.events");
  if (::inotify_add_watch(events.get(), file.c_str(), IN_MODIFY) < 0) {
    return base::SyscallError("inotify_add_watch", file);
  }
  return events;
}

}  // namespace caisson::cgroup::v2
