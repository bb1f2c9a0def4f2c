#include "netsetup/route.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "netsetup/addr.h"
#include "netsetup/request_test.h"
#include "runtime/base/status_matchers.h"

namespace caisson::netsetup {
namespace {

using base::IsOkAndHolds;
using base::StatusIs;
using ::testing::ElementsAre;

LinkAddress AddressOf(int link, const char* prefix) {
  return {.link = link, .prefix = *ParseIpPrefix(prefix)};
}

TEST(AddressTest, Ipv4HasTheBroadcastOfItsSubnet) {
  const Message message = BuildAddAddress(AddressOf(2, "10.1.2.3/20"));
  const ifaddrmsg fixed = FixedOf<ifaddrmsg>(message);
  EXPECT_EQ(fixed.ifa_family, AF_INET);
  EXPECT_EQ(fixed.ifa_prefixlen, 20);
  EXPECT_EQ(fixed.ifa_index, 2u);
  const Attributes attributes = AttributesOf<ifaddrmsg>(message);
  EXPECT_THAT(attributes.Bytes(IFA_LOCAL), ElementsAre(10, 1, 2, 3));
  EXPECT_THAT(attributes.Bytes(IFA_BROADCAST), ElementsAre(10, 1, 15, 255));
  const Message host = BuildAddAddress(AddressOf(2, "10.1.2.3/32"));
  EXPECT_FALSE(AttributesOf<ifaddrmsg>(host).Has(IFA_BROADCAST));
}

TEST(AddressTest, Ipv6IsUsableAtOnce) {
  const Message message = BuildAddAddress(AddressOf(2, "fd00::5/64"));
  EXPECT_EQ(FixedOf<ifaddrmsg>(message).ifa_flags, IFA_F_NODAD);
  EXPECT_FALSE(AttributesOf<ifaddrmsg>(message).Has(IFA_BROADCAST));
}

TEST(AddressTest, ParsesWhatItBuilds) {
  for (const char* text : {"10.1.2.3/20", "fd00::5/64"}) {
    const Message message = BuildAddAddress(AddressOf(2, text));
    EXPECT_THAT(ParseAddress(RequestOf(message)),
                IsOkAndHolds(AddressOf(2, text)));
  }
  Message empty(RTM_NEWADDR);
  empty.Fixed(ifaddrmsg{});
  EXPECT_THAT(ParseAddress(RequestOf(empty)),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_FALSE(ParseAddress({.type = RTM_NEWLINK}).ok());
}

TEST(AddressTest, APrefixLongerThanItsAddressIsRefused) {
  LinkAddress address = AddressOf(2, "10.1.2.3/20");
  address.prefix.length = 33;
  EXPECT_FALSE(ParseAddress(RequestOf(BuildAddAddress(address))).ok());
  rtmsg fixed = {};
  fixed.rtm_family = AF_INET;
  fixed.rtm_table = RT_TABLE_MAIN;
  fixed.rtm_type = RTN_UNICAST;
  fixed.rtm_dst_len = 33;
  Message route(RTM_NEWROUTE);
  route.Fixed(fixed).Bytes(RTA_DST, address.prefix.address.bytes());
  EXPECT_FALSE(ParseRoute(RequestOf(route)).ok());
}

TEST(RouteTest, WithoutGatewayAnIpv4RouteIsOnTheLink) {
  const Route on_link = {.destination = *ParseIpPrefix("10.9.9.9/16"),
                         .link = 2};
  const Message message = BuildAddRoute(on_link);
  const rtmsg fixed = FixedOf<rtmsg>(message);
  EXPECT_EQ(fixed.rtm_scope, RT_SCOPE_LINK);
  EXPECT_EQ(fixed.rtm_dst_len, 16);
  EXPECT_EQ(fixed.rtm_table, RT_TABLE_MAIN);
  // Bits behind the prefix are refused by the kernel.
  EXPECT_THAT(AttributesOf<rtmsg>(message).Bytes(RTA_DST),
              ElementsAre(10, 9, 0, 0));
}

TEST(RouteTest, TheDefaultRouteHasNoDestination) {
  const Route route = {.destination = *ParseIpPrefix("0.0.0.0/0"),
                       .gateway = *ParseIpAddress("10.0.0.1"),
                       .onlink = true,
                       .link = 2,
                       .metric = 100};
  const Message message = BuildAddRoute(route);
  const rtmsg fixed = FixedOf<rtmsg>(message);
  EXPECT_EQ(fixed.rtm_scope, RT_SCOPE_UNIVERSE);
  EXPECT_EQ(fixed.rtm_flags, uint32_t{RTNH_F_ONLINK});
  const Attributes attributes = AttributesOf<rtmsg>(message);
  EXPECT_FALSE(attributes.Has(RTA_DST));
  EXPECT_THAT(attributes.Bytes(RTA_GATEWAY), ElementsAre(10, 0, 0, 1));
  EXPECT_EQ(attributes.Get<uint32_t>(RTA_PRIORITY), 100u);
  EXPECT_EQ(route.ToString(), "default via 10.0.0.1 onlink metric 100");
}

TEST(RouteTest, ParsesWhatItBuilds) {
  const Route routes[] = {
      {.destination = *ParseIpPrefix("0.0.0.0/0"),
       .gateway = *ParseIpAddress("10.0.0.1"),
       .link = 2},
      {.destination = *ParseIpPrefix("::/0"),
       .gateway = *ParseIpAddress("fd00::1"),
       .onlink = true,
       .metric = 7},
      {.destination = *ParseIpPrefix("fd01::/64"), .link = 3},
  };
  for (const Route& route : routes) {
    const Message message = BuildAddRoute(route);
    EXPECT_THAT(ParseRoute(RequestOf(message)), IsOkAndHolds(route));
  }
}

TEST(RouteTest, WhatIsNoUnicastRouteOfTheMainTableIsLeftOut) {
  rtmsg fixed = {};
  fixed.rtm_family = AF_INET;
  fixed.rtm_table = RT_TABLE_LOCAL;
  fixed.rtm_type = RTN_UNICAST;
  Message local(RTM_NEWROUTE);
  local.Fixed(fixed);
  EXPECT_THAT(ParseRoute(RequestOf(local)), IsOkAndHolds(std::nullopt));
  fixed.rtm_table = RT_TABLE_MAIN;
  fixed.rtm_type = RTN_BLACKHOLE;
  Message blackhole(RTM_NEWROUTE);
  blackhole.Fixed(fixed);
  EXPECT_THAT(ParseRoute(RequestOf(blackhole)), IsOkAndHolds(std::nullopt));
  EXPECT_FALSE(ParseRoute({.type = RTM_NEWROUTE}).ok());
}

TEST(NeighbourTest, IsPermanent) {
  const Message message =
      BuildAddNeighbour({.link = 2,
                         .address = *ParseIpAddress("10.0.0.1"),
                         .mac = *ParseMacAddress("02:00:00:00:00:01")});
  const ndmsg fixed = FixedOf<ndmsg>(message);
  EXPECT_EQ(fixed.ndm_state, NUD_PERMANENT);
  EXPECT_EQ(fixed.ndm_ifindex, 2);
  EXPECT_THAT(AttributesOf<ndmsg>(message).Bytes(NDA_DST),
              ElementsAre(10, 0, 0, 1));
}

TEST(NeighbourTest, IsRenewedOnlyWhereItIs) {
  const Message message =
      BuildRenewNeighbour({.link = 2,
                           .address = *ParseIpAddress("10.0.0.1"),
                           .mac = *ParseMacAddress("02:00:00:00:00:01")});
  EXPECT_EQ(FixedOf<ndmsg>(message).ndm_state, NUD_STALE);
  EXPECT_EQ(RequestOf(message).type, RTM_NEWNEIGH);
  EXPECT_EQ(AttributesOf<ndmsg>(message).Bytes(NDA_LLADDR).size(), 6u);
}

}  // namespace
}  // namespace caisson::netsetup
