#include "netsetup/ipam/subnet.h"

#include "netsetup/ipam/offsets.h"
#include "netsetup/ipam/values.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"

namespace caisson::netsetup::ipam {
namespace {

using base::StrCat;

// The first part of `candidate` that overlaps nothing. Every try passes at
// least one prefix of `taken`, so there are no more than these.
std::optional<IpPrefix> FirstFree(const IpPrefix& candidate, int length,
                                  std::span<const IpPrefix> taken) {
  const bool ip6 = candidate.address.is_v6();
  const Offset last = ValueOf(candidate.address) | HostMask(candidate);
  IpPrefix subnet{candidate.Network().address, length};
  while (true) {
    const std::optional<IpPrefix> overlap = FindOverlap(subnet, taken);
    if (!overlap) return subnet;
    // Behind both: the larger of the two ends.
    const IpPrefix& larger =
        overlap->length < subnet.length ? *overlap : subnet;
    const Offset end = ValueOf(larger.Network().address) | HostMask(larger);
    if (end >= last) return std::nullopt;
    subnet.address = AddressFrom(end + 1, ip6);
  }
}

}  // namespace

std::optional<IpPrefix> FindOverlap(const IpPrefix& subnet,
                                    std::span<const IpPrefix> taken) {
  for (const IpPrefix& other : taken) {
    if (other.length > 0 && other.Overlaps(subnet)) return other;
  }
  return std::nullopt;
}

absl::StatusOr<IpPrefix> ChooseSubnet(std::span<const IpPrefix> candidates,
                                      int length,
                                      std::span<const IpPrefix> taken) {
  for (const IpPrefix& candidate : candidates) {
    if (length < candidate.length || length > candidate.address.bits()) {
      return absl::InvalidArgumentError(
          StrCat("/", length, " of '", candidate.ToString(), "'"));
    }
    const std::optional<IpPrefix> free = FirstFree(candidate, length, taken);
    if (free) return *free;
  }
  return absl::ResourceExhaustedError(
      StrCat("every /", length, " overlaps a route or a network"));
}

absl::StatusOr<IpAddress> AddressIn(const IpPrefix& subnet, uint64_t number) {
  if (HostMask(subnet) < number) {
    return absl::InvalidArgumentError(
        StrCat("'", subnet.ToString(), "' has no address ", number));
  }
  return AddressFrom(ValueOf(subnet.Network().address) | Offset{number},
                     subnet.address.is_v6());
}

}  // namespace caisson::netsetup::ipam
