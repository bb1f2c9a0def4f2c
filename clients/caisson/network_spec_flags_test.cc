#include "clients/caisson/network_spec_flags.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "clients/caisson/ip_text.h"

namespace caisson::cli {
namespace {

using ::testing::HasSubstr;

// The network of a command line, in one line of text format; or what is wrong.
std::string SpecOf(const std::vector<std::string>& words) {
  NetworkSpecFlags network;
  Flags flags("test", "");
  network.Declare(&flags);
  flags.Words(nullptr, 0, 0);
  EXPECT_EQ(flags.Parse(words), std::nullopt);
  v1::NetworkSpec result;
  const std::string wrong = network.Fill(&result);
  return wrong.empty() ? result.ShortDebugString() : wrong;
}

TEST(NetworkSpecFlagsTest, UnsetIsUnset) {
  EXPECT_EQ(SpecOf({}), "");
  EXPECT_EQ(SpecOf({"--nat4", "masquerade"}), "");
}

TEST(NetworkSpecFlagsTest, FillsEverything) {
  EXPECT_EQ(SpecOf({"-d", "macvlan", "--interface", "eth0", "--mode", "vepa",
                    "-l", "a=b=c", "--mtu", "1400"}),
            "labels { key: \"a\" value: \"b=c\" } driver: \"macvlan\" "
            "interface: \"eth0\" mode: \"vepa\" mtu: 1400");
  EXPECT_EQ(SpecOf({"-l", "x"}), "labels { key: \"x\" value: \"\" }");
  EXPECT_EQ(SpecOf({"--internal", "--isolation", "strict",
                    "--isolate-endpoints", "--no-dns"}),
            "internal: true isolation: NETWORK_ISOLATION_STRICT "
            "isolate_endpoints: true no_dns: true");
  EXPECT_EQ(SpecOf({"--ingress", "--nat4", "192.0.2.1", "--nat6", "routed"}),
            "ingress: true nat4 { source: \"192.0.2.1\" } nat6 { routed: true "
            "}");
}

TEST(NetworkSpecFlagsTest, WhatBelongsToASubnetFindsIt) {
  EXPECT_EQ(SpecOf({"--gateway", "fd00:1::9", "--subnet", "10.1.0.0/16",
                    "--subnet", "fd00:1::/64", "--gateway", "10.1.255.1",
                    "--ip-range", "10.1.128.0/17", "--ip-range",
                    "fd00:1::10-fd00:1::20", "--reserve", "10.1.128.5"}),
            "subnets { cidr: \"10.1.0.0/16\" gateway: \"10.1.255.1\" ranges { "
            "first: \"10.1.128.0\" last: \"10.1.255.255\" } reserved: "
            "\"10.1.128.5\" } subnets { cidr: \"fd00:1::/64\" gateway: "
            "\"fd00:1::9\" ranges { first: \"fd00:1::10\" last: "
            "\"fd00:1::20\" } }");
}

TEST(NetworkSpecFlagsTest, SaysWhatIsWrong) {
  EXPECT_THAT(SpecOf({"--gateway", "10.1.0.1"}), HasSubstr("in no --subnet"));
  EXPECT_THAT(SpecOf({"--subnet", "10.1.0.0/16", "--gateway", "10.2.0.1"}),
              HasSubstr("in no --subnet"));
  EXPECT_THAT(SpecOf({"--subnet", "10.1.0.0/16", "--gateway", "x"}),
              HasSubstr("no address"));
  EXPECT_THAT(SpecOf({"--subnet", "10.1.0.0/16", "--ip-range", "10.1.0.1"}),
              HasSubstr("--ip-range"));
  EXPECT_THAT(SpecOf({"--isolation", "some"}), HasSubstr("--isolation"));
  EXPECT_THAT(SpecOf({"--label", "=x"}), HasSubstr("--label"));
}

TEST(IpTextTest, SubnetsAreSpans) {
  const auto span = ParseIpSubnet("10.1.2.200/25");
  ASSERT_TRUE(span.has_value());
  EXPECT_EQ(span->first.Text(), "10.1.2.128");
  EXPECT_EQ(span->last.Text(), "10.1.2.255");
  EXPECT_EQ(ParseIpSubnet("fd00::/120")->last.Text(), "fd00::ff");
  EXPECT_TRUE(span->Contains(*ParseIpValue("10.1.2.129")));
  EXPECT_FALSE(span->Contains(*ParseIpValue("10.1.2.127")));
  EXPECT_FALSE(span->Contains(*ParseIpValue("::")));
  for (const char* bad : {"", "10.1.0.0", "10.1.0.0/33", "fd00::/129", "x/8"}) {
    EXPECT_EQ(ParseIpSubnet(bad).has_value(), false) << bad;
  }
}

}  // namespace
}  // namespace caisson::cli
