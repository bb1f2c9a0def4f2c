#include "server/core/actor/kill_lane.h"

#include <csignal>

#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"

namespace caisson::core {
namespace {

// One thread, which the test keeps busy: what is posted waits.
class KillLaneTest : public ::testing::Test {
 protected:
  KillLaneTest() {
    blocking_.Post([this] { free_.WaitForNotification(); });
  }
  ~KillLaneTest() override {
    if (!free_.HasBeenNotified()) free_.Notify();
    blocking_.Stop();
  }
  // Until all that was posted before has run.
  void LetWork() {
    free_.Notify();
    absl::Notification done;
    blocking_.Post([&done] { done.Notify(); });
    done.WaitForNotification();
  }

  Executor blocking_{1, "test"};
  absl::Notification free_;
  KillLane lane_{&blocking_, cgroup::Group()};
};

TEST_F(KillLaneTest, AKillIsUnderWayUntilItIsCarriedOut) {
  lane_.Open(nullptr);
  EXPECT_TRUE(lane_.IsQuiet());
  EXPECT_TRUE(lane_.Send({.number = SIGKILL, .scope = SignalScope::kTree}));
  lane_.Close();
  EXPECT_FALSE(lane_.IsQuiet());
  LetWork();
  EXPECT_TRUE(lane_.IsQuiet());
}

TEST_F(KillLaneTest, SoIsASignalThatNoShimTakes) {
  lane_.Open(nullptr);
  EXPECT_TRUE(lane_.Send({.number = SIGTERM, .scope = SignalScope::kProcess}));
  EXPECT_FALSE(lane_.IsQuiet());
  LetWork();
  EXPECT_TRUE(lane_.IsQuiet());
}

TEST_F(KillLaneTest, SoIsOneOfAStartThatIsCalledOff) {
  lane_.KillGroup();
  EXPECT_FALSE(lane_.IsQuiet());
  LetWork();
  EXPECT_TRUE(lane_.IsQuiet());
}

TEST_F(KillLaneTest, AfterTheRunNothingIsSent) {
  lane_.Open(nullptr);
  lane_.Close();
  EXPECT_FALSE(lane_.Send({.number = SIGKILL, .scope = SignalScope::kTree}));
  EXPECT_TRUE(lane_.IsQuiet());
}

}  // namespace
}  // namespace caisson::core
