// What other programs see of networks: tcpdump on the wire, conntrack, bridge,
// tc, dig, iperf3, nft. And what the service sees of other firewalls.
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/str_cat.h"
#include "tests/integration/network_fixture.h"

namespace caisson::testing {
namespace {

using base::StrCat;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Lt;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class NetworkPeersTest : public NetworkDaemonTest {
 protected:
  static v1::NetworkSpec LanOf(const std::string& name, int number) {
    return NetworkOf(name, {StrCat("10.79.", number, ".0/24"),
                            StrCat("fd00:79:", number, "::/64")});
  }
  static std::string BridgeOf(const std::string& network) {
    return StrCat("cb", GetNetwork(network).id().substr(0, 10));
  }
  // Asked once, and answered as expected.
  template <typename Asker>
  static void Expect(const Asker& from,
                     const std::vector<Question>& questions) {
    EXPECT_EQ(WrongAnswers(questions, AskFrom(from, questions)), "");
  }
};

// --- tcpdump -----------------------------------------------------------------

// The sources of packets that were sent to the outside, by their destination
// port: "IP 192.0.2.1.4711 > 192.0.2.2.8101: ..." and the same with IP6.
std::map<std::string, std::set<std::string>> SourcesByPort(
    const std::string& dump) {
  std::map<std::string, std::set<std::string>> sources;
  for (const absl::string_view line : absl::StrSplit(dump, '\n')) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    const auto arrow = std::find(words.begin(), words.end(), ">");
    if (arrow == words.begin() || arrow == words.end() ||
        arrow + 1 == words.end()) {
      continue;
    }
    const std::string& from = *(arrow - 1);
    const std::string to(absl::StripSuffix(*(arrow + 1), ":"));
    const std::string address = to.substr(0, to.rfind('.'));
    if (address != kOutsideAddress && address != kOutsideAddress6) continue;
    sources[to.substr(to.rfind('.') + 1)].insert(
        from.substr(0, from.rfind('.')));
  }
  return sources;
}

TEST_F(NetworkPeersTest, TheWireCarriesTheSourcesThatTheNetworkHas) {
  MakeNetwork(LanOf("lan", 1));
  v1::NetworkSpec routed = LanOf("routed", 2);
  routed.mutable_nat4()->set_routed(true);
  routed.mutable_nat6()->set_routed(true);
  MakeNetwork(routed);
  v1::NetworkSpec inner = LanOf("inner", 3);
  inner.set_internal(true);
  MakeNetwork(inner);
  const v1::Container a = CreateAndStart(AttachedSpec({"lan"}));
  const v1::Container b = CreateAndStart(AttachedSpec({"routed"}));
  const v1::Container c = CreateAndStart(AttachedSpec({"inner"}));
  // As one who has the power to would try to get out.
  Shell(Inside(c),
        "ip route add default via 10.79.3.1;"
        "ip -6 route add default via fd00:79:3::1");

  Interactive dump(
      OptionsIn(Outside(),
                {"setpriv", "--pdeathsig", "KILL", "tcpdump", "-n", "-l",
                 "--immediate-mode", "-Z", "root", "-i", "eth0", "tcp or udp"}),
      Interactive::Stdio::kPipes);
  ASSERT_TRUE(dump.WaitFor("listening on")) << dump.output();
  const std::vector<v1::Container> askers = {a, b, c};
  for (size_t i = 0; i < askers.size(); ++i) {
    std::vector<Question> questions;
    for (const char* address : {kOutsideAddress, kOutsideAddress6}) {
      for (const char* protocol : {"tcp", "udp"}) {
        // Where nobody listens: what counts is what was sent.
        questions.push_back(
            {"", protocol, address, 8101 + static_cast<int>(i), ""});
      }
    }
    Expect(askers[i], questions);
  }
  // Comes last, and is seen by then.
  Expect(Host(), {{"", "udp", kOutsideAddress, 8109, ""}});
  ASSERT_TRUE(dump.WaitFor(StrCat(kOutsideAddress, ".8109"))) << dump.output();

  const auto sources = SourcesByPort(dump.output());
  ASSERT_THAT(sources, AllOf(Contains(::testing::Key("8101")),
                             Contains(::testing::Key("8102"))))
      << dump.output();
  EXPECT_THAT(sources.at("8101"),
              UnorderedElementsAre(kHostAddress, kHostAddress6));
  EXPECT_THAT(sources.at("8102"),
              UnorderedElementsAre(AddressOf(b, 4), AddressOf(b, 6)));
  EXPECT_THAT(sources, Not(Contains(::testing::Key("8103"))));
  EXPECT_THAT(dump.output(), Not(HasSubstr("10.79.3.")));
  EXPECT_THAT(dump.output(), Not(HasSubstr("fd00:79:3:")));
}

// --- conntrack ---------------------------------------------------------------

TEST_F(NetworkPeersTest, ConntrackShowsConnectionsUntilTheirContainerGoes) {
  MakeNetwork(LanOf("lan", 1));
  v1::ContainerSpec spec = ServerSpec("a", "lan");
  for (const char* host : {"0.0.0.0", "::"}) {
    Publish(&spec, host, 8080, kServed, "udp");
    Publish(&spec, host, 8081, kEchoed, "tcp");
  }
  const v1::Container a = StartServing(spec);
  std::vector<std::unique_ptr<Interactive>> talks;
  for (const std::string host : {kHostAddress, kHostAddress6}) {
    const std::string seen =
        StrCat("a ", host == kHostAddress ? kOutsideAddress : kOutsideAddress6);
    Expect(Outside(), {{"published", "udp", host, 8080, seen}});
    talks.push_back(std::make_unique<Interactive>(
        OptionsIn(Outside(),
                  {ProgramPath("caisson-probe"), "converse", host, "8081"}),
        Interactive::Stdio::kPipes));
    ASSERT_TRUE(talks.back()->WaitFor("connected=")) << talks.back()->output();
  }
  const auto flows_of = [](int family, const std::string& address) {
    std::vector<std::string> flows;
    const std::string list =
        Run(Host(), {"conntrack", "-L", "-f", family == 6 ? "ipv6" : "ipv4"});
    for (const absl::string_view line : absl::StrSplit(list, '\n')) {
      if (absl::StrContains(line, StrCat("src=", address, " "))) {
        flows.emplace_back(line);
      }
    }
    return flows;
  };
  for (const int family : {4, 6}) {
    const std::vector<std::string> flows =
        flows_of(family, AddressOf(a, family));
    // Both were asked for at a port of the host, and lead into the container.
    EXPECT_THAT(flows, UnorderedElementsAre(
                           AllOf(HasSubstr("tcp"), HasSubstr("ESTABLISHED"),
                                 HasSubstr("dport=8081"),
                                 HasSubstr(StrCat("sport=", kEchoed))),
                           AllOf(HasSubstr("udp"), HasSubstr("dport=8080"),
                                 HasSubstr(StrCat("sport=", kServed)))));
  }
  EXPECT_THAT(Delete(a.id()), IsOk());
  for (const int family : {4, 6}) {
    EXPECT_TRUE(PollUntil(absl::Seconds(5), [&] {
      return flows_of(family, AddressOf(a, family)).empty();
    })) << family;
  }
}

// --- bridge ------------------------------------------------------------------

TEST_F(NetworkPeersTest, BridgeShowsPortsAsTheNetworkWantsThem) {
  MakeNetwork(LanOf("lan", 1));
  v1::NetworkSpec apart = LanOf("apart", 2);
  apart.set_isolate_endpoints(true);
  MakeNetwork(apart);
  const bool call = Succeeds(
      Host(),
      {"grep", "-q", "1", "/proc/sys/net/bridge/bridge-nf-call-iptables"});
  for (const std::string network : {"lan", "apart"}) {
    const v1::Container a = CreateAndStart(AttachedSpec({network}));
    const std::string name = a.status().networks(0).host_link();
    const nlohmann::json ports =
        Json(Host(), {"bridge", "-j", "-d", "link", "show", "dev", name});
    ASSERT_EQ(ports.size(), 1u) << network;
    EXPECT_EQ(ports[0].value("master", ""), BridgeOf(network));
    EXPECT_EQ(ports[0].value("state", ""), "forwarding");
    EXPECT_EQ(ports[0].value("isolated", false), network == "apart");
    EXPECT_EQ(ports[0].value("hairpin", false), call);
    // What the bridge has learnt is the container's own hardware address.
    Expect(a, {{"gateway", "ping", network == "lan" ? "10.79.1.1" : "10.79.2.1",
                0, "pong"}});
    const nlohmann::json learnt = Json(
        Host(),
        {"bridge", "-j", "fdb", "show", "br", BridgeOf(network), "dev", name});
    EXPECT_THAT(learnt.dump(), HasSubstr(a.status().networks(0).mac()));
  }
}

// --- iperf3 and tc -----------------------------------------------------------

class NetworkRateTest : public NetworkPeersTest {
 protected:
  static constexpr int64_t kIngress = 8'000'000;
  static constexpr int64_t kEgress = 6'000'000;

  // In a second of one TCP stream: what arrived, in bits.
  static double Measure(const v1::Container& client, const std::string& server,
                        bool towards_client) {
    std::vector<std::string> argv = {"iperf3", "-J", "-t", "1", "-c", server};
    if (towards_client) argv.emplace_back("-R");
    const nlohmann::json report = Json(Inside(client), argv);
    const auto path =
        nlohmann::json::json_pointer("/end/sum_received/bits_per_second");
    EXPECT_TRUE(report.contains(path)) << report.dump();
    return report.contains(path) ? report[path].get<double>() : 0;
  }
  static void ServeIperf(const v1::Container& container,
                         std::optional<Interactive>* server) {
    server->emplace(OptionsIn(Inside(container), {"setpriv", "--pdeathsig",
                                                  "KILL", "iperf3", "-s"}),
                    Interactive::Stdio::kPipes);
    ASSERT_TRUE(PollUntil(absl::Seconds(20), [&] {
      return !Run(Inside(container), {"ss", "-Hlnt", "sport = 5201"}).empty();
    }));
  }
  // The rates in bytes of the token buckets of a link.
  static std::vector<int64_t> RatesOf(const std::string& link) {
    std::vector<int64_t> rates;
    for (const nlohmann::json& qdisc :
         Json(Host(), {"tc", "-j", "qdisc", "show", "dev", link})) {
      if (qdisc.value("kind", "") != "tbf") continue;
      rates.push_back(qdisc["options"].value("rate", int64_t{0}));
    }
    return rates;
  }
};

TEST_F(NetworkRateTest, StreamsRunAndKeepToTheirLimits) {
  if (TimeoutScale() > 10) {
    GTEST_SKIP() << "an emulated machine is as slow as the limits";
  }
  MakeNetwork(LanOf("lan", 1));
  const v1::Container a = CreateAndStart(AttachedSpec({"lan"}));
  const v1::Container free = CreateAndStart(AttachedSpec({"lan"}));
  v1::ContainerSpec spec = AttachedSpec({"lan"});
  Attachment(&spec, 0)->mutable_ingress()->set_bits_per_second(kIngress);
  Attachment(&spec, 0)->mutable_egress()->set_bits_per_second(kEgress);
  const v1::Container slow = CreateAndStart(spec);
  std::optional<Interactive> server;
  ASSERT_NO_FATAL_FAILURE(ServeIperf(a, &server));
  for (const int family : {4, 6}) {
    const std::string address = AddressOf(a, family);
    // Whatever this machine can do, it is more than the limits.
    EXPECT_GT(Measure(free, address, false), 2 * kIngress) << family;
    const double received = Measure(slow, address, true);
    EXPECT_THAT(received, AllOf(Gt(0.5 * kIngress), Lt(1.4 * kIngress)))
        << family;
    const double sent = Measure(slow, address, false);
    EXPECT_THAT(sent, AllOf(Gt(0.5 * kEgress), Lt(1.4 * kEgress))) << family;
  }
  // Received on the way to the container, sent on a detour.
  EXPECT_THAT(RatesOf(slow.status().networks(0).host_link()),
              ElementsAre(kIngress / 8));
  std::vector<int64_t> detours;
  for (const nlohmann::json& link :
       Json(Host(), {"ip", "-j", "link", "show", "type", "ifb"})) {
    const std::string name = link.value("ifname", "");
    if (name.empty()) continue;
    const std::vector<int64_t> rates = RatesOf(name);
    detours.insert(detours.end(), rates.begin(), rates.end());
  }
  EXPECT_THAT(detours, ElementsAre(kEgress / 8));
  EXPECT_THAT(RatesOf(free.status().networks(0).host_link()), IsEmpty());
}

// --- dig ---------------------------------------------------------------------

TEST_F(NetworkPeersTest, DigGetsAddressesNamesAndHonestNothings) {
  v1::NetworkSpec inner = NetworkOf("inner", {"10.79.3.0/24"});
  inner.set_internal(true);
  MakeNetwork(inner);
  MakeNetwork(LanOf("lan", 1));
  v1::ContainerSpec spec = AttachedSpec({"lan", "inner"});
  spec.set_name("db");
  const v1::Container db = CreateAndStart(spec);
  const v1::Container web = CreateAndStart(AttachedSpec({"lan"}));
  const v1::Container deep = CreateAndStart(AttachedSpec({"inner"}));
  const auto dig = [](const v1::Container& from,
                      std::vector<std::string> words) {
    words.insert(words.begin(), {"dig", "+time=2", "+tries=1"});
    return Run(Inside(from), words);
  };
  for (const char* protocol : {"+notcp", "+tcp"}) {
    EXPECT_THAT(dig(web, {"+short", protocol, "@10.79.1.1", "db", "A"}),
                StrCat(AddressOf(db, 4), "\n"));
    EXPECT_THAT(dig(web, {"+short", protocol, "@fd00:79:1::1", "db", "AAAA"}),
                StrCat(AddressOf(db, 6), "\n"));
  }
  for (const int family : {4, 6}) {
    EXPECT_THAT(dig(web, {"+short", "@10.79.1.1", "-x", AddressOf(db, family)}),
                ::testing::StartsWith("db."))
        << family;
  }
  // A name without an address of that family, and no such name.
  EXPECT_THAT(dig(deep, {"@10.79.3.1", "db", "AAAA"}),
              AllOf(HasSubstr("status: NOERROR"), HasSubstr("ANSWER: 0")));
  EXPECT_THAT(dig(deep, {"@10.79.3.1", "nothing", "A"}),
              HasSubstr("status: NXDOMAIN"));
  // Each network tells its own address.
  EXPECT_THAT(dig(deep, {"+short", "@10.79.3.1", "db", "A"}),
              StrCat(AddressOf(db, 4, 1), "\n"));
}

// --- Other firewalls ---------------------------------------------------------

class NetworkForeignTest : public NetworkPeersTest {
 protected:
  // As Docker's and firewalld's, with things in them that could be mistaken for
  // ours or that a rebuild could lose.
  static constexpr char kForeign[] = R"(
    table ip filter {
      set peers { type ipv4_addr; flags interval; elements = { 203.0.113.0/24 }; }
      chain DOCKER-USER { return; }
      chain FORWARD {
        type filter hook forward priority 0; policy drop;
        jump DOCKER-USER
        ip saddr @peers accept
      }
    }
    table inet firewalld {
      map zones { type ifname : verdict; elements = { "out" : accept }; }
      chain filter_FORWARD {
        type filter hook forward priority 10; policy accept;
        ct state established,related accept
        iifname vmap @zones
        reject with icmpx type admin-prohibited
      }
    }
    table inet caissonlike {
      set nets { type ifname; elements = { "cb0" }; }
    }
  )";

  // Everything but our table, with handles.
  static std::string Foreign() {
    std::string all;
    const nlohmann::json ruleset =
        Json(Host(), {"nft", "-j", "list", "ruleset"});
    for (const nlohmann::json& object : ruleset["nftables"]) {
      const nlohmann::json& body = object.begin().value();
      const bool is_table = object.contains("table");
      const std::string table = body.value(is_table ? "name" : "table", "");
      if (absl::StartsWith(table, "caisson_")) continue;
      all += object.dump() + "\n";
    }
    return all;
  }
  static std::vector<std::string> Warnings() {
    v1::GetInfoResponse info;
    EXPECT_THAT(Call(stubs().system, &v1::SystemService::Stub::GetInfo,
                     v1::GetInfoRequest(), &info),
                IsOk());
    std::vector<std::string> warnings;
    for (const v1::Warning& warning : info.warnings()) {
      if (warning.code() == "FOREIGN_FIREWALL") {
        warnings.push_back(warning.text());
      }
    }
    return warnings;
  }
  static void AwaitWarnings(size_t count) {
    EXPECT_TRUE(PollUntil(absl::Seconds(5), [count] {
      return Warnings().size() == count;
    })) << Warnings().size();
  }
};

TEST_F(NetworkForeignTest, AFirewallThatDefeatsUsIsToldWhileItIsThere) {
  MakeNetwork(LanOf("lan", 1));
  v1::ContainerSpec spec = ServerSpec("a", "lan");
  Publish(&spec, "0.0.0.0", 8080, kServed);
  StartServing(spec);
  const std::string seen = StrCat("a ", kOutsideAddress);
  const Question answered = {"", "tcp", kHostAddress, 8080, seen};
  const Question defeated = {"", "tcp", kHostAddress, 8080, ""};
  Expect(Outside(), {answered});
  EXPECT_THAT(Warnings(), IsEmpty());

  ProcessOptions load = OptionsIn(Host(), {"nft", "-f", "-"});
  load.input = kForeign;
  ASSERT_EQ(RunProgram(load).status, 0);
  AwaitWarnings(2);
  EXPECT_THAT(
      Warnings(),
      UnorderedElementsAre(
          ::testing::StartsWith("ip/filter/FORWARD drops"),
          ::testing::StartsWith("inet/firewalld/filter_FORWARD drops")));
  Expect(Outside(), {defeated});
  // Told by a daemon that finds it there, too.
  ASSERT_TRUE(daemon().Restart());
  AwaitWarnings(2);
  // One goes, then the other.
  Run(Host(), {"nft", "delete", "table", "ip", "filter"});
  AwaitWarnings(1);
  Expect(Outside(), {answered});
  Run(Host(), {"nft", "delete", "table", "inet", "firewalld"});
  AwaitWarnings(0);
  Run(Host(), {"nft", "delete", "table", "inet", "caissonlike"});
}

TEST_F(NetworkForeignTest, ARuleThatDefeatsUsIsTold) {
  Shell(Host(),
        "nft 'add table inet guard;"
        " add chain inet guard way { type filter hook forward priority 0; };"
        " add chain inet guard in { type filter hook input priority 0; };"
        " add rule inet guard way iifname \"cb*\" drop'");
  MakeNetwork(LanOf("lan", 1));
  AwaitWarnings(1);
  EXPECT_THAT(Warnings(), ElementsAre(HasSubstr("inet/guard/way drops")));
  Run(Host(),
      {"nft", "add", "rule", "inet", "guard", "in", "udp dport 53 drop"});
  AwaitWarnings(2);
  EXPECT_THAT(Warnings(), Contains(HasSubstr("for names")));
  Run(Host(), {"nft", "flush", "chain", "inet", "guard", "way"});
  AwaitWarnings(1);
  Run(Host(), {"nft", "delete", "table", "inet", "guard"});
  AwaitWarnings(0);
}

TEST_F(NetworkForeignTest, OtherFirewallsAreLeftAsTheyAre) {
  ProcessOptions load = OptionsIn(Host(), {"nft", "-f", "-"});
  load.input = kForeign;
  ASSERT_EQ(RunProgram(load).status, 0);
  const std::string before = Foreign();
  EXPECT_THAT(before,
              AllOf(HasSubstr("DOCKER-USER"), HasSubstr("203.0.113.0"),
                    HasSubstr("admin-prohibited"), HasSubstr("caissonlike")));
  // All that writes to the firewall.
  MakeNetwork(LanOf("lan", 1));
  v1::NetworkSpec links = LanOf("links", 2);
  links.set_driver("ptp");
  MakeNetwork(links);
  v1::ContainerSpec spec = AttachedSpec({"lan", "links"});
  Publish(&spec, "0.0.0.0", 8080, kServed);
  const v1::Container a = CreateAndStart(spec);
  EXPECT_EQ(Foreign(), before);
  const nlohmann::json tables = Json(Host(), {"nft", "-j", "list", "tables"});
  for (const nlohmann::json& object : tables["nftables"]) {
    if (!object.contains("table")) continue;
    const std::string name = object["table"].value("name", "");
    if (!absl::StartsWith(name, "caisson_")) continue;
    Run(Host(), {"nft", "delete", "table", "inet", name});
  }
  EXPECT_TRUE(PollUntil(absl::Seconds(5), [] {
    return absl::StrContains(Run(Host(), {"nft", "list", "ruleset"}), "8080");
  }));
  EXPECT_EQ(Foreign(), before);
  ASSERT_TRUE(daemon().Restart());
  v1::RepairHostResponse repaired;
  EXPECT_THAT(Call(stubs().system, &v1::SystemService::Stub::RepairHost,
                   v1::RepairHostRequest(), &repaired),
              IsOk());
  EXPECT_EQ(Foreign(), before);
  EXPECT_THAT(Delete(a.id()), IsOk());
  EXPECT_THAT(DeleteNetwork("lan"), IsOk());
  EXPECT_THAT(DeleteNetwork("links"), IsOk());
  EXPECT_EQ(Foreign(), before);
  Shell(Host(),
        "nft delete table ip filter; nft delete table inet firewalld;"
        "nft delete table inet caissonlike");
}

}  // namespace
}  // namespace caisson::testing
