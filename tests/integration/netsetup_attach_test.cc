// Networks as the daemon uses them, on a real kernel: attach, detach, faults,
// recovery. What is asserted is what ip, bridge, tc and ping say.
#include <errno.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "netsetup/netlink/net_error.h"
#include "netsetup/network/host.h"
#include "netsetup/network/observe.h"
#include "runtime/base/status_matchers.h"
#include "runtime/base/str_cat.h"
#include "tests/integration/network_world.h"
#include "tests/testing/environment.h"

namespace caisson::testing {
namespace {

using base::ErrnoIs;
using base::IsOk;
using base::StatusIs;
using base::StrCat;
using netsetup::BridgeName;
using netsetup::DetachHow;
using netsetup::Driver;
using netsetup::Endpoint;
using netsetup::Host;
using netsetup::HostLinkName;
using netsetup::Netns;
using netsetup::Network;
using netsetup::ParseIpAddress;
using netsetup::ParseIpPrefix;
using netsetup::Recovered;
using nlohmann::json;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kInstance[] = "ab12cd34";

std::string IdOf(int number) {
  return absl::StrFormat("%08x%024x", number, 0);
}

class RootAttachTest : public NetworkWorld {
 protected:
  void SetUp() override {
    NetworkWorld::SetUp();
    CAISSON_ASSERT_OK_AND_ASSIGN(host_, Host::Open(kInstance));
  }

  // Network n has 10.n.0.0/16 and fd00:n::/64.
  static Network NetworkOf(Driver driver, int n) {
    return {
        .id = IdOf(0x1000 + n),
        .driver = driver,
        .subnets = {{.prefix = *ParseIpPrefix(StrCat("10.", n, ".0.0/16")),
                     .gateway = *ParseIpAddress(StrCat("10.", n, ".0.1"))},
                    {.prefix = *ParseIpPrefix(StrCat("fd00:", n, "::/64")),
                     .gateway = *ParseIpAddress(StrCat("fd00:", n, "::1"))}}};
  }
  // Its endpoint m has .0.m and ::m.
  static Endpoint EndpointOf(const Network& network, int n, int m) {
    return {
        .id = IdOf(0x100000 + n * 0x1000 + m),
        .network_id = network.id,
        .addresses = {
            *ParseIpPrefix(StrCat("10.", n, ".", m / 256, ".", m % 256, "/16")),
            *ParseIpPrefix(
                StrCat("fd00:", n, "::", absl::StrFormat("%x", m), "/64"))}};
  }

  // An uplink: up0 is the host's, its peer outside is nobody's.
  void AddUplink() {
    Run("", {"ip", "link", "add", "up0", "type", "veth", "peer", "up1"});
    for (const char* name : {"up0", "up1"}) {
      // No address that is tentative at first.
      Run("", {"ip", "link", "set", name, "addrgenmode", "none"});
      Run("", {"ip", "link", "set", name, "up"});
    }
  }
  std::vector<std::string> LinkNames(const std::string& netns = "") {
    std::vector<std::string> names;
    for (const json& link : Json(netns, {"ip", "-j", "link"})) {
      names.push_back(link.value("ifname", ""));
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  // Without timers, without what a bridge has inherited from a port for good,
  // and without carriers, which the kernel notices a moment later.
  static std::string Still(const std::string& text) {
    static const std::regex moving(
        "[a-z]+_(timer|max_size|max_segs) +[0-9.]+|NO-CARRIER,|,LOWER_UP"
        "|state [A-Z]+| linkdown");
    return std::regex_replace(text, moving, "");
  }
  // What an observer of the whole host sees.
  std::string HostState() {
    return Still(
        StrCat(Run("", {"ip", "-d", "-o", "link"}),
               Run("", {"ip", "-o", "addr", "show"}), Run("", {"ip", "route"}),
               Run("", {"ip", "-6", "route"}), Run("", {"tc", "qdisc"}),
               ReadSysctlIn("", "net/ipv4/ip_forward"),
               ReadSysctlIn("", "net/ipv6/conf/all/forwarding")));
  }
  // What Attach will do.
  absl::StatusOr<std::vector<std::string>> StepsOf(const Network& network,
                                                   const Endpoint& endpoint) {
    CAISSON_ASSIGN_OR_RETURN(const netsetup::Observed observed, host_->Look());
    CAISSON_ASSIGN_OR_RETURN(
        const netsetup::Plan plan,
        netsetup::PlanAttach(kInstance, network, endpoint, observed));
    std::vector<std::string> steps;
    for (const netsetup::Op& op : plan) steps.push_back(Describe(op));
    return steps;
  }
  static std::vector<absl::Status> StatusesOf(
      const absl::StatusOr<std::vector<Recovered>>& recovered) {
    std::vector<absl::Status> statuses = {recovered.status()};
    if (!recovered.ok()) return statuses;
    for (const Recovered& one : *recovered) statuses.push_back(one.status);
    return statuses;
  }

  absl::StatusOr<Host> host_ = absl::UnknownError("not opened");
};

TEST_F(RootAttachTest, TwoContainersOfABridgeReachEachOtherAndTheHost) {
  const Network network = NetworkOf(Driver::kBridge, 1);
  CAISSON_ASSERT_OK(host_->CreateNetwork(network));
  for (const int m : {2, 3}) {
    const Netns& netns = AddContainer(StrCat("c", m));
    CAISSON_ASSERT_OK_AND_ASSIGN(
        const netsetup::Attachment attachment,
        host_->Attach(network, EndpointOf(network, 1, m), netns.fd.get()));
    EXPECT_EQ(attachment.host_link, HostLinkName(IdOf(0x101000 + m)));
    json inside = LinkJson(StrCat("c", m), "eth0");
    EXPECT_EQ(inside["address"], attachment.mac.ToString());
    EXPECT_EQ(inside["ifindex"], 2);
    EXPECT_EQ(LinkJson("", attachment.host_link)["ifindex"],
              netsetup::HostIndex(IdOf(0x101000 + m)));
  }
  for (const char* address :
       {"10.1.0.3", "fd00:1::3", "10.1.0.1", "fd00:1::1"}) {
    EXPECT_TRUE(Ping("c2", address)) << address;
  }
  EXPECT_TRUE(Ping("", "10.1.0.2"));
  EXPECT_TRUE(Ping("", "fd00:1::2"));
  json bridge = LinkJson("", BridgeName(network));
  EXPECT_EQ(bridge["ifalias"],
            StrCat("caisson:", kInstance, ":network:", network.id));
  EXPECT_EQ(bridge["linkinfo"]["info_data"]["forward_delay"], 0);
  EXPECT_EQ(bridge["address"],
            netsetup::MacOf("bridge", network.id).ToString());
  EXPECT_EQ(ReadSysctlIn("", "net/ipv4/ip_forward"), "1");
  EXPECT_EQ(ReadSysctlIn("", "net/ipv6/conf/all/forwarding"), "1");
}

TEST_F(RootAttachTest, WithoutIpv6AContainerHasNoAddressOfIt) {
  for (const Driver driver : {Driver::kBridge, Driver::kPtp}) {
    const std::string name(netsetup::DriverName(driver));
    const int n = driver == Driver::kBridge ? 1 : 2;
    Network network = NetworkOf(driver, n);
    Endpoint endpoint = EndpointOf(network, n, 2);
    network.subnets.pop_back();
    endpoint.addresses.pop_back();
    CAISSON_ASSERT_OK(host_->CreateNetwork(network));
    CAISSON_ASSERT_OK(
        host_->Attach(network, endpoint, AddContainer(name).fd.get()).status());
    EXPECT_TRUE(Ping("", StrCat("10.", n, ".0.2")));
    EXPECT_EQ(Run(name, {"ip", "-6", "addr", "show", "dev", "eth0"}), "");
  }
}

TEST_F(RootAttachTest, ContainersOfTwoNetworksAreRoutedByTheHost) {
  for (const int n : {1, 2}) {
    const Network network = NetworkOf(Driver::kBridge, n);
    CAISSON_ASSERT_OK(host_->CreateNetwork(network));
    const Netns& netns = AddContainer(StrCat("n", n));
    CAISSON_ASSERT_OK(
        host_->Attach(network, EndpointOf(network, n, 2), netns.fd.get()));
  }
  EXPECT_TRUE(Ping("n1", "10.2.0.2"));
  EXPECT_TRUE(Ping("n1", "fd00:2::2"));
}

TEST_F(RootAttachTest, IsolatedEndpointsReachTheHostAlone) {
  Network network = NetworkOf(Driver::kBridge, 1);
  network.isolate_endpoints = true;
  CAISSON_ASSERT_OK(host_->CreateNetwork(network));
  for (const int m : {2, 3}) {
    const Netns& netns = AddContainer(StrCat("c", m));
    CAISSON_ASSERT_OK(
        host_->Attach(network, EndpointOf(network, 1, m), netns.fd.get()));
  }
  EXPECT_TRUE(Ping("c2", "10.1.0.1"));
  EXPECT_FALSE(Ping("c2", "10.1.0.3"));
}

TEST_F(RootAttachTest, AnInternalNetworkHasNoWayOut) {
  Network network = NetworkOf(Driver::kBridge, 1);
  network.internal = true;
  CAISSON_ASSERT_OK(host_->CreateNetwork(network));
  const Netns& netns = AddContainer("c1");
  CAISSON_ASSERT_OK(
      host_->Attach(network, EndpointOf(network, 1, 2), netns.fd.get()));
  EXPECT_THAT(Json("c1", {"ip", "-j", "route", "show", "default"}), IsEmpty());
  EXPECT_EQ(ReadSysctlIn("", "net/ipv4/ip_forward"), "0");
  EXPECT_TRUE(Ping("c1", "10.1.0.1"));
}

TEST_F(RootAttachTest, PtpContainersReachEachOtherThroughTheHost) {
  const Network network = NetworkOf(Driver::kPtp, 1);
  CAISSON_ASSERT_OK(host_->CreateNetwork(network));
  for (const int m : {2, 3}) {
    const Netns& netns = AddContainer(StrCat("c", m));
    CAISSON_ASSERT_OK(
        host_->Attach(network, EndpointOf(network, 1, m), netns.fd.get()));
  }
  for (const char* address :
       {"10.1.0.3", "fd00:1::3", "10.1.0.1", "fd00:1::1"}) {
    EXPECT_TRUE(Ping("c2", address)) << address;
  }
  const std::string link = HostLinkName(IdOf(0x101002));
  EXPECT_FALSE(LinkJson("", link).contains("master"));
  // No container is the host's router.
  EXPECT_EQ(ReadSysctlIn("", StrCat("net/ipv6/conf/", link, "/accept_ra")),
            "0");
  EXPECT_EQ(ReadSysctlIn("", StrCat("net/ipv4/conf/", link, "/rp_filter")),
            "2");
}

TEST_F(RootAttachTest, MacvlanContainersReachEachOther) {
  AddUplink();
  Network network = NetworkOf(Driver::kMacvlan, 1);
  network.interface = "up0";
  CAISSON_ASSERT_OK(host_->CreateNetwork(network));
  for (const int m : {2, 3}) {
    const Netns& netns = AddContainer(StrCat("c", m));
    CAISSON_ASSERT_OK(
        host_->Attach(network, EndpointOf(network, 1, m), netns.fd.get()));
  }
  EXPECT_TRUE(Ping("c2", "10.1.0.3"));
  const Netns netns = *netsetup::OpenNamedNetns("c2");
  const Endpoint endpoint = EndpointOf(network, 1, 2);
  for (int round = 0; round < 2; ++round) {
    CAISSON_EXPECT_OK(
        host_->Detach(network, endpoint, netns.fd.get(), DetachHow::kNow));
  }
  EXPECT_TRUE(LinkJson("c2", "eth0").is_null());
}

// Its guest may change everything of it but its number.
TEST_F(RootAttachTest, ADeviceIsLentAndGivenBackAsItWas) {
  AddUplink();
  Run("", {"ip", "link", "property", "add", "dev", "up0", "altname", "uplink"});
  Run("", {"ip", "link", "set", "up0", "mtu", "1400", "alias", "rack 7"});
  const auto device = [&] {
    return Still(Run("", {"ip", "-d", "-o", "link", "show", "up0"}));
  };
  const std::string before = device();
  Network network = NetworkOf(Driver::kHostDevice, 1);
  network.interface = "up0";
  CAISSON_ASSERT_OK(host_->CreateNetwork(network));
  const Netns& netns = AddContainer("c1");
  Endpoint endpoint = EndpointOf(network, 1, 2);
  CAISSON_ASSERT_OK_AND_ASSIGN(endpoint.device, host_->DescribeDevice(network));
  CAISSON_ASSERT_OK_AND_ASSIGN(
      const netsetup::Attachment attachment,
      host_->Attach(network, endpoint, netns.fd.get()));
  EXPECT_TRUE(LinkJson("", "up0").is_null());
  json inside = LinkJson("c1", "eth0");
  EXPECT_THAT(inside["flags"], Contains("UP"));
  EXPECT_EQ(inside["ifindex"], attachment.inside_index);
  EXPECT_THAT(Run("c1", {"ip", "-4", "-o", "addr"}), HasSubstr("10.1.0.2/16"));
  // An alternative name that the host has would keep it from coming back.
  const std::string host_name = LinkNames()[1];
  Run("c1", {"sh", "-c",
             StrCat("ip link set eth0 down; ip link set eth0 name mine;"
                    "ip link set mine mtu 900 address 02:00:00:00:66:66;"
                    "ip link set mine alias '' group 7;"
                    "ip link property del dev mine altname uplink;"
                    "ip link property add dev mine altname ",
                    host_name, ";ip link add eth0 type bridge")});
  EXPECT_THAT(host_->HasInside(network, endpoint, netns.fd.get()),
              base::IsOkAndHolds(true));
  CAISSON_ASSERT_OK(host_->Detach(network, endpoint, netns.fd.get(),
                                  DetachHow::kNamespaceEnds));
  EXPECT_EQ(device(), before);
  EXPECT_THAT(LinkNames("c1"), ElementsAre("eth0", "lo"));
  // It is where it shall be.
  CAISSON_EXPECT_OK(
      host_->Detach(network, endpoint, netns.fd.get(), DetachHow::kNow));
  Run("", {"ip", "link", "del", "up0"});
  EXPECT_THAT(host_->Detach(network, endpoint, netns.fd.get(), DetachHow::kNow),
              ErrnoIs(ENODEV));
}

TEST_F(RootAttachTest, ADeviceWhoseNameIsTakenInsideStaysOutside) {
  AddUplink();
  Network network = NetworkOf(Driver::kHostDevice, 1);
  network.interface = "up0";
  const Netns& netns = AddContainer("c1");
  Run("c1", {"ip", "link", "add", "eth0", "type", "bridge"});
  const std::string before = HostState();
  // The kernel moves the device before it refuses the name.
  EXPECT_THAT(host_->Attach(network, EndpointOf(network, 1, 2), netns.fd.get()),
              StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_EQ(HostState(), before);
  EXPECT_THAT(LinkNames("c1"), SizeIs(2));
}

TEST_F(RootAttachTest, APlaceOnALinkIsFoundWhateverItsGuestCallsIt) {
  AddUplink();
  Network network = NetworkOf(Driver::kMacvlan, 1);
  network.interface = "up0";
  CAISSON_ASSERT_OK(host_->CreateNetwork(network));
  const Netns& netns = AddContainer("c1");
  const Endpoint endpoint = EndpointOf(network, 1, 2);
  CAISSON_ASSERT_OK(host_->Attach(network, endpoint, netns.fd.get()));
  // Two links change names, MACs and tags; a hundred others are of no interest.
  Run("c1", {"sh", "-c",
             "tag=$(ip -o link show eth0 | sed 's/.*alias //');"
             "ip link set eth0 down; ip link set eth0 name own;"
             "ip link set own address 02:00:00:00:66:66 alias '' up;"
             "ip link add eth0 type bridge; ip link set eth0 alias $tag;"
             "seq 100 | sed 's/.*/link add b& type bridge/' | ip -b -"});
  EXPECT_TRUE(Ping("c1", "10.1.0.2"));
  CAISSON_ASSERT_OK_AND_ASSIGN(
      const netsetup::LinkCounters counters,
      host_->Counters(network, endpoint, netns.fd.get()));
  const json stats = Json("c1", {"ip", "-j", "-s", "link", "show", "own"})[0];
  EXPECT_GE(stats["stats64"]["tx"]["packets"], counters.tx_packets);
  EXPECT_GT(counters.tx_packets, 0u);
  const auto netns_of = [&](const std::string&) { return netns.fd.get(); };
  CAISSON_ASSERT_OK_AND_ASSIGN(
      const std::vector<netsetup::Part> parts,
      host_->PlanRecover({.networks = {network}, .endpoints = {endpoint}},
                         netns_of));
  for (const netsetup::Part& part : parts) {
    EXPECT_THAT(part.plan, IsEmpty());
    CAISSON_EXPECT_OK(part.problem);
  }
  netsetup::Observed observed;
  CAISSON_ASSERT_OK_AND_ASSIGN(netsetup::Socket socket,
                               netsetup::OpenSocketIn(netns.fd.get()));
  CAISSON_ASSERT_OK(
      netsetup::ObserveLinkInside(&socket, network, endpoint, &observed));
  EXPECT_THAT(observed.inside[endpoint.id], SizeIs(2));
  CAISSON_ASSERT_OK(
      host_->Detach(network, endpoint, netns.fd.get(), DetachHow::kNow));
  EXPECT_TRUE(LinkJson("c1", "own").is_null());
  EXPECT_FALSE(LinkJson("c1", "eth0").is_null());
}

TEST_F(RootAttachTest, AnUnmanagedBridgeIsUsedAndLeft) {
  Run("", {"ip", "link", "add", "br0", "type", "bridge"});
  Run("", {"ip", "link", "set", "br0", "up"});
  Network network = NetworkOf(Driver::kBridge, 1);
  network.interface = "br0";
  const auto bridge = [&] {
    return Still(Run("", {"ip", "-d", "-o", "link", "show", "br0"}));
  };
  const std::string before = bridge();
  CAISSON_ASSERT_OK(host_->CreateNetwork(network));
  EXPECT_EQ(bridge(), before);
  const Netns& netns = AddContainer("c1");
  CAISSON_ASSERT_OK(
      host_->Attach(network, EndpointOf(network, 1, 2), netns.fd.get()));
  EXPECT_EQ(LinkJson("", HostLinkName(IdOf(0x101002)))["master"], "br0");
  CAISSON_EXPECT_OK(host_->DestroyNetwork(network));
  EXPECT_FALSE(LinkJson("", "br0").is_null());
}

TEST_F(RootAttachTest, LimitsAreSetBothWaysAndCountersTurned) {
  const Network network = NetworkOf(Driver::kBridge, 1);
  CAISSON_ASSERT_OK(host_->CreateNetwork(network));
  Endpoint endpoint = EndpointOf(network, 1, 2);
  endpoint.ingress = netsetup::Rate{.bytes_per_second = 1'000'000};
  endpoint.egress = netsetup::Rate{.bytes_per_second = 2'000'000};
  endpoint.alternative_name = "web-of-many-letters-eth0";
  const Netns& netns = AddContainer("c1");
  CAISSON_ASSERT_OK(host_->Attach(network, endpoint, netns.fd.get()));
  json queue = Json(
      "", {"tc", "-j", "qdisc", "show", "dev", netsetup::IfbName(endpoint.id)});
  EXPECT_EQ(queue[0]["options"]["rate"], 2'000'000);
  EXPECT_TRUE(Ping("c1", "10.1.0.1"));
  EXPECT_FALSE(LinkJson("", HostLinkName(endpoint.id))["altnames"].empty());
  // The kernel sends packets of its own for a while: compared are looks between
  // which it did not.
  netsetup::LinkCounters counters, later;
  json stats;
  do {
    CAISSON_ASSERT_OK_AND_ASSIGN(counters,
                                 host_->Counters(network, endpoint, -1));
    stats = Json("c1", {"ip", "-j", "-s", "link", "show", "eth0"})[0];
    CAISSON_ASSERT_OK_AND_ASSIGN(later, host_->Counters(network, endpoint, -1));
  } while (counters.tx_packets != later.tx_packets);
  EXPECT_EQ(stats["stats64"]["tx"]["packets"], counters.tx_packets);
  EXPECT_GT(counters.tx_packets, 0u);
  CAISSON_EXPECT_OK(
      host_->Detach(network, endpoint, netns.fd.get(), DetachHow::kNow));
  EXPECT_THAT(LinkNames(), SizeIs(2));
}

TEST_F(RootAttachTest, TheDefaultRouteIsHandedOnAndComesBack) {
  const Netns& netns = AddContainer("c1");
  netsetup::Desired desired;
  for (const int n : {1, 2}) {
    desired.networks.push_back(NetworkOf(Driver::kBridge, n));
    CAISSON_ASSERT_OK(host_->CreateNetwork(desired.networks.back()));
    Endpoint endpoint = EndpointOf(desired.networks.back(), n, 2);
    endpoint.interface = StrCat("eth", n - 1);
    endpoint.default_route = n == 1;
    CAISSON_ASSERT_OK(
        host_->Attach(desired.networks.back(), endpoint, netns.fd.get()));
    desired.endpoints.push_back(endpoint);
  }
  const auto ways_out = [&] {
    std::vector<std::string> links;
    for (const char* family : {"-4", "-6"}) {
      for (const json& route :
           Json("c1", {"ip", "-j", family, "route", "show", "default"})) {
        links.push_back(route["dev"]);
      }
    }
    return links;
  };
  EXPECT_THAT(ways_out(), ElementsAre("eth0", "eth0"));
  CAISSON_ASSERT_OK(host_->Detach(desired.networks[0], desired.endpoints[0],
                                  netns.fd.get(), DetachHow::kNow));
  // Whatever its guest calls it.
  Run("c1", {"ip", "link", "set", "eth1", "down"});
  Run("c1", {"ip", "link", "set", "eth1", "name", "own"});
  Run("c1", {"ip", "link", "set", "own", "up"});
  Run("c1", {"ip", "addr", "add", "fd00:2::2/64", "dev", "own", "nodad"});
  for (int again = 0; again < 2; ++again) {
    CAISSON_ASSERT_OK(host_->AddDefaultRoute(
        desired.networks[1], desired.endpoints[1], netns.fd.get()));
    EXPECT_THAT(ways_out(), ElementsAre("own", "own"));
  }
  // A daemon that died before it recorded that.
  EXPECT_THAT(StatusesOf(host_->Recover(
                  desired, [&](const std::string&) { return netns.fd.get(); })),
              Each(base::IsOk()));
  EXPECT_THAT(ways_out(), ElementsAre("eth0", "eth0"));
}

TEST_F(RootAttachTest, ASecondNetworkOfAContainerHasItsOwnMetric) {
  const Netns& netns = AddContainer("c1");
  for (const int n : {1, 2}) {
    const Network network = NetworkOf(Driver::kBridge, n);
    CAISSON_ASSERT_OK(host_->CreateNetwork(network));
    Endpoint endpoint = EndpointOf(network, n, 2);
    endpoint.interface = StrCat("eth", n - 1);
    endpoint.metric = static_cast<uint32_t>(100 * n);
    CAISSON_ASSERT_OK(host_->Attach(network, endpoint, netns.fd.get()));
  }
  EXPECT_THAT(Json("c1", {"ip", "-j", "route", "show", "default"}), SizeIs(2));
  EXPECT_EQ(LinkJson("c1", "eth1")["ifindex"], 3);
  EXPECT_TRUE(Ping("c1", "10.2.0.1"));
}

TEST_F(RootAttachTest, AnIndexThatIsTakenIsNoObstacle) {
  const Network network = NetworkOf(Driver::kBridge, 1);
  CAISSON_ASSERT_OK(host_->CreateNetwork(network));
  const Netns& netns = AddContainer("c1");
  Run("c1", {"ip", "link", "add", "own", "index", "2", "type", "bridge"});
  CAISSON_ASSERT_OK(
      host_->Attach(network, EndpointOf(network, 1, 2), netns.fd.get()));
  EXPECT_NE(LinkJson("c1", "eth0")["ifindex"], 2);
  EXPECT_THAT(Run("c1", {"ip", "addr", "show", "own"}), Not(HasSubstr("inet")));
  EXPECT_TRUE(Ping("c1", "10.1.0.1"));
}

TEST_F(RootAttachTest, WhatTheContainerHasAlreadyIsAConflictAndNothingIsLeft) {
  const Network network = NetworkOf(Driver::kBridge, 1);
  CAISSON_ASSERT_OK(host_->CreateNetwork(network));
  const Netns& netns = AddContainer("c1");
  Run("c1", {"ip", "link", "add", "eth0", "type", "bridge"});
  const std::string before = HostState();
  EXPECT_THAT(host_->Attach(network, EndpointOf(network, 1, 2), netns.fd.get()),
              StatusIs(absl::StatusCode::kAlreadyExists,
                       HasSubstr("step 1 of 9: create veth")));
  EXPECT_EQ(HostState(), before);
  EXPECT_THAT(LinkNames("c1"), SizeIs(2));
}

TEST_F(RootAttachTest, WhoKnewTheLastOwnerIsToldOfTheNext) {
  const Network network = NetworkOf(Driver::kBridge, 1);
  CAISSON_ASSERT_OK(host_->CreateNetwork(network));
  CAISSON_ASSERT_OK(host_->Attach(network, EndpointOf(network, 1, 2),
                                  AddContainer("peer").fd.get()));
  const std::string bridge = BridgeName(network);
  const auto known = [&](const std::string& netns, const std::string& link,
                         const std::string& address) {
    return Run(netns, {"ip", "neigh", "show", address, "dev", link});
  };
  Endpoint endpoint = EndpointOf(network, 1, 3);
  const std::pair<std::string, std::string> places[] = {{"", bridge},
                                                        {"peer", "eth0"}};
  for (const auto& [netns, link] : places) {
    for (const netsetup::IpPrefix& prefix : endpoint.addresses) {
      Run(netns, {"ip", "neigh", "add", prefix.address.ToString(), "lladdr",
                  "02:00:00:00:00:99", "nud", "reachable", "dev", link});
    }
  }
  endpoint.announce = true;
  CAISSON_ASSERT_OK(
      host_->Attach(network, endpoint, AddContainer("next").fd.get()));
  const std::string mac = netsetup::MacOf("container", endpoint.id).ToString();
  for (const auto& [netns, link] : places) {
    for (const netsetup::IpPrefix& prefix : endpoint.addresses) {
      const std::string address = prefix.address.ToString();
      EXPECT_TRUE(PollUntil(absl::Seconds(10), [&, &netns = netns,
                                                &link = link] {
        return absl::StrContains(known(netns, link, address), mac);
      })) << known(netns, link, address);
    }
  }
}

TEST_F(RootAttachTest, AFailureInsideOfABatchUndoesWhatCameAfterIt) {
  const Network network = NetworkOf(Driver::kBridge, 1);
  CAISSON_ASSERT_OK(host_->CreateNetwork(network));
  Endpoint endpoint = EndpointOf(network, 1, 2);
  // Refused by the kernel, in the middle of the container's second batch.
  endpoint.routes = {{.destination = *ParseIpPrefix("172.16.0.0/12"),
                      .gateway = *ParseIpAddress("192.0.2.9")},
                     {.destination = *ParseIpPrefix("172.32.0.0/16"),
                      .gateway = *ParseIpAddress("10.1.0.1")}};
  const Netns& netns = AddContainer("c1");
  const std::string before = HostState();
  const auto attached = host_->Attach(network, endpoint, netns.fd.get());
  EXPECT_THAT(attached, StatusIs(absl::StatusCode::kInvalidArgument,
                                 HasSubstr("step 10 of 11: add route")));
  EXPECT_EQ(netsetup::NetErrorOf(attached.status()).ack.text,
            "Nexthop has invalid gateway");
  EXPECT_EQ(HostState(), before);
  EXPECT_THAT(LinkNames("c1"), SizeIs(1));
  EXPECT_THAT(Run("c1", {"ip", "route"}), IsEmpty());
}

// The drivers whose plans are failed at every step.
class RootAttachFaultTest : public RootAttachTest,
                            public ::testing::WithParamInterface<Driver> {};

TEST_P(RootAttachFaultTest, AfterAnyFailedStepNothingIsLeft) {
  AddUplink();
  Network network = NetworkOf(GetParam(), 1);
  if (GetParam() != Driver::kBridge && GetParam() != Driver::kPtp) {
    network.interface = "up0";
  }
  CAISSON_ASSERT_OK(host_->CreateNetwork(network));
  Endpoint endpoint = EndpointOf(network, 1, 2);
  endpoint.announce = true;
  endpoint.sysctls = {{"net/ipv4/conf/eth0/forwarding", "1"},
                      {"net/ipv4/ip_default_ttl", "77"}};
  if (GetParam() == Driver::kBridge) {
    endpoint.ingress = netsetup::Rate{.bytes_per_second = 1'000'000};
    endpoint.egress = netsetup::Rate{.bytes_per_second = 1'000'000};
    endpoint.alternative_name = "an-alternative-name";
  }
  const Netns& netns = AddContainer("c1");
  CAISSON_ASSERT_OK_AND_ASSIGN(const std::vector<std::string> steps,
                               StepsOf(network, endpoint));
  const std::string before = HostState();
  for (size_t fail = 0; fail < steps.size(); ++fail) {
    const auto attached =
        host_->Attach(network, endpoint, netns.fd.get(), [&](size_t index) {
          return index == fail ? netsetup::NetErrorFrom(EIO, "fault", "test")
                               : absl::OkStatus();
        });
    EXPECT_THAT(attached,
                StatusIs(absl::StatusCode::kInternal,
                         HasSubstr(StrCat("step ", fail + 1, " of "))));
    EXPECT_THAT(attached, ErrnoIs(EIO));
    EXPECT_THAT(LinkNames("c1"), SizeIs(1)) << steps[fail];
    EXPECT_EQ(ReadSysctlIn("c1", "net/ipv4/ip_default_ttl"), "64");
    EXPECT_EQ(HostState(), before) << steps[fail];
  }
  CAISSON_EXPECT_OK(host_->Attach(network, endpoint, netns.fd.get()));
}

// A daemon that dies between two steps; then the next one cleans up.
TEST_P(RootAttachFaultTest, AfterADeathAtAnyStepDetachLeavesNothing) {
  AddUplink();
  Network network = NetworkOf(GetParam(), 1);
  if (GetParam() != Driver::kBridge && GetParam() != Driver::kPtp) {
    network.interface = "up0";
  }
  CAISSON_ASSERT_OK(host_->CreateNetwork(network));
  Endpoint endpoint = EndpointOf(network, 1, 2);
  if (GetParam() == Driver::kBridge) {
    endpoint.egress = netsetup::Rate{.bytes_per_second = 1'000'000};
  }
  const Netns& netns = AddContainer("c1");
  CAISSON_ASSERT_OK_AND_ASSIGN(const std::vector<std::string> steps,
                               StepsOf(network, endpoint));
  const std::vector<std::string> before = LinkNames();
  for (size_t death = 1; death <= steps.size(); ++death) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      static_cast<void>(
          host_->Attach(network, endpoint, netns.fd.get(), [&](size_t index) {
            if (index == death) ::_exit(7);
            return absl::OkStatus();
          }));
      ::_exit(7);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    EXPECT_NE(StrCat(LinkNames().size(), LinkNames("c1").size()),
              StrCat(before.size(), 1));
    CAISSON_EXPECT_OK(
        host_->Detach(network, endpoint, netns.fd.get(), DetachHow::kNow));
    EXPECT_EQ(LinkNames(), before) << steps[death - 1];
    EXPECT_THAT(LinkNames("c1"), SizeIs(1)) << steps[death - 1];
  }
}

INSTANTIATE_TEST_SUITE_P(
    Drivers, RootAttachFaultTest,
    ::testing::Values(Driver::kBridge, Driver::kPtp, Driver::kMacvlan,
                      Driver::kHostDevice),
    [](const ::testing::TestParamInfo<Driver>& driver) {
      std::string name(netsetup::DriverName(driver.param));
      name.erase(std::remove(name.begin(), name.end(), '-'), name.end());
      return name;
    });

TEST_F(RootAttachTest, WithItsNamespaceTheVethGoes) {
  const Network network = NetworkOf(Driver::kBridge, 1);
  CAISSON_ASSERT_OK(host_->CreateNetwork(network));
  const Endpoint endpoint = EndpointOf(network, 1, 2);
  {
    CAISSON_ASSERT_OK_AND_ASSIGN(
        const Netns netns, netsetup::CreateNetns(netsetup::DefaultSysctls()));
    CAISSON_ASSERT_OK(host_->Attach(network, endpoint, netns.fd.get()));
    CAISSON_ASSERT_OK(host_->Detach(network, endpoint, netns.fd.get(),
                                    DetachHow::kNamespaceEnds));
  }
  EXPECT_TRUE(
      PollUntil(absl::Seconds(10), [&] { return LinkNames().size() == 2; }));
  CAISSON_EXPECT_OK(
      host_->Detach(network, endpoint, -1, DetachHow::kNamespaceEnds));
  CAISSON_EXPECT_OK(host_->DestroyNetwork(network));
  CAISSON_EXPECT_OK(host_->DestroyNetwork(network));
  EXPECT_THAT(LinkNames(), SizeIs(1));
}

TEST_F(RootAttachTest, ANewRunDoesNotWaitForTheVethOfTheLast) {
  const Network network = NetworkOf(Driver::kBridge, 1);
  CAISSON_ASSERT_OK(host_->CreateNetwork(network));
  const Endpoint endpoint = EndpointOf(network, 1, 2);
  // Somebody keeps the first namespace.
  const Netns& first = AddContainer("first");
  CAISSON_ASSERT_OK(host_->Attach(network, endpoint, first.fd.get()));
  CAISSON_ASSERT_OK(host_->Detach(network, endpoint, first.fd.get(),
                                  DetachHow::kNamespaceEnds));
  const Netns& second = AddContainer("second");
  CAISSON_ASSERT_OK(host_->Attach(network, endpoint, second.fd.get()));
  EXPECT_THAT(LinkNames("first"), SizeIs(1));
  EXPECT_TRUE(Ping("second", "10.1.0.1"));
}

TEST_F(RootAttachTest, AFullBridgeIsExhaustedAndLeavesNoOrphan) {
  const Network network = NetworkOf(Driver::kBridge, 1);
  CAISSON_ASSERT_OK(host_->CreateNetwork(network));
  // The kernel's limit, and fillers that are cheap to make: one batch file.
  std::string batch;
  for (int i = 0; i < 1023; ++i) {
    batch += StrCat("link add f", i, " master ", BridgeName(network),
                    " type veth peer name g", i, "\n");
  }
  WriteFileOrDie("/run/fill", batch);
  Run("", {"ip", "-batch", "/run/fill"});
  const Netns& netns = AddContainer("c1");
  EXPECT_THAT(host_->Attach(network, EndpointOf(network, 1, 2), netns.fd.get()),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_TRUE(LinkJson("", HostLinkName(IdOf(0x101002))).is_null());
  EXPECT_THAT(LinkNames("c1"), SizeIs(1));
}

TEST_F(RootAttachTest, RecoveryAdoptsRepairsMakesAndRemoves) {
  Run("", {"ip", "link", "add", "foreign", "type", "bridge"});
  const Network kept = NetworkOf(Driver::kBridge, 1);
  const Network gone = NetworkOf(Driver::kBridge, 2);
  CAISSON_ASSERT_OK(host_->CreateNetwork(kept));
  CAISSON_ASSERT_OK(host_->CreateNetwork(gone));
  netsetup::Desired desired = {.networks = {kept}};
  for (const int m : {2, 3, 4}) {
    desired.endpoints.push_back(EndpointOf(kept, 1, m));
    CAISSON_ASSERT_OK(host_->Attach(kept, desired.endpoints.back(),
                                    AddContainer(StrCat("c", m)).fd.get()));
  }
  const Netns& orphan = AddContainer("orphan");
  CAISSON_ASSERT_OK(
      host_->Attach(kept, EndpointOf(kept, 1, 9), orphan.fd.get()));
  // One is taken off its bridge, one is deleted, the bridge loses an address.
  Run("",
      {"ip", "link", "set", HostLinkName(desired.endpoints[1].id), "nomaster"});
  Run("", {"ip", "link", "del", HostLinkName(desired.endpoints[2].id)});
  Run("", {"ip", "addr", "del", "10.1.0.1/16", "dev", BridgeName(kept)});

  std::vector<Netns> opened;
  const auto netns_of = [&](const std::string& id) {
    for (const int m : {2, 3, 4}) {
      if (id != EndpointOf(kept, 1, m).id) continue;
      opened.push_back(*netsetup::OpenNamedNetns(StrCat("c", m)));
      return opened.back().fd.get();
    }
    return -1;
  };
  auto recovered = host_->Recover(desired, netns_of);
  EXPECT_THAT(StatusesOf(recovered), Each(IsOk()));
  ASSERT_THAT(*recovered, SizeIs(5));
  EXPECT_THAT((*recovered)[0].steps, SizeIs(1));
  EXPECT_THAT((*recovered)[1].steps, IsEmpty());
  EXPECT_THAT((*recovered)[2].steps, SizeIs(2));
  EXPECT_THAT((*recovered)[3].steps, SizeIs(9));
  EXPECT_THAT((*recovered)[4].steps, SizeIs(3));
  for (const char* name : {"c2", "c3", "c4"}) {
    EXPECT_TRUE(Ping(name, "10.1.0.1")) << name;
    EXPECT_TRUE(Ping(name, "fd00:1::1")) << name;
  }
  EXPECT_THAT(LinkNames("orphan"), SizeIs(1));
  EXPECT_FALSE(LinkJson("", "foreign").is_null());
  EXPECT_TRUE(LinkJson("", BridgeName(gone)).is_null());
  EXPECT_THAT(*host_->ListOwnLinks(), SizeIs(4));
  // A second time there is nothing to do.
  recovered = host_->Recover(desired, netns_of);
  EXPECT_THAT(*recovered, Each(Field(&Recovered::steps, IsEmpty())));
  EXPECT_THAT(*recovered, SizeIs(4));
}

TEST_F(RootAttachTest, TwoDaemonsDoNotTouchEachOther) {
  const Network network = NetworkOf(Driver::kBridge, 1);
  CAISSON_ASSERT_OK(host_->CreateNetwork(network));
  CAISSON_ASSERT_OK_AND_ASSIGN(const Host other, Host::Open("99"));
  EXPECT_THAT(other.CreateNetwork(network),
              StatusIs(absl::StatusCode::kAlreadyExists));
  CAISSON_EXPECT_OK(other.DestroyNetwork(network));
  EXPECT_THAT(StatusesOf(other.Recover({}, [](const auto&) { return -1; })),
              Each(IsOk()));
  EXPECT_FALSE(LinkJson("", BridgeName(network)).is_null());
}

}  // namespace
}  // namespace caisson::testing
