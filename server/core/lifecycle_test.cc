#include "server/core/lifecycle.h"

#include <map>
#include <utility>

#include "gtest/gtest.h"

namespace caisson::core {
namespace {

State S(int i) {
  return static_cast<State>(i);
}
Event E(int i) {
  return static_cast<Event>(i);
}

// The whole contract once more, independent of the table: every pair that is
// not listed here must be refused.
const std::map<std::pair<State, Event>, State>& Expected() {
  using enum State;
  static const auto* expected = new std::map<std::pair<State, Event>, State>{
      {{kCreating, Event::kMade}, kCreated},
      {{kCreating, Event::kFailed}, kGone},
      {{kCreated, Event::kStart}, kStarting},
      {{kCreated, Event::kStop}, kCreated},
      {{kCreated, Event::kDelete}, kDeleting},
      {{kCreated, Event::kForceDelete}, kDeleting},
      {{kStarting, Event::kStarted}, kRunning},
      {{kStarting, Event::kFailed}, kCreated},
      {{kStarting, Event::kForceDelete}, kCancelling},
      {{kLaunching, Event::kStarted}, kRunning},
      {{kLaunching, Event::kFailed}, kGone},
      {{kLaunching, Event::kForceDelete}, kCancelling},
      {{kStartingAgain, Event::kStarted}, kRunning},
      {{kStartingAgain, Event::kFailed}, kExited},
      {{kStartingAgain, Event::kForceDelete}, kCancelling},
      {{kRunning, Event::kStop}, kStopping},
      {{kRunning, Event::kExit}, kExited},
      {{kRunning, Event::kForceDelete}, kKilling},
      {{kStopping, Event::kStop}, kStopping},
      {{kStopping, Event::kExit}, kExited},
      {{kStopping, Event::kForceDelete}, kKilling},
      {{kCancelling, Event::kStarted}, kKilling},
      {{kCancelling, Event::kFailed}, kDeleting},
      {{kCancelling, Event::kExit}, kDeleting},
      {{kCancelling, Event::kDelete}, kCancelling},
      {{kCancelling, Event::kForceDelete}, kCancelling},
      {{kKilling, Event::kStop}, kKilling},
      {{kKilling, Event::kExit}, kDeleting},
      {{kKilling, Event::kDelete}, kKilling},
      {{kKilling, Event::kForceDelete}, kKilling},
      {{kExited, Event::kStart}, kStartingAgain},
      {{kExited, Event::kStop}, kExited},
      {{kExited, Event::kDelete}, kDeleting},
      {{kExited, Event::kForceDelete}, kDeleting},
      {{kDeleting, Event::kDelete}, kDeleting},
      {{kDeleting, Event::kForceDelete}, kDeleting},
      {{kDeleting, Event::kRemoved}, kGone},
  };
  return *expected;
}

TEST(LifecycleTest, EveryPairOfStateAndEventIsAsStated) {
  for (int s = 0; s < kStateCount; ++s) {
    for (int e = 0; e < kEventCount; ++e) {
      SCOPED_TRACE(testing::Message()
                   << StateName(S(s)).data() << " x event " << e);
      const auto expected = Expected().find({S(s), E(e)});
      const std::optional<State> next = Next(S(s), E(e));
      ASSERT_EQ(next.has_value(), expected != Expected().end());
      EXPECT_EQ(Can(S(s), E(e)), next.has_value());
      if (!next.has_value()) continue;
      EXPECT_EQ(*next, expected->second);
    }
  }
}

TEST(LifecycleTest, ForcedDeleteWorksOnceCreatedInEveryState) {
  for (int s = 1; s < kStateCount - 1; ++s) {
    EXPECT_TRUE(Can(S(s), Event::kForceDelete)) << StateName(S(s)).data();
  }
}

TEST(LifecycleTest, EveryStateButTheLastLeadsToGone) {
  // Breadth first over the table from each state.
  for (int start = 0; start < kStateCount; ++start) {
    std::map<State, bool> seen = {{S(start), false}};
    for (int round = 0; round < kStateCount; ++round) {
      for (int s = 0; s < kStateCount; ++s) {
        if (!seen.contains(S(s))) continue;
        for (int e = 0; e < kEventCount; ++e) {
          if (auto next = Next(S(s), E(e))) seen.emplace(*next, false);
        }
      }
    }
    EXPECT_TRUE(seen.contains(State::kGone)) << StateName(S(start)).data();
  }
}

TEST(LifecycleTest, RunningStatesAreRunningForClients) {
  for (int s = 0; s < kStateCount; ++s) {
    EXPECT_EQ(IsRunning(S(s)),
              PublicState(S(s)) == store::ContainerState::kRunning)
        << StateName(S(s)).data();
  }
}

TEST(LifecycleTest, OnlySettlingStatesRefuseWithoutBeingFinal) {
  EXPECT_FALSE(IsSettling(State::kCreated));
  EXPECT_FALSE(IsSettling(State::kRunning));
  EXPECT_FALSE(IsSettling(State::kExited));
  EXPECT_FALSE(IsSettling(State::kGone));
  EXPECT_TRUE(IsSettling(State::kStarting));
  EXPECT_TRUE(IsSettling(State::kStopping));
}

}  // namespace
}  // namespace caisson::core
