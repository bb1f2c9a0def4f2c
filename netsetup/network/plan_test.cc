#include "netsetup/network/plan.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/status_matchers.h"
#include "runtime/base/str_cat.h"

namespace caisson::netsetup {
namespace {

using base::IsOkAndHolds;
using base::StatusIs;
using base::StrCat;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kInstance[] = "ab12";
constexpr char kNetwork[] = "0123456789abcdef0123456789abcdef";
constexpr char kEndpoint[] = "fedcba9876543210fedcba9876543210";
constexpr char kBridge[] = "cb0123456789";
constexpr char kVeth[] = "cvfedcba98765";

Network NetworkOf(Driver driver) {
  Network network = {.id = kNetwork,
                     .driver = driver,
                     .subnets = {{.prefix = *ParseIpPrefix("10.1.0.0/24"),
                                  .gateway = *ParseIpAddress("10.1.0.1")},
                                 {.prefix = *ParseIpPrefix("fd00:1::/64"),
                                  .gateway = *ParseIpAddress("fd00:1::1")}}};
  if (driver != Driver::kBridge && driver != Driver::kPtp) {
    network.interface = "up0";
  }
  return network;
}

Endpoint TestEndpoint() {
  return {.id = kEndpoint,
          .network_id = kNetwork,
          .addresses = {*ParseIpPrefix("10.1.0.2/24"),
                        *ParseIpPrefix("fd00:1::2/64")}};
}

Link OwnBridge() {
  return {.index = 7,
          .name = kBridge,
          .kind = "bridge",
          .mtu = 1450,
          .up = true,
          .alias = TagOfNetwork(kInstance, kNetwork).ToString()};
}
Link OwnVeth() {
  return {.index = 8,
          .name = kVeth,
          .kind = "veth",
          .up = true,
          .master = 7,
          .alias = TagOfEndpoint(kInstance, kEndpoint).ToString(),
          .port = PortOptions{}};
}

// A host whose default route is over eth0.
Observed EmptyHost() {
  Observed observed;
  observed.links = {{.index = 1, .name = "lo"},
                    {.index = 2, .name = "eth0", .mtu = 1400}};
  observed.routes = {{.destination = *ParseIpPrefix("0.0.0.0/0"),
                      .gateway = *ParseIpAddress("192.0.2.1"),
                      .link = 2}};
  observed.sysctls = {{"net/ipv4/ip_forward", "0"},
                      {"net/ipv6/conf/all/forwarding", "0"},
                      {"net/ipv6/conf/eth0/accept_ra", "1"},
                      {"net/ipv6/conf/lo/accept_ra", "1"}};
  return observed;
}

// A host on which the network is.
Observed BridgeHost() {
  Observed observed = EmptyHost();
  observed.links.push_back(OwnBridge());
  for (const char* text : {"10.1.0.1/24", "fd00:1::1/64", "fe80::1/64"}) {
    observed.addresses.push_back({.link = 7, .prefix = *ParseIpPrefix(text)});
  }
  observed.sysctls = {{"net/ipv4/ip_forward", "1"},
                      {"net/ipv6/conf/all/forwarding", "1"}};
  return observed;
}

std::vector<std::string> Lines(const Plan& plan) {
  std::vector<std::string> lines;
  for (const Op& op : plan) lines.push_back(Describe(op));
  return lines;
}

TEST(PlanCreateNetworkTest, ABridgeFromNothing) {
  CAISSON_ASSERT_OK_AND_ASSIGN(
      const Plan plan,
      PlanCreateNetwork(kInstance, NetworkOf(Driver::kBridge), EmptyHost()));
  EXPECT_THAT(
      Lines(plan),
      ElementsAre("host: create bridge cb0123456789",
                  "host: set link cb0123456789: mtu 1400, tag "
                  "'caisson:ab12:network:0123456789abcdef0123456789abcdef', "
                  "no link-local address of its own",
                  "host: write sysctl net/ipv4/conf/cb0123456789/rp_filter = 2",
                  "host: write sysctl net/ipv6/conf/cb0123456789/accept_ra = 0",
                  "host: add address 10.1.0.1/24 to cb0123456789",
                  "host: add address fd00:1::1/64 to cb0123456789",
                  "host: add address fe80::1/64 to cb0123456789",
                  "host: set link cb0123456789: up",
                  "host: write sysctl net/ipv4/ip_forward = 1",
                  // Else the host would lose the routes that routers announce.
                  "host: write sysctl net/ipv6/conf/eth0/accept_ra = 2",
                  "host: write sysctl net/ipv6/conf/all/forwarding = 1"));
  const auto& create = std::get<CreateLink>(plan[0].action);
  EXPECT_EQ(create.link.mac, MacOf("bridge", kNetwork));
}

TEST(PlanCreateNetworkTest, AnInternalNetworkForwardsNothing) {
  Network network = NetworkOf(Driver::kBridge);
  network.internal = true;
  CAISSON_ASSERT_OK_AND_ASSIGN(
      const Plan plan, PlanCreateNetwork(kInstance, network, EmptyHost()));
  for (const std::string& line : Lines(plan)) {
    EXPECT_THAT(line, testing::Not(HasSubstr("forward")));
  }
}

TEST(PlanCreateNetworkTest, WhatIsRightStays) {
  EXPECT_THAT(
      PlanCreateNetwork(kInstance, NetworkOf(Driver::kBridge), BridgeHost()),
      IsOkAndHolds(IsEmpty()));
}

TEST(PlanCreateNetworkTest, WhatIsWrongIsRepaired) {
  Observed observed = BridgeHost();
  observed.links.back().up = false;
  observed.addresses.pop_back();
  Network network = NetworkOf(Driver::kBridge);
  network.mtu = 9000;
  CAISSON_ASSERT_OK_AND_ASSIGN(const Plan plan,
                               PlanCreateNetwork(kInstance, network, observed));
  EXPECT_THAT(Lines(plan),
              ElementsAre("host: set link cb0123456789: up, mtu 9000",
                          "host: add address fe80::1/64 to cb0123456789"));
  EXPECT_EQ(std::get<ChangeLink>(plan[0].action).undo,
            (LinkChange{.up = false, .mtu = 1450}));
}

TEST(PlanCreateNetworkTest, ABridgeWithoutItsTagYetIsFinished) {
  Observed observed = EmptyHost();
  observed.links.push_back(
      {.index = 7, .name = kBridge, .mac = MacOf("bridge", kNetwork)});
  CAISSON_ASSERT_OK_AND_ASSIGN(
      const Plan plan,
      PlanCreateNetwork(kInstance, NetworkOf(Driver::kBridge), observed));
  EXPECT_THAT(Lines(plan)[0], HasSubstr("tag 'caisson:ab12:network"));
  EXPECT_THAT(plan, SizeIs(10));
}

TEST(PlanCreateNetworkTest, WhatBelongsToOthersIsNotTouched) {
  Observed observed = EmptyHost();
  observed.links.push_back({.index = 7, .name = kBridge, .kind = "bridge"});
  EXPECT_THAT(
      PlanCreateNetwork(kInstance, NetworkOf(Driver::kBridge), observed),
      StatusIs(absl::StatusCode::kAlreadyExists));
  observed.links.back() = OwnBridge();
  EXPECT_THAT(PlanCreateNetwork("other", NetworkOf(Driver::kBridge), observed),
              StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(PlanDestroyNetwork("other", NetworkOf(Driver::kBridge), observed),
              IsEmpty());
}

TEST(PlanCreateNetworkTest, AnInterfaceHasToBeThereAndFree) {
  const Network macvlan = NetworkOf(Driver::kMacvlan);
  Observed observed = EmptyHost();
  EXPECT_THAT(PlanCreateNetwork(kInstance, macvlan, observed),
              StatusIs(absl::StatusCode::kNotFound));
  observed.links.push_back({.index = 5, .name = "up0"});
  EXPECT_THAT(PlanCreateNetwork(kInstance, macvlan, observed),
              IsOkAndHolds(IsEmpty()));
  observed.links.back().master = 9;
  EXPECT_THAT(PlanCreateNetwork(kInstance, macvlan, observed),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  Network unmanaged = NetworkOf(Driver::kBridge);
  unmanaged.interface = "eth0";
  EXPECT_THAT(PlanCreateNetwork(kInstance, unmanaged, observed),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST(PlanAttachTest, AVethOnABridge) {
  Observed observed;
  observed.links = {OwnBridge()};
  CAISSON_ASSERT_OK_AND_ASSIGN(const Plan plan,
                               PlanAttach(kInstance, NetworkOf(Driver::kBridge),
                                          TestEndpoint(), observed));
  EXPECT_THAT(
      Lines(plan),
      ElementsAre(
          "host: create veth cvfedcba98765 with peer eth0 in the container, "
          "master cb0123456789, mtu 1450",
          "container: set link eth0: no link-local address of its own",
          "container: add address fe80::d6:c3ff:fedc:396f/64 to eth0",
          "container: add address fd00:1::2/64 to eth0",
          "host: set link cvfedcba98765: up, tag "
          "'caisson:ab12:endpoint:fedcba9876543210fedcba9876543210', "
          "open to other ports, no link-local address of its own",
          "container: set link eth0: up",
          "container: add address 10.1.0.2/24 to eth0",
          "container: add route default via 10.1.0.1 on eth0",
          "container: add route default (IPv6) via fd00:1::1 on eth0"));
  const auto& create = std::get<CreateLink>(plan[0].action);
  EXPECT_EQ(create.inside, kEndpoint);
  EXPECT_EQ(create.master->index, 7);
  const auto& veth = std::get<VethOptions>(create.link.kind);
  // Honoured by the kernel only together.
  EXPECT_EQ(veth.peer_index, 2);
  EXPECT_EQ(create.link.index, HostIndex(kEndpoint));
  EXPECT_EQ(veth.peer_mac, MacOf("container", kEndpoint));
}

TEST(PlanAttachTest, WithoutIpv6TheLinkGetsNoAddressByItself) {
  Observed observed;
  observed.links = {OwnBridge()};
  Endpoint endpoint = TestEndpoint();
  endpoint.addresses.pop_back();
  for (const Driver driver : {Driver::kBridge, Driver::kPtp}) {
    Network network = NetworkOf(driver);
    network.subnets.pop_back();
    CAISSON_ASSERT_OK_AND_ASSIGN(
        const Plan plan, PlanAttach(kInstance, network, endpoint, observed));
    const std::vector<std::string> lines = Lines(plan);
    const auto refused =
        std::find(lines.begin(), lines.end(),
                  "container: set link eth0: no link-local address of its own");
    ASSERT_NE(refused, lines.end());
    EXPECT_THAT(std::vector<std::string>(refused, lines.end()),
                Contains("container: set link eth0: up"));
    EXPECT_THAT(lines, Not(Contains(HasSubstr("add address fe80::"))));
  }
}

TEST(PlanAttachTest, HairpinWhereBridgedPacketsOfEitherFamilyAreCalledFor) {
  const Network network = NetworkOf(Driver::kBridge);
  for (const std::string called : {"", "iptables", "ip6tables"}) {
    Observed observed;
    observed.links = {OwnBridge()};
    for (const std::string program : {"iptables", "ip6tables"}) {
      observed.sysctls["net/bridge/bridge-nf-call-" + program] =
          program == called ? "1" : "0";
    }
    CAISSON_ASSERT_OK_AND_ASSIGN(
        const Plan plan,
        PlanAttach(kInstance, network, TestEndpoint(), observed));
    EXPECT_EQ(absl::StrContains(Lines(plan)[4], "hairpin"), !called.empty())
        << called;
  }
}

TEST(PlanAttachTest, EverythingThatAnEndpointMayHave) {
  Network network = NetworkOf(Driver::kBridge);
  network.isolate_endpoints = true;
  Endpoint endpoint = TestEndpoint();
  endpoint.interface = "eth3";
  endpoint.metric = 7;
  endpoint.routes = {{.destination = *ParseIpPrefix("172.16.0.0/12"),
                      .gateway = *ParseIpAddress("10.1.0.9")}};
  endpoint.ingress = Rate{.bytes_per_second = 1'000'000};
  endpoint.egress = Rate{.bytes_per_second = 2'000'000};
  endpoint.sysctls = {{"net/ipv4/conf/eth3/forwarding", "1"}};
  endpoint.alternative_name = "web-eth3";
  Observed observed;
  observed.links = {OwnBridge()};
  observed.sysctls = {{"net/bridge/bridge-nf-call-iptables", "1"}};
  CAISSON_ASSERT_OK_AND_ASSIGN(
      const Plan plan, PlanAttach(kInstance, network, endpoint, observed));
  const std::vector<std::string> lines = Lines(plan);
  ASSERT_THAT(lines, SizeIs(18));
  EXPECT_THAT(lines[4], HasSubstr("isolated from other ports, hairpin"));
  EXPECT_EQ(lines[5], "host: add alternative name web-eth3 to cvfedcba98765");
  EXPECT_EQ(lines[6],
            "host: limit rate of cvfedcba98765 to 1000000 bytes/s, burst "
            "131072");
  EXPECT_EQ(lines[7], "host: create ifb cifedcba98765");
  EXPECT_THAT(lines[8], HasSubstr("set link cifedcba98765: up, tag"));
  EXPECT_THAT(lines[9], HasSubstr("limit rate of cifedcba98765 to 2000000"));
  EXPECT_EQ(lines[10], "host: add ingress queue to cvfedcba98765");
  EXPECT_EQ(lines[11],
            "host: redirect ingress of cvfedcba98765 to cifedcba98765");
  EXPECT_EQ(lines[14],
            "container: add route default via 10.1.0.1 metric 7 on eth3");
  EXPECT_EQ(lines[16],
            "container: add route 172.16.0.0/12 via 10.1.0.9 on eth3");
  EXPECT_EQ(lines[17],
            "container: write sysctl net/ipv4/conf/eth3/forwarding = 1");
  EXPECT_EQ(
      std::get<VethOptions>(std::get<CreateLink>(plan[0].action).link.kind)
          .peer_index,
      5);
}

TEST(PlanAttachTest, WithoutAWayOutThereIsNoDefaultRoute) {
  Network internal = NetworkOf(Driver::kBridge);
  internal.internal = true;
  Endpoint second = TestEndpoint();
  second.default_route = false;
  for (const auto& [network, endpoint] :
       {std::pair(internal, TestEndpoint()),
        std::pair(NetworkOf(Driver::kBridge), second)}) {
    CAISSON_ASSERT_OK_AND_ASSIGN(const Plan plan,
                                 PlanAttach(kInstance, network, endpoint, {}));
    EXPECT_THAT(Lines(plan), Not(Contains(HasSubstr("add route"))));
  }
}

TEST(PlanAttachTest, TheDefaultRouteComesBackFromWhoGotIt) {
  Observed observed;
  observed.links = {OwnBridge()};
  observed.inside[kEndpoint] = {{.index = 3, .name = "eth1"}};
  // The kernel tells the metric of IPv6 that it has chosen.
  observed.inside_routes[kEndpoint] = {
      {.destination = *ParseIpPrefix("0.0.0.0/0"),
       .gateway = *ParseIpAddress("10.2.0.1"),
       .link = 3},
      {.destination = *ParseIpPrefix("0.0.0.0/0"), .link = 3, .metric = 77},
      {.destination = *ParseIpPrefix("10.9.0.0/16"), .link = 3},
      {.destination = *ParseIpPrefix("::/0"),
       .gateway = *ParseIpAddress("fd00:2::1"),
       .link = 3,
       .metric = 1024}};
  CAISSON_ASSERT_OK_AND_ASSIGN(const Plan plan,
                               PlanAttach(kInstance, NetworkOf(Driver::kBridge),
                                          TestEndpoint(), observed));
  std::vector<std::string> lines = Lines(plan);
  ASSERT_GT(lines.size(), 4u);
  lines.erase(lines.begin(), lines.end() - 4);
  EXPECT_THAT(
      lines,
      ElementsAre(
          "container: delete route default via 10.2.0.1 on eth1",
          "container: add route default via 10.1.0.1 on eth0",
          "container: delete route default (IPv6) via fd00:2::1 metric 1024 "
          "on eth1",
          "container: add route default (IPv6) via fd00:1::1 on eth0"));
}

TEST(PlanAttachTest, TheDefaultRouteAlone) {
  Endpoint endpoint = TestEndpoint();
  endpoint.default_route = false;
  EXPECT_THAT(
      Lines(PlanDefaultRoute(NetworkOf(Driver::kBridge), endpoint,
                             {.index = 2, .name = "eth0"})),
      ElementsAre("container: add route default via 10.1.0.1 on eth0",
                  "container: add route default (IPv6) via fd00:1::1 on eth0"));
}

TEST(PlanAttachTest, PtpHasOnlyItsGatewayOnTheLink) {
  Endpoint endpoint = TestEndpoint();
  endpoint.addresses.pop_back();
  Observed observed;
  observed.sysctls = {{"net/ipv6/conf/all/forwarding", "0"}};
  CAISSON_ASSERT_OK_AND_ASSIGN(
      const Plan plan,
      PlanAttach(kInstance, NetworkOf(Driver::kPtp), endpoint, observed));
  EXPECT_THAT(
      Lines(plan),
      ElementsAre(
          "host: create veth cvfedcba98765 with peer eth0 in the container",
          "host: write sysctl net/ipv4/conf/cvfedcba98765/rp_filter = 2",
          "host: write sysctl net/ipv6/conf/cvfedcba98765/accept_ra = 0",
          "host: set link cvfedcba98765: up, tag "
          "'caisson:ab12:endpoint:fedcba9876543210fedcba9876543210', "
          "no link-local address of its own",
          "host: add address fe80::1/64 to cvfedcba98765",
          "host: add address 10.1.0.1/32 to cvfedcba98765",
          "host: add route 10.1.0.2/32 on cvfedcba98765",
          "container: set link eth0: no link-local address of its own",
          "container: add address fe80::d6:c3ff:fedc:396f/64 to eth0",
          "container: set link eth0: up",
          "container: add address 10.1.0.2/32 to eth0",
          "container: add route 10.1.0.1/32 on eth0",
          "container: add route 10.1.0.0/24 via 10.1.0.1 on eth0",
          "container: add route default via 10.1.0.1 on eth0"));
}

TEST(PlanAttachTest, WhoMayKnowAnotherOwnerIsTold) {
  Observed observed;
  observed.links = {OwnBridge(), {.index = 5, .name = "br0", .kind = "bridge"}};
  Network theirs = NetworkOf(Driver::kBridge);
  theirs.interface = "br0";
  Endpoint endpoint = TestEndpoint();
  for (const bool is_ours : {true, false}) {
    // Others give out addresses there too.
    endpoint.announce = is_ours;
    CAISSON_ASSERT_OK_AND_ASSIGN(
        const Plan plan,
        PlanAttach(kInstance, is_ours ? NetworkOf(Driver::kBridge) : theirs,
                   endpoint, observed));
    const std::vector<std::string> lines = Lines(plan);
    ASSERT_GT(lines.size(), 7u);
    const std::string where =
        StrCat(" at ", MacOf("container", kEndpoint).ToString(), " on ",
               is_ours ? kBridge : "br0");
    EXPECT_EQ(lines[4], StrCat("host: announce 10.1.0.2", where));
    EXPECT_EQ(lines[5], StrCat("host: announce fd00:1::2", where));
    // Before the container's own port could bring it the announcement.
    EXPECT_THAT(lines[6], HasSubstr("host: set link cvfedcba98765: up"));
  }
}

// The kernel lets passthru have no other MAC than the parent's, as ipvlan.
TEST(PlanAttachTest, TheMacOfTheParentIsWhatIsTold) {
  Observed observed;
  observed.links = {{.index = 5,
                     .name = "up0",
                     .mac = *ParseMacAddress("02:00:00:00:00:05")}};
  Network passthru = NetworkOf(Driver::kMacvlan);
  passthru.macvlan_mode = MacvlanMode::kPassthru;
  for (const Network& network : {passthru, NetworkOf(Driver::kIpvlan)}) {
    CAISSON_ASSERT_OK_AND_ASSIGN(
        const Plan plan,
        PlanAttach(kInstance, network, TestEndpoint(), observed));
    EXPECT_TRUE(std::get<CreateLink>(plan[0].action).link.mac.is_zero());
    EXPECT_EQ(Lines(plan).back(),
              "container: announce fd00:1::2 at 02:00:00:00:00:05 on eth0");
  }
  Network routed = NetworkOf(Driver::kIpvlan);
  routed.ipvlan_mode = IpvlanMode::kL3;
  CAISSON_ASSERT_OK_AND_ASSIGN(
      const Plan plan, PlanAttach(kInstance, routed, TestEndpoint(), observed));
  EXPECT_THAT(Lines(plan), Not(Contains(HasSubstr("announce"))));
}

TEST(PlanAttachTest, MacvlanAndIpvlanAreMadeInTheContainer) {
  const std::string own = MacOf("container", kEndpoint).ToString();
  Observed observed;
  observed.links = {{.index = 5, .name = "up0"}};
  CAISSON_ASSERT_OK_AND_ASSIGN(
      Plan plan, PlanAttach(kInstance, NetworkOf(Driver::kMacvlan),
                            TestEndpoint(), observed));
  EXPECT_THAT(
      Lines(plan),
      ElementsAre(
          "host: create macvlan eth0 in the container, above up0",
          "container: set link eth0: up, tag "
          "'caisson:ab12:endpoint:fedcba9876543210fedcba9876543210'",
          "container: add address 10.1.0.2/24 to eth0",
          "container: add address fd00:1::2/64 to eth0",
          "container: add route default via 10.1.0.1 on eth0",
          "container: add route default (IPv6) via fd00:1::1 on eth0",
          StrCat("container: announce 10.1.0.2 at ", own, " on eth0"),
          StrCat("container: announce fd00:1::2 at ", own, " on eth0")));
  CAISSON_ASSERT_OK_AND_ASSIGN(
      plan, PlanAttach(kInstance, NetworkOf(Driver::kIpvlan), TestEndpoint(),
                       observed));
  EXPECT_EQ(Lines(plan)[0],
            "host: create ipvlan eth0 in the container, above up0");
  EXPECT_THAT(
      PlanAttach(kInstance, NetworkOf(Driver::kMacvlan), TestEndpoint(), {}),
      StatusIs(absl::StatusCode::kNotFound));
}

TEST(PlanDetachTest, WithItsNamespaceAVethIsLeftToTheKernel) {
  const Network network = NetworkOf(Driver::kBridge);
  Observed observed;
  observed.links = {OwnVeth()};
  EXPECT_THAT(Lines(PlanDetach(kInstance, network, TestEndpoint(),
                               DetachHow::kNamespaceEnds, observed)),
              ElementsAre("host: set link cvfedcba98765: down"));
  observed.links.push_back(
      {.index = 9,
       .name = IfbName(kEndpoint),
       .alias = TagOfEndpoint(kInstance, kEndpoint).ToString()});
  const Plan plan =
      PlanDetach(kInstance, network, TestEndpoint(), DetachHow::kNow, observed);
  ASSERT_THAT(plan, SizeIs(3));
  EXPECT_EQ(std::get<DeleteGroup>(plan[2].action).group,
            GraveyardOf(kInstance));
}

TEST(PlanDetachTest, WhatIsNotOursStays) {
  Observed observed;
  observed.links = {{.index = 8, .name = kVeth, .alias = "somebody's"}};
  EXPECT_THAT(PlanDetach(kInstance, NetworkOf(Driver::kBridge), TestEndpoint(),
                         DetachHow::kNow, observed),
              IsEmpty());
  EXPECT_THAT(PlanDetach(kInstance, NetworkOf(Driver::kBridge), TestEndpoint(),
                         DetachHow::kNow, {}),
              IsEmpty());
  observed.inside[kEndpoint] = {{.index = 2, .name = "eth0"}};
  EXPECT_THAT(PlanDetach(kInstance, NetworkOf(Driver::kMacvlan), TestEndpoint(),
                         DetachHow::kNow, observed),
              IsEmpty());
  // Ours, of a daemon that died before it could say so.
  observed.inside[kEndpoint][0].kind = "macvlan";
  observed.inside[kEndpoint][0].mac = MacOf("container", kEndpoint);
  EXPECT_THAT(PlanDetach(kInstance, NetworkOf(Driver::kMacvlan), TestEndpoint(),
                         DetachHow::kNow, observed),
              SizeIs(2));
}

TEST(PlanNetworkTest, WhatIsRightIsAdopted) {
  Observed observed = BridgeHost();
  observed.links.push_back(OwnVeth());
  const Desired desired = {.networks = {NetworkOf(Driver::kBridge)},
                           .endpoints = {TestEndpoint()}};
  const std::vector<Part> parts = PlanNetwork(kInstance, desired, observed);
  ASSERT_THAT(parts, SizeIs(2));
  for (const Part& part : parts) {
    EXPECT_THAT(part.plan, IsEmpty());
    CAISSON_EXPECT_OK(part.problem);
  }
}

TEST(PlanNetworkTest, WhatDriftedIsRepairedAndWhatIsGoneIsMade) {
  Observed observed = BridgeHost();
  Link veth = OwnVeth();
  veth.master = 0;
  veth.port.reset();
  veth.up = false;
  observed.links.push_back(veth);
  Desired desired = {.networks = {NetworkOf(Driver::kBridge)},
                     .endpoints = {TestEndpoint()}};
  std::vector<Part> parts = PlanNetwork(kInstance, desired, observed);
  EXPECT_THAT(
      Lines(parts[1].plan),
      ElementsAre("host: set link cvfedcba98765: up, master cb0123456789",
                  "host: set link cvfedcba98765: open to other ports"));
  observed.links.pop_back();
  parts = PlanNetwork(kInstance, desired, observed);
  EXPECT_THAT(parts[1].plan, SizeIs(9));
}

TEST(PlanNetworkTest, WhatNobodyWantsIsRemovedWithoutTouchingOthers) {
  Observed observed = BridgeHost();
  observed.links.push_back(OwnVeth());
  Link foreign = OwnVeth();
  foreign.alias = TagOfEndpoint("other", kEndpoint).ToString();
  observed.links.push_back(foreign);
  const std::vector<Part> parts = PlanNetwork(kInstance, {}, observed);
  ASSERT_THAT(parts, SizeIs(1));
  EXPECT_THAT(parts[0].network_id + parts[0].endpoint_id, IsEmpty());
  // Bridge and veth, then both at once.
  EXPECT_THAT(parts[0].plan, SizeIs(3));
}

TEST(PlanNetworkTest, AProblemIsThatOfItsObjectAlone) {
  Observed observed = BridgeHost();
  observed.links.push_back({.index = 8, .name = kVeth});
  Endpoint other = TestEndpoint();
  other.id = "00000000000000000000000000000001";
  Endpoint lost = other;
  lost.network_id = "none";
  const Desired desired = {.networks = {NetworkOf(Driver::kBridge)},
                           .endpoints = {TestEndpoint(), other, lost}};
  const std::vector<Part> parts = PlanNetwork(kInstance, desired, observed);
  ASSERT_THAT(parts, SizeIs(4));
  EXPECT_THAT(parts[1].problem, StatusIs(absl::StatusCode::kAlreadyExists));
  CAISSON_EXPECT_OK(parts[2].problem);
  EXPECT_THAT(parts[2].plan, SizeIs(9));
  EXPECT_THAT(parts[3].problem, StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace caisson::netsetup
