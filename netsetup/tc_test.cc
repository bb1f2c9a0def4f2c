#include "netsetup/tc.h"

#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "netsetup/request_test.h"

namespace caisson::netsetup {
namespace {

Attributes OptionsOf(const Message& message) {
  return AttributesOf<tcmsg>(message).Nested(TCA_OPTIONS);
}

TEST(TcTest, TheBurstFollowsTheRateButNeverFallsBelowTwoPackets) {
  EXPECT_EQ(BurstOf({.bytes_per_second = 1000}), 128u * 1024);
  EXPECT_EQ(BurstOf({.bytes_per_second = 1'000'000'000}), 4'000'000u);
  EXPECT_EQ(BurstOf({.bytes_per_second = 1000, .burst_bytes = 5000}), 5000u);
  EXPECT_EQ(BurstOf({.bytes_per_second = UINT64_MAX}), UINT32_MAX);
}

TEST(TcTest, ARateIsATokenBucketAtTheRoot) {
  const Message message = BuildSetRate(9, {.bytes_per_second = 1'000'000});
  const tcmsg fixed = FixedOf<tcmsg>(message);
  EXPECT_EQ(fixed.tcm_ifindex, 9);
  EXPECT_EQ(fixed.tcm_parent, TC_H_ROOT);
  EXPECT_EQ(AttributesOf<tcmsg>(message).Text(TCA_KIND), "tbf");
  const Attributes options = OptionsOf(message);
  const tc_tbf_qopt parms = options.Get<tc_tbf_qopt>(TCA_TBF_PARMS).value();
  EXPECT_EQ(parms.rate.rate, 1'000'000u);
  EXPECT_EQ(parms.rate.linklayer, TC_LINKLAYER_ETHERNET);
  EXPECT_EQ(parms.limit, 25'000u + 131'072u);
  EXPECT_EQ(options.Get<uint32_t>(TCA_TBF_BURST), 131'072u);
  EXPECT_FALSE(options.Has(TCA_TBF_RATE64));
}

TEST(TcTest, ARateAbove32BitsIsSaidIn64) {
  const Message message = BuildSetRate(9, {.bytes_per_second = 5'000'000'000});
  const Attributes options = OptionsOf(message);
  EXPECT_EQ(options.Get<tc_tbf_qopt>(TCA_TBF_PARMS)->rate.rate, UINT32_MAX);
  EXPECT_EQ(options.Get<uint64_t>(TCA_TBF_RATE64), 5'000'000'000u);
}

TEST(TcTest, ARedirectionMatchesEveryPacket) {
  const Message message = BuildRedirectIngress(9, 4);
  EXPECT_EQ(AttributesOf<tcmsg>(message).Text(TCA_KIND), "u32");
  const Attributes options = OptionsOf(message);
  const std::span<const uint8_t> selector = options.Bytes(TCA_U32_SEL);
  ASSERT_EQ(selector.size(), sizeof(tc_u32_sel) + sizeof(tc_u32_key));
  for (const uint8_t byte : selector.subspan(sizeof(tc_u32_sel))) {
    EXPECT_EQ(byte, 0);
  }
  const Attributes action = options.Nested(TCA_U32_ACT).Nested(1);
  EXPECT_EQ(action.Text(TCA_ACT_KIND), "mirred");
  const tc_mirred parms =
      action.Nested(TCA_ACT_OPTIONS).Get<tc_mirred>(TCA_MIRRED_PARMS).value();
  EXPECT_EQ(parms.eaction, TCA_EGRESS_REDIR);
  EXPECT_EQ(parms.ifindex, 4u);
}

}  // namespace
}  // namespace caisson::netsetup
