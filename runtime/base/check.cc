#include "runtime/base/check.h"

#include <unistd.h>

#include <cstdlib>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace caisson::base {

void CheckFailed(const char* file, int line, const char* condition) {
  const std::string text =
      absl::StrCat(file, ":", line, ": check failed: ", condition, "\n");
  // Nothing can be done when stderr is gone: the abort follows either way.
  if (::write(STDERR_FILENO, text.data(), text.size()) < 0) std::abort();
  std::abort();
}

}  // namespace caisson::base
