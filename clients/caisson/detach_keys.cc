#include "clients/caisson/detach_keys.h"

#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace caisson::cli {

namespace {

// The byte of one key; nothing when it is none.
std::optional<char> ParseKey(absl::string_view key) {
  if (!absl::ConsumePrefix(&key, "ctrl-")) {
    if (key.size() != 1 || key[0] <= ' ' || key[0] > '~') return std::nullopt;
    return key[0];
  }
  if (key.size() != 1) return std::nullopt;
  const bool letter = key[0] >= 'a' && key[0] <= 'z';
  // ASCII has "@A..Z[\]^_" 64 above the control characters.
  if (!letter && (key[0] < '@' || key[0] > '_')) return std::nullopt;
  return static_cast<char>(key[0] & 0x1f);
}

}  // namespace

std::optional<std::string> ParseDetachKeys(const std::string& text) {
  std::string keys;
  if (text.empty()) return keys;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    const std::optional<char> key = ParseKey(part);
    if (!key.has_value()) return std::nullopt;
    keys += *key;
  }
  return keys;
}

}  // namespace caisson::cli
