// Calls that wait for something to become true of one object.
//
// Process: caissond. Thread: the object's queue.
#ifndef CAISSON_SERVER_CORE_ACTOR_WAITERS_H_
#define CAISSON_SERVER_CORE_ACTOR_WAITERS_H_

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"

#include "server/core/errors.h"
#include "server/core/types.h"

namespace caisson::core {

template <typename Result>
class Waiters {
 public:
  // The result as soon as the condition holds, else nullopt.
  using Condition = absl::AnyInvocable<std::optional<absl::StatusOr<Result>>()>;

  // Calls back now or at a later Check. 0: it did.
  uint64_t Add(Condition condition, Callback<Result> callback) {
    if (std::optional<absl::StatusOr<Result>> result = condition()) {
      callback(*std::move(result));
      return 0;
    }
    waiting_.emplace(++last_, Waiting{.condition = std::move(condition),
                                      .callback = std::move(callback)});
    return last_;
  }

  void Check() {
    std::vector<std::pair<Callback<Result>, absl::StatusOr<Result>>> ready;
    for (auto at = waiting_.begin(); at != waiting_.end();) {
      std::optional<absl::StatusOr<Result>> result = at->second.condition();
      if (!result.has_value()) {
        ++at;
        continue;
      }
      ready.emplace_back(std::move(at->second.callback), *std::move(result));
      at = waiting_.erase(at);
    }
    for (auto& [callback, result] : ready) callback(std::move(result));
  }

  void Cancel(uint64_t waiter) {
    const auto at = waiting_.find(waiter);
    if (at == waiting_.end()) return;
    Callback<Result> callback = std::move(at->second.callback);
    waiting_.erase(at);
    callback(CallCancelled());
  }

  void FailAll(const absl::Status& status) {
    std::map<uint64_t, Waiting> all;
    all.swap(waiting_);
    for (auto& [number, one] : all) one.callback(status);
  }

 private:
  struct Waiting {
    Condition condition;
    Callback<Result> callback;
  };
  std::map<uint64_t, Waiting> waiting_;
  uint64_t last_ = 0;
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_ACTOR_WAITERS_H_
