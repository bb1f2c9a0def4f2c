#include "server/translate/utf8.h"

#include <string>
#include <string_view>

#include "gtest/gtest.h"

namespace caisson::translate {
namespace {

constexpr std::string_view kBad = "\xEF\xBF\xBD";

std::string Bad(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += kBad;
  return text;
}

TEST(Utf8Test, ValidTextIsUnchanged) {
  const std::string text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z";
  EXPECT_EQ(SanitizeUtf8(text), text);
  EXPECT_EQ(SanitizeUtf8(""), "");
  EXPECT_EQ(SanitizeUtf8(std::string_view("\0x", 2)),
            std::string_view("\0x", 2));
}

TEST(Utf8Test, EveryInvalidPieceBecomesOneReplacement) {
  EXPECT_EQ(SanitizeUtf8("a\xFFz"), "a" + Bad(1) + "z");
  EXPECT_EQ(SanitizeUtf8("\x80\x80"), Bad(2));          // lone continuations
  EXPECT_EQ(SanitizeUtf8("\xC0\xAF"), Bad(2));          // overlong slash
  EXPECT_EQ(SanitizeUtf8("\xE0\x80\xAF"), Bad(3));      // overlong slash
  EXPECT_EQ(SanitizeUtf8("\xED\xA0\x80"), Bad(3));      // surrogate
  EXPECT_EQ(SanitizeUtf8("\xF4\x90\x80\x80"), Bad(4));  // above U+10FFFF
  EXPECT_EQ(SanitizeUtf8("\xE2\x82z"), Bad(1) + "z");   // truncated, goes on
  EXPECT_EQ(SanitizeUtf8("\xF0\x9F\x98"), Bad(1));      // truncated at the end
  EXPECT_EQ(SanitizeUtf8("\xC3\xC3\xA9"), Bad(1) + "\xC3\xA9");
}

TEST(Utf8Test, TheLimitCutsBetweenCharacters) {
  EXPECT_EQ(SanitizeUtf8("abcdef", 4), "abcd");
  EXPECT_EQ(SanitizeUtf8("abc\xC3\xA9", 4), "abc");
  EXPECT_EQ(SanitizeUtf8("abc\xC3\xA9", 5), "abc\xC3\xA9");
  EXPECT_EQ(SanitizeUtf8("\xFF", 2), "");
  EXPECT_EQ(SanitizeUtf8("abc", 0), "");
}

TEST(Utf8Test, TailIsWhatCouldStillBecomeACharacter) {
  EXPECT_EQ(IncompleteUtf8Tail(""), 0u);
  EXPECT_EQ(IncompleteUtf8Tail("abc"), 0u);
  EXPECT_EQ(IncompleteUtf8Tail("a\xC3"), 1u);
  EXPECT_EQ(IncompleteUtf8Tail("a\xC3\xA9"), 0u);
  EXPECT_EQ(IncompleteUtf8Tail("\xE2\x82"), 2u);
  EXPECT_EQ(IncompleteUtf8Tail("\xF0\x9F\x98"), 3u);
  EXPECT_EQ(IncompleteUtf8Tail("\xF0\x9F\x98\x80"), 0u);
  EXPECT_EQ(IncompleteUtf8Tail("\x80\x80\x80\x80"), 0u);  // never valid
  EXPECT_EQ(IncompleteUtf8Tail("\xED\xA0"), 0u);          // surrogate already
  EXPECT_EQ(IncompleteUtf8Tail("\xFF"), 0u);
}

}  // namespace
}  // namespace caisson::translate
