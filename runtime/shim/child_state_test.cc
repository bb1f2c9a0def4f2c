#include "runtime/shim/child_state.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "runtime/base/unique_fd.h"

namespace caisson::shim {
namespace {

TEST(ChildStateTest, ReadsTheFlagBehindAnyName) {
  EXPECT_FALSE(ParseHasExecuted("12 (a) b) c) S 1 12 12 0 -1 4194368 107 0 0"));
  EXPECT_TRUE(ParseHasExecuted("12 (64 64) S 1 12 12 0 -1 4194304 107 0 0"));
  EXPECT_FALSE(ParseHasExecuted("12 (x) Z 1 12 12 0 -1 64 107 0 0"));
}

TEST(ChildStateTest, WhatCannotBeReadCountsAsExecuted) {
  EXPECT_TRUE(ParseHasExecuted(""));
  EXPECT_TRUE(ParseHasExecuted("12 (x"));
  EXPECT_TRUE(ParseHasExecuted("12 (x) S 1"));
  EXPECT_TRUE(HasExecuted(1 << 30));
}

// The child has ended, and nobody has taken its status.
void AwaitZombie(int pid_fd) {
  pollfd ended = {.fd = pid_fd, .events = POLLIN, .revents = 0};
  ASSERT_EQ(::poll(&ended, 1, 20'000), 1);
}

TEST(ChildStateTest, AZombieStillTellsWhetherItBecameAProgram) {
  for (const bool execute : {false, true}) {
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      if (execute) ::execl("/bin/true", "true", nullptr);
      ::_exit(0);
    }
    const base::UniqueFd pid_fd(
        static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    AwaitZombie(pid_fd.get());
    EXPECT_EQ(HasExecuted(pid), execute);
    siginfo_t status;
    ASSERT_TRUE(Reap(pid_fd.get(), &status));
    EXPECT_EQ(status.si_pid, pid);
    EXPECT_FALSE(Reap(pid_fd.get(), &status));
  }
}

TEST(ChildStateTest, AChildThatRunsIsNotReaped) {
  int fds[2];
  ASSERT_EQ(::pipe2(fds, O_CLOEXEC), 0);
  base::UniqueFd read_end(fds[0]);
  base::UniqueFd write_end(fds[1]);
  const pid_t pid = ::fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) {
    ::close(write_end.get());
    char ignored;
    ::_exit(static_cast<int>(::read(read_end.get(), &ignored, 1)));
  }
  const base::UniqueFd pid_fd(
      static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  siginfo_t status;
  EXPECT_FALSE(Reap(pid_fd.get(), &status));
  EXPECT_FALSE(HasExecuted(pid));
  write_end.reset();
  AwaitZombie(pid_fd.get());
  EXPECT_TRUE(Reap(pid_fd.get(), &status));
  EXPECT_EQ(status.si_status, 0);
}

// A child that has a pipe to say what fails, and does what it is told.
class ChildTest : public ::testing::Test {
 protected:
  ChildTest() {
    int error[2];
    int order[2];
    EXPECT_EQ(::pipe2(error, O_CLOEXEC | O_NONBLOCK), 0);
    EXPECT_EQ(::pipe2(order, O_CLOEXEC), 0);
    error_.reset(error[0]);
    order_.reset(order[1]);
    pid_ = ::fork();
    if (pid_ == 0) {
      order_.reset();
      Obey(order[0], error[1]);
    }
    ::close(error[1]);
    ::close(order[0]);
    pid_fd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  }
  ~ChildTest() override {
    order_.reset();
    AwaitZombie(pid_fd_.get());
    siginfo_t status;
    EXPECT_TRUE(Reap(pid_fd_.get(), &status));
  }

  // c: close the pipe; f: say a failure; x: become a program that lives until
  // its input ends. It is done when the pipe says so, but for x.
  [[noreturn]] static void Obey(int order_fd, int error_fd) {
    char order = 0;
    while (::read(order_fd, &order, 1) == 1) {
      const init::OpFailure failure = {7, ENOENT};
      if (order == 'f' && ::write(error_fd, &failure, sizeof(failure)) < 0) {
        break;
      }
      if (order == 'c') ::close(error_fd);
      if (order == 'x') {
        ::dup2(order_fd, 0);
        ::execl("/bin/cat", "cat", nullptr);
      }
    }
    ::_exit(3);
  }
  void Tell(char order) { ASSERT_EQ(::write(order_.get(), &order, 1), 1); }
  void AwaitPipe() {
    pollfd event = {.fd = error_.get(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(::poll(&event, 1, 20'000), 1);
  }
  ChildState Read() {
    return ReadChildState(error_.get(), pid_, pid_fd_.get(), &failure_);
  }

  base::UniqueFd error_;
  base::UniqueFd order_;
  base::UniqueFd pid_fd_;
  pid_t pid_ = 0;
  init::OpFailure failure_ = {};
};

TEST_F(ChildTest, AFailureIsTold) {
  EXPECT_EQ(Read(), ChildState::kWorking);
  Tell('f');
  AwaitPipe();
  EXPECT_EQ(Read(), ChildState::kFailed);
  EXPECT_EQ(failure_.op, 7u);
  EXPECT_EQ(failure_.err, ENOENT);
}

TEST_F(ChildTest, SilenceIsNoDeathAndMayBecomeAProgram) {
  Tell('c');
  AwaitPipe();
  EXPECT_EQ(Read(), ChildState::kSilent);
  EXPECT_EQ(Read(), ChildState::kSilent);
  Tell('x');
  pollfd ended = {.fd = pid_fd_.get(), .events = POLLIN, .revents = 0};
  for (int i = 0; i < 20'000 && Read() == ChildState::kSilent; ++i) {
    ASSERT_EQ(::poll(&ended, 1, 1), 0) << "it lives until it is told";
  }
  EXPECT_EQ(Read(), ChildState::kExecuted);
}

TEST_F(ChildTest, AProgramThatEndedWasOne) {
  Tell('x');
  AwaitPipe();
  order_.reset();
  AwaitZombie(pid_fd_.get());
  EXPECT_EQ(Read(), ChildState::kExecuted);
}

TEST_F(ChildTest, OneThatDiesBeforeSaysNothing) {
  order_.reset();
  AwaitZombie(pid_fd_.get());
  EXPECT_EQ(Read(), ChildState::kEnded);
}

TEST_F(ChildTest, AFailureIsToldAfterTheEndToo) {
  Tell('f');
  order_.reset();
  AwaitZombie(pid_fd_.get());
  EXPECT_EQ(Read(), ChildState::kFailed);
}

}  // namespace
}  // namespace caisson::shim
