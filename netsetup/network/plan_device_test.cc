#include <errno.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "netsetup/network/plan.h"
#include "runtime/base/status_matchers.h"

namespace caisson::netsetup {
namespace {

using base::ErrnoIs;
using base::IsOk;
using base::IsOkAndHolds;
using base::StatusIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kInstance[] = "ab12";
constexpr char kNetwork[] = "0123456789abcdef0123456789abcdef";
constexpr char kEndpoint[] = "fedcba9876543210fedcba9876543210";

const MacAddress kMac = *ParseMacAddress("02:00:00:00:77:01");
const MacAddress kGuestsMac = *ParseMacAddress("02:00:00:00:66:66");

Network NetworkOf(Driver driver) {
  return {.id = kNetwork,
          .driver = driver,
          .interface = "up0",
          .subnets = {{.prefix = *ParseIpPrefix("10.1.0.0/24"),
                       .gateway = *ParseIpAddress("10.1.0.1")}}};
}

// A network card, as the host has it.
Link Device() {
  return {.index = 5,
          .name = "up0",
          .mac = kMac,
          .mtu = 1500,
          .up = true,
          .alternative_names = {"enp3s0"}};
}

// What its guest may have made of it.
Link Mistreated() {
  Link link = Device();
  link.index = HostIndex(kEndpoint);
  link.name = "mine";
  link.mac = kGuestsMac;
  link.mtu = 900;
  link.group = 7;
  link.up = false;
  link.alias = "loot";
  link.alternative_names = {"eth7"};
  return link;
}

Endpoint TestEndpoint() {
  return {.id = kEndpoint,
          .network_id = kNetwork,
          .addresses = {*ParseIpPrefix("10.1.0.2/24")},
          .device = StateOf(Device())};
}

std::vector<std::string> Lines(const absl::StatusOr<Plan>& plan) {
  std::vector<std::string> lines;
  if (!plan.ok()) return {plan.status().ToString()};
  for (const Op& op : *plan) lines.push_back(Describe(op));
  return lines;
}

Observed Host(std::vector<Link> links) {
  Observed observed;
  observed.links = std::move(links);
  return observed;
}

Observed Inside(std::vector<Link> links) {
  Observed observed;
  observed.inside[kEndpoint] = std::move(links);
  return observed;
}

TEST(PlanDeviceTest, ADeviceIsMovedUnderANumberThatItsGuestCannotChange) {
  const Network network = NetworkOf(Driver::kHostDevice);
  CAISSON_ASSERT_OK_AND_ASSIGN(
      const Plan plan,
      PlanAttach(kInstance, network, TestEndpoint(), Host({Device()})));
  EXPECT_EQ(Lines(plan)[0], "host: move link up0 into the container as eth0");
  EXPECT_EQ(std::get<MoveLink>(plan[0].action).new_index, HostIndex(kEndpoint));
}

TEST(PlanDeviceTest, ItIsFoundWhateverItIsCalledAndGoesBackUnderItsNumber) {
  CAISSON_ASSERT_OK_AND_ASSIGN(
      const Plan plan,
      PlanReturn(NetworkOf(Driver::kHostDevice), TestEndpoint(),
                 Inside({{.index = 2, .name = "eth0"}, Mistreated()})));
  // Its guest's name could be one that the host has, too.
  EXPECT_THAT(Lines(plan),
              ElementsAre("container: remove alternative name eth7 of mine",
                          "container: move link mine to the host as up0"));
  const auto& move = std::get<MoveLink>(plan[1].action);
  EXPECT_EQ(move.new_index, 5);
  // In one step: what is of our groups may be deleted at any moment.
  EXPECT_EQ(move.group, 0u);
}

TEST(PlanDeviceTest, OneThatCameUnderAnotherNumberIsKnownByItsNameAndMac) {
  const Network network = NetworkOf(Driver::kHostDevice);
  Link link = Device();
  link.index = 9;
  link.name = "eth0";
  EXPECT_THAT(PlanReturn(network, TestEndpoint(), Inside({link})),
              IsOkAndHolds(SizeIs(1)));
  link.mac = kGuestsMac;
  EXPECT_THAT(PlanReturn(network, TestEndpoint(), Inside({link})),
              IsOkAndHolds(IsEmpty()));
  link.mac = kMac;
  link.kind = "dummy";
  EXPECT_THAT(PlanReturn(network, TestEndpoint(), Inside({link})),
              IsOkAndHolds(IsEmpty()));
  // Of a daemon that did not write down what it was.
  Endpoint endpoint = TestEndpoint();
  endpoint.device.reset();
  EXPECT_THAT(PlanReturn(network, endpoint, Inside({link})),
              IsOkAndHolds(SizeIs(1)));
}

TEST(PlanDeviceTest, ItStaysInsideWhileAnotherLinkHasItsName) {
  Observed observed = Inside({Mistreated()});
  observed.links = {{.index = 8, .name = "up0", .kind = "bridge"}};
  EXPECT_THAT(
      PlanReturn(NetworkOf(Driver::kHostDevice), TestEndpoint(), observed),
      ErrnoIs(EEXIST));
}

TEST(PlanDeviceTest, AtHomeItBecomesWhatItWas) {
  const Network network = NetworkOf(Driver::kHostDevice);
  Link link = Mistreated();
  link.index = 5;
  link.name = "up0";
  EXPECT_THAT(Lines(PlanSettle(network, TestEndpoint(), Host({link}))),
              ElementsAre("host: set link up0: up, mtu 1500, group 0, tag '', "
                          "mac 02:00:00:00:77:01",
                          "host: remove alternative name eth7 of up0",
                          "host: add alternative name enp3s0 to up0"));
  EXPECT_THAT(PlanSettle(network, TestEndpoint(), Host({Device()})),
              IsOkAndHolds(IsEmpty()));
}

TEST(PlanDeviceTest, ItMakesNoAddressThatItDidNotMakeBefore) {
  const Network network = NetworkOf(Driver::kHostDevice);
  Endpoint endpoint = TestEndpoint();
  Link link = Device();
  link.up = false;
  link.address_generation = AddressGeneration::kEui64;
  endpoint.device->address_generation = AddressGeneration::kNone;
  EXPECT_THAT(
      Lines(PlanSettle(network, endpoint, Host({link}))),
      ElementsAre("host: set link up0: no link-local address of its own",
                  "host: set link up0: up"));
  EXPECT_THAT(PlanGrow(network, endpoint, Host({link})), IsEmpty());
  // Without its secret the kernel would refuse.
  endpoint.device->address_generation = AddressGeneration::kStablePrivacy;
  EXPECT_THAT(Lines(PlanSettle(network, endpoint, Host({link}))),
              ElementsAre("host: set link up0: up"));
  // It had no IPv6, so nobody knows.
  endpoint.device->address_generation.reset();
  EXPECT_THAT(Lines(PlanSettle(network, endpoint, Host({link}))),
              ElementsAre("host: set link up0: up"));
}

TEST(PlanDeviceTest, OneThatIsTooSmallForIpv6GrowsFirst) {
  const Network network = NetworkOf(Driver::kHostDevice);
  Endpoint endpoint = TestEndpoint();
  endpoint.device->address_generation = AddressGeneration::kEui64;
  Link link = Device();
  link.mtu = 1200;
  EXPECT_THAT(Lines(PlanGrow(network, endpoint, Host({link}))),
              ElementsAre("host: set link up0: mtu 1500"));
  EXPECT_THAT(PlanGrow(network, endpoint, Host({})), IsEmpty());
  // As it is then, on a host whose default is none.
  link.mtu = 1500;
  link.address_generation = AddressGeneration::kNone;
  EXPECT_THAT(Lines(PlanSettle(network, endpoint, Host({link}))),
              ElementsAre("host: set link up0: link-local address of its MAC"));
  endpoint.device->mtu = 1200;
  link.mtu = 1100;
  EXPECT_THAT(PlanGrow(network, endpoint, Host({link})), IsEmpty());
}

TEST(PlanDeviceTest, OneThatTheKernelBroughtBackGetsItsNameAgain) {
  const Network network = NetworkOf(Driver::kHostDevice);
  Link link = Device();
  link.index = 12;
  link.name = "dev12";
  link.alternative_names.clear();
  Link above = Device();
  above.index = 13;
  above.name = "vlan1";
  above.kind = "vlan";
  EXPECT_THAT(Lines(PlanSettle(network, TestEndpoint(), Host({above, link}))),
              ElementsAre("host: set link dev12: name up0",
                          "host: add alternative name enp3s0 to dev12"));
  EXPECT_THAT(PlanSettle(network, TestEndpoint(), Host({above})),
              ErrnoIs(ENODEV));
  const Link other = {.index = 8, .name = "up0", .kind = "bridge"};
  EXPECT_THAT(PlanSettle(network, TestEndpoint(), Host({link, other})),
              ErrnoIs(EEXIST));
  EXPECT_THAT(PlanSettle(network, TestEndpoint(), Host({other})),
              ErrnoIs(ENODEV));
}

TEST(PlanDeviceTest, ADeviceThatAContainerHasIsNotMissing) {
  Desired desired = {.networks = {NetworkOf(Driver::kHostDevice)},
                     .endpoints = {TestEndpoint()}};
  std::vector<Part> parts =
      PlanNetwork(kInstance, desired, Inside({Mistreated()}));
  ASSERT_THAT(parts, SizeIs(1));
  EXPECT_THAT(parts[0].plan, IsEmpty());
  EXPECT_THAT(parts[0].problem, IsOk());
  desired.endpoints.clear();
  parts = PlanNetwork(kInstance, desired, Inside({Mistreated()}));
  ASSERT_THAT(parts, SizeIs(1));
  EXPECT_THAT(parts[0].problem, StatusIs(absl::StatusCode::kNotFound));
}

// Links above one of the host: the same guests, the same tricks.
TEST(PlanDeviceTest, APlaceOnALinkIsFoundWhateverItIsCalled) {
  for (const Driver driver : {Driver::kMacvlan, Driver::kIpvlan}) {
    const Network network = NetworkOf(driver);
    const Endpoint endpoint = TestEndpoint();
    const Link renamed = {.index = HostIndex(kEndpoint),
                          .name = "dummy0",
                          .kind = std::string(DriverName(driver)),
                          .mac = kGuestsMac};
    // Its name, and its tag, went to another one.
    const Link squatter = {
        .index = 9,
        .name = "eth0",
        .kind = "dummy",
        .alias = TagOfEndpoint(kInstance, kEndpoint).ToString()};
    Observed observed = Inside({squatter, renamed});
    const Plan plan =
        PlanDetach(kInstance, network, endpoint, DetachHow::kNow, observed);
    ASSERT_THAT(plan, SizeIs(2));
    EXPECT_EQ(std::get<ChangeLink>(plan[0].action).link.index, renamed.index);
    // Nothing is missing, and no second one is made.
    const std::vector<Part> parts = PlanNetwork(
        kInstance, {.networks = {network}, .endpoints = {endpoint}}, observed);
    EXPECT_THAT(parts.back().problem, IsOk());
    EXPECT_THAT(parts.back().plan, IsEmpty());
    observed = Inside({squatter});
    EXPECT_THAT(
        PlanDetach(kInstance, network, endpoint, DetachHow::kNow, observed),
        IsEmpty());
  }
}

}  // namespace
}  // namespace caisson::netsetup
