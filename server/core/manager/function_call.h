// A Call whose Cancel runs a function, once.
//
// Process: caissond. Thread: any.
#ifndef CAISSON_SERVER_CORE_MANAGER_FUNCTION_CALL_H_
#define CAISSON_SERVER_CORE_MANAGER_FUNCTION_CALL_H_

#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"

#include "server/core/types.h"

namespace caisson::core {

class FunctionCall final : public Call {
 public:
  explicit FunctionCall(absl::AnyInvocable<void()> cancel)
      : cancel_(std::move(cancel)) {}

  void Cancel() override {
    absl::AnyInvocable<void()> cancel;
    {
      absl::MutexLock lock(&mutex_);
      cancel.swap(cancel_);
    }
    if (cancel) cancel();
  }

 private:
  absl::Mutex mutex_;
  absl::AnyInvocable<void()> cancel_ ABSL_GUARDED_BY(mutex_);
};

// A call that is over already, or that goes on without its caller.
inline CallPtr NoCall() {
  return std::make_shared<FunctionCall>([] {});
}

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_MANAGER_FUNCTION_CALL_H_
