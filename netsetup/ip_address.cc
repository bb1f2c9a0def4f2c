#include "netsetup/ip_address.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"

#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"

namespace caisson::netsetup {
namespace {

using base::StrCat;

absl::Status Malformed(std::string_view what, std::string_view text) {
  return absl::InvalidArgumentError(
      StrCat("not ", what, ": '", text.substr(0, 64), "'"));
}

// Whether the first `length` bits are the same.
bool SamePrefix(const IpAddress& a, const IpAddress& b, int length) {
  if (a.is_v6() != b.is_v6()) return false;
  const std::span<const uint8_t> left = a.bytes();
  const std::span<const uint8_t> right = b.bytes();
  const int whole = length / 8;
  if (!std::equal(left.begin(), left.begin() + whole, right.begin())) {
    return false;
  }
  const int rest = length % 8;
  if (rest == 0) return true;
  const auto next = static_cast<size_t>(whole);
  return (left[next] ^ right[next]) >> (8 - rest) == 0;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

IpAddress IpAddress::V4(const std::array<uint8_t, 4>& bytes) {
  IpAddress address;
  std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
  return address;
}

IpAddress IpAddress::V6(const std::array<uint8_t, 16>& bytes) {
  IpAddress address;
  address.v6_ = true;
  address.bytes_ = bytes;
  return address;
}

int IpAddress::family() const {
  return v6_ ? AF_INET6 : AF_INET;
}

std::string IpAddress::ToString() const {
  char text[INET6_ADDRSTRLEN] = {};
  return ::inet_ntop(family(), bytes_.data(), text, sizeof(text));
}

absl::StatusOr<IpAddress> ParseIpAddress(std::string_view text) {
  const std::string copy(text);
  // A NUL inside would end the text early.
  if (copy.size() < INET6_ADDRSTRLEN && copy.find('\0') == std::string::npos) {
    std::array<uint8_t, 4> v4 = {};
    std::array<uint8_t, 16> v6 = {};
    if (::inet_pton(AF_INET, copy.c_str(), v4.data()) == 1) {
      return IpAddress::V4(v4);
    }
    if (::inet_pton(AF_INET6, copy.c_str(), v6.data()) == 1) {
      return IpAddress::V6(v6);
    }
  }
  return Malformed("an IP address", text);
}

absl::StatusOr<IpAddress> IpAddressFromBytes(std::span<const uint8_t> bytes) {
  std::array<uint8_t, 4> v4 = {};
  std::array<uint8_t, 16> v6 = {};
  if (bytes.size() == v4.size()) {
    std::copy(bytes.begin(), bytes.end(), v4.begin());
    return IpAddress::V4(v4);
  }
  if (bytes.size() == v6.size()) {
    std::copy(bytes.begin(), bytes.end(), v6.begin());
    return IpAddress::V6(v6);
  }
  return absl::InvalidArgumentError(
      StrCat("an IP address of ", bytes.size(), " bytes"));
}

IpPrefix IpPrefix::Network() const {
  std::array<uint8_t, 16> bytes = {};
  const std::span<const uint8_t> from = address.bytes();
  for (size_t i = 0; i < from.size(); ++i) {
    const int kept = std::clamp(length - static_cast<int>(i) * 8, 0, 8);
    bytes[i] = static_cast<uint8_t>(from[i] & (0xff00 >> kept));
  }
  IpPrefix network = *this;
  if (address.is_v6()) {
    network.address = IpAddress::V6(bytes);
  } else {
    network.address = IpAddress::V4({bytes[0], bytes[1], bytes[2], bytes[3]});
  }
  return network;
}

bool IpPrefix::Contains(const IpAddress& other) const {
  return SamePrefix(address, other, length);
}

bool IpPrefix::Overlaps(const IpPrefix& other) const {
  return SamePrefix(address, other.address, std::min(length, other.length));
}

std::string IpPrefix::ToString() const {
  return StrCat(address.ToString(), "/", length);
}

absl::StatusOr<IpPrefix> ParseIpPrefix(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return Malformed("a prefix", text);
  IpPrefix prefix;
  const absl::StatusOr<IpAddress> address =
      ParseIpAddress(text.substr(0, slash));
  const std::string_view length = text.substr(slash + 1);
  // SimpleAtoi would take a sign and spaces.
  const bool digits = !length.empty() && length.size() <= 3 &&
                      std::all_of(length.begin(), length.end(),
                                  [](char c) { return c >= '0' && c <= '9'; });
  if (!address.ok() || !digits ||
      !absl::SimpleAtoi(base::AbslView(length), &prefix.length) ||
      prefix.length > address->bits()) {
    return Malformed("a prefix", text);
  }
  prefix.address = *address;
  return prefix;
}

std::string MacAddress::ToString() const {
  return absl::StrFormat("%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1],
                         bytes[2], bytes[3], bytes[4], bytes[5]);
}

absl::StatusOr<MacAddress> ParseMacAddress(std::string_view text) {
  MacAddress mac;
  if (text.size() != 17) return Malformed("a MAC address", text);
  for (size_t i = 0; i < mac.bytes.size(); ++i) {
    const int high = HexDigit(text[3 * i]);
    const int low = HexDigit(text[3 * i + 1]);
    const bool separated = i == 5 || text[3 * i + 2] == ':';
    if (high < 0 || low < 0 || !separated) {
      return Malformed("a MAC address", text);
    }
    mac.bytes[i] = static_cast<uint8_t>(high * 16 + low);
  }
  return mac;
}

IpAddress LinkLocalOf(const MacAddress& mac) {
  constexpr uint8_t kUniversal = 0x02;
  const auto& b = mac.bytes;
  return IpAddress::V6({0xfe, 0x80, 0, 0, 0, 0, 0, 0,
                        static_cast<uint8_t>(b[0] ^ kUniversal), b[1], b[2],
                        0xff, 0xfe, b[3], b[4], b[5]});
}

}  // namespace caisson::netsetup
