#include "server/core/network/network_errors.h"

#include <cerrno>

#include "gtest/gtest.h"

#include "netsetup/netlink/net_error.h"
#include "runtime/base/error_detail.h"

namespace caisson::core {
namespace {

TEST(NetworkErrorsTest, OnlyAFullBridgeIsALimitOfOurs) {
  const absl::Status full =
      SetupFailed(netsetup::NetErrorFrom(EXFULL, "set master", "cv1"));
  EXPECT_EQ(base::DetailOf(full).reason, "LIMIT_REACHED");
  EXPECT_NE(full.message().find("the bridge has no free port"),
            absl::string_view::npos)
      << full;
  for (const int err : {ENOMEM, ENOSPC, ENFILE}) {
    const absl::Status other =
        SetupFailed(netsetup::NetErrorFrom(err, "create link", "cv1"));
    EXPECT_EQ(other.code(), absl::StatusCode::kFailedPrecondition) << other;
    EXPECT_EQ(base::DetailOf(other).reason, "NETWORK_SETUP_FAILED") << other;
  }
}

}  // namespace
}  // namespace caisson::core
