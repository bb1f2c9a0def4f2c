#include "tests/inside/sha256.h"

#include "gtest/gtest.h"

namespace caisson::inside {
namespace {

TEST(Sha256Test, MatchesThePublishedVectors) {
  EXPECT_EQ(Sha256Of(""),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256Of("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256Of(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256Test, DoesNotDependOnHowTheInputIsCut) {
  std::string text(200, 'x');
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    Sha256 sum;
    sum.Update(std::string_view(text).substr(0, cut));
    sum.Update(std::string_view(text).substr(cut));
    EXPECT_EQ(sum.Finish(), Sha256Of(text)) << cut;
  }
}

TEST(FillRandomTest, GivesTheSameBytesInAnyPieces) {
  std::string whole(1000, '\0');
  FillRandom(7, 0, whole.data(), whole.size());
  for (size_t cut = 1; cut < 40; ++cut) {
    std::string pieces(1000, '\0');
    FillRandom(7, 0, pieces.data(), cut);
    FillRandom(7, cut, pieces.data() + cut, pieces.size() - cut);
    EXPECT_EQ(pieces, whole) << cut;
  }
  std::string other(1000, '\0');
  FillRandom(8, 0, other.data(), other.size());
  EXPECT_NE(other, whole);
}

}  // namespace
}  // namespace caisson::inside
