#include "netsetup/link.h"

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <sys/socket.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "netsetup/request_test.h"
#include "runtime/base/status_matchers.h"

namespace caisson::netsetup {
namespace {

using base::StatusIs;
using ::testing::ElementsAre;

Attributes LinkAttributes(const Message& message) {
  return AttributesOf<ifinfomsg>(message);
}

TEST(LinkTest, AVethHasItsPeerInsideOfItsOwnMessage) {
  const MacAddress mac = *ParseMacAddress("02:00:00:00:00:09");
  const Message message =
      BuildCreateLink({.name = "cv01",
                       .index = 5000,
                       .kind = VethOptions{.peer_name = "eth0",
                                           .peer_mac = mac,
                                           .peer_index = 2,
                                           .peer_netns_fd = 17},
                       .mtu = 1400,
                       .group = 5,
                       .master = 3});
  const Reply request = RequestOf(message);
  EXPECT_EQ(request.type, RTM_NEWLINK);
  EXPECT_EQ(request.flags & (NLM_F_CREATE | NLM_F_EXCL),
            NLM_F_CREATE | NLM_F_EXCL);
  const Attributes link = LinkAttributes(message);
  EXPECT_EQ(FixedOf<ifinfomsg>(message).ifi_index, 5000);
  EXPECT_EQ(link.Text(IFLA_IFNAME), "cv01");
  EXPECT_EQ(link.Get<uint32_t>(IFLA_MTU), 1400u);
  EXPECT_EQ(link.Get<uint32_t>(IFLA_GROUP), 5u);
  EXPECT_EQ(link.Get<int>(IFLA_MASTER), 3);
  EXPECT_FALSE(link.Has(IFLA_ADDRESS));
  // The namespace is the peer's alone.
  EXPECT_FALSE(link.Has(IFLA_NET_NS_FD));
  const Attributes info = link.Nested(IFLA_LINKINFO);
  EXPECT_EQ(info.Text(IFLA_INFO_KIND), "veth");
  const std::span<const uint8_t> raw =
      info.Nested(IFLA_INFO_DATA).Bytes(VETH_INFO_PEER);
  const Reply peer_reply = {.payload = raw};
  const ifinfomsg fixed = peer_reply.Fixed<ifinfomsg>().value();
  EXPECT_EQ(fixed.ifi_index, 2);
  // Refused by the kernel when it says "up".
  EXPECT_EQ(fixed.ifi_flags, 0u);
  const Attributes peer = Attributes::Behind(peer_reply, sizeof(fixed));
  EXPECT_EQ(peer.Text(IFLA_IFNAME), "eth0");
  EXPECT_EQ(peer.Get<int>(IFLA_NET_NS_FD), 17);
  EXPECT_EQ(peer.Get<uint32_t>(IFLA_MTU), 1400u);
  EXPECT_THAT(peer.Bytes(IFLA_ADDRESS), ElementsAre(2, 0, 0, 0, 0, 9));
}

TEST(LinkTest, ABridgeForwardsAtOnce) {
  const Message message =
      BuildCreateLink({.name = "cb01",
                       .kind = BridgeOptions{.multicast_snooping = false},
                       .mac = *ParseMacAddress("02:00:00:00:00:01")});
  const Attributes link = LinkAttributes(message);
  EXPECT_TRUE(link.Has(IFLA_ADDRESS));
  const Attributes data = link.Nested(IFLA_LINKINFO).Nested(IFLA_INFO_DATA);
  EXPECT_EQ(data.Get<uint32_t>(IFLA_BR_FORWARD_DELAY), 0u);
  EXPECT_EQ(data.Get<uint32_t>(IFLA_BR_STP_STATE), 0u);
  EXPECT_EQ(data.Get<uint8_t>(IFLA_BR_MCAST_SNOOPING), 0);
}

TEST(LinkTest, MacvlanAndIpvlanAreMadeInTheTargetAboveTheirParent) {
  const Message macvlan =
      BuildCreateLink({.name = "eth0",
                       .kind = MacvlanOptions{.mode = MacvlanMode::kPrivate},
                       .parent = 4,
                       .netns_fd = 9});
  Attributes link = LinkAttributes(macvlan);
  EXPECT_EQ(link.Get<int>(IFLA_LINK), 4);
  EXPECT_EQ(link.Get<int>(IFLA_NET_NS_FD), 9);
  EXPECT_EQ(link.Nested(IFLA_LINKINFO)
                .Nested(IFLA_INFO_DATA)
                .Get<uint32_t>(IFLA_MACVLAN_MODE),
            uint32_t{MACVLAN_MODE_PRIVATE});
  const Message ipvlan = BuildCreateLink(
      {.name = "eth0", .kind = IpvlanOptions{.mode = IpvlanMode::kL3s}});
  link = LinkAttributes(ipvlan);
  EXPECT_EQ(link.Nested(IFLA_LINKINFO)
                .Nested(IFLA_INFO_DATA)
                .Get<uint16_t>(IFLA_IPVLAN_MODE),
            uint16_t{IPVLAN_MODE_L3S});
}

TEST(LinkTest, AVxlanHasItsPortInNetworkOrderAndDoesNotLearn) {
  const Message message = BuildCreateLink(
      {.name = "vx",
       .kind = VxlanOptions{.id = 7, .local = *ParseIpAddress("10.0.0.1")},
       .parent = 4});
  const Attributes link = LinkAttributes(message);
  const Attributes data = link.Nested(IFLA_LINKINFO).Nested(IFLA_INFO_DATA);
  EXPECT_EQ(data.Get<uint32_t>(IFLA_VXLAN_ID), 7u);
  EXPECT_THAT(data.Bytes(IFLA_VXLAN_PORT), ElementsAre(4789 >> 8, 4789 & 255));
  EXPECT_EQ(data.Get<uint32_t>(IFLA_VXLAN_LINK), 4u);
  EXPECT_FALSE(link.Has(IFLA_LINK));
  EXPECT_EQ(data.Get<uint8_t>(IFLA_VXLAN_LEARNING), 0);
  EXPECT_THAT(data.Bytes(IFLA_VXLAN_LOCAL), ElementsAre(10, 0, 0, 1));
}

TEST(LinkTest, AChangeHasOnlyWhatIsAskedFor) {
  const Message nothing = BuildChangeLink({.index = 7}, {});
  const ifinfomsg untouched = FixedOf<ifinfomsg>(nothing);
  EXPECT_EQ(untouched.ifi_index, 7);
  EXPECT_EQ(untouched.ifi_change, 0u);
  EXPECT_TRUE(RequestOf(nothing).payload.size() == sizeof(ifinfomsg));

  const Message down = BuildChangeLink({.name = "x"}, {.up = false});
  const ifinfomsg info = FixedOf<ifinfomsg>(down);
  EXPECT_EQ(info.ifi_change, uint32_t{IFF_UP});
  EXPECT_EQ(info.ifi_flags, 0u);
  EXPECT_EQ(LinkAttributes(down).Text(IFLA_IFNAME), "x");
}

TEST(LinkTest, PortOptionsAndAddressGenerationGoIntoTheirNests) {
  const Message message = BuildChangeLink(
      {.index = 7}, {.up = true,
                     .alias = "caisson:x",
                     .port = PortOptions{.isolated = true},
                     .address_generation = AddressGeneration::kNone});
  const Attributes link = LinkAttributes(message);
  EXPECT_EQ(link.Text(IFLA_IFALIAS), "caisson:x");
  const Attributes info = link.Nested(IFLA_LINKINFO);
  EXPECT_EQ(info.Text(IFLA_INFO_SLAVE_KIND), "bridge");
  const Attributes data = info.Nested(IFLA_INFO_SLAVE_DATA);
  EXPECT_EQ(data.Get<uint8_t>(IFLA_BRPORT_ISOLATED), 1);
  EXPECT_EQ(data.Get<uint8_t>(IFLA_BRPORT_MODE), 0);
  EXPECT_EQ(link.Nested(IFLA_AF_SPEC)
                .Nested(AF_INET6)
                .Get<uint8_t>(IFLA_INET6_ADDR_GEN_MODE),
            uint8_t{IN6_ADDR_GEN_MODE_NONE});
}

TEST(LinkTest, ALongNameIsAnAlternativeName) {
  const std::string name = "a-name-of-many-letters";
  const Message message = BuildDeleteLink({.name = name});
  const Attributes link = LinkAttributes(message);
  EXPECT_FALSE(link.Has(IFLA_IFNAME));
  EXPECT_EQ(link.Text(IFLA_ALT_IFNAME), name);
}

TEST(LinkTest, AGroupIsDeletedWithoutNameOrIndex) {
  const Message message = BuildDeleteGroup(77);
  EXPECT_EQ(FixedOf<ifinfomsg>(message).ifi_index, 0);
  EXPECT_EQ(LinkAttributes(message).Get<uint32_t>(IFLA_GROUP), 77u);
  EXPECT_FALSE(LinkAttributes(message).Has(IFLA_IFNAME));
}

TEST(LinkTest, ParsesWhatTheKernelSays) {
  Message message(RTM_NEWLINK);
  ifinfomsg info = {};
  info.ifi_index = 12;
  info.ifi_flags = IFF_UP | IFF_LOWER_UP;
  message.Fixed(info)
      .Text(IFLA_IFNAME, "cv01")
      .Text(IFLA_IFALIAS, "caisson:a")
      .U32(IFLA_MTU, 1500)
      .U32(IFLA_GROUP, 4)
      .S32(IFLA_MASTER, 3)
      .Bytes(IFLA_ADDRESS, ParseMacAddress("02:00:00:00:00:07")->bytes);
  {
    const Nest nest(&message, IFLA_LINKINFO);
    message.Text(IFLA_INFO_KIND, "veth").Text(IFLA_INFO_SLAVE_KIND, "bridge");
    const Nest data(&message, IFLA_INFO_SLAVE_DATA);
    message.U8(IFLA_BRPORT_ISOLATED, 1);
  }
  {
    const Nest names(&message, IFLA_PROP_LIST);
    message.Text(IFLA_ALT_IFNAME, "one").Text(IFLA_ALT_IFNAME, "two");
  }
  {
    const Nest families(&message, IFLA_AF_SPEC);
    const Nest inet6(&message, AF_INET6);
    message.U8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
  }
  CAISSON_ASSERT_OK_AND_ASSIGN(const Link link, ParseLink(RequestOf(message)));
  EXPECT_EQ(link.index, 12);
  EXPECT_EQ(link.name, "cv01");
  EXPECT_EQ(link.kind, "veth");
  EXPECT_EQ(link.alias, "caisson:a");
  EXPECT_EQ(link.mtu, 1500u);
  EXPECT_EQ(link.group, 4u);
  EXPECT_EQ(link.master, 3);
  EXPECT_EQ(link.mac.ToString(), "02:00:00:00:00:07");
  EXPECT_TRUE(link.up && link.running);
  EXPECT_THAT(link.alternative_names, ElementsAre("one", "two"));
  EXPECT_EQ(link.address_generation, AddressGeneration::kNone);
  EXPECT_EQ(link.port, (PortOptions{.isolated = true}));
  EXPECT_FALSE(link.counters.has_value());
}

TEST(LinkTest, WhatIsNoLinkIsRefused) {
  EXPECT_THAT(ParseLink({.type = RTM_NEWADDR}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ParseLink({.type = RTM_NEWLINK}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(LinkTest, NamesOfLinks) {
  for (const char* name : {"a", "eth0", "eth0.5", "123456789012345", "%x"}) {
    EXPECT_TRUE(IsLinkName(name)) << name;
  }
  for (const char* name : {"", ".", "..", "1234567890123456", "a/b", "a:1",
                           "a b", "a\tb", "\x80"}) {
    EXPECT_FALSE(IsLinkName(name)) << name;
  }
}

TEST(LinkTest, ADumpHasCountersOnlyWhenTheyAreAskedFor) {
  const Message without = BuildDumpLinks();
  EXPECT_EQ(LinkAttributes(without).Get<uint32_t>(IFLA_EXT_MASK),
            uint32_t{RTEXT_FILTER_SKIP_STATS});
  const Message with = BuildDumpLinks(WithCounters::kYes);
  EXPECT_FALSE(LinkAttributes(with).Has(IFLA_EXT_MASK));
}

TEST(LinkTest, TheStateOfALinkIsReadByName) {
  for (const auto& [number, name] :
       {std::pair<uint8_t, const char*>(0, "unknown"),
        {2, "down"},
        {3, "lowerlayerdown"},
        {6, "up"},
        {7, "unknown"},
        {255, "unknown"}}) {
    Message message(RTM_NEWLINK);
    message.Fixed(ifinfomsg{}).U8(IFLA_OPERSTATE, number);
    const auto link = ParseLink(RequestOf(message));
    ASSERT_TRUE(link.ok()) << link.status();
    EXPECT_EQ(link->state, name) << int{number};
  }
}

}  // namespace
}  // namespace caisson::netsetup
