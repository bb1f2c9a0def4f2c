// Clock, check sums and ids.
#include <set>
#include <string>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/base/crc32c.h"
#include "runtime/base/random_id.h"

namespace caisson::base {
namespace {

TEST(ClockTest, TheRealOneFollowsTheHost) {
  const Clock& clock = Clock::Real();
  const absl::Duration before = clock.Monotonic();
  EXPECT_LE(before, clock.Monotonic());
  EXPECT_LT(absl::AbsDuration(clock.Now() - absl::Now()), absl::Minutes(1));
}

TEST(ClockTest, TheManualOneObeys) {
  ManualClock clock(absl::FromUnixSeconds(100));
  clock.Advance(absl::Seconds(5));
  EXPECT_EQ(clock.Now(), absl::FromUnixSeconds(105));
  clock.SetNow(absl::FromUnixSeconds(1));
  EXPECT_EQ(clock.Now(), absl::FromUnixSeconds(1));
  EXPECT_EQ(clock.Monotonic(), absl::Seconds(5));
}

TEST(Crc32cTest, KnownValues) {
  // RFC 3720, B.4.
  EXPECT_EQ(Crc32c(std::string(32, '\0').data(), 32), 0x8a9136aau);
  EXPECT_EQ(Crc32c(std::string(32, '\xff').data(), 32), 0x62a8ab43u);
  EXPECT_EQ(Crc32c("123456789", 9), 0xe3069283u);
  EXPECT_EQ(Crc32c("", 0), 0u);
}

TEST(Crc32cTest, GoesOnFromAPrefix) {
  EXPECT_EQ(Crc32c("6789", 4, Crc32c("12345", 5)), Crc32c("123456789", 9));
}

// Long pieces may take another way than short ones.
TEST(Crc32cTest, IsTheSameInOnePieceAndByteByByte) {
  std::string text;
  for (int i = 0; i < 300; ++i) text.push_back(static_cast<char>(i * 37));
  for (size_t begin = 0; begin < 9; ++begin) {
    uint32_t bytewise = 0;
    for (size_t end = begin; end < text.size(); ++end) {
      ASSERT_EQ(Crc32c(text.data() + begin, end - begin), bytewise)
          << begin << " " << end;
      bytewise = Crc32c(text.data() + end, 1, bytewise);
    }
  }
}

TEST(RandomIdTest, LooksLikeAnIdAndDiffers) {
  std::set<std::string> ids;
  for (int i = 0; i < 100; ++i) ids.insert(RandomId());
  EXPECT_EQ(ids.size(), 100u);
  for (const std::string& id : ids) {
    EXPECT_TRUE(LooksLikeId(id));
    EXPECT_THAT(id, testing::MatchesRegex("[0-9a-f]+"));
  }
}

TEST(RandomIdTest, FormOfAnId) {
  EXPECT_TRUE(LooksLikeId("0123456789ABCDEF0123456789abcdef"));
  EXPECT_FALSE(LooksLikeId(""));
  EXPECT_FALSE(LooksLikeId("0123456789abcdef0123456789abcde"));
  EXPECT_FALSE(LooksLikeId("0123456789abcdef0123456789abcdef0"));
  EXPECT_FALSE(LooksLikeId("g123456789abcdef0123456789abcdef"));
}

TEST(CheckDeathTest, NamesTheCondition) {
  CAISSON_CHECK(true);
  EXPECT_DEATH(CAISSON_CHECK(1 == 2), "check failed: 1 == 2");
}

}  // namespace
}  // namespace caisson::base
