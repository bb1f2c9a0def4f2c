#include "runtime/base/status_macros.h"

#include "absl/strings/cord.h"
#include "absl/strings/string_view.h"

namespace caisson::base {

absl::Status AnnotateWith(const absl::Status& status,
                          std::string_view context) {
  if (status.ok()) return status;
  absl::Status result(status.code(), StrCat(context, ": ", status.message()));
  status.ForEachPayload(
      [&result](absl::string_view url, const absl::Cord& payload) {
        result.SetPayload(url, payload);
      });
  return result;
}

}  // namespace caisson::base
