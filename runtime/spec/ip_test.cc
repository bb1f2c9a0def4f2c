#include "runtime/spec/ip.h"

#include <string>

#include "gtest/gtest.h"

namespace caisson::spec {
namespace {

TEST(IpTest, Addresses) {
  for (const char* good :
       {"0.0.0.0", "10.0.0.1", "255.255.255.255", "::", "::1", "fd00::1",
        "FE80::1", "1:2:3:4:5:6:7:8", "64:ff9b::1.2.3.4"}) {
    EXPECT_TRUE(ParseIp(good).has_value()) << good;
  }
  for (const char* bad :
       {"", " ", "10", "10.0.0", "10.0.0.256", "10.0.0.01", "10.0.0.1 ",
        "10.0.0.1/24", "0x0a000001", "fe80::1%eth0", "1:2:3", "::g",
        "::ffff:10.0.0.1", "localhost"}) {
    EXPECT_FALSE(ParseIp(bad).has_value()) << bad;
  }
  EXPECT_FALSE(ParseIp(std::string("10.0.0.1\0", 9)).has_value());
  EXPECT_EQ(ParseIp("FD00::1"), ParseIp("fd00:0::1"));
  EXPECT_NE(ParseIp("0.0.0.0"), ParseIp("::"));
}

TEST(IpTest, Kinds) {
  EXPECT_TRUE(ParseIp("127.1.2.3")->is_loopback());
  EXPECT_TRUE(ParseIp("::1")->is_loopback());
  EXPECT_FALSE(ParseIp("fd00::1")->is_loopback());
  EXPECT_FALSE(ParseIp("1.0.0.127")->is_loopback());
  EXPECT_TRUE(ParseIp("224.0.0.1")->is_multicast());
  EXPECT_TRUE(ParseIp("239.255.255.255")->is_multicast());
  EXPECT_TRUE(ParseIp("255.255.255.255")->is_multicast());
  EXPECT_FALSE(ParseIp("240.0.0.1")->is_multicast());
  EXPECT_TRUE(ParseIp("ff02::1")->is_multicast());
  EXPECT_TRUE(ParseIp("fe80::1")->is_link_local());
  EXPECT_TRUE(ParseIp("febf::1")->is_link_local());
  EXPECT_FALSE(ParseIp("fec0::1")->is_link_local());
  EXPECT_FALSE(ParseIp("169.254.0.1")->is_link_local());
}

TEST(IpTest, Prefixes) {
  for (const char* good :
       {"10.0.0.0/8", "0.0.0.0/0", "10.0.0.1/32", "::/0", "fd00::/64"}) {
    EXPECT_TRUE(ParseCidr(good).has_value()) << good;
  }
  for (const char* bad :
       {"", "/", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1",
        "10.0.0.0/+8", "10.0.0.0/08", "10.0.0.0/8 ", "10.0.0.0/8/8",
        "fd00::/129", "fd00::/0x40", "10.0.0.0/255.0.0.0", "/24"}) {
    EXPECT_FALSE(ParseCidr(bad).has_value()) << bad;
  }
  EXPECT_TRUE(ParseCidr("10.128.0.0/9")->is_network());
  EXPECT_FALSE(ParseCidr("10.192.0.0/9")->is_network());
  EXPECT_FALSE(ParseCidr("fd00:0:0:8000::/48")->is_network());
}

TEST(IpTest, RangesOfPrefixes) {
  const IpRange range = ParseCidr("10.1.2.128/25")->Range();
  EXPECT_EQ(range.first, ParseIp("10.1.2.128"));
  EXPECT_EQ(range.last, ParseIp("10.1.2.255"));
  EXPECT_TRUE(range.Contains(*ParseIp("10.1.2.200")));
  EXPECT_FALSE(range.Contains(*ParseIp("10.1.2.127")));
  EXPECT_FALSE(range.Contains(*ParseIp("10.1.3.0")));
  EXPECT_FALSE(range.Contains(*ParseIp("a01:280::")));
  const auto overlap = [](const char* a, const char* b) {
    return ParseCidr(a)->Range().Overlaps(ParseCidr(b)->Range());
  };
  EXPECT_TRUE(overlap("10.0.0.0/8", "10.1.0.0/16"));
  EXPECT_TRUE(overlap("10.1.0.0/16", "10.0.0.0/8"));
  EXPECT_FALSE(overlap("10.0.0.0/16", "10.1.0.0/16"));
  EXPECT_TRUE(overlap("fd00::/64", "fd00::/48"));
  EXPECT_FALSE(overlap("fd00::/64", "fd00:0:0:1::/64"));
  EXPECT_FALSE(overlap("0.0.0.0/0", "::/0"));
}

TEST(IpTest, MacAddresses) {
  EXPECT_TRUE(IsUnicastMac("02:42:ac:11:00:02"));
  EXPECT_TRUE(IsUnicastMac("FE:FF:FF:FF:FF:FF"));
  for (const char* bad :
       {"", "02:42:ac:11:00", "02:42:ac:11:00:02:03", "2:42:ac:11:00:02",
        "02-42-ac-11-00-02", "0242ac110002", "01:00:5e:00:00:01",
        "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", "0x:42:ac:11:00:02",
        "+2:42:ac:11:00:02"}) {
    EXPECT_FALSE(IsUnicastMac(bad)) << bad;
  }
}

TEST(IpTest, InterfaceNames) {
  for (const char* good : {"eth0", "a", "br-1.2@x", "123456789012345"}) {
    EXPECT_TRUE(IsInterfaceName(good)) << good;
  }
  for (const char* bad : {"", ".", "..", "a/b", "a b", "a\tb", "a:0", "eth%d",
                          "1234567890123456", "caf\xc3\xa9"}) {
    EXPECT_FALSE(IsInterfaceName(bad)) << bad;
  }
}

TEST(IpTest, DnsNames) {
  EXPECT_TRUE(IsDnsLabel("web-1"));
  EXPECT_TRUE(IsDnsLabel("a_b"));
  EXPECT_TRUE(IsDnsLabel(std::string(63, 'a')));
  for (const char* bad : {"", "-a", "a-", "_a", "a.b", "a b"}) {
    EXPECT_FALSE(IsDnsLabel(bad)) << bad;
  }
  EXPECT_FALSE(IsDnsLabel(std::string(64, 'a')));
  EXPECT_TRUE(IsDnsName("a.b.example"));
  EXPECT_FALSE(IsDnsName("a..b"));
  EXPECT_FALSE(IsDnsName("a."));
  std::string long_name(63, 'a');
  for (int i = 0; i < 3; ++i) long_name += "." + std::string(62, 'a');
  EXPECT_EQ(long_name.size(), 252u);
  EXPECT_TRUE(IsDnsName(long_name + "a"));
  EXPECT_FALSE(IsDnsName(long_name + "aa"));
}

}  // namespace
}  // namespace caisson::spec
