// Addresses and subnets of the command line, as far as flags that belong
// together are found by them. The service checks the rest.
//
// Thread: any.
#ifndef CAISSON_CLIENTS_CAISSON_IP_TEXT_H_
#define CAISSON_CLIENTS_CAISSON_IP_TEXT_H_

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>

namespace caisson::cli {

struct IpValue {
  bool v6 = false;
  // Network order; of IPv4 the first four.
  std::array<uint8_t, 16> bytes = {};

  std::string Text() const;
  // NOLINTNEXTLINE(modernize-use-nullptr): the tool sees the compiler's own 0.
  auto operator<=>(const IpValue&) const = default;
};

struct IpSpan {
  IpValue first;
  IpValue last;

  bool Contains(const IpValue& ip) const {
    return ip.v6 == first.v6 && first <= ip && ip <= last;
  }
};

// "10.0.0.1", "fd00::1".
std::optional<IpValue> ParseIpValue(const std::string& text);
// All addresses of "10.0.0.0/8".
std::optional<IpSpan> ParseIpSubnet(const std::string& text);
// The same, or "10.0.0.10-10.0.0.20".
std::optional<IpSpan> ParseIpSpan(const std::string& text);

}  // namespace caisson::cli

#endif  // CAISSON_CLIENTS_CAISSON_IP_TEXT_H_
