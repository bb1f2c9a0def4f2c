// One exec as its container's queue knows it. For ExecSet's own files.
//
// Process: caissond. Thread: the container's queue.
#ifndef CAISSON_SERVER_CORE_ACTOR_EXEC_UNIT_H_
#define CAISSON_SERVER_CORE_ACTOR_EXEC_UNIT_H_

#include <csignal>
#include <memory>
#include <optional>

#include "server/core/actor/exec_set.h"

namespace caisson::core {

// A start under way.
struct ExecSet::Launch {
  explicit Launch(absl::Time begin) : clock(begin) {}

  TicketPtr ticket;
  Callback<Started> callback;
  SessionPtr session;
  plan::Plan plan;
  PhaseClock clock;
};

struct ExecSet::Unit {
  store::ExecRecord record;                // as the store has it
  std::optional<store::ExecRecord> ended;  // with its exit, to be committed
  std::shared_ptr<OutputSource> source;
  std::shared_ptr<StreamHub> hub;
  Waiters<WaitExecResult> waiters;
  std::unique_ptr<Launch> launch;  // null: it has started
  TimerId retention = 0;
  // The shim was without us since it was asked for it.
  bool adopted = false;
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_ACTOR_EXEC_UNIT_H_
