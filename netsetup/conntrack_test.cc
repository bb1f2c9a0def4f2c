#include "netsetup/conntrack.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>

#include <cstring>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libmnl/libmnl.h"

#include "runtime/base/status_matchers.h"

namespace caisson::netsetup {
namespace {

using base::IsOk;
using base::StatusIs;

// What the kernel says of one flow: 198.51.100.1 to 192.0.2.1:8080, answered
// by 10.0.0.2.
std::vector<uint8_t> Message() {
  std::vector<uint8_t> bytes(512);
  nlmsghdr* header = ::mnl_nlmsg_put_header(bytes.data());
  header->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW;
  auto* general = static_cast<nfgenmsg*>(
      ::mnl_nlmsg_put_extra_header(header, sizeof(nfgenmsg)));
  general->nfgen_family = AF_INET;
  const auto put = [header](uint16_t type, const char* source,
                            const char* destination, uint16_t port) {
    nlattr* tuple = ::mnl_attr_nest_start(header, type);
    nlattr* addresses = ::mnl_attr_nest_start(header, CTA_TUPLE_IP);
    ::mnl_attr_put_u32(header, CTA_IP_V4_SRC, ::inet_addr(source));
    ::mnl_attr_put_u32(header, CTA_IP_V4_DST, ::inet_addr(destination));
    ::mnl_attr_nest_end(header, addresses);
    nlattr* protocol = ::mnl_attr_nest_start(header, CTA_TUPLE_PROTO);
    ::mnl_attr_put_u8(header, CTA_PROTO_NUM, IPPROTO_UDP);
    ::mnl_attr_put_u16(header, CTA_PROTO_DST_PORT, htons(port));
    ::mnl_attr_nest_end(header, protocol);
    ::mnl_attr_nest_end(header, tuple);
  };
  put(CTA_TUPLE_ORIG, "198.51.100.1", "192.0.2.1", 8080);
  put(CTA_TUPLE_REPLY, "10.0.0.2", "198.51.100.1", 1000);
  ::mnl_attr_put_u32(header, CTA_ID, 7);
  bytes.resize(header->nlmsg_len);
  return bytes;
}

absl::StatusOr<Flow> Parse(const std::vector<uint8_t>& bytes) {
  return ParseFlow(reinterpret_cast<const nlmsghdr*>(bytes.data()));
}

TEST(ConntrackTest, AFlowIsRead) {
  const absl::StatusOr<Flow> flow = Parse(Message());
  ASSERT_THAT(flow, IsOk());
  EXPECT_EQ(flow->protocol, IPPROTO_UDP);
  EXPECT_EQ(flow->original_source.ToString(), "198.51.100.1");
  EXPECT_EQ(flow->original_destination.ToString(), "192.0.2.1");
  EXPECT_EQ(flow->original_port, 8080);
  EXPECT_EQ(flow->reply_source.ToString(), "10.0.0.2");
  EXPECT_EQ(flow->reply_destination.ToString(), "198.51.100.1");
}

TEST(ConntrackTest, EverythingGivenHasToFit) {
  const absl::StatusOr<Flow> flow = Parse(Message());
  ASSERT_THAT(flow, IsOk());
  FlowFilter filter{.protocol = IPPROTO_UDP,
                    .original_port = 8080,
                    .reply_source = *ParseIpAddress("10.0.0.2")};
  EXPECT_TRUE(Matches(filter, *flow));
  filter.original_port = 1000;
  EXPECT_FALSE(Matches(filter, *flow)) << "the answer's port is another";
  EXPECT_FALSE(
      Matches({.original_source = *ParseIpAddress("10.0.0.2")}, *flow));
  EXPECT_FALSE(Matches({.protocol = IPPROTO_TCP}, *flow));
}

TEST(ConntrackTest, WhatLeadsToTheRightOneStays) {
  const absl::StatusOr<Flow> flow = Parse(Message());
  ASSERT_THAT(flow, IsOk());
  const auto fits = [&flow](const char* except) {
    return Matches(
        {.original_port = 8080, .except_reply_source = *ParseIpAddress(except)},
        *flow);
  };
  EXPECT_FALSE(fits("10.0.0.2"));
  EXPECT_TRUE(fits("10.0.0.3"));
  EXPECT_FALSE(fits("fd00::3")) << "of another family";
}

TEST(ConntrackTest, PortsMayBeARange) {
  const absl::StatusOr<Flow> flow = Parse(Message());
  ASSERT_THAT(flow, IsOk());
  const auto fits = [&flow](uint16_t first, int count) {
    return Matches({.original_port = first, .port_count = count}, *flow);
  };
  EXPECT_TRUE(fits(8080, 1));
  EXPECT_TRUE(fits(8000, 81));
  EXPECT_FALSE(fits(8000, 80));
  EXPECT_FALSE(fits(8081, 100));
}

TEST(ConntrackTest, WhatIsCutIsNoFlow) {
  const std::vector<uint8_t> whole = Message();
  for (size_t bytes = sizeof(nlmsghdr); bytes < whole.size() - 8; bytes += 4) {
    // Of the exact size: a sanitizer sees every byte too far.
    std::vector<uint8_t> cut(whole.begin(),
                             whole.begin() + static_cast<ptrdiff_t>(bytes));
    const auto length = static_cast<uint32_t>(bytes);
    std::memcpy(cut.data(), &length, sizeof(length));
    EXPECT_THAT(Parse(cut), StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

}  // namespace
}  // namespace caisson::netsetup
