#include "server/core/network/driver_features.h"

#include <algorithm>
#include <string>

#include "runtime/base/error_detail.h"
#include "runtime/base/str_cat.h"

namespace caisson::core {
namespace {

struct Need {
  std::string feature;  // as of GetInfo
  std::string field;
  std::string what;  // "driver macvlan"
};

std::vector<Need> NeedsOf(const spec::NetworkSpec& spec) {
  std::vector<Need> needs;
  const std::string driver = spec.driver.empty() ? "bridge" : spec.driver;
  const std::string what = base::StrCat("driver ", driver);
  if (driver == "bridge" && spec.interface.empty()) {
    needs.push_back({"network_bridge", "spec.driver", what});
  }
  if (driver == "bridge" || driver == "ptp") {
    needs.push_back({"network_veth", "spec.driver", what});
  }
  if (driver == "macvlan" || driver == "ipvlan") {
    needs.push_back({base::StrCat("network_", driver), "spec.driver", what});
  }
  if (spec.isolate_endpoints) {
    needs.push_back({"network_isolated_port", "spec.isolate_endpoints",
                     "isolated endpoints"});
  }
  for (size_t i = 0; i < spec.subnets.size(); ++i) {
    if (spec.subnets[i].cidr.find(':') == std::string::npos) continue;
    needs.push_back(
        {"network_ipv6", base::StrCat("spec.subnets[", i, "].cidr"), "IPv6"});
  }
  return needs;
}

}  // namespace

absl::Status CheckDriver(const spec::NetworkSpec& spec,
                         const std::vector<linux_::Feature>& features) {
  for (const Need& need : NeedsOf(spec)) {
    const auto feature =
        std::find_if(features.begin(), features.end(),
                     [&](const auto& one) { return one.name == need.feature; });
    if (feature == features.end() || feature->available) continue;
    const std::string text = base::StrCat("this kernel cannot do ", need.what,
                                          ": ", feature->reason);
    return base::WithDetail(
        absl::UnimplementedError(text),
        {.reason = "FEATURE_UNAVAILABLE",
         .metadata = {{"feature", need.feature}, {"why", feature->reason}},
         .violations = {{need.field, text}},
         .retry_after = {}});
  }
  return absl::OkStatus();
}

}  // namespace caisson::core
