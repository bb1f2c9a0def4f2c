#include "server/core/network/neighbour_limit.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "netsetup/sysctl.h"

namespace caisson::core {
namespace {

constexpr int64_t kEntriesPerEndpoint = 2;

}  // namespace

std::optional<int64_t> NeighbourLimit() {
  std::optional<int64_t> least;
  for (const char* key : {"net/ipv4/neigh/default/gc_thresh3",
                          "net/ipv6/neigh/default/gc_thresh3"}) {
    const auto text = netsetup::ReadSysctl(key);
    int64_t limit = 0;
    if (!text.ok() || !absl::SimpleAtoi(*text, &limit)) continue;
    least = std::min(least.value_or(limit), limit);
  }
  return least;
}

std::string NeighbourWarning(int64_t endpoints, std::optional<int64_t> limit) {
  const int64_t entries = endpoints * kEntriesPerEndpoint;
  // A quarter is for the host's own neighbours and for endpoints among
  // themselves.
  if (!limit.has_value() || entries <= *limit / 4 * 3) return "";
  return absl::StrCat(endpoints, " endpoints need ", entries,
                      " neighbours and more, the kernel keeps ", *limit,
                      " of a family for all containers and the host: raise "
                      "net.ipv4.neigh.default.gc_thresh3 and "
                      "net.ipv6.neigh.default.gc_thresh3");
}

}  // namespace caisson::core
