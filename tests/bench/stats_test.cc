#include "tests/bench/stats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace caisson::bench {
namespace {

TEST(StatsTest, NearestRankPercentilesOfUnsortedSamples) {
  Samples samples;
  for (int i = 100; i >= 1; --i) samples.push_back(i * 1'000'000);
  const Summary summary = Summarize(samples);
  EXPECT_EQ(summary.count, 100);
  EXPECT_DOUBLE_EQ(summary.min_ms, 1);
  EXPECT_DOUBLE_EQ(summary.p50_ms, 50);
  EXPECT_DOUBLE_EQ(summary.p99_ms, 99);
}

TEST(StatsTest, OneSampleIsEveryPercentile) {
  const Summary summary = Summarize({2'500'000});
  EXPECT_DOUBLE_EQ(summary.p50_ms, 2.5);
  EXPECT_DOUBLE_EQ(summary.p99_ms, 2.5);
}

TEST(StatsTest, NoSampleIsNoNumber) {
  EXPECT_EQ(Summarize({}).count, 0);
  EXPECT_EQ(PairedRatio({}, {1}), 0);
}

TEST(StatsTest, PairedRatioIsTheMedianOfRatiosNotTheRatioOfMedians) {
  // Ratios 2, 2 and 10: the slow third pair must not move the result.
  EXPECT_DOUBLE_EQ(PairedRatio({2, 200, 50}, {1, 100, 5}), 2.0);
}

TEST(StatsTest, PairedDifferenceIsTheMedianOfDifferences) {
  // Differences of 1, 1 and 70 ms: the slow third pair must not move the
  // result.
  EXPECT_DOUBLE_EQ(PairedDifferenceMs({3'000'000, 5'000'000, 75'000'000},
                                      {2'000'000, 4'000'000, 5'000'000}),
                   1.0);
}

}  // namespace
}  // namespace caisson::bench
