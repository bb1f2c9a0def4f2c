#include "netsetup/announce.h"

#include "absl/strings/escaping.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace caisson::netsetup {
namespace {

std::string HexOf(const char* address, const char* mac) {
  const std::vector<uint8_t> frame =
      BuildAnnouncement(*ParseIpAddress(address), *ParseMacAddress(mac));
  return absl::BytesToHexString(std::string(frame.begin(), frame.end()));
}

// The layouts of RFC 826, with sender and target the same.
TEST(AnnounceTest, AnArpRequestForOnesOwnAddress) {
  EXPECT_EQ(HexOf("10.1.0.2", "02:e2:dd:6a:93:57"),
            "ffffffffffff"
            "02e2dd6a9357"
            "0806"
            "0001"
            "0800"
            "06"
            "04"
            "0001"
            "02e2dd6a9357"
            "0a010002"
            "000000000000"
            "0a010002");
}

// The same frame as the kernel sends with ndisc_notify, but for its sum, which
// was computed by hand: the words of the pseudo-header and of the message add
// up to ffff with it.
TEST(AnnounceTest, ANeighbourAdvertisementThatOverrides) {
  const std::string hex = HexOf("fd00:1::2", "02:e2:dd:6a:93:57");
  EXPECT_EQ(hex.substr(0, 108),
            "333300000001"
            "02e2dd6a9357"
            "86dd"
            "60000000"
            "0020"
            "3a"
            "ff"
            "fd000001000000000000000000000002"
            "ff020000000000000000000000000001");
  EXPECT_EQ(hex.substr(108, 4), "8800");
  EXPECT_EQ(hex.substr(116),
            "20000000"
            "fd000001000000000000000000000002"
            "0201"
            "02e2dd6a9357");
  const std::string bytes = absl::HexStringToBytes(hex.substr(44));
  uint32_t sum = 0x20 + 0x3a;  // length and next header
  for (size_t i = 0; i < bytes.size(); i += 2) {
    sum += static_cast<uint8_t>(bytes[i]) * 256U +
           static_cast<uint8_t>(bytes[i + 1]);
  }
  while (sum > 0xffff) sum = (sum >> 16) + (sum & 0xffff);
  EXPECT_EQ(sum, 0xffffU);
}

}  // namespace
}  // namespace caisson::netsetup
