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

// As the kernel sends it with ndisc_notify. Its checksum is that of RFC 4443,
// section 2.3, computed by another program.
TEST(AnnounceTest, ANeighbourAdvertisementThatOverrides) {
  EXPECT_EQ(HexOf("fd00:1::2", "02:e2:dd:6a:93:57"),
            "333300000001"
            "02e2dd6a9357"
            "86dd"
            "60000000"
            "0020"
            "3a"
            "ff"
            "fd000001000000000000000000000002"
            "ff020000000000000000000000000001"
            "8800"
            "e8f3"
            "20000000"
            "fd000001000000000000000000000002"
            "0201"
            "02e2dd6a9357");
}

}  // namespace
}  // namespace caisson::netsetup
