#include "server/translate/text_splitter.h"

#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "server/translate/utf8.h"

namespace caisson::translate {
namespace {

constexpr char kBad[] = "\xEF\xBF\xBD";

std::string TextOf(const std::vector<TextPiece>& pieces) {
  std::string text;
  for (const TextPiece& piece : pieces) text += piece.text;
  return text;
}

// Pieces must cover [from, from + size) in order and without a hole.
void ExpectCover(const std::vector<TextPiece>& pieces, int64_t from,
                 int64_t size) {
  int64_t at = from;
  for (const TextPiece& piece : pieces) {
    EXPECT_EQ(piece.offset, at);
    EXPECT_GE(piece.size, 1);
    at += piece.size;
  }
  EXPECT_EQ(at, from + size);
}

TEST(TextSplitterTest, AnySplitGivesTheSameTextAndCoversAllBytes) {
  const std::string raw = "x\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\xFFy";
  const std::string text =
      "x\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80" + std::string(kBad) + "y";
  for (size_t step = 1; step <= raw.size(); ++step) {
    TextSplitter splitter;
    std::vector<TextPiece> pieces;
    for (size_t at = 0; at < raw.size(); at += step) {
      splitter.Add(100 + at, 40 + at, raw.substr(at, step), &pieces);
    }
    splitter.Finish(&pieces);
    EXPECT_EQ(TextOf(pieces), text) << "step " << step;
    ExpectCover(pieces, 100, raw.size());
    EXPECT_EQ(pieces.front().stream_offset, 40);
  }
}

TEST(TextSplitterTest, HoldsBackAtMostThreeBytes) {
  TextSplitter splitter;
  std::vector<TextPiece> pieces;
  splitter.Add(0, 0, "ab\xF0\x9F\x98", &pieces);
  ASSERT_EQ(pieces.size(), 1u);
  EXPECT_EQ(pieces[0].text, "ab");
  EXPECT_EQ(pieces[0].size, 2);
  splitter.Add(5, 5, "\x80", &pieces);
  ASSERT_EQ(pieces.size(), 2u);
  EXPECT_EQ(pieces[1].offset, 2);
  EXPECT_EQ(pieces[1].size, 4);
}

TEST(TextSplitterTest, TheEndTellsAnUnfinishedCharacter) {
  TextSplitter splitter;
  std::vector<TextPiece> pieces;
  splitter.Add(7, 7, "\xE2\x82", &pieces);
  EXPECT_TRUE(pieces.empty());
  splitter.Finish(&pieces);
  ASSERT_EQ(pieces.size(), 1u);
  EXPECT_EQ(pieces[0].text, kBad);
  EXPECT_EQ(pieces[0].offset, 7);
  EXPECT_EQ(pieces[0].size, 2);
  pieces.clear();
  splitter.Finish(&pieces);
  EXPECT_TRUE(pieces.empty());
}

TEST(TextSplitterTest, AnInterruptKeepsOrderAndCharacter) {
  TextSplitter splitter;
  std::vector<TextPiece> pieces;
  splitter.Add(0, 0, "a\xE2", &pieces);
  splitter.Interrupt(&pieces);  // ten bytes of the other output follow
  splitter.Add(12, 2, "\x82", &pieces);
  splitter.Interrupt(&pieces);
  splitter.Add(20, 3, "\xAC!", &pieces);
  splitter.Finish(&pieces);
  ASSERT_EQ(pieces.size(), 4u);
  EXPECT_EQ(TextOf(pieces), "a\xE2\x82\xAC!");
  EXPECT_EQ(pieces[1].offset, 1);
  EXPECT_EQ(pieces[1].size, 1);
  EXPECT_EQ(pieces[1].text, "");
  EXPECT_EQ(pieces[2].offset, 12);
  EXPECT_EQ(pieces[2].size, 1);
  EXPECT_EQ(pieces[3].offset, 20);
  EXPECT_EQ(pieces[3].stream_offset, 3);
  EXPECT_EQ(pieces[3].size, 2);
}

TEST(TextSplitterTest, AJumpOfTheOffsetIsAnInterrupt) {
  TextSplitter splitter;
  std::vector<TextPiece> pieces;
  splitter.Add(0, 0, "\xE2\x82", &pieces);
  splitter.Add(12, 2, "\xAC!", &pieces);
  ASSERT_EQ(pieces.size(), 2u);
  EXPECT_EQ(pieces[0].size, 2);
  EXPECT_EQ(pieces[0].text, "");
  EXPECT_EQ(pieces[1].offset, 12);
  EXPECT_EQ(pieces[1].size, 2);
  EXPECT_EQ(pieces[1].text, "\xE2\x82\xAC!");
}

// Any bytes, cut and interrupted anywhere: same text as in one go, and the
// positions are in order and complete.
TEST(TextSplitterTest, RandomCutsAndInterruptsLoseNothing) {
  constexpr char kAlphabet[] = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\xFF";
  std::minstd_rand random(7);
  for (int round = 0; round < 2000; ++round) {
    TextSplitter splitter;
    std::vector<TextPiece> pieces;
    std::string all;
    int64_t offset = 0;
    for (int i = 0; i < 20; ++i) {
      std::string chunk;
      for (size_t n = random() % 3; n > 0; --n) {
        chunk += kAlphabet[random() % (sizeof(kAlphabet) - 1)];
      }
      splitter.Add(offset, static_cast<int64_t>(all.size()), chunk, &pieces);
      all += chunk;
      offset += static_cast<int64_t>(chunk.size());
      if (random() % 2 == 0) {
        splitter.Interrupt(&pieces);
        offset += 5;  // of the other output
      }
    }
    splitter.Finish(&pieces);
    // A last beginning that was told by an interrupt leaves no text.
    const std::string text = TextOf(pieces);
    const std::string whole = SanitizeUtf8(all);
    EXPECT_TRUE(text == whole || text + kBad == whole) << "round " << round;
    int64_t at = 0;
    int64_t covered = 0;
    for (const TextPiece& piece : pieces) {
      EXPECT_GE(piece.size, 1);
      EXPECT_GE(piece.offset, at);
      EXPECT_EQ(piece.stream_offset, covered);
      at = piece.offset + piece.size;
      covered += piece.size;
    }
    EXPECT_EQ(covered, static_cast<int64_t>(all.size()));
  }
}

}  // namespace
}  // namespace caisson::translate
