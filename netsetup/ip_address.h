// Addresses as values: IPv4 and IPv6 addresses, prefixes, MAC addresses. Their
// text is the one canonical form, so equal values have equal texts.
//
// Process: any. Thread: any; plain values, pure functions.
#ifndef CAISSON_NETSETUP_IP_ADDRESS_H_
#define CAISSON_NETSETUP_IP_ADDRESS_H_

#include <array>
#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace caisson::netsetup {

// An IPv4 or IPv6 address. The default value is 0.0.0.0.
class IpAddress {
 public:
  IpAddress() = default;
  static IpAddress V4(const std::array<uint8_t, 4>& bytes);
  static IpAddress V6(const std::array<uint8_t, 16>& bytes);

  bool is_v4() const { return !v6_; }
  bool is_v6() const { return v6_; }
  // AF_INET or AF_INET6.
  int family() const;
  // 32 or 128.
  int bits() const { return v6_ ? 128 : 32; }
  // 4 or 16 bytes in network order; valid as long as the address.
  std::span<const uint8_t> bytes() const {
    return {bytes_.data(), v6_ ? size_t{16} : size_t{4}};
  }
  bool is_unspecified() const { return bytes_ == std::array<uint8_t, 16>{}; }
  std::string ToString() const;

  // NOLINTNEXTLINE(modernize-use-nullptr): the tool sees the compiler's own 0.
  auto operator<=>(const IpAddress&) const = default;

 private:
  bool v6_ = false;
  std::array<uint8_t, 16> bytes_ = {};
};

// "10.0.0.1", "fd00::1"; no zone, no prefix. INVALID_ARGUMENT otherwise.
absl::StatusOr<IpAddress> ParseIpAddress(std::string_view text);
// 4 or 16 bytes in network order, as the kernel has them.
absl::StatusOr<IpAddress> IpAddressFromBytes(std::span<const uint8_t> bytes);

// An address and how many of its first bits name the network. The bits behind
// may be set: an interface's address is a prefix too.
struct IpPrefix {
  IpAddress address;
  int length = 0;

  // The same prefix with every bit behind `length` cleared.
  IpPrefix Network() const;
  bool Contains(const IpAddress& other) const;
  bool Overlaps(const IpPrefix& other) const;
  // "10.0.0.1/24".
  std::string ToString() const;

  auto operator<=>(const IpPrefix&) const = default;
};

// "10.0.0.1/24"; INVALID_ARGUMENT otherwise, also without a length.
absl::StatusOr<IpPrefix> ParseIpPrefix(std::string_view text);

struct MacAddress {
  std::array<uint8_t, 6> bytes = {};

  bool is_zero() const { return bytes == std::array<uint8_t, 6>{}; }
  // What an interface may have: not zero and not a group address.
  bool is_unicast() const { return !is_zero() && (bytes[0] & 1) == 0; }
  // "02:00:00:00:00:01".
  std::string ToString() const;

  auto operator<=>(const MacAddress&) const = default;
};

absl::StatusOr<MacAddress> ParseMacAddress(std::string_view text);

// What the kernel gives an interface with this MAC: fe80:: and the modified
// EUI-64 (RFC 4291, appendix A).
IpAddress LinkLocalOf(const MacAddress& mac);

}  // namespace caisson::netsetup

#endif  // CAISSON_NETSETUP_IP_ADDRESS_H_
