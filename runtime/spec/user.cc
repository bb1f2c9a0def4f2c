#include "runtime/spec/user.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"

#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"

namespace caisson::spec {
namespace {

// LOGIN_NAME_MAX of Linux.
constexpr size_t kMaxNameBytes = 256;

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

// What a name in /etc/passwd cannot hold or what would confuse people.
bool IsForbidden(char c) {
  return c <= ' ' || c == 0x7f || c == ':' || c == ',' || c == '/';
}

}  // namespace

absl::StatusOr<Principal> ParsePrincipal(std::string_view text) {
  if (text.empty()) return absl::InvalidArgumentError("must not be empty");
  Principal result;
  if (std::all_of(text.begin(), text.end(), IsDigit)) {
    uint64_t value = 0;
    if (!absl::SimpleAtoi(base::AbslView(text), &value) ||
        value > static_cast<uint64_t>(kMaxId)) {
      return absl::InvalidArgumentError("number is not in 0..4294967294");
    }
    result.number = static_cast<uint32_t>(value);
    return result;
  }
  // "0x0", "007a", "+5" and "-1" are neither numbers nor sensible names.
  if (IsDigit(text[0]) || text[0] == '+' || text[0] == '-') {
    return absl::InvalidArgumentError(
        "must be a decimal number, or a name that does not begin with a digit "
        "or a sign");
  }
  if (text.size() > kMaxNameBytes) {
    return absl::InvalidArgumentError("name is longer than 256 bytes");
  }
  // The cast keeps bytes >= 0x80 out of the comparison with ' '.
  if (std::any_of(text.begin(), text.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x80 && IsForbidden(c);
      })) {
    return absl::InvalidArgumentError(
        "name has a space, a control character, ':', ',' or '/'");
  }
  result.name = std::string(text);
  return result;
}

absl::StatusOr<UserRef> ParseUser(std::string_view text) {
  UserRef ref;
  if (text.empty()) {
    ref.user.number = 0;
    ref.group = Principal{.number = 0, .name = {}};
    return ref;
  }
  const size_t colon = text.find(':');
  absl::StatusOr<Principal> user = ParsePrincipal(text.substr(0, colon));
  if (!user.ok()) return base::Annotate(user.status(), "user");
  ref.user = *std::move(user);
  if (colon == std::string_view::npos) return ref;
  absl::StatusOr<Principal> group = ParsePrincipal(text.substr(colon + 1));
  if (!group.ok()) return base::Annotate(group.status(), "group");
  ref.group = *std::move(group);
  return ref;
}

}  // namespace caisson::spec
