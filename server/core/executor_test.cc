#include "server/core/executor.h"

#include <atomic>
#include <memory>
#include <vector>

#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"

namespace caisson::core {
namespace {

TEST(ExecutorTest, StopRunsWhatWasPosted) {
  std::atomic<int> ran = 0;
  Executor executor(2, "test");
  for (int i = 0; i < 1000; ++i) executor.Post([&ran] { ++ran; });
  executor.Stop();
  EXPECT_EQ(ran, 1000);
  executor.Post([&ran] { ++ran; });
  executor.Stop();
  EXPECT_EQ(ran, 1000);
}

TEST(ExecutorTest, ALaterTimerDoesNotHoldUpAnEarlierOne) {
  Executor executor(1, "test");
  std::atomic<bool> late_fired = false;
  absl::Notification early_fired;
  const TimerId late =
      executor.After(absl::Hours(1), [&late_fired] { late_fired = true; });
  executor.After(absl::ZeroDuration(), [&] { early_fired.Notify(); });
  early_fired.WaitForNotification();
  EXPECT_FALSE(late_fired);
  EXPECT_TRUE(executor.Cancel(late));
}

TEST(ExecutorTest, ACancelledTimerNeverFires) {
  std::atomic<bool> fired = false;
  Executor executor(1, "test");
  const TimerId timer =
      executor.After(absl::Hours(1), [&fired] { fired = true; });
  EXPECT_TRUE(executor.Cancel(timer));
  EXPECT_FALSE(executor.Cancel(timer));
  EXPECT_FALSE(executor.Cancel(0));
  executor.Stop();
  EXPECT_FALSE(fired);
}

TEST(ExecutorTest, AFiredTimerCannotBeCancelled) {
  Executor executor(1, "test");
  absl::Notification fired;
  const TimerId timer =
      executor.After(absl::ZeroDuration(), [&fired] { fired.Notify(); });
  fired.WaitForNotification();
  EXPECT_FALSE(executor.Cancel(timer));
}

TEST(SerialQueueTest, RunsInOrderAndOneAtATime) {
  Executor executor(4, "test");
  SerialQueue queue(&executor);
  std::vector<int> order;
  std::atomic<int> inside = 0;
  std::atomic<bool> overlap = false;
  absl::Notification done;
  constexpr int kPieces = 2000;
  for (int i = 0; i < kPieces; ++i) {
    queue.Post([&, i] {
      if (++inside != 1) overlap = true;
      order.push_back(i);
      --inside;
      if (i == kPieces - 1) done.Notify();
    });
  }
  done.WaitForNotification();
  EXPECT_FALSE(overlap);
  ASSERT_EQ(order.size(), size_t{kPieces});
  for (int i = 0; i < kPieces; ++i) EXPECT_EQ(order[i], i);
}

TEST(SerialQueueTest, QueuesDoNotWaitForEachOther) {
  Executor executor(2, "test");
  SerialQueue stuck(&executor);
  SerialQueue free(&executor);
  absl::Notification release;
  absl::Notification passed;
  stuck.Post([&] { release.WaitForNotification(); });
  free.Post([&] { passed.Notify(); });
  passed.WaitForNotification();
  release.Notify();
  executor.Stop();
}

TEST(SerialQueueTest, WorkOutlivesTheQueue) {
  Executor executor(1, "test");
  std::atomic<int> ran = 0;
  {
    SerialQueue queue(&executor);
    for (int i = 0; i < 100; ++i) queue.Post([&ran] { ++ran; });
  }
  executor.Stop();
  EXPECT_EQ(ran, 100);
}

TEST(SerialQueueTest, AStoppedExecutorLeavesNoWorkThatOwnsItsQueue) {
  Executor executor(1, "test");
  executor.Stop();
  std::weak_ptr<SerialQueue> left;
  {
    const auto queue = std::make_shared<SerialQueue>(&executor);
    left = queue;
    queue->Post([queue] { ADD_FAILURE() << "ran after Stop"; });
    queue->Post([queue] { ADD_FAILURE() << "ran after Stop"; });
  }
  EXPECT_TRUE(left.expired());
}

TEST(SerialQueueTest, TimersRunOnTheQueue) {
  Executor executor(2, "test");
  SerialQueue queue(&executor);
  absl::Notification release;
  absl::Notification fired;
  std::atomic<bool> first_done = false;
  std::atomic<bool> in_order = false;
  queue.Post([&] {
    release.WaitForNotification();
    first_done = true;
  });
  queue.After(absl::ZeroDuration(), [&] {
    in_order = first_done.load();
    fired.Notify();
  });
  release.Notify();
  fired.WaitForNotification();
  EXPECT_TRUE(in_order);
}

}  // namespace
}  // namespace caisson::core
