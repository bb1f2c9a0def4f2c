#include "server/core/network/leaving_endpoints.h"

#include "absl/time/clock.h"

namespace caisson::core {

void LeavingEndpoints::Add(const std::string& endpoint_id) {
  const absl::Time now = absl::Now();
  absl::MutexLock lock(&mutex_);
  while (!endpoints_.empty() && endpoints_.front().first < now - kLeaveLimit) {
    endpoints_.pop_front();
  }
  endpoints_.emplace_back(now, endpoint_id);
}

bool LeavingEndpoints::Has(const std::string& endpoint_id) const {
  const absl::Time after = absl::Now() - kLeaveLimit;
  absl::MutexLock lock(&mutex_);
  for (auto one = endpoints_.rbegin(); one != endpoints_.rend(); ++one) {
    if (one->first < after) return false;
    if (one->second == endpoint_id) return true;
  }
  return false;
}

}  // namespace caisson::core
