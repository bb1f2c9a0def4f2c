// Small helpers of the managers: answers that come from a core thread, and
// requests that are joined or replayed.
//
// Process: caissond. Thread: any.
#ifndef CAISSON_SERVER_CORE_MANAGER_REPLIES_H_
#define CAISSON_SERVER_CORE_MANAGER_REPLIES_H_

#include <functional>
#include <memory>
#include <utility>
#include <variant>

#include "server/core/actor/env.h"
#include "server/core/manager/function_call.h"
#include "server/core/request_table.h"
#include "server/core/types.h"

namespace caisson::core {

// Calls back from the pool.
template <typename T, typename Result>
void Reply(Env* env, Callback<T> callback, Result result) {
  env->executor->Post(
      [callback = std::move(callback), result = std::move(result)]() mutable {
        callback(std::move(result));
      });
}
inline void ReplyDone(Env* env, DoneCallback callback, absl::Status status) {
  env->executor->Post(
      [callback = std::move(callback), status = std::move(status)]() mutable {
        callback(std::move(status));
      });
}

// Begins a request. `carry_out` gets the ticket and the callback when this
// call is the one to do the work; `conclude` turns the outcome of another one
// into this call's result. Returns what cancels this call.
template <typename CallbackType>
CallPtr BeginRequest(
    Env* env, const RequestKey& key, CallbackType callback,
    std::function<void(const RequestOutcome&, CallbackType)> conclude,
    absl::AnyInvocable<CallPtr(TicketPtr, CallbackType)> carry_out) {
  // Used by exactly one of the three ways.
  auto shared = std::make_shared<CallbackType>(std::move(callback));
  absl::StatusOr<RequestTable::Begun> begun = env->requests->Begin(
      key, [env, shared, conclude](const RequestOutcome& outcome) {
        env->executor->Post([shared, conclude, outcome] {
          conclude(outcome, std::move(*shared));
        });
      });
  if (!begun.ok()) {
    env->executor->Post(
        [shared, status = begun.status()] { (*shared)(status); });
    return NoCall();
  }
  if (auto* joined = std::get_if<RequestTable::Joined>(&*begun)) {
    return std::make_shared<FunctionCall>(std::move(joined->cancel));
  }
  if (const auto* outcome = std::get_if<RequestOutcome>(&*begun)) {
    env->executor->Post([shared, conclude, outcome = *outcome] {
      conclude(outcome, std::move(*shared));
    });
    return NoCall();
  }
  return carry_out(std::get<TicketPtr>(*begun), std::move(*shared));
}

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_MANAGER_REPLIES_H_
