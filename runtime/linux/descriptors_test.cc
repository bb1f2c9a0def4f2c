// pidfd and memfd on this kernel.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/file.h"
#include "runtime/base/status_matchers.h"
#include "runtime/linux/memfd.h"
#include "runtime/linux/pidfd.h"

namespace caisson::linux_ {
namespace {

using base::ErrnoIs;
using base::IsOk;
using base::IsOkAndHolds;
using base::StatusIs;

TEST(PidfdTest, SeesAChildFromSignalToZombieToNothing) {
  const pid_t child = ::fork();
  if (child == 0) {
    while (true) ::pause();
  }
  ASSERT_GT(child, 0);
  CAISSON_ASSERT_OK_AND_ASSIGN(const base::UniqueFd fd, OpenPidfd(child));
  EXPECT_EQ(::fcntl(fd.get(), F_GETFD), FD_CLOEXEC);
  EXPECT_FALSE(HasExited(fd.get()));
  EXPECT_THAT(PidOf(fd.get()), IsOkAndHolds(child));
  CAISSON_ASSERT_OK_AND_ASSIGN(siginfo_t info, PollChild(fd.get(), false));
  EXPECT_EQ(info.si_pid, 0);

  EXPECT_THAT(SendSignal(fd.get(), SIGKILL), IsOk());
  pollfd event = {.fd = fd.get(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(::poll(&event, 1, 60'000), 1);
  EXPECT_TRUE(HasExited(fd.get()));
  for (const bool keep : {true, false}) {
    CAISSON_ASSERT_OK_AND_ASSIGN(info, PollChild(fd.get(), keep));
    EXPECT_EQ(info.si_pid, child);
    EXPECT_EQ(info.si_code, CLD_KILLED);
  }
  EXPECT_THAT(PollChild(fd.get(), false), ErrnoIs(ECHILD));
  EXPECT_THAT(SendSignal(fd.get(), 0), ErrnoIs(ESRCH));
  EXPECT_THAT(PidOf(fd.get()), IsOkAndHolds(-1));
}

TEST(PidfdTest, RefusesWhatIsNoProcess) {
  // Above the kernel's PID_MAX_LIMIT.
  EXPECT_THAT(OpenPidfd((4 << 20) + 1), ErrnoIs(ESRCH));
  CAISSON_ASSERT_OK_AND_ASSIGN(const base::UniqueFd file,
                               base::Open("/dev/null", O_RDONLY));
  EXPECT_THAT(PidOf(file.get()), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(MemfdTest, NobodyChangesASealedOne) {
  CAISSON_ASSERT_OK_AND_ASSIGN(const base::UniqueFd fd,
                               CreateSealedMemfd("t", "plan", false));
  EXPECT_THAT(CheckSealed(fd.get()), IsOk());
  EXPECT_THAT(base::PwriteAll(fd.get(), "x", 0), ErrnoIs(EPERM));
  EXPECT_NE(::ftruncate(fd.get(), 1), 0);
  char text[5] = {};
  EXPECT_THAT(base::PreadAll(fd.get(), text, 4, 0), IsOkAndHolds(4u));
  EXPECT_STREQ(text, "plan");
}

TEST(MemfdTest, CopiesAWholeFile) {
  CAISSON_ASSERT_OK_AND_ASSIGN(const base::UniqueFd self,
                               base::Open("/proc/self/exe", O_RDONLY));
  CAISSON_ASSERT_OK_AND_ASSIGN(const base::UniqueFd copy,
                               CopyToSealedMemfd("exe", self.get()));
  EXPECT_THAT(CheckSealed(copy.get()), IsOk());
  EXPECT_EQ(::lseek(copy.get(), 0, SEEK_END), ::lseek(self.get(), 0, SEEK_END));
}

TEST(MemfdTest, OtherDescriptorsAreNotSealed) {
  CAISSON_ASSERT_OK_AND_ASSIGN(const base::UniqueFd file,
                               base::Open("/dev/null", O_RDONLY));
  EXPECT_THAT(CheckSealed(file.get()),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

}  // namespace
}  // namespace caisson::linux_
