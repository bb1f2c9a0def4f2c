// Endpoints that were given up a moment ago. The kernel takes their links away
// with the namespace, in its own time; one that is there for longer than
// kLeaveLimit is kept by somebody.
//
// Process: caissond. Thread: any.
#ifndef CAISSON_SERVER_CORE_NETWORK_LEAVING_ENDPOINTS_H_
#define CAISSON_SERVER_CORE_NETWORK_LEAVING_ENDPOINTS_H_

#include <deque>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace caisson::core {

inline constexpr absl::Duration kLeaveLimit = absl::Seconds(5);

class LeavingEndpoints {
 public:
  void Add(const std::string& endpoint_id);
  bool Has(const std::string& endpoint_id) const;

 private:
  mutable absl::Mutex mutex_;
  // In the order in which they came.
  std::deque<std::pair<absl::Time, std::string>> endpoints_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_NETWORK_LEAVING_ENDPOINTS_H_
