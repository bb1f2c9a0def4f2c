#include "runtime/cgroup/v2/freezer.h"

#include "runtime/base/file.h"
#include "runtime/base/status_macros.h"
#include "runtime/cgroup/files.h"

namespace caisson::cgroup::v2 {

absl::Status SetFrozen(const std::string& directory, bool frozen) {
  return base::WriteFile(FileIn(directory, "cgroup.freeze"),
                         frozen ? "1" : "0");
}

absl::StatusOr<bool> IsFrozen(const std::string& directory) {
  CAISSON_ASSIGN_OR_RETURN(const std::string events,
                           ReadText(directory, "cgroup.events"));
  return FindKey(events, "frozen").value_or(0) == 1;
}

}  // namespace caisson::cgroup::v2
