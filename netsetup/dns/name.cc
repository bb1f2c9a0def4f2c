#include "netsetup/dns/name.h"

#include <array>
#include <vector>

#include "absl/strings/ascii.h"

#include "runtime/base/str_cat.h"

namespace caisson::netsetup::dns {
namespace {

// Names as ParseName makes them.
constexpr std::string_view kReverse4 = "\7in-addr\4arpa";
constexpr std::string_view kReverse6 = "\3ip6\4arpa";

char Lower(char c) {
  return absl::ascii_tolower(static_cast<unsigned char>(c));
}

// The labels of a name; empty for what is none.
std::vector<std::string_view> LabelsOf(std::string_view name) {
  std::vector<std::string_view> labels;
  while (!name.empty()) {
    const auto length = static_cast<unsigned char>(name[0]);
    if (length == 0 || length >= name.size()) return {};
    labels.push_back(name.substr(1, length));
    name.remove_prefix(1 + size_t{length});
  }
  return labels;
}

// "0" to "255" without a zero in front.
std::optional<uint8_t> ParseOctet(std::string_view label) {
  if (label.empty() || label.size() > 3) return std::nullopt;
  if (label.size() > 1 && label[0] == '0') return std::nullopt;
  int value = 0;
  for (const char c : label) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  if (value > 255) return std::nullopt;
  return static_cast<uint8_t>(value);
}

std::optional<uint8_t> ParseNibble(std::string_view label) {
  if (label.size() != 1) return std::nullopt;
  const char c = label[0];
  if (c >= '0' && c <= '9') return static_cast<uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<uint8_t>(c - 'a' + 10);
  return std::nullopt;
}

// "1.2.0.192": the last byte of the address comes first.
std::optional<IpAddress> ParseReverse4(std::string_view rest) {
  const std::vector<std::string_view> labels = LabelsOf(rest);
  std::array<uint8_t, 4> bytes = {};
  if (labels.size() != bytes.size()) return std::nullopt;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const std::optional<uint8_t> octet = ParseOctet(labels[i]);
    if (!octet) return std::nullopt;
    bytes[bytes.size() - 1 - i] = *octet;
  }
  return IpAddress::V4(bytes);
}

std::optional<IpAddress> ParseReverse6(std::string_view rest) {
  const std::vector<std::string_view> labels = LabelsOf(rest);
  std::array<uint8_t, 16> bytes = {};
  if (labels.size() != 2 * bytes.size()) return std::nullopt;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const std::optional<uint8_t> low = ParseNibble(labels[2 * i]);
    const std::optional<uint8_t> high = ParseNibble(labels[2 * i + 1]);
    if (!low || !high) return std::nullopt;
    bytes[bytes.size() - 1 - i] = static_cast<uint8_t>(*high << 4 | *low);
  }
  return IpAddress::V6(bytes);
}

}  // namespace

absl::StatusOr<std::string> ParseName(std::string_view text) {
  const auto refused = [&](std::string_view why) {
    return absl::InvalidArgumentError(
        base::StrCat("not a domain name: '", text.substr(0, 64), "': ", why));
  };
  std::string name;
  std::string_view rest = text;
  if (!rest.empty() && rest.back() == '.') rest.remove_suffix(1);
  if (rest.empty()) return refused("it is empty");
  // The root's label counts.
  if (rest.size() + 2 > kMaxNameBytes) return refused("it is too long");
  while (true) {
    const std::string_view label = rest.substr(0, rest.find('.'));
    if (label.empty()) return refused("a label is empty");
    if (label.size() > kMaxLabelBytes) return refused("a label is too long");
    name.push_back(static_cast<char>(label.size()));
    for (const char c : label) name.push_back(Lower(c));
    if (label.size() == rest.size()) return name;
    rest.remove_prefix(label.size() + 1);
  }
}

std::string CanonicalName(std::span<const uint8_t> wire) {
  std::string name;
  size_t at = 0;
  while (at < wire.size() && wire[at] != 0) {
    const size_t length = wire[at];
    if (length > kMaxLabelBytes || at + length >= wire.size()) break;
    name.push_back(static_cast<char>(length));
    for (size_t i = 1; i <= length; ++i) {
      name.push_back(Lower(static_cast<char>(wire[at + i])));
    }
    at += length + 1;
  }
  return name;
}

std::optional<std::string_view> BelowDomain(std::string_view name,
                                            std::string_view domain) {
  // Label by label: the bytes of a domain may also stand inside of a label.
  size_t at = 0;
  while (name.size() - at > domain.size()) {
    at += 1 + size_t{static_cast<unsigned char>(name[at])};
    if (at > name.size()) return std::nullopt;
  }
  if (name.substr(at) != domain) return std::nullopt;
  return name.substr(0, at);
}

std::optional<IpAddress> ParseReverseName(std::string_view name) {
  if (const auto rest = BelowDomain(name, kReverse4)) {
    return ParseReverse4(*rest);
  }
  if (const auto rest = BelowDomain(name, kReverse6)) {
    return ParseReverse6(*rest);
  }
  return std::nullopt;
}

}  // namespace caisson::netsetup::dns
