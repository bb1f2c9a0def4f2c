#include "netsetup/ipam/values.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace caisson::netsetup::ipam {

Offset ValueOf(const IpAddress& address) {
  Offset value = 0;
  for (const uint8_t byte : address.bytes()) value = value << 8 | byte;
  return value;
}

IpAddress AddressFrom(Offset value, bool ip6) {
  std::array<uint8_t, 16> bytes = {};
  for (size_t i = bytes.size(); i-- > 0; value >>= 8) {
    bytes[i] = static_cast<uint8_t>(absl::Uint128Low64(value) & 0xff);
  }
  if (ip6) return IpAddress::V6(bytes);
  return IpAddress::V4({bytes[12], bytes[13], bytes[14], bytes[15]});
}

Offset HostMask(const IpPrefix& prefix) {
  const int host_bits = prefix.address.bits() - prefix.length;
  // A shift by all bits is undefined.
  return host_bits == 128 ? absl::Uint128Max() : (Offset{1} << host_bits) - 1;
}

}  // namespace caisson::netsetup::ipam
