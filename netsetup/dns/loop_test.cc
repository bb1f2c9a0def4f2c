#include "netsetup/dns/loop.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <vector>

#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/status_matchers.h"

namespace caisson::netsetup::dns {
namespace {

using ::testing::ElementsAre;

class DnsLoopTest : public ::testing::Test {
 protected:
  void SetUp() override {
    CAISSON_ASSERT_OK_AND_ASSIGN(loop_, Loop::Open());
    int ends[2] = {};
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    out_.reset(ends[0]);
    in_.reset(ends[1]);
    loop_->Start("loop-test");
  }

  base::UniqueFd out_;
  base::UniqueFd in_;
  std::unique_ptr<Loop> loop_;
};

TEST_F(DnsLoopTest, TimersRunInTheOrderOfTheirTimes) {
  std::vector<int> order;
  absl::Notification done;
  std::vector<Loop::Handle> handles;
  loop_->Run([&] {
    const absl::Duration now = loop_->Now();
    const auto add = [&](int ms) {
      return loop_->At(now + absl::Milliseconds(ms),
                       [&order, ms] { order.push_back(ms); });
    };
    handles.push_back(add(3));
    handles.push_back(add(1));
    handles.push_back(add(2));
    handles[2].Reset();
    handles.push_back(
        loop_->At(now + absl::Milliseconds(4), [&] { done.Notify(); }));
  });
  done.WaitForNotification();
  loop_->Run([&] { handles.clear(); });
  EXPECT_THAT(order, ElementsAre(1, 3));
}

TEST_F(DnsLoopTest, AWatcherMayEndItsOwnWatch) {
  Loop::Handle watch;
  absl::Notification done;
  int calls = 0;
  loop_->Run([&] {
    absl::StatusOr<Loop::Handle> made =
        loop_->Watch(out_.get(), EPOLLIN, [&](uint32_t events) {
          EXPECT_EQ(events, EPOLLIN);
          ++calls;
          watch.Reset();
          done.Notify();
        });
    CAISSON_ASSERT_OK(made);
    watch = *std::move(made);
  });
  ASSERT_EQ(::write(in_.get(), "x", 1), 1);
  done.WaitForNotification();
  loop_->Run([&] { EXPECT_EQ(calls, 1); });
  loop_->Run([&] { EXPECT_EQ(calls, 1) << "still readable, not watched"; });
}

TEST_F(DnsLoopTest, AWatchCanBePausedAndGoOn) {
  Loop::Handle watch;
  absl::Notification done;
  loop_->Run([&] {
    absl::StatusOr<Loop::Handle> made =
        loop_->Watch(out_.get(), 0, [&](uint32_t) {
          watch.Reset();
          done.Notify();
        });
    CAISSON_ASSERT_OK(made);
    watch = *std::move(made);
  });
  ASSERT_EQ(::write(in_.get(), "x", 1), 1);
  loop_->Run([&] { EXPECT_FALSE(done.HasBeenNotified()); });
  loop_->Run([&] { CAISSON_EXPECT_OK(watch.Rewatch(EPOLLIN)); });
  done.WaitForNotification();
}

TEST_F(DnsLoopTest, HandlesMayEndAfterTheThread) {
  std::optional<Loop::Handle> timer;
  loop_->Run([&] {
    timer = loop_->At(loop_->Now() + absl::Hours(1), [] { FAIL(); });
  });
  loop_->Stop();
  loop_->Stop();
  timer.reset();
}

}  // namespace
}  // namespace caisson::netsetup::dns
