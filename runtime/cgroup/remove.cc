#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "runtime/base/clock.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"
#include "runtime/cgroup/driver.h"
#include "runtime/cgroup/files.h"

namespace caisson::cgroup {
namespace {

constexpr absl::Duration kFirstPoll = absl::Microseconds(200);
constexpr absl::Duration kLastPoll = absl::Milliseconds(10);

// Deepest first, all of them even when one fails. Returns the first errno that
// is not "already gone", and its path.
int RemoveOnce(const std::vector<std::string>& tree, std::string* failed) {
  int first = 0;
  for (auto path = tree.rbegin(); path != tree.rend(); ++path) {
    if (::rmdir(path->c_str()) == 0 || errno == ENOENT) continue;
    if (first == 0) {
      first = errno;
      *failed = *path;
    }
  }
  return first;
}

absl::Status RemoveDirectory(const std::string& path, absl::Duration end) {
  const base::Clock& clock = base::Clock::Real();
  absl::Duration poll = kFirstPoll;
  while (true) {
    // Looked at anew each time: what still dies may have made more.
    CAISSON_ASSIGN_OR_RETURN(const std::vector<std::string> tree, Tree(path));
    std::string failed;
    const int err = RemoveOnce(tree, &failed);
    if (err == 0) return absl::OkStatus();
    const bool may_pass = err == EBUSY || err == ENOTEMPTY;
    if (!may_pass || clock.Monotonic() >= end) {
      return base::SyscallErrorFrom(err, "rmdir", failed);
    }
    absl::SleepFor(poll);
    poll = std::min(2 * poll, kLastPoll);
  }
}

}  // namespace

absl::Status Remove(const Group& group, absl::Duration limit) {
  const absl::Duration end = base::Clock::Real().Monotonic() + limit;
  absl::Status first;
  for (const Directory& directory : group.directories) {
    const absl::Status status = RemoveDirectory(directory.path, end);
    if (first.ok()) first = status;
  }
  return first;
}

}  // namespace caisson::cgroup
