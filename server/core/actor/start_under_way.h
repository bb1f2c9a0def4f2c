// A start of a container that has begun and not ended. For Container's own
// files.
//
// Process: caissond. Thread: the container's queue.
#ifndef CAISSON_SERVER_CORE_ACTOR_START_UNDER_WAY_H_
#define CAISSON_SERVER_CORE_ACTOR_START_UNDER_WAY_H_

#include <memory>
#include <utility>

#include "server/core/actor/container.h"

namespace caisson::core {

struct Container::StartUnderWay {
  explicit StartUnderWay(absl::Time begin) : clock(begin) {}

  TicketPtr ticket;
  PhaseClock clock;
  // One of them: Start, or Run with its stream.
  Callback<StartResult> start_callback;
  Callback<Started> run_callback;
  SessionPtr session;
  spec::OnDisconnect on_disconnect;
  plan::Plan plan;
  std::shared_ptr<StartGate> gate = std::make_shared<StartGate>();
  // Why it is to end although it did not fail by itself.
  absl::Status called_off;

  bool is_run() const { return session != nullptr; }
  void Fail(const absl::Status& status) {
    ticket->Announce(status, "");
    if (is_run()) {
      run_callback(status);
    } else {
      start_callback(status);
    }
  }
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_ACTOR_START_UNDER_WAY_H_
