// Debian's Abseil is built with a string_view of its own, which nothing else
// converts to. This is the one bridge.
//
// Process: caissond. Thread: any.
#ifndef CAISSON_SERVER_STORE_STRING_VIEW_H_
#define CAISSON_SERVER_STORE_STRING_VIEW_H_

#include <string_view>

#include "absl/strings/string_view.h"

namespace caisson::store {

inline absl::string_view AbslView(std::string_view text) {
  return absl::string_view(text.data(), text.size());
}

}  // namespace caisson::store

#endif  // CAISSON_SERVER_STORE_STRING_VIEW_H_
