// Debian's Abseil is built with a string_view of its own, which std::string
// converts to and std::string_view does not. This tree uses std::string_view;
// here is what carries it into Abseil.
//
// Process: any. Thread: any; pure.
#ifndef CAISSON_RUNTIME_BASE_STR_CAT_H_
#define CAISSON_RUNTIME_BASE_STR_CAT_H_

#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace caisson::base {

inline absl::string_view AbslView(std::string_view text) {
  return absl::string_view(text.data(), text.size());
}
inline std::string_view StdView(absl::string_view text) {
  return std::string_view(text.data(), text.size());
}

namespace internal {
template <typename T>
const T& CatArg(const T& value) {
  return value;
}
inline absl::string_view CatArg(const std::string_view& value) {
  return AbslView(value);
}
}  // namespace internal

// absl::StrCat and absl::StrAppend that take std::string_view as well.
template <typename... Parts>
std::string StrCat(const Parts&... parts) {
  return absl::StrCat(internal::CatArg(parts)...);
}
template <typename... Parts>
void StrAppend(std::string* out, const Parts&... parts) {
  absl::StrAppend(out, internal::CatArg(parts)...);
}

}  // namespace caisson::base

#endif  // CAISSON_RUNTIME_BASE_STR_CAT_H_
