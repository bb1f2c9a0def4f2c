// After is right when a host that it tells of needs nothing any more.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "netsetup/network/plan.h"
#include "runtime/base/status_matchers.h"

namespace caisson::netsetup {
namespace {

using base::IsOkAndHolds;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kInstance[] = "ab12";
constexpr char kNetwork[] = "0123456789abcdef0123456789abcdef";
constexpr char kEndpoint[] = "fedcba9876543210fedcba9876543210";

Network NetworkOf(Driver driver) {
  return {.id = kNetwork,
          .driver = driver,
          .subnets = {{.prefix = *ParseIpPrefix("10.1.0.0/24"),
                       .gateway = *ParseIpAddress("10.1.0.1")},
                      {.prefix = *ParseIpPrefix("fd00:1::/64"),
                       .gateway = *ParseIpAddress("fd00:1::1")}},
          .group = driver == Driver::kPtp ? 77u : 0u};
}

Endpoint TestEndpoint() {
  return {.id = kEndpoint,
          .network_id = kNetwork,
          .addresses = {*ParseIpPrefix("10.1.0.2/24"),
                        *ParseIpPrefix("fd00:1::2/64")},
          .egress = Rate{.bytes_per_second = 1000}};
}

Observed EmptyHost() {
  Observed observed;
  observed.links = {{.index = 1, .name = "lo"},
                    {.index = 2, .name = "eth0", .mtu = 1400}};
  observed.routes = {{.destination = *ParseIpPrefix("0.0.0.0/0"),
                      .gateway = *ParseIpAddress("192.0.2.1"),
                      .link = 2}};
  observed.sysctls = {{"net/ipv4/ip_forward", "0"},
                      {"net/ipv6/conf/all/forwarding", "0"},
                      {"net/ipv6/conf/eth0/accept_ra", "1"}};
  return observed;
}

class AfterTest : public ::testing::TestWithParam<Driver> {};

TEST_P(AfterTest, NothingIsLeftToDo) {
  const Network network = NetworkOf(GetParam());
  const Endpoint endpoint = TestEndpoint();
  Observed observed = EmptyHost();
  CAISSON_ASSERT_OK_AND_ASSIGN(const Plan create,
                               PlanCreateNetwork(kInstance, network, observed));
  observed = After(create, std::move(observed));
  EXPECT_THAT(PlanCreateNetwork(kInstance, network, observed),
              IsOkAndHolds(IsEmpty()));
  CAISSON_ASSERT_OK_AND_ASSIGN(
      const Plan attach, PlanAttach(kInstance, network, endpoint, observed));
  observed = After(attach, std::move(observed));
  for (const Part& part :
       PlanNetwork(kInstance, {{network}, {endpoint}}, observed)) {
    EXPECT_TRUE(part.problem.ok()) << part.problem;
    EXPECT_THAT(part.plan, IsEmpty()) << Describe(part.plan.front());
  }

  const Plan detach =
      PlanDetach(kInstance, network, endpoint, DetachHow::kNow, observed);
  EXPECT_THAT(detach, Not(IsEmpty()));
  observed = After(detach, std::move(observed));
  observed = After(PlanDestroyNetwork(kInstance, network, observed), observed);
  EXPECT_THAT(observed.links, SizeIs(2)) << "as before";
}

INSTANTIATE_TEST_SUITE_P(Drivers, AfterTest,
                         ::testing::Values(Driver::kBridge, Driver::kPtp));

TEST(AfterAloneTest, AVethHasTheMtuOfABridgeThatIsMadeBeforeIt) {
  const Network network = NetworkOf(Driver::kBridge);
  Observed observed = EmptyHost();
  CAISSON_ASSERT_OK_AND_ASSIGN(const Plan create,
                               PlanCreateNetwork(kInstance, network, observed));
  observed = After(create, std::move(observed));
  CAISSON_ASSERT_OK_AND_ASSIGN(
      const Plan attach,
      PlanAttach(kInstance, network, TestEndpoint(), observed));
  EXPECT_EQ(Describe(attach[0]),
            "host: create veth cvfedcba98765 with peer eth0 in the container, "
            "master cb0123456789, mtu 1400");
}

}  // namespace
}  // namespace caisson::netsetup
