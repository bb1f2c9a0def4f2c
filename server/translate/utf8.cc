#include "server/translate/utf8.h"

#include <algorithm>
#include <cstdint>

namespace caisson::translate {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// The legal range of the second byte depends on the first: it excludes
// overlong forms (E0, F0), surrogates (ED) and what is above U+10FFFF (F4).
struct Lead {
  size_t length = 0;  // 0: no character begins with this byte
  uint8_t second_min = 0x80;
  uint8_t second_max = 0xBF;
};

Lead LeadOf(uint8_t byte) {
  if (byte < 0x80) return {1};
  if (byte >= 0xC2 && byte <= 0xDF) return {2};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte >= 0xE1 && byte <= 0xEF) return {3};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte >= 0xF1 && byte <= 0xF3) return {4};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {};
}

struct Piece {
  size_t length = 1;  // bytes that belong together, >= 1
  bool valid = false;
  bool incomplete = false;  // ended by the end of the input only
};

// The first character of `bytes`, or the first maximal invalid piece.
Piece FirstPiece(std::string_view bytes) {
  const Lead lead = LeadOf(static_cast<uint8_t>(bytes[0]));
  if (lead.length == 0) return {1, false, false};
  for (size_t i = 1; i < lead.length; ++i) {
    if (i == bytes.size()) return {i, false, true};
    const uint8_t byte = static_cast<uint8_t>(bytes[i]);
    const uint8_t min = i == 1 ? lead.second_min : 0x80;
    const uint8_t max = i == 1 ? lead.second_max : 0xBF;
    if (byte < min || byte > max) return {i, false, false};
  }
  return {lead.length, true, false};
}

size_t AsciiPrefix(std::string_view bytes) {
  size_t i = 0;
  while (i < bytes.size() && static_cast<uint8_t>(bytes[i]) < 0x80) ++i;
  return i;
}

}  // namespace

std::string SanitizeUtf8(std::string_view bytes, size_t max_bytes) {
  std::string text;
  text.reserve(std::min(bytes.size(), max_bytes));
  while (!bytes.empty()) {
    // Nearly everything is ASCII: take it in one go.
    const size_t plain = std::min(AsciiPrefix(bytes), max_bytes - text.size());
    text.append(bytes.substr(0, plain));
    bytes.remove_prefix(plain);
    if (bytes.empty() || text.size() == max_bytes) break;
    const Piece piece = FirstPiece(bytes);
    const std::string_view out =
        piece.valid ? bytes.substr(0, piece.length) : kReplacement;
    if (text.size() + out.size() > max_bytes) break;
    text.append(out);
    bytes.remove_prefix(piece.length);
  }
  return text;
}

std::string SanitizeUtf8(std::string_view bytes) {
  return SanitizeUtf8(bytes, bytes.size() * kReplacement.size());
}

size_t IncompleteUtf8Tail(std::string_view bytes) {
  // The lead byte of an incomplete character is among the last three.
  const size_t longest = std::min<size_t>(3, bytes.size());
  for (size_t back = 1; back <= longest; ++back) {
    const std::string_view tail = bytes.substr(bytes.size() - back);
    const uint8_t byte = static_cast<uint8_t>(tail[0]);
    if (byte < 0x80) return 0;
    if (byte < 0xC0) continue;  // a continuation: the lead is further back
    return FirstPiece(tail).incomplete ? back : 0;
  }
  return 0;
}

}  // namespace caisson::translate
