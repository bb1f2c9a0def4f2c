// Early return on errors, and context for them.
//
// Process: any. Thread: any.
//
//   CAISSON_RETURN_IF_ERROR(WriteAll(fd, data));
//   CAISSON_ASSIGN_OR_RETURN(std::string text, ReadFileToString(path, 4096));
#ifndef CAISSON_RUNTIME_BASE_STATUS_MACROS_H_
#define CAISSON_RUNTIME_BASE_STATUS_MACROS_H_

#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "runtime/base/str_cat.h"

namespace caisson::base {

// The same status with "<context>: " before its message. Code and payloads
// stay, so ErrnoOf and DetailOf still work. OK stays OK.
absl::Status AnnotateWith(const absl::Status& status, std::string_view context);

template <typename... Parts>
absl::Status Annotate(const absl::Status& status, const Parts&... parts) {
  if (status.ok()) return status;
  return AnnotateWith(status, StrCat(parts...));
}

// The only way to drop an error: says why that is right.
inline void IgnoreError(const absl::Status& status, std::string_view reason) {
  static_cast<void>(status);
  static_cast<void>(reason);
}

namespace internal {
inline const absl::Status& StatusOf(const absl::Status& status) {
  return status;
}
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& value) {
  return value.status();
}
}  // namespace internal

}  // namespace caisson::base

#define CAISSON_RETURN_IF_ERROR(expression)                  \
  do {                                                       \
    if (absl::Status caisson_status_ =                       \
            ::caisson::base::internal::StatusOf(expression); \
        !caisson_status_.ok()) {                             \
      return caisson_status_;                                \
    }                                                        \
  } while (false)

#define CAISSON_STATUS_CONCAT_INNER_(a, b) a##b
#define CAISSON_STATUS_CONCAT_(a, b) CAISSON_STATUS_CONCAT_INNER_(a, b)

#define CAISSON_ASSIGN_OR_RETURN(target, expression) \
  CAISSON_ASSIGN_OR_RETURN_IMPL_(                    \
      CAISSON_STATUS_CONCAT_(caisson_or_, __LINE__), target, expression)

#define CAISSON_ASSIGN_OR_RETURN_IMPL_(holder, target, expression) \
  auto holder = (expression);                                      \
  if (!holder.ok()) return std::move(holder).status();             \
  target = *std::move(holder)

#endif  // CAISSON_RUNTIME_BASE_STATUS_MACROS_H_
