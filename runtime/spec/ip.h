// IPv4 and IPv6 addresses and prefixes in texts of a spec, as far as they can
// be judged without a host.
//
// Process: daemon. Thread: any; plain values, pure functions.
#ifndef CAISSON_RUNTIME_SPEC_IP_H_
#define CAISSON_RUNTIME_SPEC_IP_H_

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace caisson::spec {

struct Ip {
  bool v6 = false;
  // Network order; of IPv4 the first four.
  std::array<uint8_t, 16> bytes = {};

  int bits() const { return v6 ? 128 : 32; }
  bool is_unspecified() const { return bytes == std::array<uint8_t, 16>{}; }
  bool is_loopback() const;    // 127.0.0.0/8, ::1
  bool is_multicast() const;   // also the broadcast address
  bool is_link_local() const;  // fe80::/10 alone: 169.254.0.0/16 can be routed

  // NOLINTNEXTLINE(modernize-use-nullptr): the tool sees the compiler's own 0.
  auto operator<=>(const Ip&) const = default;
};

// "10.0.0.1", "fd00::1"; no zone, no length, and no IPv4 address written as an
// IPv6 one (::ffff:10.0.0.1).
std::optional<Ip> ParseIp(std::string_view text);

struct IpRange {
  Ip first;
  Ip last;

  bool Contains(const Ip& ip) const {
    return ip.v6 == first.v6 && first <= ip && ip <= last;
  }
  bool Overlaps(const IpRange& other) const {
    return first.v6 == other.first.v6 && first <= other.last &&
           other.first <= last;
  }
};

struct Cidr {
  Ip address;
  int length = 0;

  // All addresses that begin with the first `length` bits.
  IpRange Range() const;
  // Whether no bit behind `length` is set.
  bool is_network() const { return Range().first == address; }
};

// "10.0.0.0/8"; nothing without a length.
std::optional<Cidr> ParseCidr(std::string_view text);

// "02:42:ac:11:00:02": the address of one interface, not of a group, not zero.
bool IsUnicastMac(std::string_view text);

// A name that the kernel takes for an interface: 1 to 15 printable characters
// without space, '/', ':' and '%', and not "." or "..".
bool IsInterfaceName(std::string_view name);

// Labels of letters, digits, '-' and '_' that begin and end with a letter or
// digit, of at most 63 bytes each, and at most 253 all together.
bool IsDnsLabel(std::string_view label);
bool IsDnsName(std::string_view name);

}  // namespace caisson::spec

#endif  // CAISSON_RUNTIME_SPEC_IP_H_
