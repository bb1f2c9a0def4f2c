#include "netsetup/sysctl.h"

#include <cerrno>
#include <string>

#include "gtest/gtest.h"

#include "runtime/base/status_matchers.h"

namespace caisson::netsetup {
namespace {

using base::ErrnoIs;
using base::IsOk;
using base::IsOkAndHolds;
using base::StatusIs;

TEST(SysctlTest, AKeyIsAPathBelowNet) {
  EXPECT_THAT(SysctlPath("net/ipv4/conf/eth0.5/forwarding"),
              IsOkAndHolds("/proc/sys/net/ipv4/conf/eth0.5/forwarding"));
}

TEST(SysctlTest, WhatIsNotBelowNetOrClimbsIsRefused) {
  for (const std::string& key :
       {std::string(), std::string("net"), std::string("kernel/hostname"),
        std::string("/net/ipv4/ip_forward"), std::string("net//ipv4"),
        std::string("net/../kernel/hostname"), std::string("net/./ipv4"),
        std::string("net/ipv4/"), std::string("net.ipv4.ip_forward"),
        std::string("net/ipv4\0/x", 11)}) {
    EXPECT_THAT(SysctlPath(key), StatusIs(absl::StatusCode::kInvalidArgument))
        << key;
  }
}

TEST(SysctlTest, OfManyOneThatClimbsIsRefused) {
  const Sysctl climbs = {.key = "net/../kernel/hostname", .value = "x"};
  EXPECT_THAT(WriteSysctls({&climbs, 1}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(SysctlTest, TheHostsAreThoseOfItsOwnNamespace) {
  const auto value = ReadSysctl("net/ipv4/ip_forward");
  ASSERT_THAT(value, IsOk());
  EXPECT_THAT(ReadHostSysctl("net/ipv4/ip_forward"), IsOkAndHolds(*value));
  EXPECT_THAT(ReadHostSysctl("net/ipv4/nothing"), ErrnoIs(ENOENT));
  EXPECT_THAT(WriteHostSysctl({.key = "net/ipv4/nothing", .value = "1"}),
              ErrnoIs(ENOENT));
  EXPECT_THAT(ReadHostSysctl("net/../kernel/hostname"),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace caisson::netsetup
