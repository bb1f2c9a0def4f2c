#include "runtime/spec/ip.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

#include "runtime/base/str_cat.h"

namespace caisson::spec {
namespace {

constexpr size_t kMaxLabelBytes = 63;
constexpr size_t kMaxDnsNameBytes = 253;  // RFC 1035, as text
constexpr size_t kMacBytes = 6;

bool IsMappedV4(const Ip& ip) {
  const auto& b = ip.bytes;
  return std::all_of(b.begin(), b.begin() + 10,
                     [](uint8_t byte) { return byte == 0; }) &&
         b[10] == 0xff && b[11] == 0xff;
}

bool IsAlnum(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c));
}

// Two hexadecimal digits.
std::optional<uint8_t> ParseByte(absl::string_view text) {
  const auto digit = [](char c) {
    return absl::ascii_isxdigit(static_cast<unsigned char>(c));
  };
  uint32_t value = 0;
  if (text.size() != 2 || !digit(text[0]) || !digit(text[1]) ||
      !absl::SimpleHexAtoi(text, &value)) {
    return std::nullopt;
  }
  return static_cast<uint8_t>(value);
}

}  // namespace

bool Ip::is_loopback() const {
  if (!v6) return bytes[0] == 127;
  return bytes[15] == 1 && std::all_of(bytes.begin(), bytes.end() - 1,
                                       [](uint8_t byte) { return byte == 0; });
}

bool Ip::is_multicast() const {
  if (v6) return bytes[0] == 0xff;
  const bool broadcast = std::all_of(bytes.begin(), bytes.begin() + 4,
                                     [](uint8_t byte) { return byte == 255; });
  return (bytes[0] & 0xf0) == 224 || broadcast;
}

bool Ip::is_link_local() const {
  return v6 && bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
}

std::optional<Ip> ParseIp(std::string_view text) {
  // inet_pton would stop at the NUL.
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  const std::string copy(text);
  Ip ip;
  if (::inet_pton(AF_INET, copy.c_str(), ip.bytes.data()) == 1) return ip;
  ip = Ip{.v6 = true, .bytes = {}};
  if (::inet_pton(AF_INET6, copy.c_str(), ip.bytes.data()) != 1 ||
      IsMappedV4(ip)) {
    return std::nullopt;
  }
  return ip;
}

IpRange Cidr::Range() const {
  IpRange range{address, address};
  for (int bit = length; bit < address.bits(); ++bit) {
    const auto mask = static_cast<uint8_t>(0x80 >> (bit % 8));
    const auto byte = static_cast<size_t>(bit / 8);
    range.first.bytes[byte] &= static_cast<uint8_t>(~mask);
    range.last.bytes[byte] |= mask;
  }
  return range;
}

std::optional<Cidr> ParseCidr(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::optional<Ip> ip = ParseIp(text.substr(0, slash));
  const std::string_view digits = text.substr(slash + 1);
  const bool is_number =
      !digits.empty() && digits.size() <= 3 &&
      std::all_of(digits.begin(), digits.end(),
                  [](char c) { return c >= '0' && c <= '9'; }) &&
      (digits.size() == 1 || digits[0] != '0');
  int length = 0;
  if (!ip.has_value() || !is_number ||
      !absl::SimpleAtoi(base::AbslView(digits), &length) ||
      length > ip->bits()) {
    return std::nullopt;
  }
  return Cidr{*ip, length};
}

bool IsUnicastMac(std::string_view text) {
  size_t count = 0;
  bool zero = true;
  bool group = false;
  for (absl::string_view part : absl::StrSplit(base::AbslView(text), ':')) {
    const std::optional<uint8_t> byte = ParseByte(part);
    if (!byte.has_value()) return false;
    if (count == 0) group = (*byte & 1) != 0;
    zero = zero && *byte == 0;
    ++count;
  }
  return count == kMacBytes && !zero && !group;
}

bool IsInterfaceName(std::string_view name) {
  if (name.empty() || name.size() >= IFNAMSIZ || name == "." || name == "..") {
    return false;
  }
  return std::all_of(name.begin(), name.end(), [](char c) {
    // '%' makes it a pattern, ':' an alias of old.
    return absl::ascii_isgraph(static_cast<unsigned char>(c)) && c != '/' &&
           c != ':' && c != '%';
  });
}

bool IsDnsLabel(std::string_view label) {
  return !label.empty() && label.size() <= kMaxLabelBytes &&
         IsAlnum(label.front()) && IsAlnum(label.back()) &&
         std::all_of(label.begin(), label.end(),
                     [](char c) { return IsAlnum(c) || c == '-' || c == '_'; });
}

bool IsDnsName(std::string_view name) {
  if (name.size() > kMaxDnsNameBytes) return false;
  for (absl::string_view label : absl::StrSplit(base::AbslView(name), '.')) {
    if (!IsDnsLabel(base::StdView(label))) return false;
  }
  return true;
}

}  // namespace caisson::spec
