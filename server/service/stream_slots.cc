#include "server/service/stream_slots.h"

#include <utility>

#include "runtime/base/error_detail.h"
#include "runtime/base/str_cat.h"

namespace caisson::service {

absl::StatusOr<std::unique_ptr<StreamSlots::Slot>> StreamSlots::Take(
    std::string key) {
  {
    absl::MutexLock lock(&mutex_);
    int& used = used_[key];
    if (used < max_) {
      ++used;
      return std::make_unique<Slot>(this, std::move(key));
    }
  }
  return base::MakeError(
      absl::StatusCode::kResourceExhausted, "TOO_MANY_STREAMS",
      base::StrCat("there are ", max_, " open streams of this kind already"),
      {{"limit", std::string(name_)}, {"value", base::StrCat(max_)}});
}

void StreamSlots::Release(const std::string& key) {
  absl::MutexLock lock(&mutex_);
  const auto it = used_.find(key);
  if (it != used_.end() && --it->second <= 0) used_.erase(it);
}

}  // namespace caisson::service
