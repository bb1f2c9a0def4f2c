#include "runtime/cgroup/v1/freezer.h"

#include "runtime/base/file.h"
#include "runtime/base/status_macros.h"
#include "runtime/cgroup/files.h"

namespace caisson::cgroup::v1 {

absl::Status SetFrozen(const std::string& directory, bool frozen) {
  return base::WriteFile(FileIn(directory, "freezer.state"),
                         frozen ? "FROZEN" : "THAWED");
}

absl::StatusOr<bool> IsFrozen(const std::string& directory) {
  CAISSON_ASSIGN_OR_RETURN(const std::string state,
                           ReadText(directory, "freezer.state"));
  if (state == "FROZEN\n") return true;
  // A process that forked meanwhile leaves the state at FREEZING for ever;
  // writing it again makes the kernel look again.
  CAISSON_RETURN_IF_ERROR(SetFrozen(directory, true));
  return false;
}

}  // namespace caisson::cgroup::v1
