#include "netsetup/netlink/net_error.h"

#include <errno.h>

#include "gtest/gtest.h"

#include "runtime/base/status_macros.h"
#include "runtime/base/status_matchers.h"

namespace caisson::netsetup {
namespace {

using base::ErrnoIs;
using base::IsOk;

TEST(NetErrorTest, SaysWhatWasTriedOnWhatAndWhyInTheKernelsWords) {
  const absl::Status status =
      ToStatus({.op = "add route",
                .object = "10.0.0.0/8",
                .ack = {.error = EINVAL,
                        .text = "Nexthop has invalid gateway",
                        .offset = 28}});
  EXPECT_EQ(status.message(),
            "add route '10.0.0.0/8': Invalid argument (Nexthop has invalid "
            "gateway)");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status, ErrnoIs(EINVAL));

  const NetError error = NetErrorOf(base::Annotate(status, "attach"));
  EXPECT_EQ(error.op, "add route");
  EXPECT_EQ(error.object, "10.0.0.0/8");
  EXPECT_EQ(error.ack.error, EINVAL);
  EXPECT_EQ(error.ack.text, "Nexthop has invalid gateway");
  EXPECT_EQ(error.ack.offset, 28u);
}

TEST(NetErrorTest, WithoutWordsOrOffsetBothStayEmpty) {
  const NetError error =
      NetErrorOf(NetErrorFrom(EEXIST, "create veth", "cv01"));
  EXPECT_EQ(error.object, "cv01");
  EXPECT_EQ(error.ack.text, "");
  EXPECT_FALSE(error.ack.offset.has_value());
}

TEST(NetErrorTest, SuccessIsOkAndOtherStatusesHaveNoNetError) {
  EXPECT_THAT(ToStatus({}), IsOk());
  EXPECT_EQ(NetErrorOf(absl::InternalError("x")).ack.error, 0);
  EXPECT_EQ(NetErrorOf(base::SyscallErrorFrom(EIO, "read")).ack.error, 0);
}

TEST(NetErrorTest, EveryClassHasItsCode) {
  const struct {
    int err;
    absl::StatusCode code;
  } cases[] = {
      {EINVAL, absl::StatusCode::kInvalidArgument},
      {ENODEV, absl::StatusCode::kNotFound},
      {EEXIST, absl::StatusCode::kAlreadyExists},
      // A bridge with 1,023 ports.
      {EXFULL, absl::StatusCode::kResourceExhausted},
      // An unknown kind of link.
      {EOPNOTSUPP, absl::StatusCode::kUnimplemented},
      {EPERM, absl::StatusCode::kPermissionDenied},
      {ENOBUFS, absl::StatusCode::kUnavailable},
      {EIO, absl::StatusCode::kInternal},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(NetErrorFrom(one.err, "x", "y").code(), one.code) << one.err;
  }
}

}  // namespace
}  // namespace caisson::netsetup
