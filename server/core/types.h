// What the calls of core take and give: arguments, results, and the handle of
// a call under way. The records themselves are the store's (store/records.h):
// immutable, shared, read without waiting.
//
// Process: caissond. Thread: any; plain values. Callbacks run exactly once, on
// core's threads, never on the stack of the caller and with no lock held; they
// must not block.
#ifndef CAISSON_SERVER_CORE_TYPES_H_
#define CAISSON_SERVER_CORE_TYPES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "runtime/spec/spec.h"
#include "server/store/records.h"

namespace caisson::core {

using store::ContainerPtr;
using store::ExecPtr;
using ExitPtr = std::shared_ptr<const store::ExitInfo>;

template <typename T>
using Callback = absl::AnyInvocable<void(absl::StatusOr<T>)>;
using DoneCallback = absl::AnyInvocable<void(absl::Status)>;

// A call under way, as the one who made it sees it. Dropping the handle means
// nothing; Cancel says that the caller is gone. What that does is the call's
// own matter (see each); the callback still runs once, then with CANCELLED if
// the call was given up for it. Any thread; never blocks.
class Call {
 public:
  virtual ~Call() = default;
  virtual void Cancel() = 0;
};
using CallPtr = std::shared_ptr<Call>;

// The request_id of a call. An empty id: not remembered. Core checks form and
// reuse, joins a call that still runs, and replays one that is over.
struct RequestKey {
  std::string id;                   // UUID as sent; core folds the case
  std::string method;               // "CreateContainer"
  std::string fingerprint;          // digest of the request, opaque
  int32_t fingerprint_version = 0;  // compared only when equal
};

// Where the time of a call went, in order.
struct Timings {
  struct Phase {
    std::string name;  // "PREPARE"
    absl::Duration duration;
  };
  absl::Duration total;
  std::vector<Phase> phases;
};

// What goes on with a container right now; observed, not part of a revision.
struct PendingOperation {
  std::string operation;  // "create", "start", "stop", "kill" or "delete"
  std::string stage;      // "WAIT_CGROUP_EMPTY"
  absl::Time since;
  std::string request_id;
  std::string waiting_on;  // for people
};

// A plan, explained.
struct PlanStep {
  int32_t index = 0;
  // "DAEMON", "PREPARE", "PARENT", "NETWORK", "CHILD", "EXEC"
  std::string stage;
  std::string op;  // "MOUNT"
  std::string target;
  std::map<std::string, std::string> detail;
  std::string text;
  std::string why;
};
struct Explanation {
  std::vector<std::string> summary;
  std::vector<PlanStep> steps;
  spec::ContainerSpec effective;
  std::vector<std::string> missing_features;
  std::string hash;  // of the plan's bytes, hex digits
};

enum class SignalScope { kProcess, kTree };

// A signal to send. Unset scope: the tree for SIGKILL, else the process.
struct SignalArgs {
  std::string signal;  // "SIGTERM", "TERM", "15"; empty: "SIGKILL"
  std::optional<SignalScope> scope;
};

// Input that the process was given.
struct StdinProgress {
  int64_t offset = 0;   // bytes written to it so far
  bool closed = false;  // no more is taken; what comes is dropped
};

// The types of events that core writes.
inline constexpr const char* kEventTypes[] = {"container.created",
                                              "container.started",
                                              "container.oom",
                                              "container.exited",
                                              "container.deleted",
                                              "container.network_changed",
                                              "exec.started",
                                              "exec.exited",
                                              "exec.deleted",
                                              "network.created",
                                              "network.deleted",
                                              "network.repaired",
                                              "network_namespace.created",
                                              "network_namespace.deleted",
                                              "network_namespace.repaired"};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_TYPES_H_
