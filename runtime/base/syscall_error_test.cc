#include "runtime/base/syscall_error.h"

#include <cerrno>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/status_macros.h"
#include "runtime/base/status_matchers.h"

namespace caisson::base {
namespace {

TEST(SyscallErrorTest, NamesCallObjectAndCause) {
  errno = ENOENT;
  const absl::Status status = SyscallError("mount", "/x");
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInternal,
                               "mount '/x': No such file or directory"));
  EXPECT_THAT(status, ErrnoIs(ENOENT));
  EXPECT_EQ(SyscallFailureOf(status).call, "mount");
  EXPECT_EQ(SyscallFailureOf(status).what, "/x");
}

TEST(SyscallErrorTest, WithoutAnObject) {
  EXPECT_THAT(
      SyscallErrorFrom(EPERM, "fork"),
      StatusIs(absl::StatusCode::kInternal, "fork: Operation not permitted"));
}

TEST(SyscallErrorTest, SurvivesContext) {
  const absl::Status status =
      Annotate(SyscallErrorFrom(EBUSY, "rmdir", "a"), "container ", 7);
  EXPECT_THAT(status, ErrnoIs(EBUSY));
  EXPECT_THAT(std::string(status.message()),
              testing::StartsWith("container 7: rmdir"));
}

TEST(SyscallErrorTest, OtherStatusesHaveNoErrno) {
  EXPECT_EQ(ErrnoOf(absl::OkStatus()), 0);
  EXPECT_EQ(ErrnoOf(absl::InternalError("x")), 0);
}

TEST(SyscallErrorTest, NamesOfErrno) {
  EXPECT_EQ(ErrnoName(ENOSPC), "ENOSPC");
  EXPECT_EQ(ErrnoName(4711), "errno 4711");
}

}  // namespace
}  // namespace caisson::base
