#include "runtime/shim/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace caisson::shim {
namespace {

class Recorder {
 public:
  explicit Recorder(std::string name, std::string* log)
      : name_(std::move(name)), log_(log) {
    watch.Bind<&Recorder::OnReady>(this);
    timer.Bind<&Recorder::OnTimer>(this);
  }
  void OnReady(uint32_t) noexcept { *log_ += name_; }
  void OnTimer() noexcept { *log_ += name_; }

  Watch watch;
  Timer timer;

 private:
  std::string name_;
  std::string* log_;
};

class LoopTest : public testing::Test {
 protected:
  LoopTest() {
    EXPECT_EQ(loop_.Open(), 0);
    int fds[2] = {-1, -1};
    EXPECT_EQ(::pipe2(fds, O_CLOEXEC), 0);
    read_.reset(fds[0]);
    write_.reset(fds[1]);
  }

  Loop loop_;
  base::UniqueFd read_;
  base::UniqueFd write_;
  std::string log_;
};

TEST_F(LoopTest, CallsTimersInTheOrderOfTheirDeadlines) {
  Recorder a("a", &log_);
  Recorder b("b", &log_);
  Recorder c("c", &log_);
  b.timer.Arm(&loop_, 2 * kNsPerMs);
  c.timer.Arm(&loop_, 4 * kNsPerMs);
  a.timer.Arm(&loop_, 0);
  while (log_.size() < 3) loop_.RunOnce();
  EXPECT_EQ(log_, "abc");
  EXPECT_FALSE(a.timer.is_armed());
}

TEST_F(LoopTest, ADisarmedOrDestroyedTimerIsNotCalled) {
  Recorder a("a", &log_);
  Recorder b("b", &log_);
  a.timer.Arm(&loop_, 0);
  b.timer.Arm(&loop_, kNsPerMs);
  {
    Recorder gone("x", &log_);
    gone.timer.Arm(&loop_, 0);
  }
  a.timer.Disarm();
  a.timer.Disarm();
  while (log_.empty()) loop_.RunOnce();
  EXPECT_EQ(log_, "b");
}

TEST_F(LoopTest, ADescriptorThatIsAlwaysReadyDoesNotHoldUpATimer) {
  Recorder watcher("w", &log_);
  Recorder timer("t", &log_);
  ASSERT_EQ(watcher.watch.Start(&loop_, write_.get(), EPOLLOUT), 0);
  timer.timer.Arm(&loop_, kNsPerMs);
  while (log_.find('t') == std::string::npos) loop_.RunOnce();
  EXPECT_GT(log_.size(), 1u);
}

TEST_F(LoopTest, WatchesUntilStopped) {
  Recorder watcher("w", &log_);
  Recorder timer("t", &log_);
  ASSERT_EQ(watcher.watch.Start(&loop_, read_.get(), EPOLLIN), 0);
  ASSERT_EQ(::write(write_.get(), "x", 1), 1);
  loop_.RunOnce();
  // Level-triggered: it was not read.
  loop_.RunOnce();
  EXPECT_EQ(log_, "ww");
  watcher.watch.Stop();
  timer.timer.Arm(&loop_, 0);
  loop_.RunOnce();
  EXPECT_EQ(log_, "wwt");
}

TEST_F(LoopTest, AWatchCanBePutOnAnotherDescriptor) {
  Recorder watcher("w", &log_);
  ASSERT_EQ(watcher.watch.Start(&loop_, read_.get(), EPOLLIN), 0);
  ASSERT_EQ(watcher.watch.Start(&loop_, write_.get(), EPOLLOUT), 0);
  loop_.RunOnce();
  EXPECT_EQ(log_, "w");
  EXPECT_EQ(watcher.watch.Start(&loop_, 9999, EPOLLIN), EBADF);
  EXPECT_FALSE(watcher.watch.is_active());
}

}  // namespace
}  // namespace caisson::shim
