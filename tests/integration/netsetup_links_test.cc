// Links, addresses, routes, limits and namespaces on a real kernel, as ip,
// bridge, tc and ping see them.
#include <errno.h>
#include <sys/stat.h>

#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "netsetup/addr.h"
#include "netsetup/link.h"
#include "netsetup/netlink/net_error.h"
#include "netsetup/netns.h"
#include "netsetup/netns_pins.h"
#include "netsetup/probe.h"
#include "netsetup/route.h"
#include "netsetup/tc.h"
#include "runtime/base/status_matchers.h"
#include "runtime/base/str_cat.h"
#include "tests/integration/network_world.h"
#include "tests/testing/environment.h"

namespace caisson::testing {
namespace {

using base::ErrnoIs;
using base::IsOk;
using base::IsOkAndHolds;
using base::StatusIs;
using base::StrCat;
using netsetup::BridgeOptions;
using netsetup::BuildAddAddress;
using netsetup::BuildAddAlternativeName;
using netsetup::BuildAddNeighbour;
using netsetup::BuildAddRoute;
using netsetup::BuildChangeLink;
using netsetup::BuildCreateLink;
using netsetup::BuildSetRate;
using netsetup::Message;
using netsetup::Netns;
using netsetup::NewLink;
using netsetup::ParseIpAddress;
using netsetup::ParseIpPrefix;
using netsetup::ParseMacAddress;
using netsetup::Result;
using netsetup::Socket;
using netsetup::VethOptions;
using nlohmann::json;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class RootLinksTest : public NetworkWorld {
 protected:
  absl::Status Create(const NewLink& link) {
    return host().Request(BuildCreateLink(link), "create", link.name);
  }
  absl::Status Change(const std::string& name,
                      const netsetup::LinkChange& change) {
    return host().Request(BuildChangeLink({.name = name}, change), "change",
                          name);
  }
  int IndexOf(const std::string& name) {
    const absl::StatusOr<netsetup::Link> link =
        GetLink(&host(), {.name = name});
    EXPECT_THAT(link, IsOk());
    return link.ok() ? link->index : -1;
  }
  void AddBridge(const std::string& name) {
    CAISSON_ASSERT_OK(Create({.name = name,
                              .kind = BridgeOptions{},
                              .mac = *ParseMacAddress("02:00:00:00:00:01")}));
    CAISSON_ASSERT_OK(Change(
        name, {.up = true,
               .address_generation = netsetup::AddressGeneration::kNone}));
  }
  // A namespace on the bridge br0, ready to talk: three sends.
  void AddPeer(const std::string& name, const std::string& v4,
               const std::string& v6) {
    const Netns& netns = AddContainer(name);
    CAISSON_ASSERT_OK(
        Create({.name = "host-" + name,
                .kind = VethOptions{.peer_name = "eth0",
                                    .peer_index = 2,
                                    .peer_netns_fd = netns.fd.get()},
                .master = IndexOf("br0")}));
    CAISSON_ASSERT_OK(Change("host-" + name, {.up = true}));
    CAISSON_ASSERT_OK_AND_ASSIGN(Socket inside,
                                 netsetup::OpenSocketIn(netns.fd.get()));
    std::vector<Message> requests;
    requests.push_back(BuildChangeLink({.index = 2}, {.up = true}));
    requests.push_back(
        BuildAddAddress({.link = 2, .prefix = *ParseIpPrefix(v4)}));
    requests.push_back(
        BuildAddAddress({.link = 2, .prefix = *ParseIpPrefix(v6)}));
    requests.push_back(
        BuildAddRoute({.destination = *ParseIpPrefix("0.0.0.0/0"),
                       .gateway = *ParseIpAddress("10.77.0.1"),
                       .link = 2,
                       .metric = 50}));
    for (const Result& result : inside.Transact(requests)) {
      EXPECT_EQ(result.ack, netsetup::Ack{});
    }
  }
};

TEST_F(RootLinksTest, ABridgeIsMadeAsAsked) {
  AddBridge("br0");
  json bridge = LinkJson("", "br0");
  EXPECT_EQ(bridge["address"], "02:00:00:00:00:01");
  json& data = bridge["linkinfo"]["info_data"];
  EXPECT_EQ(data["stp_state"], 0);
  EXPECT_EQ(data["forward_delay"], 0);
  EXPECT_EQ(bridge["inet6_addr_gen_mode"], "none");
  EXPECT_THAT(bridge["flags"], Contains("UP"));
}

TEST_F(RootLinksTest, AVethIsBornWithItsPeerInsideAndATagOutside) {
  AddBridge("br0");
  const Netns& netns = AddContainer("c1");
  const int bridge = IndexOf("br0");
  CAISSON_ASSERT_OK(Create(
      {.name = "cv0",
       .kind = VethOptions{.peer_name = "eth0",
                           .peer_mac = *ParseMacAddress("02:00:00:00:00:0a"),
                           .peer_index = 2,
                           .peer_netns_fd = netns.fd.get()},
       .mac = *ParseMacAddress("02:00:00:00:00:0b"),
       .mtu = 1400,
       .group = 9,
       .master = bridge}));
  std::vector<Message> requests;
  requests.push_back(BuildChangeLink(
      {.name = "cv0"},
      {.up = true,
       .alias = "caisson:test",
       .port = netsetup::PortOptions{.isolated = true, .hairpin = true},
       .address_generation = netsetup::AddressGeneration::kNone}));
  requests.push_back(
      BuildAddAlternativeName({.name = "cv0"}, "caisson-container-one-eth0"));
  for (const Result& result : host().Transact(requests)) {
    EXPECT_EQ(result.ack, netsetup::Ack{});
  }
  json outside = LinkJson("", "cv0");
  EXPECT_EQ(outside["ifalias"], "caisson:test");
  EXPECT_EQ(outside["master"], "br0");
  EXPECT_EQ(outside["mtu"], 1400);
  EXPECT_EQ(outside["group"], "9");
  EXPECT_THAT(outside["altnames"], Contains("caisson-container-one-eth0"));
  json& port = outside["linkinfo"]["info_slave_data"];
  EXPECT_EQ(port["isolated"], true);
  EXPECT_EQ(port["hairpin"], true);
  json inside = LinkJson("c1", "eth0");
  EXPECT_EQ(inside["ifindex"], 2);
  EXPECT_EQ(inside["mtu"], 1400);
  EXPECT_EQ(inside["address"], "02:00:00:00:00:0a");
  EXPECT_THAT(inside["flags"], Not(Contains("UP")));

  // What ip says is what is read here.
  CAISSON_ASSERT_OK_AND_ASSIGN(
      const netsetup::Link link,
      GetLink(&host(), {.name = "caisson-container-one-eth0"},
              netsetup::WithCounters::kYes));
  EXPECT_EQ(link.name, "cv0");
  EXPECT_EQ(link.index, outside["ifindex"]);
  EXPECT_EQ(link.alias, "caisson:test");
  EXPECT_EQ(link.master, bridge);
  EXPECT_EQ(link.group, 9u);
  EXPECT_EQ(link.port,
            (netsetup::PortOptions{.isolated = true, .hairpin = true}));
  EXPECT_TRUE(link.counters.has_value());
}

TEST_F(RootLinksTest, PeersOfABridgeTalkAtOnceInBothFamilies) {
  AddBridge("br0");
  AddPeer("c1", "10.77.0.2/24", "fd77::2/64");
  AddPeer("c2", "10.77.0.3/24", "fd77::3/64");
  EXPECT_TRUE(Ping("c1", "10.77.0.3"));
  EXPECT_TRUE(Ping("c1", "fd77::3"));
  json routes = Json("c1", {"ip", "-j", "route", "show", "default"});
  ASSERT_THAT(routes, SizeIs(1));
  EXPECT_EQ(routes[0]["gateway"], "10.77.0.1");
  EXPECT_EQ(routes[0]["metric"], 50);
  // Nothing waits for duplicate address detection.
  const json addresses = Json("c1", {"ip", "-j", "-6", "addr", "show"});
  for (const json& link : addresses) {
    for (const json& address : link["addr_info"]) {
      EXPECT_FALSE(address.contains("tentative")) << address;
    }
  }
}

TEST_F(RootLinksTest, WhatIsListedIsWhatIpLists) {
  AddBridge("br0");
  AddPeer("c1", "10.77.0.2/24", "fd77::2/64");
  const Netns netns = *netsetup::OpenNamedNetns("c1");
  Socket inside = *netsetup::OpenSocketIn(netns.fd.get());
  CAISSON_ASSERT_OK_AND_ASSIGN(const auto addresses,
                               netsetup::ListAddresses(&inside, 2));
  // fe80:: as well.
  EXPECT_THAT(addresses, SizeIs(3));
  EXPECT_THAT(addresses,
              Contains(netsetup::LinkAddress{
                  .link = 2, .prefix = *ParseIpPrefix("10.77.0.2/24")}));
  CAISSON_ASSERT_OK_AND_ASSIGN(const auto routes,
                               netsetup::ListRoutes(&inside));
  const size_t listed = Json("c1", {"ip", "-j", "-4", "route"}).size() +
                        Json("c1", {"ip", "-j", "-6", "route"}).size();
  EXPECT_EQ(routes.size(), listed);
  EXPECT_THAT(routes, Contains(netsetup::Route{
                          .destination = *ParseIpPrefix("0.0.0.0/0"),
                          .gateway = *ParseIpAddress("10.77.0.1"),
                          .link = 2,
                          .metric = 50}));
  const auto links = netsetup::ListLinks(&host());
  EXPECT_EQ(links->size(), Json("", {"ip", "-j", "link"}).size());
}

TEST_F(RootLinksTest, WhereThereWasNeverAnAddressThereAreNoRoutes) {
  Run("", {"ip", "netns", "add", "raw"});
  CAISSON_ASSERT_OK_AND_ASSIGN(const Netns raw,
                               netsetup::OpenNamedNetns("raw"));
  Socket inside = *netsetup::OpenSocketIn(raw.fd.get());
  EXPECT_THAT(netsetup::ListRoutes(&inside), IsOkAndHolds(IsEmpty()));
  CAISSON_EXPECT_OK(netsetup::UnpinNetns("raw"));
}

TEST_F(RootLinksTest, ErrorsAreTheKernelsOwn) {
  AddBridge("br0");
  const absl::Status taken = Create({.name = "br0", .kind = BridgeOptions{}});
  EXPECT_THAT(taken, ErrnoIs(EEXIST));
  EXPECT_THAT(taken, StatusIs(absl::StatusCode::kAlreadyExists));
  const absl::Status route =
      host().Request(BuildAddRoute({.destination = *ParseIpPrefix("0.0.0.0/0"),
                                    .gateway = *ParseIpAddress("192.0.2.1"),
                                    .link = IndexOf("br0")}),
                     "add route", "default");
  EXPECT_THAT(route, StatusIs(absl::StatusCode::kInvalidArgument,
                              HasSubstr("Nexthop has invalid gateway")));
  EXPECT_EQ(netsetup::NetErrorOf(route).ack.text,
            "Nexthop has invalid gateway");
  EXPECT_THAT(GetLink(&host(), {.name = "none"}),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(RootLinksTest, RequestsBehindAFailedOneAreExecuted) {
  std::vector<Message> requests;
  requests.push_back(BuildCreateLink({.name = "br0", .kind = BridgeOptions{}}));
  requests.push_back(BuildCreateLink({.name = "br0", .kind = BridgeOptions{}}));
  requests.push_back(BuildCreateLink({.name = "br1", .kind = BridgeOptions{}}));
  const std::vector<Result> results = host().Transact(requests);
  EXPECT_TRUE(results[0].ok());
  EXPECT_EQ(results[1].ack.error, EEXIST);
  EXPECT_TRUE(results[2].ok());
  EXPECT_FALSE(LinkJson("", "br1").is_null());
}

TEST_F(RootLinksTest, AnOverrunLosesAnswersButNotTheSocket) {
  CAISSON_ASSERT_OK_AND_ASSIGN(
      Socket small,
      Socket::Open({.timeout = absl::Seconds(5), .receive_buffer_bytes = 1}));
  std::vector<Message> requests;
  for (int i = 0; i < 64; ++i) {
    requests.push_back(
        BuildChangeLink({.name = StrCat("none", i)}, {.up = true}));
  }
  int unknown = 0;
  for (const Result& result : small.Transact(requests)) {
    EXPECT_EQ(result.ack.error, result.is_unknown ? ENOBUFS : ENODEV);
    unknown += result.is_unknown ? 1 : 0;
  }
  EXPECT_GT(unknown, 0);
  EXPECT_LT(unknown, 64);
  CAISSON_EXPECT_OK(small.Request(BuildChangeLink({.name = "lo"}, {.up = true}),
                                  "change", "lo"));
}

TEST_F(RootLinksTest, AGroupIsDeletedAtOnceAndAlone) {
  AddBridge("br0");
  std::vector<Message> requests;
  for (int i = 0; i < 50; ++i) {
    requests.push_back(
        BuildCreateLink({.name = StrCat("a", i),
                         .kind = VethOptions{.peer_name = StrCat("b", i)},
                         .group = i == 0 ? 5u : 4711u}));
  }
  for (const Result& result : host().Transact(requests)) {
    EXPECT_TRUE(result.ok());
  }
  // A dump of more than one datagram.
  EXPECT_THAT(*netsetup::ListLinks(&host()), SizeIs(102));
  CAISSON_EXPECT_OK(
      host().Request(netsetup::BuildDeleteGroup(4711), "delete group", ""));
  EXPECT_THAT(Json("", {"ip", "-j", "link"}), SizeIs(4));
  EXPECT_THAT(
      host().Request(netsetup::BuildDeleteGroup(4711), "delete group", ""),
      ErrnoIs(ENODEV));
}

TEST_F(RootLinksTest, ADeviceGoesIntoANamespaceAndComesBack) {
  const Netns& netns = AddContainer("c1");
  CAISSON_ASSERT_OK(
      Create({.name = "dev0", .kind = VethOptions{.peer_name = "dev1"}}));
  CAISSON_ASSERT_OK(host().Request(
      BuildChangeLink({.index = IndexOf("dev0")},
                      {.name = "data0", .netns_fd = netns.fd.get()}),
      "move link", "dev0"));
  EXPECT_TRUE(LinkJson("", "dev0").is_null());
  EXPECT_FALSE(LinkJson("c1", "data0").is_null());
  CAISSON_ASSERT_OK_AND_ASSIGN(const Netns here, netsetup::CurrentNetns());
  Socket inside = *netsetup::OpenSocketIn(netns.fd.get());
  CAISSON_ASSERT_OK(inside.Request(
      BuildChangeLink({.index = GetLink(&inside, {.name = "data0"})->index},
                      {.name = "dev0", .netns_fd = here.fd.get()}),
      "move link", "data0"));
  EXPECT_FALSE(LinkJson("", "dev0").is_null());
  EXPECT_TRUE(LinkJson("c1", "data0").is_null());
}

TEST_F(RootLinksTest, MacvlanIsBornInTheTargetAndTalks) {
  AddBridge("br0");
  CAISSON_ASSERT_OK(
      Create({.name = "up0", .kind = VethOptions{.peer_name = "up1"}}));
  CAISSON_ASSERT_OK(Change("up0", {.up = true}));
  CAISSON_ASSERT_OK(Change("up1", {.up = true}));
  for (const char* name : {"c1", "c2"}) {
    const Netns& netns = AddContainer(name);
    CAISSON_ASSERT_OK(Create({.name = "eth0",
                              .kind = netsetup::MacvlanOptions{},
                              .parent = IndexOf("up0"),
                              .netns_fd = netns.fd.get()}));
    Socket inside = *netsetup::OpenSocketIn(netns.fd.get());
    const int index = GetLink(&inside, {.name = "eth0"})->index;
    std::vector<Message> requests;
    requests.push_back(BuildChangeLink({.index = index}, {.up = true}));
    requests.push_back(BuildAddAddress(
        {.link = index,
         .prefix = *ParseIpPrefix(StrCat("10.5.0.", name + 1, "/24"))}));
    for (const Result& result : inside.Transact(requests)) {
      EXPECT_TRUE(result.ok()) << result.ack.text;
    }
  }
  EXPECT_EQ(LinkJson("c1", "eth0")["linkinfo"]["info_data"]["mode"], "bridge");
  EXPECT_TRUE(Ping("c1", "10.5.0.2"));
}

TEST_F(RootLinksTest, ANeighbourIsTold) {
  AddBridge("br0");
  CAISSON_ASSERT_OK(host().Request(
      BuildAddNeighbour({.link = IndexOf("br0"),
                         .address = *ParseIpAddress("10.0.0.9"),
                         .mac = *ParseMacAddress("02:00:00:00:00:09")}),
      "add neighbour", "10.0.0.9"));
  json neighbours = Json("", {"ip", "-j", "neigh", "show"});
  ASSERT_THAT(neighbours, SizeIs(1));
  EXPECT_EQ(neighbours[0]["lladdr"], "02:00:00:00:00:09");
  EXPECT_THAT(neighbours[0]["state"], Contains("PERMANENT"));
}

TEST_F(RootLinksTest, BandwidthIsLimitedBothWays) {
  CAISSON_ASSERT_OK(
      Create({.name = "a", .kind = VethOptions{.peer_name = "b"}}));
  CAISSON_ASSERT_OK(Create({.name = "ifb", .kind = netsetup::IfbOptions{}}));
  const int link = IndexOf("a");
  const int ifb = IndexOf("ifb");
  std::vector<Message> requests;
  requests.push_back(BuildSetRate(link, {.bytes_per_second = 1'250'000}));
  requests.push_back(BuildSetRate(ifb, {.bytes_per_second = 2'500'000}));
  requests.push_back(netsetup::BuildAddIngress(link));
  requests.push_back(netsetup::BuildRedirectIngress(link, ifb));
  for (const Result& result : host().Transact(requests)) {
    EXPECT_EQ(result.ack, netsetup::Ack{});
  }
  json shown = Json("", {"tc", "-j", "qdisc", "show", "dev", "a"});
  ASSERT_THAT(shown, SizeIs(2));
  EXPECT_EQ(shown[0]["kind"], "tbf");
  EXPECT_EQ(shown[0]["options"]["rate"], 1'250'000);
  // tc computes it back from the clock of the scheduler.
  EXPECT_NEAR(shown[0]["options"]["burst"].get<double>(), 131'072, 64);
  EXPECT_EQ(shown[1]["kind"], "ingress");
  const std::string filters =
      Run("", {"tc", "-j", "filter", "show", "dev", "a", "ingress"});
  EXPECT_THAT(filters, HasSubstr("\"to_dev\":\"ifb\""));
  // A second time changes it.
  CAISSON_EXPECT_OK(host().Request(
      BuildSetRate(link, {.bytes_per_second = 5'000'000'000}), "limit", "a"));
  EXPECT_EQ(
      Json("", {"tc", "-j", "qdisc", "show", "dev", "a"})[0]["options"]["rate"],
      5'000'000'000);
  CAISSON_EXPECT_OK(
      host().Request(netsetup::BuildRemoveRate(link), "unlimit", "a"));
  CAISSON_EXPECT_OK(
      host().Request(netsetup::BuildRemoveIngress(link), "unlimit", "a"));
  EXPECT_THAT(Run("", {"tc", "qdisc", "show", "dev", "a"}),
              Not(HasSubstr("tbf")));
}

TEST_F(RootLinksTest, ANamespaceHasItsSysctlsBeforeItsFirstLink) {
  std::vector<netsetup::Sysctl> sysctls = netsetup::DefaultSysctls();
  sysctls.push_back({"net/ipv4/ip_unprivileged_port_start", "80"});
  CAISSON_ASSERT_OK_AND_ASSIGN(const Netns before, netsetup::CurrentNetns());
  CAISSON_ASSERT_OK_AND_ASSIGN(const Netns netns,
                               netsetup::CreateNetns(sysctls));
  CAISSON_ASSERT_OK(netsetup::PinNetns(netns.fd.get(), "named"));
  EXPECT_EQ(ReadSysctlIn("named", "net/ipv4/ip_unprivileged_port_start"), "80");
  EXPECT_EQ(ReadSysctlIn("named", "net/ipv6/conf/default/accept_dad"), "0");
  EXPECT_EQ(ReadSysctlIn("", "net/ipv4/ip_unprivileged_port_start"), "1024");
  EXPECT_THAT(LinkJson("named", "lo")["flags"], Contains("UP"));
  // Nobody was moved.
  CAISSON_ASSERT_OK_AND_ASSIGN(const Netns after, netsetup::CurrentNetns());
  EXPECT_EQ(before.id, after.id);
  EXPECT_NE(netns.id, after.id);
  CAISSON_EXPECT_OK(netsetup::UnpinNetns("named"));
}

TEST_F(RootLinksTest, OneWriterSetsTheSysctlsOfMoreThanItsProcfsServes) {
  constexpr int kCount = 70;
  const std::string key = "net/ipv4/ip_unprivileged_port_start";
  netsetup::SysctlWriter writer;
  std::vector<Netns> all;
  for (int i = 0; i < kCount; ++i) {
    all.push_back(*netsetup::CreateNetns({}));
    const std::vector<netsetup::Sysctl> sysctls = {
        {key, StrCat(2000 + i)}, {"net/ipv6/conf/default/accept_ra", "0"}};
    CAISSON_ASSERT_OK(netsetup::RunInNetns(
        all[i].fd.get(), [&]() { return writer.Write(sysctls); }));
  }
  for (int i = 0; i < kCount; ++i) {
    CAISSON_EXPECT_OK(netsetup::RunInNetns(all[i].fd.get(), [&]() {
      EXPECT_EQ(*netsetup::ReadSysctl(key), StrCat(2000 + i));
      EXPECT_EQ(*netsetup::ReadSysctl("net/ipv6/conf/default/accept_ra"), "0");
      return absl::OkStatus();
    }));
  }
  EXPECT_EQ(ReadSysctlIn("", key), "1024");
  const netsetup::Sysctl none = {"net/ipv4/no_such_thing", "1"};
  EXPECT_THAT(writer.Write({&none, 1}), ErrnoIs(ENOENT));
}

TEST_F(RootLinksTest, ASysctlThatDoesNotExistIsAnError) {
  const netsetup::Sysctl none = {"net/ipv4/no_such_thing", "1"};
  EXPECT_THAT(netsetup::CreateNetns({&none, 1}), ErrnoIs(ENOENT));
}

TEST_F(RootLinksTest, NamedNamespacesAreThoseOfIp) {
  AddContainer("one");
  EXPECT_THAT(Run("", {"ip", "netns", "list"}), HasSubstr("one"));
  Run("", {"ip", "netns", "add", "other"});
  CAISSON_ASSERT_OK_AND_ASSIGN(const Netns one,
                               netsetup::OpenNamedNetns("one"));
  CAISSON_ASSERT_OK_AND_ASSIGN(const Netns other,
                               netsetup::OpenNamedNetns("other"));
  EXPECT_NE(one.id, other.id);
  EXPECT_THAT(netsetup::PinNetns(one.fd.get(), "other"), ErrnoIs(EEXIST));
  EXPECT_THAT(netsetup::PinNetns(one.fd.get(), "../other"),
              StatusIs(absl::StatusCode::kInvalidArgument));
  CAISSON_EXPECT_OK(netsetup::UnpinNetns("other"));
  CAISSON_EXPECT_OK(netsetup::UnpinNetns("other"));
  EXPECT_THAT(netsetup::OpenNamedNetns("other"), ErrnoIs(ENOENT));
  EXPECT_THAT(Run("", {"ip", "netns", "list"}), Not(HasSubstr("other")));
  // A file that outlived its mount is no namespace.
  WriteFileOrDie("/run/netns/stale", "");
  EXPECT_THAT(netsetup::OpenNamedNetns("stale"), ErrnoIs(ENXIO));
  CAISSON_EXPECT_OK(netsetup::UnpinNetns("stale"));
}

TEST_F(RootLinksTest, NamesOfNamespacesTellWhoseTheyAre) {
  const Netns one = *netsetup::CreateNetns({});
  const Netns two = *netsetup::CreateNetns({});
  constexpr char kTag[] = "caisson:0:namespace:1";
  const std::string_view directory = netsetup::kNamedNetnsDirectory;
  CAISSON_ASSERT_OK(netsetup::PinNetns(one.fd.get(), "ours", directory, kTag));
  Run("", {"ip", "netns", "add", "theirs"});
  EXPECT_THAT(netsetup::PinNetns(two.fd.get(), "theirs", directory, kTag),
              ErrnoIs(EEXIST));
  WriteFileOrDie("/run/netns/stale", std::string(300, 'x'));
  auto pins = netsetup::ListNetnsPins();
  ASSERT_THAT(pins, IsOk());
  ASSERT_THAT(*pins, SizeIs(3));
  EXPECT_EQ((*pins)[0].name, "ours");
  EXPECT_EQ((*pins)[0].tag, kTag);
  EXPECT_EQ((*pins)[0].netns, one.id);
  EXPECT_EQ((*pins)[1].name, "stale");
  EXPECT_EQ((*pins)[1].tag, "") << "too long to be one";
  EXPECT_EQ((*pins)[1].netns, std::nullopt);
  EXPECT_EQ((*pins)[2].name, "theirs");
  EXPECT_EQ((*pins)[2].tag, "");
  EXPECT_NE((*pins)[2].netns, std::nullopt);
  // The tag stays when the mount goes, or another one covers it.
  Run("", {"mount", "--bind", "/run/netns/theirs", "/run/netns/ours"});
  auto ours = *netsetup::FindNetnsPin("ours");
  ASSERT_TRUE(ours.has_value());
  EXPECT_EQ(ours->tag, kTag);
  EXPECT_EQ(ours->netns, (*pins)[2].netns);
  Run("", {"umount", "/run/netns/ours"});
  Run("", {"umount", "/run/netns/ours"});
  ours = *netsetup::FindNetnsPin("ours");
  ASSERT_TRUE(ours.has_value());
  EXPECT_EQ(ours->tag, kTag);
  EXPECT_EQ(ours->netns, std::nullopt);
  // Everything that is mounted there goes with the name.
  Run("", {"mount", "--bind", "/run/netns/theirs", "/run/netns/ours"});
  Run("", {"mount", "--bind", "/run/netns/theirs", "/run/netns/ours"});
  CAISSON_EXPECT_OK(netsetup::UnpinNetns("ours"));
  EXPECT_EQ(*netsetup::FindNetnsPin("ours"), std::nullopt);
  EXPECT_THAT(netsetup::FindNetnsPin("../ours"),
              StatusIs(absl::StatusCode::kInvalidArgument));
  CAISSON_EXPECT_OK(netsetup::UnpinNetns("stale"));
  CAISSON_EXPECT_OK(netsetup::UnpinNetns("theirs"));
  EXPECT_THAT(*netsetup::ListNetnsPins("/run/no-such-directory"), IsEmpty());
}

TEST_F(RootLinksTest, ASocketWorksForItsNamespaceFromAnyThread) {
  AddBridge("br0");
  AddPeer("c1", "10.77.0.2/24", "fd77::2/64");
  const Netns netns = *netsetup::OpenNamedNetns("c1");
  Socket inside = *netsetup::OpenSocketIn(netns.fd.get());
  std::thread other([&] {
    EXPECT_THAT(GetLink(&inside, {.name = "eth0"}), IsOk());
    EXPECT_THAT(GetLink(&inside, {.name = "br0"}), ErrnoIs(ENODEV));
  });
  other.join();
  EXPECT_NE(inside.NamespaceCookie(), host().NamespaceCookie());
}

TEST_F(RootLinksTest, FeaturesAreWhatIpCanMake) {
  CAISSON_ASSERT_OK_AND_ASSIGN(const auto features, netsetup::DetectFeatures());
  EXPECT_THAT(features, SizeIs(11));
  Run("", {"ip", "link", "add", "p0", "type", "veth", "peer", "name", "p1"});
  for (const netsetup::Feature& feature : features) {
    std::vector<std::string> argv = {"ip",   "link", "add",  "x0",
                                     "link", "p0",   "type", feature.name};
    if (feature.name == "vxlan")
      argv.insert(argv.end(), {"id", "5", "dstport", "4789"});
    if (feature.name == "bridge" || feature.name == "ifb") {
      argv = {"ip", "link", "add", "x0", "type", feature.name};
    } else if (feature.name != "vxlan" && feature.name != "macvlan" &&
               feature.name != "ipvlan") {
      continue;
    }
    EXPECT_EQ(Succeeds("", argv), feature.is_there())
        << feature.name << ": " << feature.missing_because;
    Succeeds("", {"ip", "link", "del", "x0"});
  }
  // Nothing is left of the probe.
  EXPECT_THAT(Json("", {"ip", "-j", "link"}), SizeIs(3));
}

}  // namespace
}  // namespace caisson::testing
