#include "netsetup/ipam/subnet.h"

#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/status_matchers.h"

namespace caisson::netsetup::ipam {
namespace {

using base::IsOkAndHolds;
using base::StatusIs;

IpPrefix Prefix(std::string_view text) {
  return *ParseIpPrefix(text);
}

std::vector<IpPrefix> Prefixes(const std::vector<std::string_view>& texts) {
  std::vector<IpPrefix> prefixes;
  for (const std::string_view text : texts) prefixes.push_back(Prefix(text));
  return prefixes;
}

TEST(SubnetTest, DefaultRoutesCollideWithNothing) {
  EXPECT_EQ(FindOverlap(Prefix("10.0.0.0/24"),
                        Prefixes({"0.0.0.0/0", "::/0", "10.0.1.0/24"})),
            std::nullopt);
  EXPECT_EQ(
      FindOverlap(Prefix("10.0.0.0/24"), Prefixes({"0.0.0.0/0", "10.0.0.0/8"})),
      Prefix("10.0.0.0/8"));
  EXPECT_EQ(FindOverlap(Prefix("10.0.0.0/8"), Prefixes({"10.9.9.9/32"})),
            Prefix("10.9.9.9/32"));
}

TEST(SubnetTest, TheFirstFreePartIsChosen) {
  const std::vector<IpPrefix> candidates =
      Prefixes({"10.88.0.0/16", "172.30.0.0/16"});
  EXPECT_THAT(ChooseSubnet(candidates, 24, {}),
              IsOkAndHolds(Prefix("10.88.0.0/24")));
  EXPECT_THAT(ChooseSubnet(candidates, 24,
                           Prefixes({"10.88.0.128/25", "10.88.2.0/23",
                                     "10.88.1.7/32", "0.0.0.0/0"})),
              IsOkAndHolds(Prefix("10.88.4.0/24")));
  EXPECT_THAT(ChooseSubnet(candidates, 24, Prefixes({"10.0.0.0/8"})),
              IsOkAndHolds(Prefix("172.30.0.0/24")));
  EXPECT_THAT(ChooseSubnet(candidates, 16, Prefixes({"10.88.255.0/24"})),
              IsOkAndHolds(Prefix("172.30.0.0/16")));
  EXPECT_THAT(
      ChooseSubnet(candidates, 24, Prefixes({"10.0.0.0/8", "172.16.0.0/12"})),
      StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(ChooseSubnet(candidates, 8, {}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(SubnetTest, Ipv6CountsTheSame) {
  EXPECT_THAT(ChooseSubnet(Prefixes({"fd00:88::/32"}), 64,
                           Prefixes({"fd00:88::/48", "::/0"})),
              IsOkAndHolds(Prefix("fd00:88:1::/64")));
  EXPECT_THAT(ChooseSubnet(Prefixes({"::/0"}), 1, Prefixes({"8000::/1"})),
              IsOkAndHolds(Prefix("::/1")));
  EXPECT_THAT(
      ChooseSubnet(Prefixes({"::/0"}), 1, Prefixes({"8000::/1", "::/1"})),
      StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST(SubnetTest, AddressesAreCounted) {
  EXPECT_THAT(AddressIn(Prefix("10.0.0.0/30"), 3),
              IsOkAndHolds(*ParseIpAddress("10.0.0.3")));
  EXPECT_THAT(AddressIn(Prefix("10.0.0.0/30"), 4),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(AddressIn(Prefix("fd00::/64"), 1),
              IsOkAndHolds(*ParseIpAddress("fd00::1")));
}

}  // namespace
}  // namespace caisson::netsetup::ipam
