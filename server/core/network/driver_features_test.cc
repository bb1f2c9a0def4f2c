#include "server/core/network/driver_features.h"

#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/error_detail.h"
#include "runtime/base/status_matchers.h"

namespace caisson::core {
namespace {

using base::IsOk;
using base::StatusIs;
using ::testing::HasSubstr;

spec::NetworkSpec SpecOf(const std::string& driver) {
  spec::NetworkSpec spec;
  spec.driver = driver;
  return spec;
}

// A kernel without it.
std::vector<linux_::Feature> Without(const std::string& missing) {
  std::vector<linux_::Feature> features;
  for (const char* name :
       {"network_bridge", "network_veth", "network_macvlan", "network_ipvlan",
        "network_isolated_port", "network_ipv6"}) {
    const bool is_there = name != missing;
    features.push_back(
        {name, is_there, is_there ? "" : "create link: not supported"});
  }
  return features;
}

TEST(DriverFeaturesTest, WhatTheDriverNeedsHasToBeThere) {
  constexpr std::pair<const char*, const char*> kNeeds[] = {
      {"", "network_bridge"},       {"bridge", "network_veth"},
      {"ptp", "network_veth"},      {"macvlan", "network_macvlan"},
      {"ipvlan", "network_ipvlan"},
  };
  for (const auto& [driver, feature] : kNeeds) {
    const absl::Status status = CheckDriver(SpecOf(driver), Without(feature));
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented,
                                 HasSubstr("create link: not supported")));
    const base::ErrorDetail detail = base::DetailOf(status);
    EXPECT_EQ(detail.reason, "FEATURE_UNAVAILABLE");
    ASSERT_EQ(detail.violations.size(), 1u);
    EXPECT_EQ(detail.violations[0].field, "spec.driver");
    EXPECT_THAT(CheckDriver(SpecOf(driver), Without("")), IsOk());
    // Nobody has looked.
    EXPECT_THAT(CheckDriver(SpecOf(driver), {}), IsOk());
  }
}

TEST(DriverFeaturesTest, WhatIsNotNeededMayBeMissing) {
  EXPECT_THAT(CheckDriver(SpecOf("ptp"), Without("network_bridge")), IsOk());
  EXPECT_THAT(CheckDriver(SpecOf("macvlan"), Without("network_ipvlan")),
              IsOk());
  EXPECT_THAT(CheckDriver(SpecOf("host-device"), Without("network_veth")),
              IsOk());
  spec::NetworkSpec unmanaged = SpecOf("bridge");
  unmanaged.interface = "br0";
  EXPECT_THAT(CheckDriver(unmanaged, Without("network_bridge")), IsOk());
}

TEST(DriverFeaturesTest, ThePartThatAsksForItIsTold) {
  spec::NetworkSpec spec = SpecOf("bridge");
  spec.subnets = {{"10.1.0.0/24", "", {}, {}}, {"fd00::/64", "", {}, {}}};
  EXPECT_EQ(base::DetailOf(CheckDriver(spec, Without("network_ipv6")))
                .violations[0]
                .field,
            "spec.subnets[1].cidr");
  spec.isolate_endpoints = true;
  EXPECT_EQ(base::DetailOf(CheckDriver(spec, Without("network_isolated_port")))
                .violations[0]
                .field,
            "spec.isolate_endpoints");
}

}  // namespace
}  // namespace caisson::core
