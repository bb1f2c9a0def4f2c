#include "netsetup/netlink/message.h"

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <cstring>
#include <string>

#include "gtest/gtest.h"

#include "netsetup/netlink/reply.h"

namespace caisson::netsetup {
namespace {

Reply ReplyOf(const Message& message) {
  std::span<const uint8_t> bytes = message.bytes();
  return *TakeReply(&bytes);
}

TEST(MessageTest, LaysOutHeaderFixedPartAndAttributes) {
  Message message(RTM_NEWLINK, NLM_F_CREATE);
  ifinfomsg info = {};
  info.ifi_index = 7;
  message.Fixed(info).U32(IFLA_MTU, 1400).Text(IFLA_IFNAME, "br0");
  message.SetSequence(42);
  // The lengths and types of the wire, byte for byte.
  const uint8_t expected[] = {
      48, 0, 0, 0, 16,   0,   5,   4, 42, 0, 0, 0, 0, 0, 0, 0,  // nlmsghdr
      0,  0, 0, 0, 7,    0,   0,   0, 0,  0, 0, 0, 0, 0, 0, 0,  // ifinfomsg
      8,  0, 4, 0, 0x78, 5,   0,   0,                           // IFLA_MTU
      8,  0, 3, 0, 'b',  'r', '0', 0,                           // IFLA_IFNAME
  };
  const std::span<const uint8_t> bytes = message.bytes();
  ASSERT_EQ(bytes.size(), sizeof(expected));
  EXPECT_EQ(std::memcmp(bytes.data(), expected, sizeof(expected)), 0);
  EXPECT_TRUE(message.ok());
  EXPECT_EQ(message.type(), RTM_NEWLINK);
}

TEST(MessageTest, NestsKeepWhatIsInsideAndMayBeEmpty) {
  Message message(RTM_NEWLINK);
  message.Fixed(ifinfomsg{});
  {
    const Nest info(&message, IFLA_LINKINFO);
    message.Text(IFLA_INFO_KIND, "veth");
    const Nest data(&message, IFLA_INFO_DATA);
  }
  message.U32(IFLA_MTU, 9000);
  const Attributes attributes =
      Attributes::Behind(ReplyOf(message), sizeof(ifinfomsg));
  const Attributes info = attributes.Nested(IFLA_LINKINFO);
  EXPECT_EQ(info.Text(IFLA_INFO_KIND), "veth");
  EXPECT_TRUE(info.Has(IFLA_INFO_DATA));
  EXPECT_TRUE(info.Bytes(IFLA_INFO_DATA).empty());
  EXPECT_EQ(attributes.Get<uint32_t>(IFLA_MTU), 9000u);
}

TEST(MessageTest, WhatDoesNotFitIsNoticed) {
  Message message(RTM_NEWLINK);
  message.Fixed(ifinfomsg{}).Text(IFLA_IFALIAS, std::string(100, 'x'));
  EXPECT_TRUE(message.ok());
  message.Text(IFLA_IFALIAS, std::string(5000, 'x'));
  EXPECT_FALSE(message.ok());
}

TEST(MessageTest, NestsBeyondTheEndAreNoticed) {
  Message message(RTM_NEWLINK);
  message.Fixed(ifinfomsg{});
  for (int i = 0; i < 2000; ++i) const Nest nest(&message, IFLA_LINKINFO);
  EXPECT_FALSE(message.ok());
}

}  // namespace
}  // namespace caisson::netsetup
