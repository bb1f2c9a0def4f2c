#include "netsetup/ip_address.h"

#include <sys/socket.h>

#include <string>

#include "gtest/gtest.h"

#include "runtime/base/status_matchers.h"

namespace caisson::netsetup {
namespace {

using base::StatusIs;

IpPrefix Prefix(std::string_view text) {
  return *ParseIpPrefix(text);
}

TEST(IpAddressTest, TextComesBackInItsCanonicalForm) {
  EXPECT_EQ(ParseIpAddress("10.0.0.1")->ToString(), "10.0.0.1");
  EXPECT_EQ(ParseIpAddress("fd00:0:0::0001")->ToString(), "fd00::1");
  EXPECT_EQ(ParseIpAddress("::ffff:1.2.3.4")->family(), AF_INET6);
  EXPECT_EQ(ParseIpAddress("0.0.0.0")->bits(), 32);
  EXPECT_EQ(ParseIpAddress("::")->bits(), 128);
  EXPECT_TRUE(ParseIpAddress("::")->is_unspecified());
}

TEST(IpAddressTest, MalformedTextIsRefused) {
  for (const std::string& text :
       {std::string(), std::string("10.0.0"), std::string("10.0.0.1/8"),
        std::string("010.0.0.1"), std::string("1.2.3.4\0x", 9),
        std::string("fe80::1%eth0"), std::string(" 1.2.3.4"),
        std::string(100, '1')}) {
    EXPECT_THAT(ParseIpAddress(text),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << text;
  }
  for (const char* text :
       {"10.0.0.1", "10.0.0.1/", "10.0.0.1/33", "::/129", "10.0.0.1/+8",
        "10.0.0.1/ 8", "/8", "10.0.0.1/8/9"}) {
    EXPECT_THAT(ParseIpPrefix(text),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << text;
  }
}

TEST(IpAddressTest, BytesOfTheKernelAreTakenByTheirNumber) {
  const uint8_t bytes[16] = {10, 1, 2, 3};
  EXPECT_EQ(IpAddressFromBytes({bytes, 4})->ToString(), "10.1.2.3");
  EXPECT_EQ(IpAddressFromBytes({bytes, 16})->ToString(), "a01:203::");
  EXPECT_FALSE(IpAddressFromBytes({bytes, 5}).ok());
}

TEST(IpPrefixTest, NetworkClearsWhatIsBehindTheLength) {
  EXPECT_EQ(Prefix("10.1.2.3/8").Network().ToString(), "10.0.0.0/8");
  EXPECT_EQ(Prefix("10.1.2.255/25").Network().ToString(), "10.1.2.128/25");
  EXPECT_EQ(Prefix("10.1.2.3/0").Network().ToString(), "0.0.0.0/0");
  EXPECT_EQ(Prefix("10.1.2.3/32").Network().ToString(), "10.1.2.3/32");
  EXPECT_EQ(Prefix("fd00::ffff/113").Network().ToString(), "fd00::8000/113");
}

TEST(IpPrefixTest, ContainsAndOverlaps) {
  EXPECT_TRUE(Prefix("10.0.0.0/9").Contains(*ParseIpAddress("10.127.0.1")));
  EXPECT_FALSE(Prefix("10.0.0.0/9").Contains(*ParseIpAddress("10.128.0.1")));
  EXPECT_FALSE(Prefix("0.0.0.0/0").Contains(*ParseIpAddress("::1")));
  EXPECT_TRUE(Prefix("10.0.0.0/8").Overlaps(Prefix("10.9.0.0/16")));
  EXPECT_TRUE(Prefix("10.9.0.0/16").Overlaps(Prefix("10.0.0.0/8")));
  EXPECT_FALSE(Prefix("10.8.0.0/16").Overlaps(Prefix("10.9.0.0/16")));
}

TEST(MacAddressTest, ParsesAndTellsUnicast) {
  EXPECT_EQ(ParseMacAddress("02:AB:00:00:00:0f")->ToString(),
            "02:ab:00:00:00:0f");
  EXPECT_TRUE(ParseMacAddress("02:00:00:00:00:01")->is_unicast());
  EXPECT_FALSE(ParseMacAddress("01:00:00:00:00:01")->is_unicast());
  EXPECT_FALSE(ParseMacAddress("00:00:00:00:00:00")->is_unicast());
  for (const char* text : {"", "02:00:00:00:00", "02-00-00-00-00-01",
                           "02:00:00:00:00:0g", "02:00:00:00:00:01:"}) {
    EXPECT_FALSE(ParseMacAddress(text).ok()) << text;
  }
}

TEST(IpAddressTest, TheLinkLocalAddressIsTheKernels) {
  EXPECT_EQ(LinkLocalOf(*ParseMacAddress("02:e2:dd:6a:93:57")).ToString(),
            "fe80::e2:ddff:fe6a:9357");
  EXPECT_EQ(LinkLocalOf(*ParseMacAddress("00:00:5e:00:53:af")).ToString(),
            "fe80::200:5eff:fe00:53af");
}

}  // namespace
}  // namespace caisson::netsetup
