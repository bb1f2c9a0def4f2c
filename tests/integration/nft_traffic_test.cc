// What the table lets through, asked of real peers: a router, an outside, and
// containers on bridges, over both families, and with bridged packets shown to
// netfilter or not. The links are made with ip: only the table is ours.
#include <netinet/in.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "netsetup/conntrack.h"
#include "netsetup/ip_address.h"
#include "netsetup/nft/ruleset.h"
#include "netsetup/nft/table.h"
#include "runtime/base/status_matchers.h"
#include "runtime/base/str_cat.h"
#include "tests/integration/network_world.h"
#include "tests/testing/environment.h"
#include "tests/testing/process.h"

namespace caisson::testing {
namespace {

using base::IsOk;
using base::StrCat;
using netsetup::ParseIpAddress;
using netsetup::nft::BuildGroupElements;
using netsetup::nft::BuildInterfaceElements;
using netsetup::nft::BuildPortElements;
using netsetup::nft::Isolation;
using netsetup::nft::Nat;
using netsetup::nft::NetworkRules;
using netsetup::nft::Protocol;
using netsetup::nft::PublishedPort;
using netsetup::nft::Table;

struct Kind {
  bool ip6 = false;
  // net.bridge.bridge-nf-call-ip6?tables
  bool call = false;
};

void PrintTo(const Kind& kind, std::ostream* out) {
  *out << (kind.ip6 ? "v6" : "v4") << (kind.call ? "_call" : "");
}

// In NAME, on BRIDGE, N of its addresses: one end of a pair, and a default
// route. With bridged packets in netfilter a packet that goes back through its
// port is bridged, which a port has to allow.
constexpr char kContainer[] = R"(
ip link add NAME type veth peer eth0 netns NAME
ip link set NAME master BRIDGE up
HAIRPIN bridge link set dev NAME hairpin on
ip -n NAME link set lo up
ip -n NAME link set eth0 up
ip -n NAME addr add 10.NET.0.N/24 dev eth0
ip -n NAME addr add fd00:NET::N/64 dev eth0 nodad
ip -n NAME route add default via 10.NET.0.1
ip -n NAME -6 route add default via fd00:NET::1
)";

constexpr char kBridge[] = R"(
ip link add BRIDGE type bridge forward_delay 0
ip addr add 10.NET.0.1/24 dev BRIDGE
ip addr add fd00:NET::1/64 dev BRIDGE nodad
ip link set BRIDGE up
echo 1 > /proc/sys/net/ipv4/conf/BRIDGE/route_localnet
)";

constexpr char kOutside[] = R"(
echo 1 > /proc/sys/net/ipv4/ip_forward
echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
for conf in all default; do
  echo 0 > /proc/sys/net/ipv6/conf/$conf/accept_dad
  echo 0 > /proc/sys/net/ipv4/conf/$conf/rp_filter
done
for file in /proc/sys/net/bridge/bridge-nf-call-ip*tables; do
  if [ -e "$file" ]; then echo CALL > "$file"; fi
done
ip link add out type veth peer eth0 netns ext
ip link set out up
ip addr add 192.0.2.1/24 dev out
ip addr add 192.0.2.9/24 dev out
ip addr add 2001:db8::1/64 dev out nodad
ip addr add 2001:db8::9/64 dev out nodad preferred_lft 0
ip -n ext link set lo up
ip -n ext link set eth0 up
ip -n ext addr add 192.0.2.2/24 dev eth0
ip -n ext addr add 2001:db8::2/64 dev eth0 nodad
ip -n ext route add 10.0.0.0/8 via 192.0.2.1
ip -n ext -6 route add fd00::/16 via 2001:db8::1
)";

class RootNftTrafficTest : public NetworkWorld,
                           public ::testing::WithParamInterface<Kind> {
 protected:
  void SetUp() override {
    // Making the world of each test takes some hundred processes.
    if (TimeoutScale() > 10) {
      GTEST_SKIP() << "an emulated machine asks through the daemon alone";
    }
    NetworkWorld::SetUp();
    for (const char* name : {"ext", "a1", "a2", "b1", "i1"}) AddContainer(name);
    Shell("", absl::StrReplaceAll(kOutside,
                                  {{"CALL", GetParam().call ? "1" : "0"}}));
    AddBridge("cba", "1");
    AddBridge("cbb", "2");
    AddBridge("cbi", "3");
    Attach("a1", "cba", "1", "2");
    Attach("a2", "cba", "1", "3");
    Attach("b1", "cbb", "2", "2");
    Attach("i1", "cbi", "3", "2");
    for (const char* name : {"ext", "a1", "a2", "b1", "i1"}) Serve(name);
    CAISSON_ASSERT_OK_AND_ASSIGN(Table table, Table::Open("traffic"));
    table_.emplace(std::move(table));
    ASSERT_THAT(table_->Create({}), IsOk());
  }
  void TearDown() override {
    servers_.clear();
    NetworkWorld::TearDown();
  }

  bool Ip6() const { return GetParam().ip6; }
  std::string Family() const { return Ip6() ? "6" : "4"; }
  // The address of a container: network and number.
  std::string In(int network, int number) const {
    return Ip6() ? StrCat("fd00:", network, "::", number)
                 : StrCat("10.", network, ".0.", number);
  }
  // Of the router and of the outside.
  std::string Out(int number) const {
    return StrCat(Ip6() ? "2001:db8::" : "192.0.2.", number);
  }

  void Shell(const std::string& netns, const std::string& script) {
    Run(netns, {"sh", "-eu", "-c", script});
  }
  void AddBridge(const std::string& name, const std::string& network) {
    Shell("",
          absl::StrReplaceAll(kBridge, {{"BRIDGE", name}, {"NET", network}}));
  }
  void Attach(const std::string& name, const std::string& bridge,
              const std::string& network, const std::string& number) {
    Shell("", absl::StrReplaceAll(kContainer,
                                  {{"NAME", name},
                                   {"BRIDGE", bridge},
                                   {"HAIRPIN", GetParam().call ? "" : ":"},
                                   {"NET", network},
                                   {"N", number}}));
  }

  // Answers with its name and the address that it was asked from, on a port of
  // TCP and UDP. "" is the router.
  void Serve(const std::string& name, int port = 8000) {
    for (const char* protocol : {"TCP", "UDP"}) {
      ProcessOptions options{
          .argv = {"/usr/bin/env", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}};
      if (!name.empty()) {
        options.argv.insert(options.argv.end(), {"ip", "netns", "exec", name});
      }
      options.argv.insert(
          options.argv.end(),
          {"setpriv", "--pdeathsig", "KILL", "socat",
           StrCat(protocol, Family(), "-LISTEN:", port, ",fork,reuseaddr"),
           StrCat("SYSTEM:echo ", name.empty() ? "host" : name,
                  " $SOCAT_PEERADDR")});
      servers_.push_back(
          std::make_unique<Interactive>(options, Interactive::Stdio::kPipes));
    }
    ASSERT_TRUE(PollUntil(absl::Seconds(20), [&] {
      const std::string sockets =
          Run(name, {"ss", "-Hlntu", StrCat("sport = ", port)});
      return std::count(sockets.begin(), sockets.end(), '\n') == 2;
    })) << name;
  }

  // What the server at the address says, with the asker's address in its
  // usual form; empty when there is no answer.
  std::string Ask(const std::string& netns, std::string_view protocol,
                  const std::string& address, int port,
                  std::string_view options = "") {
    const std::string target = address.find(':') == std::string::npos
                                   ? address
                                   : StrCat("[", address, "]");
    const std::string script =
        StrCat("echo | socat -T1 -t1 - ", protocol, Family(), ":", target, ":",
               port, protocol == "TCP" ? ",connect-timeout=0.7" : "", options,
               " 2>/dev/null || true");
    std::string answer = Run(netns, {"sh", "-c", script});
    absl::StripTrailingAsciiWhitespace(&answer);
    const size_t space = answer.find(' ');
    if (space == std::string::npos) return answer;
    std::string asker = answer.substr(space + 1);
    if (asker[0] == '[') asker = asker.substr(1, asker.size() - 2);
    const auto parsed = ParseIpAddress(asker);
    EXPECT_THAT(parsed, IsOk()) << answer;
    return StrCat(answer.substr(0, space), " ",
                  parsed.ok() ? parsed->ToString() : asker);
  }

  // Reaches the container, which sees the asker at that address.
  void Reaches(const std::string& netns, const std::string& address, int port,
               const std::string& expected, std::string_view protocol = "TCP") {
    std::string answer;
    EXPECT_TRUE(PollUntil(absl::Seconds(20),
                          [&] {
                            answer = Ask(netns, protocol, address, port);
                            return !answer.empty();
                          }))
        << netns << " to " << address << ":" << port;
    EXPECT_EQ(answer, expected) << netns << " to " << address << ":" << port;
  }
  void Misses(const std::string& netns, const std::string& address, int port,
              std::string_view protocol = "TCP") {
    EXPECT_EQ(Ask(netns, protocol, address, port), "")
        << netns << " to " << address << ":" << port;
  }

  void AddNetwork(const std::string& bridge, const NetworkRules& network) {
    const auto elements = BuildInterfaceElements(network, bridge);
    ASSERT_THAT(elements, IsOk());
    ASSERT_THAT(table_->Apply({.add = *elements}), IsOk());
  }
  PublishedPort Port(uint16_t port, const std::string& host,
                     const std::string& container) const {
    PublishedPort published{.host_port = port,
                            .container_address = *ParseIpAddress(container),
                            .container_port = 8000};
    if (!host.empty()) published.host_address = *ParseIpAddress(host);
    return published;
  }
  void Publish(const PublishedPort& port) {
    const auto elements = BuildPortElements(port);
    ASSERT_THAT(elements, IsOk());
    ASSERT_THAT(table_->Apply({.add = *elements}), IsOk());
  }
  void Unpublish(const PublishedPort& port) {
    const auto elements = BuildPortElements(port);
    ASSERT_THAT(elements, IsOk());
    ASSERT_THAT(table_->Apply({.remove = *elements}), IsOk());
  }
  // The networks as they come without options.
  void AddDefaultNetworks() {
    AddNetwork("cba", {});
    AddNetwork("cbb", {});
    AddNetwork("cbi", {.internal = true});
  }

  std::optional<Table> table_;
  std::vector<std::unique_ptr<Interactive>> servers_;
};

TEST_P(RootNftTrafficTest, ContainersReachTheirOwnNetworkAndTheOutside) {
  AddDefaultNetworks();
  EXPECT_TRUE(Ping("a1", In(1, 1))) << "its gateway";
  Reaches("a2", In(1, 2), 8000, StrCat("a1 ", In(1, 3)));
  Reaches("a1", Out(2), 8000, StrCat("ext ", Out(1)));
  EXPECT_TRUE(Ping("a1", Out(2)));
  Reaches("", In(1, 2), 8000, StrCat("a1 ", In(1, 1)));
}

TEST_P(RootNftTrafficTest, NetworksAreApart) {
  AddDefaultNetworks();
  Misses("a1", In(2, 2), 8000);
  EXPECT_FALSE(Ping("b1", In(1, 2)));
  Misses("ext", In(1, 2), 8000);
  EXPECT_FALSE(Ping("ext", In(1, 2)));
}

TEST_P(RootNftTrafficTest, PublishedPortsAreReachedFromEverywhere) {
  AddDefaultNetworks();
  Publish(Port(8080, "", In(1, 2)));
  PublishedPort udp = Port(8080, "", In(1, 2));
  udp.protocol = Protocol::kUdp;
  Publish(udp);

  Reaches("ext", Out(1), 8080, StrCat("a1 ", Out(2)));
  Reaches("ext", Out(9), 8080, StrCat("a1 ", Out(2)));
  Reaches("ext", Out(1), 8080, StrCat("a1 ", Out(2)), "UDP");
  Reaches("", Out(1), 8080, StrCat("a1 ", In(1, 1)));
  // Itself, a sibling, another network.
  Reaches("a1", Out(1), 8080, StrCat("a1 ", In(1, 1)));
  Reaches("a2", Out(1), 8080, StrCat("a1 ", In(1, 1)));
  Reaches("b1", Out(1), 8080, StrCat("a1 ", In(2, 2)));
  if (Ip6()) {
    // Refused at once, not lost.
    Misses("", "::1", 8080);
  } else {
    Reaches("", "127.0.0.1", 8080, StrCat("a1 ", In(1, 1)));
  }
  Misses("ext", Out(1), 8000);
  Misses("ext", In(1, 2), 8000);

  Unpublish(Port(8080, "", In(1, 2)));
  Misses("ext", Out(1), 8080);
  Misses("b1", Out(1), 8080);
}

TEST_P(RootNftTrafficTest, APortOfOneAddressIsOnlyThere) {
  AddDefaultNetworks();
  Publish(Port(8080, Out(9), In(1, 2)));
  Publish(Port(8080, Out(1), In(2, 2)));
  Reaches("ext", Out(9), 8080, StrCat("a1 ", Out(2)));
  Reaches("ext", Out(1), 8080, StrCat("b1 ", Out(2)));
  Unpublish(Port(8080, Out(1), In(2, 2)));
  Misses("ext", Out(1), 8080);
}

TEST_P(RootNftTrafficTest, ARangeKeepsItsOrder) {
  AddDefaultNetworks();
  PublishedPort range = Port(9000, "", In(1, 2));
  range.container_port = 7998;
  range.count = 4;
  Publish(range);
  Reaches("ext", Out(1), 9002, StrCat("a1 ", Out(2)));
  Misses("ext", Out(1), 9001);
}

TEST_P(RootNftTrafficTest, LoopbackPortsAreForTheHostAlone) {
  if (Ip6()) return;  // ::1 is refused when it is published
  AddDefaultNetworks();
  Publish(Port(8081, "127.0.0.1", In(1, 2)));
  Reaches("", "127.0.0.1", 8081, StrCat("a1 ", In(1, 1)));
  Misses("ext", Out(1), 8081);
  Misses("a2", Out(1), 8081);
  // Neighbours that send packets to 127.0.0.1, and a host that would take
  // them.
  Shell("", "echo 1 > /proc/sys/net/ipv4/conf/out/route_localnet");
  constexpr char kForeignLoopback[] = R"(
    echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet
    ip route del local 127.0.0.0/8 dev lo table local
    ip route del local 127.0.0.1 dev lo table local
    ip route add 127.0.0.0/8 via GATEWAY src SOURCE)";
  Shell("ext", absl::StrReplaceAll(kForeignLoopback,
                                   {{"GATEWAY", Out(1)}, {"SOURCE", Out(2)}}));
  Shell("a2", absl::StrReplaceAll(kForeignLoopback, {{"GATEWAY", In(1, 1)},
                                                     {"SOURCE", In(1, 3)}}));
  Misses("ext", "127.0.0.1", 8081);
  Misses("a2", "127.0.0.1", 8081);
  // A service of the host, bound to its loopback.
  Shell("", "ip link set lo up");
  Interactive host({.argv = {"/usr/bin/socat",
                             "TCP4-LISTEN:8082,bind=127.0.0.1,fork,reuseaddr",
                             "SYSTEM:echo host $SOCAT_PEERADDR"}},
                   Interactive::Stdio::kPipes);
  Reaches("", "127.0.0.1", 8082, "host 127.0.0.1");
  Misses("a2", "127.0.0.1", 8082);
}

TEST_P(RootNftTrafficTest, NobodyComesFromLoopbackThroughALink) {
  if (Ip6()) return;
  AddDefaultNetworks();
  Shell("", "echo 0 > /proc/sys/net/ipv4/conf/cba/rp_filter");
  Shell("a2", R"(
    echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet
    ip addr add 127.0.0.2/8 dev eth0
    ip route del local 127.0.0.0/8 dev lo table local)");
  Interactive service({.argv = {"/usr/bin/socat", "-u", "UDP4-RECV:8084", "-"}},
                      Interactive::Stdio::kPipes);
  const auto say = [this](const std::string& word, const std::string& from) {
    Shell("a2", StrCat("echo ", word, " | socat -u - UDP4-SENDTO:", In(1, 1),
                       ":8084,bind=", from));
  };
  // It listens once the first word has come; words come in order.
  ASSERT_TRUE(PollUntil(absl::Seconds(20), [&] {
    say("ready", In(1, 3));
    return service.WaitFor("ready", absl::Milliseconds(100));
  }));
  say("forged", "127.0.0.2");
  say("honest", In(1, 3));
  EXPECT_TRUE(service.WaitFor("honest"));
  EXPECT_EQ(service.output().find("forged"), std::string::npos);
}

TEST_P(RootNftTrafficTest, AHostIsGuarded) {
  AddNetwork("cba", {.guards_host = true});
  AddNetwork("cbb", {});
  AddNetwork("cbi", {.internal = true, .guards_host = true});
  Publish(Port(8080, "", In(1, 2)));
  for (const int port : {53, 8000}) Serve("", port);
  // What is published is not the host's own.
  Reaches("a2", Out(1), 8080, StrCat("a1 ", In(1, 1)));
  Reaches("a1", Out(2), 8000, StrCat("ext ", Out(1)));
  Reaches("", In(1, 2), 8000, StrCat("a1 ", In(1, 1)));
  EXPECT_TRUE(Ping("a1", In(1, 1)));
  EXPECT_TRUE(Ping("i1", In(3, 1)));
  for (const char* protocol : {"TCP", "UDP"}) {
    // Of those that listen at every address of the host.
    Misses("a1", In(1, 1), 8000, protocol);
    Misses("a1", Out(1), 8000, protocol);
    Misses("i1", In(3, 1), 8000, protocol);
    Reaches("b1", In(2, 1), 8000, StrCat("host ", In(2, 2)), protocol);
    // Names, at its own gateway.
    Reaches("a1", In(1, 1), 53, StrCat("host ", In(1, 2)), protocol);
    Reaches("i1", In(3, 1), 53, StrCat("host ", In(3, 2)), protocol);
    Misses("a1", Out(1), 53, protocol);
    Misses("a1", In(2, 1), 53, protocol);
  }
}

TEST_P(RootNftTrafficTest, AnInternalNetworkReachesNobody) {
  AddDefaultNetworks();
  Publish(Port(8080, "", In(1, 2)));
  Publish(Port(8083, "", In(3, 2)));
  Misses("i1", Out(2), 8000);
  Misses("i1", In(1, 2), 8000);
  Misses("i1", Out(1), 8080);
  Misses("a1", In(3, 2), 8000);
  Misses("ext", Out(1), 8083);
  Reaches("", In(3, 2), 8000, StrCat("i1 ", In(3, 1)));
  EXPECT_TRUE(Ping("i1", In(3, 1)));
}

TEST_P(RootNftTrafficTest, StrictNetworksAreNotReachedThroughPorts) {
  AddNetwork("cba", {});
  AddNetwork("cbb", {.isolation = Isolation::kStrict});
  Publish(Port(8080, "", In(1, 2)));
  Publish(Port(8081, "", In(2, 2)));
  Misses("b1", Out(1), 8080);
  Misses("a1", Out(1), 8081);
  Reaches("b1", Out(1), 8081, StrCat("b1 ", In(2, 1)));
  Reaches("ext", Out(1), 8081, StrCat("b1 ", Out(2)));
  Reaches("b1", Out(2), 8000, StrCat("ext ", Out(1)));
}

TEST_P(RootNftTrafficTest, OpenNetworksReachEachOther) {
  AddNetwork("cba", {.isolation = Isolation::kOpen});
  AddNetwork("cbb", {.isolation = Isolation::kOpen});
  AddNetwork("cbi", {});
  Reaches("a1", In(2, 2), 8000, StrCat("b1 ", In(1, 2)));
  Misses("a1", In(3, 2), 8000);
  Misses("ext", In(2, 2), 8000);
}

TEST_P(RootNftTrafficTest, PortsOfContainersThatAreNoSiblings) {
  AddNetwork("cba", {.siblings = false});
  // The bridge itself keeps them apart.
  Shell("", "for p in a1 a2; do bridge link set dev $p isolated on; done");
  Publish(Port(8080, "", In(1, 2)));
  Misses("a2", In(1, 2), 8000);
  Reaches("ext", Out(1), 8080, StrCat("a1 ", Out(2)));
  Reaches("a2", Out(2), 8000, StrCat("ext ", Out(1)));
  if (GetParam().call) {
    // Translated while it is bridged, it goes from port to port.
    Misses("a2", Out(1), 8080);
  } else {
    Reaches("a2", Out(1), 8080, StrCat("a1 ", In(1, 1)));
  }
}

TEST_P(RootNftTrafficTest, AFlushedFlowGoesToTheNewOwnerOfThePort) {
  AddDefaultNetworks();
  const auto publish = [this](const std::string& container) {
    PublishedPort udp = Port(8080, "", container);
    udp.protocol = Protocol::kUdp;
    return udp;
  };
  // Always from the same port: one flow, whoever answers.
  const auto ask = [this] {
    std::string answer;
    EXPECT_TRUE(PollUntil(absl::Seconds(20), [&] {
      answer = Ask("ext", "UDP", Out(1), 8080, ",sourceport=5000,reuseaddr");
      return !answer.empty();
    }));
    return answer;
  };
  Publish(publish(In(1, 2)));
  EXPECT_EQ(ask(), StrCat("a1 ", Out(2)));
  Unpublish(publish(In(1, 2)));
  Publish(publish(In(2, 2)));
  EXPECT_EQ(ask(), StrCat("a1 ", Out(2))) << "the flow goes on";
  CAISSON_ASSERT_OK_AND_ASSIGN(netsetup::NetfilterSocket socket,
                               netsetup::NetfilterSocket::Open());
  EXPECT_THAT(netsetup::FlushFlows(&socket,
                                   {.protocol = IPPROTO_UDP,
                                    .original_port = 8080,
                                    .reply_source = *ParseIpAddress(In(1, 2))}),
              base::IsOkAndHolds(1u));
  EXPECT_EQ(ask(), StrCat("b1 ", Out(2)));
}

TEST_P(RootNftTrafficTest, SourcesAreChosenOrKept) {
  const Nat chosen{Nat::Mode::kSource, *ParseIpAddress(Out(9))};
  const Nat routed{Nat::Mode::kRouted, {}};
  NetworkRules source;
  (Ip6() ? source.nat6 : source.nat4) = chosen;
  AddNetwork("cba", source);
  AddNetwork("cbb", {.ingress = true, .nat4 = routed, .nat6 = routed});
  Reaches("a1", Out(2), 8000, StrCat("ext ", Out(9)));
  Reaches("b1", Out(2), 8000, StrCat("ext ", In(2, 2)));
  Reaches("ext", In(2, 2), 8000, StrCat("b1 ", Out(2)));
  Misses("a1", In(2, 2), 8000);
  Misses("ext", In(1, 2), 8000);
}

// Interfaces of a routed network have no bridge, only their group.
TEST_P(RootNftTrafficTest, ARoutedNetworkIsOneByItsGroup) {
  constexpr char kRouted[] = R"(
    ip link set NAME nomaster
    ip link set NAME group 77
    ip -n NAME addr flush dev eth0 scope global
    ip -n NAME addr add 10.7.0.N/32 dev eth0
    ip -n NAME addr add fd00:7::N/128 dev eth0 nodad
    ip addr add 10.7.0.1/32 dev NAME
    ip addr add fd00:7::1/128 dev NAME nodad
    ip route add 10.7.0.N dev NAME
    ip -6 route add fd00:7::N dev NAME
    ip -n NAME route replace 10.7.0.1 dev eth0
    ip -n NAME route replace default via 10.7.0.1 src 10.7.0.N
    ip -n NAME -6 route replace fd00:7::1 dev eth0
    ip -n NAME -6 route replace default via fd00:7::1 dev eth0)";
  const NetworkRules routed{.group = 77};
  ASSERT_THAT(table_->Apply({.add = BuildGroupElements(routed)}), IsOk());
  for (const auto& [name, number] :
       {std::pair("a1", "2"), std::pair("a2", "3")}) {
    Shell("", absl::StrReplaceAll(kRouted, {{"NAME", name}, {"N", number}}));
    AddNetwork(name, routed);
  }
  AddNetwork("cbb", {});
  Publish(Port(8080, "", In(7, 2)));
  Reaches("a2", In(7, 2), 8000, StrCat("a1 ", In(7, 3)));
  Reaches("a1", Out(2), 8000, StrCat("ext ", Out(1)));
  Reaches("ext", Out(1), 8080, StrCat("a1 ", Out(2)));
  Reaches("a1", Out(1), 8080, StrCat("a1 ", In(7, 1)));
  Reaches("a2", Out(1), 8080, StrCat("a1 ", In(7, 3)));
  Misses("b1", In(7, 2), 8000);
  Misses("ext", In(7, 2), 8000);
}

TEST_P(RootNftTrafficTest, ConnectionsSurviveARebuild) {
  AddDefaultNetworks();
  // An echo behind a published port, and somebody who talks to it.
  Interactive echo(
      {.argv = {"/usr/bin/env", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "ip",
                "netns", "exec", "a1", "socat",
                StrCat("TCP", Family(), "-LISTEN:8001,reuseaddr"), "EXEC:cat"}},
      Interactive::Stdio::kPipes);
  PublishedPort port = Port(8084, "", In(1, 2));
  port.container_port = 8001;
  Publish(port);
  ASSERT_TRUE(PollUntil(absl::Seconds(20), [&] {
    return !Run("a1", {"ss", "-Hlnt", "sport = 8001"}).empty();
  }));
  const std::string target = Ip6() ? StrCat("[", Out(1), "]") : Out(1);
  Interactive talker(
      {.argv = {"/usr/bin/env", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "ip",
                "netns", "exec", "ext", "socat", "-",
                StrCat("TCP", Family(), ":", target, ":8084")}},
      Interactive::Stdio::kPipes);
  ASSERT_TRUE(talker.Write("before\n"));
  ASSERT_TRUE(talker.WaitFor("before"));
  Run("", {"nft", "flush", "ruleset"});
  ASSERT_THAT(table_->Rebuild(), IsOk());
  ASSERT_TRUE(talker.Write("after\n"));
  EXPECT_TRUE(talker.WaitFor("after"));
  Reaches("a1", Out(2), 8000, StrCat("ext ", Out(1)));
}

INSTANTIATE_TEST_SUITE_P(Kinds, RootNftTrafficTest,
                         ::testing::Values(Kind{false, false},
                                           Kind{false, true}, Kind{true, false},
                                           Kind{true, true}),
                         ::testing::PrintToStringParamName());

}  // namespace
}  // namespace caisson::testing
