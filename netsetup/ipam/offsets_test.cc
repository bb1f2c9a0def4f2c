#include "netsetup/ipam/offsets.h"

#include <algorithm>
#include <random>
#include <set>

#include "gtest/gtest.h"

namespace caisson::netsetup::ipam {
namespace {

TEST(OffsetsTest, NeighboursBecomeOneRange) {
  Offsets offsets;
  offsets.Add(5, 5);
  offsets.Add(7, 7);
  EXPECT_EQ(offsets.ranges(), 2u);
  offsets.Add(6, 6);
  EXPECT_EQ(offsets.ranges(), 1u);
  offsets.Remove(6);
  EXPECT_EQ(offsets.ranges(), 2u);
  EXPECT_EQ(offsets.NextFree(5, 9), Offset{6});
  EXPECT_EQ(offsets.NextFree(7, 7), std::nullopt);
  EXPECT_EQ(offsets.NextFree(9, 8), std::nullopt);
}

TEST(OffsetsTest, TheLastNumberHasNoneBehindIt) {
  const Offset last = absl::Uint128Max();
  Offsets offsets;
  offsets.Add(last, last);
  offsets.Add(0, 0);
  EXPECT_EQ(offsets.ranges(), 2u) << "the numbers are no circle";
  EXPECT_EQ(offsets.NextFree(last, last), std::nullopt);
  EXPECT_EQ(offsets.NextFree(0, last), Offset{1});
  offsets.Add(0, last);
  EXPECT_EQ(offsets.ranges(), 1u);
  EXPECT_EQ(offsets.NextFree(0, last), std::nullopt);
  offsets.Remove(last);
  EXPECT_EQ(offsets.NextFree(0, last), last);
}

TEST(OffsetsTest, DoesWhatAPlainSetDoes) {
  std::mt19937 random(7);
  constexpr unsigned kNumbers = 40;
  Offsets offsets;
  std::set<unsigned> plain;
  for (int step = 0; step < 20000; ++step) {
    const auto first = static_cast<unsigned>(random() % kNumbers);
    const unsigned last =
        std::min(first + static_cast<unsigned>(random() % 4), kNumbers - 1);
    if (random() % 3 == 0) {
      offsets.Add(first, last);
      for (unsigned n = first; n <= last; ++n) plain.insert(n);
    } else {
      offsets.Remove(first);
      plain.erase(first);
    }
    const auto asked = static_cast<unsigned>(random() % kNumbers);
    ASSERT_EQ(offsets.Contains(asked), plain.contains(asked));
    unsigned next = asked;
    while (next < kNumbers && plain.contains(next)) ++next;
    const auto found = offsets.NextFree(asked, kNumbers - 1);
    ASSERT_EQ(found.has_value(), next < kNumbers);
    if (found) {
      ASSERT_EQ(*found, Offset{next});
    }
  }
}

}  // namespace
}  // namespace caisson::netsetup::ipam
