// Domain names in one form that compares byte by byte: labels as the wire has
// them (RFC 1035, 3.1), in lower case, without the root's empty label. A dot
// or a NUL inside a label is a byte like others.
//
// Process: daemon. Thread: any; pure.
#ifndef CAISSON_NETSETUP_DNS_NAME_H_
#define CAISSON_NETSETUP_DNS_NAME_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

#include "netsetup/ip_address.h"

namespace caisson::netsetup::dns {

// What the wire can carry, the root's label included.
inline constexpr size_t kMaxLabelBytes = 63;
inline constexpr size_t kMaxNameBytes = 255;

// "web.example" as "\3web\7example"; a dot at the end changes nothing.
// INVALID_ARGUMENT for labels that are empty or too long, and for names that
// are too long.
absl::StatusOr<std::string> ParseName(std::string_view text);

// An uncompressed name of a message, which ends with the root's label.
std::string CanonicalName(std::span<const uint8_t> wire);

// What stands before `domain`; nothing when `name` is not below it. The
// domain itself has an empty rest. Every name is below the root ("").
std::optional<std::string_view> BelowDomain(std::string_view name,
                                            std::string_view domain);

// The address that a whole name of in-addr.arpa or ip6.arpa stands for.
std::optional<IpAddress> ParseReverseName(std::string_view name);

}  // namespace caisson::netsetup::dns

#endif  // CAISSON_NETSETUP_DNS_NAME_H_
