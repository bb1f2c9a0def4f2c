// Messages of netfilter, well formed only in their outer length: answers,
// tables, chains, rules, elements, flows.
#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <vector>

#include "libmnl/libmnl.h"

#include "netsetup/conntrack.h"
#include "netsetup/netfilter_socket.h"
#include "netsetup/nft/element.h"
#include "netsetup/nft/foreign.h"
#include "netsetup/nft/parse.h"
#include "netsetup/nft/watch.h"

namespace nft = caisson::netsetup::nft;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const uint8_t what = data[0];
  // On the heap and of the exact size: the sanitizer sees every byte too far.
  const size_t bytes = sizeof(nlmsghdr) + size - 1;
  std::vector<uint32_t> aligned((bytes + 3) / 4);
  auto* header = reinterpret_cast<nlmsghdr*>(aligned.data());
  memcpy(header + 1, data + 1, size - 1);
  header->nlmsg_len = static_cast<uint32_t>(bytes);
  const bool is_flow = what % 7 == 6;
  header->nlmsg_type = static_cast<uint16_t>(
      (is_flow ? NFNL_SUBSYS_CTNETLINK : NFNL_SUBSYS_NFTABLES) << 8 | what / 7);
  switch (what % 7) {
    case 0:
      header->nlmsg_type = NLMSG_ERROR;
      header->nlmsg_flags = what & 8 ? NLM_F_ACK_TLVS : NLM_F_CAPPED;
      (void)caisson::netsetup::ParseNetfilterAnswer(header);
      break;
    case 1:
      nft::ParseTable(header);
      break;
    case 2:
      nft::ParseChain(header);
      break;
    case 3:
      nft::ParseRule(header);
      nft::FateOf({{"", {nft::ParseForeignRule(header)}}}, "", false,
                  {.input = "cb0", .output = "cb1", .asks_names = true});
      break;
    case 4:
      for (const nft::Element& element : nft::ParseElements(header).elements) {
        if (nft::ElementText(element).empty()) __builtin_trap();
      }
      break;
    case 5: {
      nft::WatchNews news;
      nft::AddNews("caisson_a", header, &news);
      break;
    }
    default: {
      const auto flow = caisson::netsetup::ParseFlow(header);
      if (flow.ok() && flow->name.size() > bytes + 12) __builtin_trap();
      break;
    }
  }
  return 0;
}
