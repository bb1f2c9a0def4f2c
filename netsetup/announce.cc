#include "netsetup/announce.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/ip6.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "runtime/base/syscall_error.h"

namespace caisson::netsetup {
namespace {

using Mac = std::array<uint8_t, ETH_ALEN>;
constexpr Mac kEverybody = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
// Of ff02::1 (RFC 2464, section 7).
constexpr Mac kAllNodesMac = {0x33, 0x33, 0, 0, 0, 1};
constexpr std::array<uint8_t, 16> kAllNodes = {0xff, 0x02, 0, 0, 0, 0, 0, 0,
                                               0,    0,    0, 0, 0, 0, 0, 1};

template <typename T>
void Append(const T& part, std::vector<uint8_t>* frame) {
  const auto* const bytes = reinterpret_cast<const uint8_t*>(&part);
  frame->insert(frame->end(), bytes, bytes + sizeof(part));
}

void AppendHeader(const Mac& to, const MacAddress& from, uint16_t type,
                  std::vector<uint8_t>* frame) {
  ether_header header = {};
  std::copy(to.begin(), to.end(), header.ether_dhost);
  std::copy(from.bytes.begin(), from.bytes.end(), header.ether_shost);
  header.ether_type = htons(type);
  Append(header, frame);
}

std::vector<uint8_t> ArpAnnouncement(const IpAddress& address,
                                     const MacAddress& mac) {
  ether_arp arp = {};
  arp.arp_hrd = htons(ARPHRD_ETHER);
  arp.arp_pro = htons(ETHERTYPE_IP);
  arp.arp_hln = sizeof(arp.arp_sha);
  arp.arp_pln = sizeof(arp.arp_spa);
  arp.arp_op = htons(ARPOP_REQUEST);
  std::copy(mac.bytes.begin(), mac.bytes.end(), arp.arp_sha);
  const std::span<const uint8_t> bytes = address.bytes();
  std::copy(bytes.begin(), bytes.end(), arp.arp_spa);
  std::copy(bytes.begin(), bytes.end(), arp.arp_tpa);
  std::vector<uint8_t> frame;
  AppendHeader(kEverybody, mac, ETHERTYPE_ARP, &frame);
  Append(arp, &frame);
  return frame;
}

// RFC 1071, over bytes in network order of an even number.
uint16_t Checksum(std::span<const uint8_t> bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
    sum += static_cast<uint32_t>(bytes[i] << 8) | bytes[i + 1];
  }
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return htons(static_cast<uint16_t>(~sum));
}

std::vector<uint8_t> NeighborAdvertisement(const IpAddress& address,
                                           const MacAddress& mac) {
  struct Body {
    nd_neighbor_advert advert;
    nd_opt_hdr option;
    Mac mac;
  };
  static_assert(sizeof(Body) == 32);
  Body body = {};
  body.advert.nd_na_type = ND_NEIGHBOR_ADVERT;
  // In the place of what they know, and no answer to anybody.
  body.advert.nd_na_flags_reserved = ND_NA_FLAG_OVERRIDE;
  std::memcpy(&body.advert.nd_na_target, address.bytes().data(), 16);
  body.option.nd_opt_type = ND_OPT_TARGET_LINKADDR;
  body.option.nd_opt_len = 1;  // of 8 bytes
  body.mac = mac.bytes;

  ip6_hdr header = {};
  constexpr uint32_t kVersion = 6U << 28;
  header.ip6_flow = htonl(kVersion);
  header.ip6_plen = htons(sizeof(body));
  header.ip6_nxt = IPPROTO_ICMPV6;
  header.ip6_hlim = 255;  // others are not believed
  std::memcpy(&header.ip6_src, address.bytes().data(), 16);
  std::memcpy(&header.ip6_dst, kAllNodes.data(), 16);

  // The pseudo-header of RFC 8200, section 8.1.
  std::vector<uint8_t> summed;
  Append(header.ip6_src, &summed);
  Append(header.ip6_dst, &summed);
  Append(htonl(sizeof(body)), &summed);
  Append(htonl(IPPROTO_ICMPV6), &summed);
  Append(body, &summed);
  body.advert.nd_na_cksum = Checksum(summed);

  std::vector<uint8_t> frame;
  AppendHeader(kAllNodesMac, mac, ETHERTYPE_IPV6, &frame);
  Append(header, &frame);
  Append(body, &frame);
  return frame;
}

}  // namespace

std::vector<uint8_t> BuildAnnouncement(const IpAddress& address,
                                       const MacAddress& mac) {
  return address.is_v6() ? NeighborAdvertisement(address, mac)
                         : ArpAnnouncement(address, mac);
}

absl::StatusOr<base::UniqueFd> OpenAnnouncementSocket() {
  // Of no protocol: it receives nothing.
  base::UniqueFd socket(
      ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.is_valid()) return base::SyscallError("socket", "AF_PACKET");
  return socket;
}

absl::Status SendAnnouncement(int socket, int link, const IpAddress& address,
                              const MacAddress& mac) {
  const std::vector<uint8_t> frame = BuildAnnouncement(address, mac);
  sockaddr_ll to = {};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = link;
  const ssize_t sent =
      ::sendto(socket, frame.data(), frame.size(), 0,
               reinterpret_cast<const sockaddr*>(&to), sizeof(to));
  if (sent >= 0 || errno == ENOBUFS || errno == ENETDOWN || errno == EAGAIN) {
    return absl::OkStatus();
  }
  return base::SyscallError("sendto", address.ToString());
}

}  // namespace caisson::netsetup
