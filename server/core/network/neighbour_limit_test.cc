#include "server/core/network/neighbour_limit.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace caisson::core {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(NeighbourLimitTest, WarnsBeforeTheTableIsFull) {
  EXPECT_THAT(NeighbourWarning(0, 1024), IsEmpty());
  EXPECT_THAT(NeighbourWarning(384, 1024), IsEmpty());
  EXPECT_THAT(NeighbourWarning(385, 1024), HasSubstr("gc_thresh3"));
  EXPECT_THAT(NeighbourWarning(1000, 8192), IsEmpty());
}

TEST(NeighbourLimitTest, SaysNothingAboutALimitThatIsNotKnown) {
  EXPECT_THAT(NeighbourWarning(100'000, std::nullopt), IsEmpty());
}

}  // namespace
}  // namespace caisson::core
