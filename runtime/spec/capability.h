// Names and bits of Linux capabilities.
//
// Process: daemon. Thread: any; pure.
#ifndef CAISSON_RUNTIME_SPEC_CAPABILITY_H_
#define CAISSON_RUNTIME_SPEC_CAPABILITY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace caisson::spec {

// The highest capability that this version knows the name of. A host may know
// fewer or more: the plan cuts sets to what the host has.
inline constexpr int kLastKnownCapability = 40;

// The number of "CAP_NET_ADMIN" or "net_admin"; nothing for other text, "ALL"
// included.
std::optional<int> ParseCapability(std::string_view text);

// "CAP_NET_ADMIN" for 0..kLastKnownCapability, "CAP_<number>" otherwise.
std::string CapabilityName(int capability);

// Bit n is capability n. Names that are not known are left out: Validate has
// refused them.
uint64_t CapabilityMask(const std::vector<std::string>& names);

// Canonical names in the order of their numbers.
std::vector<std::string> CapabilityNames(uint64_t mask);

inline constexpr uint64_t AllCapabilities() {
  return (uint64_t{1} << (kLastKnownCapability + 1)) - 1;
}

}  // namespace caisson::spec

#endif  // CAISSON_RUNTIME_SPEC_CAPABILITY_H_
