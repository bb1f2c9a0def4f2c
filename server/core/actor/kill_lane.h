// Signals for a container and its execs, past its queue and past a shim that
// hangs: through the shim, so that the cause is on record, and for SIGKILL to
// the tree through the cgroup as well.
//
// Process: caissond. Thread: any; nothing blocks.
#ifndef CAISSON_SERVER_CORE_ACTOR_KILL_LANE_H_
#define CAISSON_SERVER_CORE_ACTOR_KILL_LANE_H_

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

#include "runtime/cgroup/group.h"
#include "server/core/executor.h"
#include "server/core/types.h"
#include "server/shimlink/conn.h"

namespace caisson::core {

struct Signal {
  int number = 0;
  SignalScope scope = SignalScope::kProcess;
};

// INVALID_FIELD for a text that is no signal.
absl::StatusOr<Signal> ParseSignalArgs(const SignalArgs& args);

class KillLane {
 public:
  // `group` is that of the container.
  KillLane(Executor* blocking, cgroup::Group group)
      : blocking_(blocking), group_(std::move(group)) {}
  KillLane(const KillLane&) = delete;
  KillLane& operator=(const KillLane&) = delete;

  // A run began; `conn` may be null while its shim cannot be reached.
  void Open(shimlink::ConnPtr conn);
  // It is over: signals fail from here on.
  void Close();
  bool is_open() const;

  // Sends a signal to the container (target 0, `group` is its own) or an exec.
  // False: nothing runs.
  bool Send(uint32_t target, const cgroup::Group& group, Signal signal);
  bool Send(Signal signal) { return Send(0, group_, signal); }

  // SIGKILL for all of the container, whether a run is open or not.
  void KillGroup();

  // Nothing that was asked for has still to be carried out. A group is known by
  // its path alone: the next run may have it only then.
  bool IsQuiet() const { return *under_way_ == 0; }

  // Whether SIGKILL was asked for in this run.
  bool WasKilled(uint32_t target) const;

 private:
  void Post(Work work);

  Executor* const blocking_;
  const cgroup::Group group_;
  // Work that is posted may outlive this.
  const std::shared_ptr<std::atomic<int>> under_way_ =
      std::make_shared<std::atomic<int>>(0);
  mutable absl::Mutex mutex_;
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
  shimlink::ConnPtr conn_ ABSL_GUARDED_BY(mutex_);
  std::set<uint32_t> killed_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_ACTOR_KILL_LANE_H_
