// Asks the network lane for something that a call shall be answered with.
//
// Process: caissond. Thread: one that may wait, never gRPC's or the lane's.
#ifndef CAISSON_SERVER_CORE_NETWORK_ASK_LANE_H_
#define CAISSON_SERVER_CORE_NETWORK_ASK_LANE_H_

#include <memory>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

#include "runtime/base/error_detail.h"
#include "server/core/executor.h"

namespace caisson::core {

// How long one waits for what is under way on the lane.
inline constexpr absl::Duration kAskLimit = absl::Seconds(2);

// What `look` returns there; UNAVAILABLE STUCK_IN_KERNEL when its turn does not
// come in time. It must own all that it works with but for the lane's own.
template <typename T>
absl::StatusOr<T> AskLane(Executor* lane,
                          absl::AnyInvocable<absl::StatusOr<T>()> look) {
  struct Answer {
    absl::Notification is_there;
    absl::StatusOr<T> value = absl::UnknownError("not asked");
  };
  auto answer = std::make_shared<Answer>();
  lane->Post([answer, look = std::move(look)]() mutable {
    answer->value = look();
    answer->is_there.Notify();
  });
  if (!answer->is_there.WaitForNotificationWithTimeout(kAskLimit)) {
    return base::MakeError(absl::StatusCode::kUnavailable, "STUCK_IN_KERNEL",
                           "the kernel does not answer about networks");
  }
  return std::move(answer->value);
}

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_NETWORK_ASK_LANE_H_
