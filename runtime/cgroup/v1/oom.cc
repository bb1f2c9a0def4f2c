#include "runtime/cgroup/v1/oom.h"

#include <fcntl.h>
#include <sys/eventfd.h>

#include "runtime/base/file.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/base/syscall_error.h"
#include "runtime/cgroup/files.h"

namespace caisson::cgroup::v1 {

absl::StatusOr<base::UniqueFd> OpenOomEvents(const std::string& directory) {
  CAISSON_ASSIGN_OR_RETURN(
      const base::UniqueFd control,
      base::Open(FileIn(directory, "memory.oom_control"), O_RDONLY));
  base::UniqueFd events(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!events.is_valid()) return base::SyscallError("eventfd");
  // The kernel keeps what it needs of `control`; it ends with the eventfd.
  CAISSON_RETURN_IF_ERROR(
      base::WriteFile(FileIn(directory, "cgroup.event_control"),
                      base::StrCat(events.get(), " ", control.get())));
  return events;
}

}  // namespace caisson::cgroup::v1
