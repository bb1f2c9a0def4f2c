#include "tests/testing/children.h"

#include <sys/wait.h>
#include <unistd.h>

#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

#include "tests/leakcheck/proc.h"

namespace caisson::testing {

namespace {

struct Children {
  absl::Mutex mutex;
  std::set<pid_t> own ABSL_GUARDED_BY(mutex);
};

Children& All() {
  static Children* const all = new Children;
  return *all;
}

}  // namespace

void AddOwnChild(pid_t pid) {
  absl::MutexLock lock(&All().mutex);
  All().own.insert(pid);
}

void ForgetOwnChild(pid_t pid) {
  absl::MutexLock lock(&All().mutex);
  All().own.erase(pid);
}

void ReapAdopted() {
  const pid_t self = ::getpid();
  for (const auto& [pid, stat] : leakcheck::AllProcesses()) {
    if (stat.parent != self || stat.state != 'Z') continue;
    absl::MutexLock lock(&All().mutex);
    if (All().own.count(pid) == 0) ::waitpid(pid, nullptr, WNOHANG);
  }
}

}  // namespace caisson::testing
