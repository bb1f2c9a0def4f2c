#include "netsetup/tc.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/netlink.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <string.h>

#include <algorithm>
#include <array>
#include <limits>

namespace caisson::netsetup {
namespace {

constexpr uint32_t kMax32 = std::numeric_limits<uint32_t>::max();
// Debian's clock. One that ticks slower needs a larger burst than this.
constexpr uint64_t kTicksPerSecond = 250;
// A packet of the offload engine is up to 64 KiB.
constexpr uint64_t kLeastBurst = uint64_t{2} * 64 * 1024;
// How long a packet may wait for tokens: what is more is dropped.
constexpr uint64_t kLatencyMs = 25;
// Of the kernel's scheduler: a tick is 64 ns.
constexpr uint64_t kTickNs = 64;
constexpr uint32_t kRootHandle = 0x10000;
constexpr uint32_t kIngressHandle = 0xffff0000;

tcmsg For(int link, uint32_t parent, uint32_t handle) {
  tcmsg fixed = {};
  fixed.tcm_ifindex = link;
  fixed.tcm_parent = parent;
  fixed.tcm_handle = handle;
  return fixed;
}

uint32_t Clamp32(uint64_t value) {
  return static_cast<uint32_t>(std::min<uint64_t>(value, kMax32));
}

// A selector and its one key, which is all zero: it matches every packet.
std::array<uint8_t, sizeof(tc_u32_sel) + sizeof(tc_u32_key)> MatchAll() {
  tc_u32_sel selector = {};
  selector.flags = TC_U32_TERMINAL;
  selector.nkeys = 1;
  std::array<uint8_t, sizeof(tc_u32_sel) + sizeof(tc_u32_key)> bytes = {};
  ::memcpy(bytes.data(), &selector, sizeof(selector));
  return bytes;
}

}  // namespace

uint32_t BurstOf(const Rate& rate) {
  if (rate.burst_bytes > 0) return rate.burst_bytes;
  return Clamp32(
      std::max(kLeastBurst, rate.bytes_per_second / kTicksPerSecond));
}

Message BuildSetRate(int link, const Rate& rate) {
  const uint64_t speed = std::max<uint64_t>(rate.bytes_per_second, 1);
  const uint32_t burst = BurstOf(rate);
  tc_tbf_qopt options = {};
  // Said, so that the kernel wants no table of times.
  options.rate.linklayer = TC_LINKLAYER_ETHERNET;
  options.rate.cell_align = -1;
  options.rate.rate = Clamp32(speed);
  options.limit = Clamp32(
      std::min(speed, uint64_t{kMax32} * 40) * kLatencyMs / 1000 + burst);
  options.buffer = Clamp32(uint64_t{burst} * 1'000'000'000 / speed / kTickNs);
  Message message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE);
  message.Fixed(For(link, TC_H_ROOT, kRootHandle)).Text(TCA_KIND, "tbf");
  const Nest nest(&message, TCA_OPTIONS);
  message.Struct(TCA_TBF_PARMS, options).U32(TCA_TBF_BURST, burst);
  // Above 4 GiB/s the 32 bits hold only "at least".
  if (speed >= kMax32) message.U64(TCA_TBF_RATE64, speed);
  return message;
}

Message BuildRemoveRate(int link) {
  Message message(RTM_DELQDISC);
  message.Fixed(For(link, TC_H_ROOT, kRootHandle));
  return message;
}

Message BuildAddIngress(int link) {
  Message message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL);
  message.Fixed(For(link, TC_H_INGRESS, kIngressHandle))
      .Text(TCA_KIND, "ingress");
  return message;
}

Message BuildRedirectIngress(int link, int target) {
  // u32, since kernels without "matchall" are about.
  tc_mirred redirect = {};
  redirect.action = TC_ACT_STOLEN;
  redirect.eaction = TCA_EGRESS_REDIR;
  redirect.ifindex = static_cast<uint32_t>(target);
  tcmsg fixed = For(link, kIngressHandle, 0);
  fixed.tcm_info = TC_H_MAKE(1U << 16, htons(ETH_P_ALL));
  Message message(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL);
  message.Fixed(fixed).Text(TCA_KIND, "u32");
  const Nest options(&message, TCA_OPTIONS);
  message.Bytes(TCA_U32_SEL, MatchAll());
  const Nest actions(&message, TCA_U32_ACT);
  const Nest first(&message, 1);
  message.Text(TCA_ACT_KIND, "mirred");
  const Nest action(&message, TCA_ACT_OPTIONS);
  message.Struct(TCA_MIRRED_PARMS, redirect);
  return message;
}

Message BuildRemoveIngress(int link) {
  Message message(RTM_DELQDISC);
  message.Fixed(For(link, TC_H_INGRESS, kIngressHandle));
  return message;
}

}  // namespace caisson::netsetup
