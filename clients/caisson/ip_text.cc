#include "clients/caisson/ip_text.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "clients/caisson/units.h"

namespace caisson::cli {

std::string IpValue::Text() const {
  char text[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(v6 ? AF_INET6 : AF_INET, bytes.data(), text, sizeof text);
  return text;
}

std::optional<IpValue> ParseIpValue(const std::string& text) {
  IpValue ip;
  if (::inet_pton(AF_INET, text.c_str(), ip.bytes.data()) == 1) return ip;
  ip = IpValue{.v6 = true, .bytes = {}};
  if (::inet_pton(AF_INET6, text.c_str(), ip.bytes.data()) == 1) return ip;
  return std::nullopt;
}

std::optional<IpSpan> ParseIpSubnet(const std::string& text) {
  const size_t slash = text.find('/');
  if (slash == std::string::npos) return std::nullopt;
  const auto ip = ParseIpValue(text.substr(0, slash));
  const auto length = ParseInteger(text.substr(slash + 1));
  if (!ip.has_value() || !length.has_value()) return std::nullopt;
  const int bits = ip->v6 ? 128 : 32;
  if (*length < 0 || *length > bits) return std::nullopt;
  IpSpan span{*ip, *ip};
  for (auto bit = static_cast<int>(*length); bit < bits; ++bit) {
    const auto mask = static_cast<uint8_t>(0x80 >> (bit % 8));
    const auto byte = static_cast<size_t>(bit / 8);
    span.first.bytes[byte] &= static_cast<uint8_t>(~mask);
    span.last.bytes[byte] |= mask;
  }
  return span;
}

std::optional<IpSpan> ParseIpSpan(const std::string& text) {
  const size_t dash = text.find('-');
  if (dash == std::string::npos) return ParseIpSubnet(text);
  const auto first = ParseIpValue(text.substr(0, dash));
  const auto last = ParseIpValue(text.substr(dash + 1));
  if (!first.has_value() || !last.has_value()) return std::nullopt;
  return IpSpan{*first, *last};
}

}  // namespace caisson::cli
