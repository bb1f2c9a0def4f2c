#include "runtime/shim/child_state.h"

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

}  // namespace
}  // namespace caisson::shim
