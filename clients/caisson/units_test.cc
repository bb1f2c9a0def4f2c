#include "clients/caisson/units.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace caisson::cli {
namespace {

using ::testing::Optional;

TEST(ParseBytesTest, TakesUnitsAndFractions) {
  EXPECT_THAT(ParseBytes("0"), Optional(0));
  EXPECT_THAT(ParseBytes("4096"), Optional(4096));
  EXPECT_THAT(ParseBytes("10b"), Optional(10));
  EXPECT_THAT(ParseBytes("64m"), Optional(64 << 20));
  EXPECT_THAT(ParseBytes("64M"), Optional(64 << 20));
  EXPECT_THAT(ParseBytes("64MB"), Optional(64 << 20));
  EXPECT_THAT(ParseBytes("64MiB"), Optional(64 << 20));
  EXPECT_THAT(ParseBytes("1.5k"), Optional(1536));
  EXPECT_THAT(ParseBytes("2g"), Optional(int64_t{2} << 30));
}

TEST(ParseBytesTest, RefusesWhatIsNoSize) {
  for (const char* text : {"", "m", "-1", "1x", "1mm", "nan", "inf", "9e99",
                           "ib", "b", "1 m", "+"}) {
    EXPECT_EQ(ParseBytes(text), std::nullopt) << text;
  }
}

TEST(ParseMillisTest, RoundsThousandths) {
  EXPECT_THAT(ParseMillis("1.5"), Optional(1500));
  EXPECT_THAT(ParseMillis("0.001"), Optional(1));
  EXPECT_EQ(ParseMillis("-1"), std::nullopt);
  EXPECT_EQ(ParseMillis("two"), std::nullopt);
}

TEST(ParseSpanTest, TakesSecondsWithoutUnit) {
  ASSERT_TRUE(ParseSpan("10").has_value());
  EXPECT_EQ(ParseSpan("10")->seconds(), 10);
  EXPECT_EQ(ParseSpan("1m30s")->seconds(), 90);
  EXPECT_EQ(ParseSpan("250ms")->nanos(), 250000000);
  EXPECT_EQ(ParseSpan("0")->seconds(), 0);
  for (const char* text : {"", "-1", "1x", "inf"}) {
    EXPECT_EQ(ParseSpan(text), std::nullopt) << text;
  }
}

TEST(ParseMomentTest, TakesDatesAndSpansBeforeNow) {
  ASSERT_TRUE(ParseMoment("2024-01-02T03:04:05Z").has_value());
  EXPECT_EQ(ParseMoment("2024-01-02T03:04:05Z")->seconds(), 1704164645);
  EXPECT_GT(ParseMoment("10m")->seconds(), 1704164645);
  EXPECT_EQ(ParseMoment("yesterday"), std::nullopt);
}

TEST(ParseBitsTest, CountsInThousands) {
  EXPECT_EQ(ParseBits("9600"), 9600);
  EXPECT_EQ(ParseBits("10m"), 10'000'000);
  EXPECT_EQ(ParseBits("1.5Gbit"), 1'500'000'000);
  EXPECT_EQ(ParseBits("64kbit"), 64'000);
  for (const char* bad : {"", "bit", "m", "-1", "1x", "1mm", "inf"}) {
    EXPECT_EQ(ParseBits(bad), std::nullopt) << bad;
  }
}

TEST(TextTest, IsShort) {
  EXPECT_EQ(BytesText(12), "12B");
  EXPECT_EQ(BytesText(1536), "1.5KiB");
  EXPECT_EQ(BytesText(int64_t{3} << 30), "3.0GiB");
  google::protobuf::Duration span;
  span.set_seconds(1);
  span.set_nanos(500000000);
  EXPECT_EQ(SpanText(span), "1.5s");
  google::protobuf::Timestamp time;
  EXPECT_EQ(TimeText(time), "");
  time.set_seconds(1704164645);
  EXPECT_EQ(TimeText(time), "2024-01-02T03:04:05.000Z");
}

}  // namespace
}  // namespace caisson::cli
