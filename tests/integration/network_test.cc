// What containers of networks reach, and what reaches them: asked of real
// peers, over both families.
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/str_cat.h"
#include "tests/integration/network_fixture.h"

namespace caisson::testing {
namespace {

using base::StrCat;
using ::testing::StartsWith;

class NetworkTest : public NetworkDaemonTest {
 protected:
  static v1::ManagedNetwork MakeLan(const std::string& name, int number) {
    return MakeNetwork(NetworkOf(name, {StrCat("10.77.", number, ".0/24"),
                                        StrCat("fd00:77:", number, "::/64")}));
  }
  // One container with a server of its own name.
  v1::Container StartServer(const std::string& name,
                            const v1::ContainerSpec& spec) {
    const v1::Container container = CreateAndStart(spec);
    if (container.status().pid() > 0) Serve(Inside(container), name);
    return container;
  }
};

TEST_F(NetworkTest, ContainersOfOneNetworkReachEachOther) {
  MakeLan("lan", 1);
  const v1::Container a = StartServer("a", AttachedSpec({"lan"}));
  const v1::Container b = CreateAndStart(AttachedSpec({"lan"}));
  for (const int family : {4, 6}) {
    ExpectPing(Inside(b), AddressOf(a, family));
    ExpectPing(Host(), AddressOf(a, family));
    for (const char* protocol : {"TCP", "UDP"}) {
      ExpectAnswer(Inside(b), protocol, AddressOf(a, family), 8000,
                   StrCat("a ", AddressOf(b, family)));
    }
  }
  // With the container's own programs too.
  const v1::ExecSyncResponse seen = ExecSync(
      b.id(), ShExec(StrCat("nc -w 5 ", AddressOf(a, 4), " 8000 </dev/null")));
  EXPECT_THAT(seen.stdout(), StartsWith("a "));
}

TEST_F(NetworkTest, OfAPairOfLinksOneIsHereAndOneInside) {
  MakeLan("lan", 1);
  const v1::Container a = CreateAndStart(AttachedSpec({"lan"}));
  ASSERT_EQ(a.status().networks_size(), 1);
  const std::string name = a.status().networks(0).host_link();
  const auto index_of = [](const nlohmann::json& links) {
    return links.size() == 1 ? links[0].value("ifindex", 0) : 0;
  };
  const nlohmann::json here =
      Json(Host(), {"ip", "-j", "-d", "link", "show", "dev", name});
  const nlohmann::json inside =
      Json(Inside(a), {"ip", "-j", "-d", "link", "show", "dev", "eth0"});
  ASSERT_NE(index_of(here), 0);
  ASSERT_NE(index_of(inside), 0);
  // Each is the other's end, and neither is seen where the other one is.
  EXPECT_EQ(here[0].value("link_index", 0), index_of(inside));
  EXPECT_EQ(inside[0].value("link_index", 0), index_of(here));
  EXPECT_EQ(here[0]["linkinfo"].value("info_kind", ""), "veth");
  EXPECT_FALSE(Succeeds(Inside(a), {"ip", "link", "show", "dev", name}));
  EXPECT_THAT(Links("eth"), ::testing::IsEmpty());
  for (const nlohmann::json& end : {here[0], inside[0]}) {
    EXPECT_EQ(end.value("operstate", ""), "UP");
  }
}

// Who knew the last owner of an address would go on sending to its MAC, for up
// to a minute.
TEST_F(NetworkTest, AnAddressOfAnotherOwnerIsReachedAtOnce) {
  MakeLan("lan", 1);
  const v1::Container peer = CreateAndStart(AttachedSpec({"lan"}));
  v1::ContainerSpec spec = AttachedSpec({"lan"});
  Attachment(&spec, 0)->add_addresses("10.77.1.50");
  Attachment(&spec, 0)->add_addresses("fd00:77:1::50");
  std::set<std::string> macs;
  for (const char* const name : {"first", "second"}) {
    const v1::Container owner = StartServer(name, spec);
    ASSERT_EQ(owner.status().networks_size(), 1);
    macs.insert(owner.status().networks(0).mac());
    for (const int family : {4, 6}) {
      ExpectPing(Inside(peer), AddressOf(owner, family));
      ExpectPing(Host(), AddressOf(owner, family));
      ExpectAnswer(Inside(peer), "TCP", AddressOf(owner, family), 8000,
                   StrCat(name, " ", AddressOf(peer, family)));
    }
    EXPECT_THAT(Delete(owner.id()), IsOk());
  }
  EXPECT_THAT(macs, ::testing::SizeIs(2));
}

// Where nobody but us has ports, nobody listens to a second report.
TEST_F(NetworkTest, GroupsAreReportedOnceOnABridgeOfOurs) {
  MakeLan("lan", 1);
  Shell(Host(), "ip link add br9 type bridge && ip link set br9 up");
  v1::NetworkSpec theirs = NetworkOf("theirs", {"10.79.9.0/24"});
  theirs.set_interface("br9");
  MakeNetwork(theirs);
  const auto interval = [](const v1::Container& container) {
    return Run(Inside(container), {"cat",
                                   "/proc/sys/net/ipv6/conf/eth0/"
                                   "mldv2_unsolicited_report_interval"});
  };
  const std::string usual = Run(
      Host(),
      {"cat", "/proc/sys/net/ipv6/conf/br9/mldv2_unsolicited_report_interval"});
  const v1::Container ours = CreateAndStart(AttachedSpec({"lan"}));
  EXPECT_EQ(interval(ours), "3600000\n");
  // The daemon announces there what has to be.
  const auto announces = [](const v1::Container& container) {
    return Run(Inside(container),
               {"cat", "/proc/sys/net/ipv6/conf/eth0/ndisc_notify"});
  };
  EXPECT_EQ(announces(ours), "0\n");
  for (const std::vector<std::string>& networks :
       {std::vector<std::string>{"theirs"}, {"lan", "theirs"}}) {
    const v1::Container container = CreateAndStart(AttachedSpec(networks));
    EXPECT_EQ(interval(container), usual);
    EXPECT_EQ(announces(container), "1\n");
  }
  const nlohmann::json bridge =
      Json(Host(), {"ip", "-j", "-d", "link", "show", "type", "bridge", "dev",
                    StrCat("cb", GetNetwork("lan").id().substr(0, 10))});
  EXPECT_EQ(bridge[0]["linkinfo"]["info_data"]["mcast_snooping"], 0);
  DeleteAll();
  EXPECT_THAT(DeleteNetwork("theirs"), IsOk());
  Run(Host(), {"ip", "link", "del", "br9"});
}

TEST_F(NetworkTest, EachHasRoutesFirewallAndPortsOfItsOwn) {
  MakeLan("lan", 1);
  const v1::Container a = StartServer("a", AttachedSpec({"lan"}));
  // The same port a second time.
  const v1::Container b = StartServer("b", AttachedSpec({"lan"}));
  const std::set<std::string> host = StateOf(Host());
  const std::set<std::string> other = StateOf(Inside(b));
  Shell(Inside(a),
        "ip route add 203.0.113.0/24 via 10.77.1.1;"
        "ip rule add from 203.0.113.1 table 7;"
        "nft add table inet own;"
        "nft add chain inet own c '{ type filter hook input priority 0; }';"
        "nft add rule inet own c tcp dport 8000 drop");
  EXPECT_EQ(Differences(host, StateOf(Host())), "");
  EXPECT_EQ(Differences(other, StateOf(Inside(b))), "");
  ExpectSilence(Host(), "TCP", AddressOf(a, 4), 8000);
  ExpectAnswer(Host(), "TCP", AddressOf(b, 4), 8000, "b 10.77.1.1");
  Shell(Inside(a), "nft delete table inet own");
  ExpectAnswer(Host(), "TCP", AddressOf(a, 4), 8000, "a 10.77.1.1");
}

TEST_F(NetworkTest, ContainersOfAnotherNetworkDoNot) {
  MakeLan("lan", 1);
  MakeLan("other", 2);
  const v1::Container a = StartServer("a", AttachedSpec({"lan"}));
  const v1::Container b = CreateAndStart(AttachedSpec({"other"}));
  for (const int family : {4, 6}) {
    EXPECT_FALSE(Ping(Inside(b), AddressOf(a, family)));
    ExpectSilence(Inside(b), "TCP", AddressOf(a, family), 8000);
  }
}

TEST_F(NetworkTest, OutsideReachesPublishedPortsOnly) {
  MakeLan("lan", 1);
  v1::ContainerSpec spec = AttachedSpec({"lan"});
  for (const char* host : {"0.0.0.0", "::"}) {
    for (const char* protocol : {"tcp", "udp"}) {
      Publish(&spec, host, 8080, 8000, protocol);
    }
  }
  const v1::Container a = StartServer("a", spec);
  for (const char* protocol : {"TCP", "UDP"}) {
    ExpectAnswer(Outside(), protocol, kHostAddress, 8080,
                 StrCat("a ", kOutsideAddress));
    ExpectAnswer(Outside(), protocol, kHostAddress6, 8080,
                 StrCat("a ", kOutsideAddress6));
  }
  ExpectSilence(Outside(), "TCP", kHostAddress, 8000);
  for (const int family : {4, 6}) {
    EXPECT_FALSE(Ping(Outside(), AddressOf(a, family)));
    ExpectSilence(Outside(), "TCP", AddressOf(a, family), 8000);
  }
  EXPECT_THAT(Delete(a.id()), IsOk());
  ExpectSilence(Outside(), "TCP", kHostAddress, 8080);
}

TEST_F(NetworkTest, WhoSendsAlreadyReachesAPortOnceItIsPublished) {
  MakeLan("lan", 1);
  // Always from one port: for the host it is one connection, that of before.
  const auto answer = [] {
    ProcessOptions options = OptionsIn(
        Outside(), {"socat", "-T1", "-t1", "-",
                    StrCat("UDP4:", kHostAddress, ":8080,sourceport=5555")});
    options.input = "\n";
    return RunProgram(options).out;
  };
  EXPECT_EQ(answer(), "");
  v1::ContainerSpec spec = AttachedSpec({"lan"});
  Publish(&spec, "0.0.0.0", 8080, 8000, "udp");
  StartServer("a", spec);
  EXPECT_TRUE(PollUntil(absl::Seconds(10),
                        [&answer] { return answer().rfind("a ", 0) == 0; }));
}

TEST_F(NetworkTest, PublishedPortsAreReachedFromTheHostAndFromInside) {
  MakeLan("lan", 1);
  MakeLan("other", 2);
  v1::ContainerSpec spec = AttachedSpec({"lan"});
  Publish(&spec, "0.0.0.0", 8080, 8000);
  const v1::Container a = StartServer("a", spec);
  const v1::Container b = CreateAndStart(AttachedSpec({"lan"}));
  const v1::Container c = CreateAndStart(AttachedSpec({"other"}));
  const std::string gateway = "a 10.77.1.1";
  ExpectAnswer(Host(), "TCP", "127.0.0.1", 8080, gateway);
  ExpectAnswer(Host(), "TCP", kHostAddress, 8080, gateway);
  // Itself, a sibling, another network.
  ExpectAnswer(Inside(a), "TCP", kHostAddress, 8080, gateway);
  ExpectAnswer(Inside(b), "TCP", kHostAddress, 8080, gateway);
  ExpectAnswer(Inside(c), "TCP", kHostAddress, 8080,
               StrCat("a ", AddressOf(c, 4)));
}

TEST_F(NetworkTest, PortsAreOfLoopbackByDefault) {
  MakeLan("lan", 1);
  v1::ContainerSpec spec = AttachedSpec({"lan"});
  Publish(&spec, "", 8081, 8000);
  const v1::Container a = StartServer("a", spec);
  const v1::Container b = CreateAndStart(AttachedSpec({"lan"}));
  ExpectAnswer(Host(), "TCP", "127.0.0.1", 8081, "a 10.77.1.1");
  ExpectSilence(Outside(), "TCP", kHostAddress, 8081);
  ExpectSilence(Inside(b), "TCP", kHostAddress, 8081);
  // A neighbour that sends packets to 127.0.0.1 through the wire.
  Shell(Outside(),
        "ip route add 127.0.0.1/32 via 192.0.2.1 table 77 src 192.0.2.2;"
        "echo 1 > /proc/sys/net/ipv4/conf/eth0/route_localnet;"
        "ip rule add to 127.0.0.1 dport 8081 ipproto 6 table 77 pref 0;"
        "ip rule del pref 0 lookup local; ip rule add pref 1 lookup local");
  ExpectSilence(Outside(), "TCP", "127.0.0.1", 8081);
  Shell(Outside(),
        "ip rule add pref 0 lookup local; ip rule del pref 1;"
        "ip rule del to 127.0.0.1 dport 8081 ipproto 6 table 77");
}

TEST_F(NetworkTest, APortOfOneAddressIsOnlyThere) {
  MakeLan("lan", 1);
  Shell(Host(), "ip addr add 192.0.2.9/24 dev out");
  v1::ContainerSpec spec = AttachedSpec({"lan"});
  Publish(&spec, "192.0.2.9", 8080, 8000);
  StartServer("a", spec);
  ExpectAnswer(Outside(), "TCP", "192.0.2.9", 8080,
               StrCat("a ", kOutsideAddress));
  ExpectSilence(Outside(), "TCP", kHostAddress, 8080);
  Shell(Host(), "ip addr del 192.0.2.9/24 dev out");
}

TEST_F(NetworkTest, ARangeOfPortsKeepsItsOrder) {
  MakeLan("lan", 1);
  v1::ContainerSpec spec = AttachedSpec({"lan"});
  Publish(&spec, "0.0.0.0", 9000, 7998);
  spec.mutable_network()->mutable_ports(0)->set_count(4);
  StartServer("a", spec);
  ExpectAnswer(Outside(), "TCP", kHostAddress, 9002,
               StrCat("a ", kOutsideAddress));
  ExpectSilence(Outside(), "TCP", kHostAddress, 9001);
}

TEST_F(NetworkTest, TheOutsideSeesTheHostsAddress) {
  MakeLan("lan", 1);
  const v1::Container a = CreateAndStart(AttachedSpec({"lan"}));
  Serve(Outside(), "outside");
  for (const char* protocol : {"TCP", "UDP"}) {
    ExpectAnswer(Inside(a), protocol, kOutsideAddress, 8000,
                 StrCat("outside ", kHostAddress));
    ExpectAnswer(Inside(a), protocol, kOutsideAddress6, 8000,
                 StrCat("outside ", kHostAddress6));
  }
  ExpectPing(Inside(a), kOutsideAddress);
}

TEST_F(NetworkTest, ARoutedNetworkShowsItsOwnAddresses) {
  v1::NetworkSpec network = NetworkOf("routed", {"10.77.1.0/24"});
  network.mutable_nat4()->set_routed(true);
  network.set_ingress(true);
  MakeNetwork(network);
  const v1::Container a = StartServer("a", AttachedSpec({"routed"}));
  Serve(Outside(), "outside");
  ExpectAnswer(Inside(a), "TCP", kOutsideAddress, 8000,
               StrCat("outside ", AddressOf(a, 4)));
  ExpectAnswer(Outside(), "TCP", AddressOf(a, 4), 8000,
               StrCat("a ", kOutsideAddress));
}

TEST_F(NetworkTest, AnInternalNetworkHasNoWayOut) {
  v1::NetworkSpec network =
      NetworkOf("inner", {"10.77.1.0/24", "fd00:77:1::/64"});
  network.set_internal(true);
  MakeNetwork(network);
  const v1::Container a = StartServer("a", AttachedSpec({"inner"}));
  const v1::Container b = CreateAndStart(AttachedSpec({"inner"}));
  Serve(Outside(), "outside");
  ExpectAnswer(Inside(b), "TCP", AddressOf(a, 4), 8000,
               StrCat("a ", AddressOf(b, 4)));
  // Also not with a route that the container makes itself.
  for (const char* route :
       {"ip route add default via 10.77.1.1",
        "ip -6 route add default via fd00:77:1::1 || true"}) {
    Shell(Inside(a), route);
  }
  EXPECT_FALSE(Ping(Inside(a), kOutsideAddress));
  ExpectSilence(Inside(a), "TCP", kOutsideAddress, 8000);
  ExpectSilence(Inside(a), "TCP", kOutsideAddress6, 8000);
  ExpectSilence(Outside(), "TCP", AddressOf(a, 4), 8000);
}

TEST_F(NetworkTest, EndpointsAreKeptApartOnRequest) {
  v1::NetworkSpec network =
      NetworkOf("apart", {"10.77.1.0/24", "fd00:77:1::/64"});
  network.set_isolate_endpoints(true);
  MakeNetwork(network);
  const v1::Container a = StartServer("a", AttachedSpec({"apart"}));
  const v1::Container b = CreateAndStart(AttachedSpec({"apart"}));
  Serve(Outside(), "outside");
  for (const int family : {4, 6}) {
    EXPECT_FALSE(Ping(Inside(b), AddressOf(a, family)));
    ExpectSilence(Inside(b), "TCP", AddressOf(a, family), 8000);
  }
  // Not by its hardware address, and no answer in the gateway's name.
  EXPECT_FALSE(Succeeds(Inside(b), {"busybox", "arping", "-c", "1", "-w", "1",
                                    "-I", "eth0", AddressOf(a, 4)}));
  ExpectPing(Inside(b), "10.77.1.1");
  ExpectAnswer(Inside(b), "TCP", kOutsideAddress, 8000,
               StrCat("outside ", kHostAddress));
}

TEST_F(NetworkTest, NobodySpeaksInTheGatewaysName) {
  v1::NetworkSpec network = NetworkOf("apart", {"10.77.1.0/24"});
  network.set_isolate_endpoints(true);
  MakeNetwork(network);
  MakeLan("lan", 2);
  const auto gateway_of = [](const v1::Container& container,
                             const std::string& gateway) {
    const nlohmann::json known =
        Json(Inside(container), {"ip", "-j", "neigh", "show", gateway});
    return known.empty() ? "" : known[0].value("lladdr", "");
  };
  // With the bridge that keeps its ports apart, and, to show that the attack is
  // one, with one that does not.
  for (const std::string name : {"apart", "lan"}) {
    const v1::Container liar = CreateAndStart(AttachedSpec({name}));
    const v1::Container victim = CreateAndStart(AttachedSpec({name}));
    const std::string gateway = liar.status().networks(0).gateways(0);
    ExpectPing(Inside(victim), gateway);
    const std::string before = gateway_of(victim, gateway);
    ASSERT_NE(before, "");
    Shell(Inside(liar), StrCat("ip addr add ", gateway, "/24 dev eth0;",
                               "busybox arping -U -c 3 -w 3 -I eth0 -s ",
                               gateway, " ", gateway, " || true"));
    if (name == "apart") {
      EXPECT_EQ(gateway_of(victim, gateway), before);
      ExpectPing(Inside(victim), kOutsideAddress);
    } else {
      EXPECT_EQ(gateway_of(victim, gateway), liar.status().networks(0).mac());
    }
  }
}

TEST_F(NetworkTest, NetworksThatAreBothOpenReachEachOther) {
  for (int i = 1; i <= 2; ++i) {
    v1::NetworkSpec network =
        NetworkOf(StrCat("open", i), {StrCat("10.77.", i, ".0/24")});
    network.set_isolation(v1::NETWORK_ISOLATION_NONE);
    MakeNetwork(network);
  }
  const v1::Container a = StartServer("a", AttachedSpec({"open1"}));
  const v1::Container b = CreateAndStart(AttachedSpec({"open2"}));
  ExpectAnswer(Inside(b), "TCP", AddressOf(a, 4), 8000,
               StrCat("a ", AddressOf(b, 4)));
}

TEST_F(NetworkTest, PointToPointLinksWorkLikeBridges) {
  v1::NetworkSpec network =
      NetworkOf("links", {"10.77.1.0/24", "fd00:77:1::/64"});
  network.set_driver("ptp");
  MakeNetwork(network);
  v1::ContainerSpec spec = AttachedSpec({"links"});
  Publish(&spec, "0.0.0.0", 8080, 8000);
  const v1::Container a = StartServer("a", spec);
  const v1::Container b = CreateAndStart(AttachedSpec({"links"}));
  Serve(Outside(), "outside");
  for (const int family : {4, 6}) {
    ExpectAnswer(Inside(b), "TCP", AddressOf(a, family), 8000,
                 StrCat("a ", AddressOf(b, family)));
  }
  ExpectAnswer(Inside(a), "TCP", kOutsideAddress, 8000,
               StrCat("outside ", kHostAddress));
  ExpectAnswer(Outside(), "TCP", kHostAddress, 8080,
               StrCat("a ", kOutsideAddress));
  ExpectSilence(Outside(), "TCP", AddressOf(a, 4), 8000);
}

}  // namespace
}  // namespace caisson::testing
