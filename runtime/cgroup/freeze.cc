#include <unistd.h>

#include <cerrno>
#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "runtime/base/clock.h"
#include "runtime/base/file.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"
#include "runtime/cgroup/driver.h"
#include "runtime/cgroup/files.h"
#include "runtime/cgroup/freezer.h"
#include "runtime/cgroup/v1/freezer.h"
#include "runtime/cgroup/v2/freezer.h"

namespace caisson::cgroup {
namespace {

constexpr absl::Duration kPoll = absl::Milliseconds(1);

bool IsGone(const absl::Status& status) {
  return base::ErrnoOf(status) == ENOENT || base::ErrnoOf(status) == ENODEV;
}

}  // namespace

absl::StatusOr<Freezer> FreezerOf(const Group& group) {
  const Directory* directory = group.Find("freezer");
  if (directory == nullptr) {
    return absl::NotFoundError("this host has no cgroup freezer");
  }
  if (directory->what != kUnified) {
    return Freezer{v1::SetFrozen, v1::IsFrozen, directory->path};
  }
  return Freezer{v2::SetFrozen, v2::IsFrozen, directory->path};
}

absl::Status Freeze(const Group& group, absl::Duration limit) {
  CAISSON_ASSIGN_OR_RETURN(const Freezer freezer, FreezerOf(group));
  const base::Clock& clock = base::Clock::Real();
  const absl::Duration end = clock.Monotonic() + limit;
  absl::Status set = freezer.set(freezer.directory, true);
  while (set.ok()) {
    const absl::StatusOr<bool> frozen = freezer.is_frozen(freezer.directory);
    if (!frozen.ok()) {
      set = frozen.status();
      break;
    }
    if (*frozen) return absl::OkStatus();
    if (clock.Monotonic() >= end) {
      // Half frozen would be neither running nor stopped.
      CAISSON_RETURN_IF_ERROR(Thaw(group));
      return absl::DeadlineExceededError("processes did not stand still");
    }
    absl::SleepFor(kPoll);
  }
  return IsGone(set) ? absl::OkStatus() : set;
}

absl::Status Thaw(const Group& group) {
  CAISSON_ASSIGN_OR_RETURN(const Freezer freezer, FreezerOf(group));
  const absl::Status status = freezer.set(freezer.directory, false);
  return IsGone(status) ? absl::OkStatus() : status;
}

}  // namespace caisson::cgroup
