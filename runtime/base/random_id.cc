#include "runtime/base/random_id.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"

#include "runtime/base/check.h"

namespace caisson::base {
namespace {

constexpr size_t kIdBytes = 16;
constexpr size_t kIdDigits = 2 * kIdBytes;

}  // namespace

std::string RandomId() {
  char bytes[kIdBytes];
  ssize_t count = 0;
  do {
    // So few bytes come in one piece; only early boot can interrupt.
    count = ::getrandom(bytes, sizeof(bytes), 0);
  } while (count < 0 && errno == EINTR);
  CAISSON_CHECK(count == static_cast<ssize_t>(sizeof(bytes)));
  return absl::BytesToHexString(absl::string_view(bytes, sizeof(bytes)));
}

bool LooksLikeId(std::string_view text) {
  return text.size() == kIdDigits &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isxdigit(static_cast<unsigned char>(c));
         });
}

}  // namespace caisson::base
