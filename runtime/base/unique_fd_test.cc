#include "runtime/base/unique_fd.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "gtest/gtest.h"

namespace caisson::base {
namespace {

bool IsOpen(int fd) {
  return ::fcntl(fd, F_GETFD) >= 0;
}

int OpenNull() {
  return ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

TEST(UniqueFdTest, ClosesAtTheEndOfItsLife) {
  int number = -1;
  {
    UniqueFd fd(OpenNull());
    number = fd.get();
    EXPECT_TRUE(fd.is_valid());
    EXPECT_TRUE(IsOpen(number));
  }
  EXPECT_FALSE(IsOpen(number));
}

TEST(UniqueFdTest, MoveLeavesNothingBehind) {
  UniqueFd first(OpenNull());
  const int number = first.get();
  UniqueFd second(std::move(first));
  EXPECT_EQ(second.get(), number);
  EXPECT_FALSE(first.is_valid());  // NOLINT: that is what is tested
  UniqueFd third(OpenNull());
  const int replaced = third.get();
  third = std::move(second);
  EXPECT_EQ(third.get(), number);
  EXPECT_FALSE(IsOpen(replaced));
}

TEST(UniqueFdTest, ReleaseGivesItAway) {
  UniqueFd fd(OpenNull());
  const int number = fd.release();
  fd.reset();
  EXPECT_TRUE(IsOpen(number));
  ::close(number);
}

TEST(UniqueFdTest, ResetToItselfKeepsItAndErrnoStays) {
  UniqueFd fd(OpenNull());
  fd.reset(fd.get());
  EXPECT_TRUE(IsOpen(fd.get()));
  errno = ENOTTY;
  fd.reset();
  EXPECT_EQ(errno, ENOTTY);
}

}  // namespace
}  // namespace caisson::base
