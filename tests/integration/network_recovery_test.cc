// The daemon dies, or somebody changes the host behind its back: traffic goes
// on, and afterwards everything is as it shall be.
#include <signal.h>

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/str_cat.h"
#include "tests/integration/network_fixture.h"
#include "tests/leakcheck/proc.h"
#include "tests/testing/children.h"

namespace caisson::testing {
namespace {

using base::StrCat;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class NetworkRecoveryTest : public NetworkDaemonTest {
 protected:
  void TearDown() override {
    if (!IsSkipped()) {
      if (!daemon().running()) {
        EXPECT_TRUE(daemon().Restart());
      }
      DeleteAll();
      ReapAdopted();
    }
    NetworkDaemonTest::TearDown();
  }

  static void MakeLan() {
    MakeNetwork(NetworkOf("lan", {"10.77.1.0/24", "fd00:77:1::/64"}));
  }
  // A container with a server, published as 8080 of all addresses.
  v1::Container StartPublished() {
    v1::ContainerSpec spec = AttachedSpec({"lan"});
    Publish(&spec, "0.0.0.0", 8080, 8000);
    const v1::Container container = CreateAndStart(spec);
    if (container.status().pid() > 0) Serve(Inside(container), "a");
    return container;
  }
  static void ExpectPublished() {
    ExpectAnswer(Outside(), "TCP", kHostAddress, 8080,
                 StrCat("a ", kOutsideAddress));
  }
  static std::string BridgeOf(const std::string& network) {
    return StrCat("cb", GetNetwork(network).id().substr(0, 10));
  }
  // Marks what is ours.
  static std::string Instance() {
    for (const nlohmann::json& link :
         Json(Host(), {"ip", "-j", "link", "show", "type", "bridge"})) {
      const std::vector<std::string> words =
          absl::StrSplit(link.value("ifalias", ""), ':');
      if (words.size() > 1 && words[0] == "caisson") return words[1];
    }
    ADD_FAILURE() << "no bridge of ours";
    return "";
  }
  static std::vector<v1::AuditObject> RepairHost() {
    v1::RepairHostResponse response;
    EXPECT_THAT(Call(stubs().system, &v1::SystemService::Stub::RepairHost,
                     v1::RepairHostRequest(), &response),
                IsOk());
    EXPECT_THAT(response.failed(), IsEmpty());
    return {response.removed().begin(), response.removed().end()};
  }
  static v1::Container Restarted(const std::string& id) {
    v1::StopContainerRequest stop;
    stop.set_container(id);
    v1::StopContainerResponse stopped;
    EXPECT_THAT(
        Call(stubs().containers, &v1::ContainerService::Stub::StopContainer,
             stop, &stopped),
        IsOk());
    Wait(id);
    return Start(id);
  }
};

TEST_F(NetworkRecoveryTest, ConnectionsOutliveTheDaemon) {
  MakeLan();
  const v1::Container a = StartPublished();
  Interactive echo(
      OptionsIn(Inside(a), {"setpriv", "--pdeathsig", "KILL", "socat",
                            "TCP-LISTEN:7000,fork,reuseaddr", "EXEC:cat"}),
      Interactive::Stdio::kPipes);
  v1::ContainerSpec spec = AttachedSpec({"lan"});
  const v1::Container b = CreateAndStart(spec);
  ASSERT_TRUE(PollUntil(absl::Seconds(10), [&] {
    return Succeeds(Inside(b), {"socat", "-u", "OPEN:/dev/null",
                                StrCat("TCP:", AddressOf(a, 4), ":7000")});
  }));
  // Through the bridge, and out through masquerade.
  Interactive sibling(
      OptionsIn(Inside(b),
                {"socat", "-", StrCat("TCP:", AddressOf(a, 4), ":7000")}),
      Interactive::Stdio::kPipes);
  Interactive outside(
      OptionsIn(Outside(), {"setpriv", "--pdeathsig", "KILL", "socat",
                            "TCP-LISTEN:7000,fork,reuseaddr", "EXEC:cat"}),
      Interactive::Stdio::kPipes);
  ASSERT_TRUE(PollUntil(absl::Seconds(10), [&] {
    return Succeeds(Inside(b), {"socat", "-u", "OPEN:/dev/null",
                                StrCat("TCP:", kOutsideAddress, ":7000")});
  }));
  Interactive egress(
      OptionsIn(Inside(b),
                {"socat", "-", StrCat("TCP:", kOutsideAddress, ":7000")}),
      Interactive::Stdio::kPipes);
  const auto talk = [&](const std::string& word) {
    for (Interactive* peer : {&sibling, &egress}) {
      EXPECT_TRUE(peer->Write(word + "\n"));
      EXPECT_TRUE(peer->WaitFor(word)) << word;
    }
  };
  talk("before");
  daemon().Kill9();
  talk("without");
  ExpectPublished();
  ASSERT_TRUE(daemon().Restart()) << daemon().log();
  talk("after");
  ExpectPublished();
  EXPECT_EQ(Get(a.id()).status().networks(0).SerializeAsString(),
            a.status().networks(0).SerializeAsString());
  EXPECT_THAT(AuditProblems(), IsEmpty());
  // And it still has what it has for itself alone.
  v1::ContainerSpec other = AttachedSpec({"lan"});
  Attachment(&other, 0)->add_addresses(AddressOf(a, 4));
  EXPECT_THAT(TryStart(Create(other).id()),
              FailsWith(grpc::StatusCode::ALREADY_EXISTS, "ADDRESS_IN_USE"));
  v1::ContainerSpec port = AttachedSpec({"lan"});
  Publish(&port, "0.0.0.0", 8080, 8000);
  EXPECT_THAT(TryStart(Create(port).id()),
              FailsWith(grpc::StatusCode::ALREADY_EXISTS, "PORT_IN_USE"));
}

TEST_F(NetworkRecoveryTest, PublishedConnectionsOutliveTheDaemon) {
  MakeLan();
  v1::ContainerSpec spec = AttachedSpec({"lan"});
  Publish(&spec, "0.0.0.0", 8090, 7000);
  const v1::Container a = CreateAndStart(spec);
  Interactive echo(
      OptionsIn(Inside(a), {"setpriv", "--pdeathsig", "KILL", "socat",
                            "TCP-LISTEN:7000,fork,reuseaddr", "EXEC:cat"}),
      Interactive::Stdio::kPipes);
  const std::string target = StrCat("TCP:", kHostAddress, ":8090");
  ASSERT_TRUE(PollUntil(absl::Seconds(10), [&] {
    return Succeeds(Outside(), {"socat", "-u", "OPEN:/dev/null", target});
  }));
  Interactive peer(OptionsIn(Outside(), {"socat", "-", target}),
                   Interactive::Stdio::kPipes);
  for (int round = 0; round < 3; ++round) {
    EXPECT_TRUE(peer.Write(StrCat("round ", round, "\n")));
    EXPECT_TRUE(peer.WaitFor(StrCat("round ", round)));
    ASSERT_TRUE(daemon().Restart()) << daemon().log();
  }
  EXPECT_TRUE(peer.Write("last\n"));
  EXPECT_TRUE(peer.WaitFor("last"));
}

// A conversation whose every byte is compared, through whatever happens.
class Talk {
 public:
  explicit Talk(const ProcessOptions& options)
      : program_(options, Interactive::Stdio::kPipes) {}

  bool Begins() { return program_.WaitFor("connected="); }
  // How far it is; `word` is a new one each time.
  int64_t SoFar(const std::string& word) {
    int64_t bytes = -1;
    if (!program_.Write(word + "\n") || !program_.WaitFor(word + "="))
      return -1;
    EXPECT_TRUE(
        absl::SimpleAtoi(ProbeFacts(program_.output()).Get(word), &bytes));
    return bytes;
  }
  // Bytes went both ways since it was asked with another word.
  bool GoesOn(const std::string& word) {
    const int64_t before = SoFar(word + "_begin");
    int round = 0;
    return before >= 0 && PollUntil(absl::Seconds(10), [&] {
             return SoFar(StrCat(word, round++)) > before;
           });
  }
  // All bytes that were sent came back, and as they were.
  void ExpectWhole() {
    program_.CloseInput();
    EXPECT_EQ(program_.Wait(), 0) << program_.output();
    const ProbeFacts facts(program_.output());
    EXPECT_EQ(facts.Get("wrong"), "0");
    EXPECT_EQ(facts.Get("sent"), facts.Get("received"));
    EXPECT_FALSE(facts.Has("error")) << facts.Get("error");
  }

 private:
  Interactive program_;
};

TEST_F(NetworkRecoveryTest, AllHoldsAfterAFlushAndACrashLosesNoByte) {
  MakeLan();
  MakeNetwork(NetworkOf("other", {"10.77.2.0/24", "fd00:77:2::/64"}));
  v1::ContainerSpec spec = ServerSpec("db", "lan");
  spec.set_name("db");
  for (const char* host : {"0.0.0.0", "::"}) {
    Publish(&spec, host, 8080, kServed);
    Publish(&spec, host, 8081, kEchoed);
  }
  const v1::Container db = StartServing(spec);
  const v1::Container web = CreateAndStart(AttachedSpec({"lan"}));
  const v1::Container stranger = CreateAndStart(AttachedSpec({"other"}));
  const auto expect_all = [&](const std::string& when) {
    // By name: what the container's own resolver says, and connects to.
    const std::string found =
        ExecSync(web.id(),
                 ShExec("nslookup -type=a db; nslookup -type=aaaa db"))
            .stdout();
    EXPECT_THAT(found, HasSubstr(AddressOf(db, 4))) << when;
    EXPECT_THAT(found, HasSubstr(AddressOf(db, 6))) << when;
    EXPECT_THAT(
        ExecSync(web.id(), ShExec("nc -w 5 db 8000 </dev/null")).stdout(),
        HasSubstr("db "))
        << when;
    std::vector<Question> near, far, outside;
    for (const int family : {4, 6}) {
      const std::string address = AddressOf(db, family);
      const std::string host = family == 6 ? kHostAddress6 : kHostAddress;
      near.push_back({"sibling", "tcp", address, 8000,
                      StrCat("db ", AddressOf(web, family))});
      far.push_back({"other network", "tcp", address, 8000, ""});
      far.push_back({"other network", "ping", address, 0, ""});
      outside.push_back(
          {"published", "tcp", host, 8080,
           StrCat("db ", family == 6 ? kOutsideAddress6 : kOutsideAddress)});
      outside.push_back({"not published", "tcp", host, 8000, ""});
      outside.push_back({"own address", "tcp", address, 8000, ""});
    }
    EXPECT_EQ(WrongAnswers(near, AskFrom(web, near)), "") << when;
    EXPECT_EQ(WrongAnswers(far, AskFrom(stranger, far)), "") << when;
    EXPECT_EQ(WrongAnswers(outside, AskFrom(Outside(), outside)), "") << when;
  };
  std::vector<std::unique_ptr<Talk>> talks;
  const auto talk_to = [&talks](const Place& from, const std::string& address,
                                int port) {
    talks.push_back(std::make_unique<Talk>(OptionsIn(
        from,
        {ProgramPath("caisson-probe"), "converse", address, StrCat(port)})));
    EXPECT_TRUE(talks.back()->Begins());
  };
  const auto expect_talks = [&talks](const std::string& when) {
    for (size_t i = 0; i < talks.size(); ++i) {
      EXPECT_TRUE(talks[i]->GoesOn(when)) << when << " " << i;
    }
  };
  for (const int family : {4, 6}) {
    talk_to(Inside(web), AddressOf(db, family), kEchoed);
  }
  expect_all("at first");
  FlushFirewall();
  expect_all("flushed");
  expect_talks("flushed");
  // A busy connection through a published port does not outlive a flush: until
  // the table is made anew its packets are for the host, which resets it.
  for (const char* host : {kHostAddress, kHostAddress6}) {
    talk_to(Outside(), host, 8081);
  }
  expect_talks("before");
  daemon().Kill9();
  expect_talks("without");
  ASSERT_TRUE(daemon().Restart()) << daemon().log();
  expect_talks("after");
  expect_all("after the crash");
  for (const auto& talk : talks) talk->ExpectWhole();
  EXPECT_THAT(AuditProblems(), IsEmpty());
}

TEST_F(NetworkRecoveryTest, ExitWithoutADaemonReleasesEverything) {
  MakeLan();
  const v1::Container a = StartPublished();
  const std::string shim_stat = StrCat("/proc/", a.status().pid(), "/stat");
  daemon().Kill9();
  ASSERT_EQ(::kill(a.status().pid(), SIGKILL), 0);
  ASSERT_TRUE(PollUntil(absl::Seconds(20), [&] {
    return leakcheck::ParseStat(leakcheck::ReadText(shim_stat)).pid < 0;
  }));
  ASSERT_TRUE(daemon().Restart()) << daemon().log();
  EXPECT_EQ(Wait(a.id()).signal(), "SIGKILL");
  EXPECT_THAT(Get(a.id()).status().networks(), IsEmpty());
  ExpectSilence(Outside(), "TCP", kHostAddress, 8080);
  EXPECT_TRUE(PollUntil(absl::Seconds(10), [] { return Links("cv").empty(); }));
  EXPECT_THAT(AuditProblems(), IsEmpty());
  const v1::Container b = StartPublished();
  ExpectPublished();
  EXPECT_NE(AddressOf(b, 4), AddressOf(a, 4)) << "still in quarantine";
}

TEST_F(NetworkRecoveryTest, EveryRunHasAnEndpointOfItsOwn) {
  MakeLan();
  const v1::Container a = StartPublished();
  const v1::Container again = Restarted(a.id());
  ASSERT_THAT(again.status().networks(), SizeIs(1));
  EXPECT_EQ(again.status().run(), 2);
  const v1::NetworkEndpoint& first = a.status().networks(0);
  const v1::NetworkEndpoint& second = again.status().networks(0);
  EXPECT_NE(AddressOf(again, 4), AddressOf(a, 4));
  EXPECT_NE(second.mac(), first.mac());
  EXPECT_NE(second.host_link(), first.host_link());
  Serve(Inside(again), "a");
  ExpectPublished();
}

// Makes, starts and deletes containers, one after the other, until it is told
// to stop. Every call may fail: the daemon is killed meanwhile.
void StartAndDelete(const std::string& address, const v1::ContainerSpec& spec,
                    const std::atomic<bool>* stop, std::atomic<int>* calls) {
  // Of its own, as the daemon's end makes the shared one void.
  const Stubs own = Connect(address);
  const auto call = [calls](const auto& stub, auto method, const auto& request,
                            auto* response) {
    grpc::ClientContext context;
    context.set_deadline(
        absl::ToChronoTime(absl::Now() + Scaled(absl::Seconds(5))));
    ++*calls;
    return (stub.get()->*method)(&context, request, response).ok();
  };
  using Stub = v1::ContainerService::Stub;
  while (!*stop) {
    v1::CreateContainerRequest create;
    *create.mutable_spec() = spec;
    v1::CreateContainerResponse created;
    if (!call(own.containers, &Stub::CreateContainer, create, &created)) {
      continue;
    }
    const std::string& id = created.container().id();
    v1::StartContainerRequest start;
    start.set_container(id);
    v1::StartContainerResponse started;
    call(own.containers, &Stub::StartContainer, start, &started);
    v1::DeleteContainerRequest gone;
    gone.set_container(id);
    gone.set_force(true);
    v1::DeleteContainerResponse deleted;
    call(own.containers, &Stub::DeleteContainer, gone, &deleted);
  }
}

TEST_F(NetworkRecoveryTest, KilledAtRandomMomentsNothingIsLeft) {
  MakeLan();
  std::minstd_rand random(20);
  const int rounds = ScaledCount(8, 3);
  for (int round = 0; round < rounds; ++round) {
    std::atomic<bool> stop = false;
    std::atomic<int> calls = 0;
    std::vector<std::thread> clients;
    for (int i = 0; i < 3; ++i) {
      v1::ContainerSpec spec = AttachedSpec({"lan", "default"});
      Publish(&spec, "0.0.0.0", 8080 + i, 8000);
      clients.emplace_back(StartAndDelete, daemon().address(), spec, &stop,
                           &calls);
    }
    const int enough = 5 + static_cast<int>(random() % 30);
    EXPECT_TRUE(PollUntil(absl::Seconds(20), [&] { return calls >= enough; }));
    daemon().Kill9();
    stop = true;
    for (std::thread& client : clients) client.join();
    ASSERT_TRUE(daemon().Restart()) << daemon().log();
    std::vector<std::string> problems;
    EXPECT_TRUE(PollUntil(absl::Seconds(10),
                          [&] {
                            problems = AuditProblems();
                            return problems.empty();
                          }))
        << round << "\n"
        << absl::StrJoin(problems, "\n");
    if (HasFailure()) return;
  }
  DeleteAll();
  EXPECT_TRUE(PollUntil(absl::Seconds(10), [] { return Links("cv").empty(); }))
      << absl::StrJoin(Links("cv"), " ");
  // Every port is free again.
  for (int i = 0; i < 3; ++i) {
    v1::ContainerSpec spec = AttachedSpec({"lan"});
    Publish(&spec, "0.0.0.0", 8080 + i, 8000);
    EXPECT_THAT(TryStart(Create(spec).id()), IsOk());
  }
}

TEST_F(NetworkRecoveryTest, NetworksAreMadeOrNotWhenTheDaemonDies) {
  std::minstd_rand random(21);
  for (int round = 0; round < ScaledCount(6, 2); ++round) {
    std::atomic<bool> stop = false;
    std::atomic<int> calls = 0;
    std::thread client([&] {
      const Stubs own = Connect(daemon().address());
      for (int i = 0; !stop; ++i) {
        v1::CreateNetworkRequest create;
        *create.mutable_spec() = NetworkOf(StrCat("n", i % 5), {});
        v1::CreateNetworkResponse created;
        Call(own.networks, &v1::NetworkService::Stub::CreateNetwork, create,
             &created, absl::Seconds(5));
        v1::DeleteNetworkRequest gone;
        gone.set_network(StrCat("n", (i + 2) % 5));
        v1::DeleteNetworkResponse deleted;
        Call(own.networks, &v1::NetworkService::Stub::DeleteNetwork, gone,
             &deleted, absl::Seconds(5));
        ++calls;
      }
    });
    const int enough = 3 + static_cast<int>(random() % 10);
    EXPECT_TRUE(PollUntil(absl::Seconds(20), [&] { return calls >= enough; }));
    daemon().Kill9();
    stop = true;
    client.join();
    ASSERT_TRUE(daemon().Restart()) << daemon().log();
    EXPECT_THAT(AuditProblems(), IsEmpty());
    // Each has its bridge, and there is no other.
    std::vector<std::string> names;
    for (const v1::ManagedNetwork& network : ListNetworks()) {
      if (network.status().up()) names.push_back(network.spec().name());
    }
    EXPECT_THAT(Links("cb"), SizeIs(names.size()));
  }
}

TEST_F(NetworkRecoveryTest, FlushedFirewallIsMadeAnewWithinASecond) {
  MakeLan();
  StartPublished();
  ExpectPublished();
  const int64_t revision = Revision();
  const std::string table = StrCat("caisson_", Instance());
  const std::string before =
      Run(Host(), {"nft", "-s", "list", "table", "inet", table});
  Shell(Host(), "nft flush ruleset");
  const absl::Time flushed = absl::Now();
  EXPECT_TRUE(PollUntil(absl::Seconds(1),
                        [&] {
                          return RunIn(Host(), {"nft", "-s", "list", "table",
                                                "inet", table})
                                     .out == before;
                        }))
      << "after " << absl::Now() - flushed;
  ExpectPublished();
  const std::vector<v1::Event> events =
      EventsUntil(revision, "network.repaired");
  ASSERT_THAT(events, Not(IsEmpty()));
  EXPECT_EQ(events.back().attributes().at("cause"), "firewall");
  EXPECT_THAT(AuditProblems(), IsEmpty());
}

TEST_F(NetworkRecoveryTest, WhatBeganWithoutAFirewallIsPutOnItsWay) {
  MakeLan();
  MakeNetwork(NetworkOf("other", {"10.77.2.0/24"}));
  v1::ContainerSpec spec = AttachedSpec({"lan"});
  Publish(&spec, "0.0.0.0", 8080, 8000, "udp");
  const v1::Container a = CreateAndStart(spec);
  const v1::Container b = CreateAndStart(AttachedSpec({"other"}));
  Serve(Inside(a), "a");
  Serve(Outside(), "outside");
  const auto published = [] {
    return Ask(Outside(), "UDP", kHostAddress, 8080, 5555);
  };
  const auto outwards = [&] {
    return Ask(Inside(a), "UDP", kOutsideAddress, 8000, 5555);
  };
  const auto across = [&] {
    return Ask(Inside(b), "UDP", AddressOf(a, 4), 8000, 5555);
  };
  // Asking again keeps the connection as it is, and a slow server may need it.
  const auto becomes = [](const auto& question, const std::string& answer) {
    std::string last;
    PollUntil(absl::Seconds(10), [&] {
      last = question();
      return last == answer;
    });
    return last;
  };
  // Without any rule that asks for them the kernel knows no connections.
  Shell(Host(),
        "nft 'add table inet tracker;"
        " add chain inet tracker in { type filter hook prerouting priority 0; }"
        "; add rule inet tracker in ct state established counter'");
  const std::string table = StrCat("caisson_", Instance());
  const int64_t revision = Revision();
  ASSERT_EQ(::kill(daemon().pid(), SIGSTOP), 0);
  Run(Host(), {"nft", "delete", "table", "inet", table});
  EXPECT_EQ(published(), "");
  const std::string from_a = StrCat("outside ", AddressOf(a, 4));
  const std::string from_b = StrCat("a ", AddressOf(b, 4));
  EXPECT_EQ(becomes(outwards, from_a), from_a);
  EXPECT_EQ(becomes(across, from_b), from_b) << "nothing is in its way";
  ASSERT_EQ(::kill(daemon().pid(), SIGCONT), 0);
  EXPECT_THAT(EventsUntil(revision, "network.repaired"), Not(IsEmpty()));

  const std::string from_outside = StrCat("a ", kOutsideAddress);
  const std::string from_host = StrCat("outside ", kHostAddress);
  EXPECT_EQ(becomes(published, from_outside), from_outside);
  EXPECT_EQ(becomes(outwards, from_host), from_host);
  EXPECT_EQ(across(), "");
  Shell(Host(), "nft delete table inet tracker");
}

TEST_F(NetworkRecoveryTest, ForeignTablesAndLinksAreNotTouched) {
  MakeLan();
  StartPublished();
  Shell(Host(),
        "nft add table inet foreign;"
        "nft add chain inet foreign c '{ type filter hook forward priority "
        "10; }';"
        "nft add rule inet foreign c ip daddr 203.0.113.1 drop;"
        // Of another instance.
        "ip link add cb0123456789 type bridge;"
        "ip link set cb0123456789 up alias "
        "caisson:0000000000000000:network:0123456789foreign;"
        "ip link add cvforeign type veth peer cvforeign2");
  const auto foreign = [] {
    std::string all;
    for (const std::string& line : StateOf(Host())) {
      if (absl::StrContains(line, "foreign")) all += line + "\n";
    }
    return all;
  };
  const std::string before = foreign();
  EXPECT_THAT(before, HasSubstr("203.0.113.1"));
  Shell(Host(), StrCat("nft delete table inet caisson_", Instance()));
  ExpectPublished();
  ASSERT_TRUE(daemon().Restart()) << daemon().log();
  RepairHost();
  ExpectPublished();
  EXPECT_EQ(foreign(), before);
  Shell(Host(),
        "nft delete table inet foreign; ip link del cb0123456789;"
        "ip link del cvforeign");
}

TEST_F(NetworkRecoveryTest, ARemovedBridgeIsMadeAnew) {
  MakeLan();
  const v1::Container a = StartPublished();
  const v1::Container b = CreateAndStart(AttachedSpec({"lan"}));
  const int64_t revision = Revision();
  const std::string bridge = BridgeOf("lan");
  Run(Host(), {"ip", "link", "del", bridge});
  const absl::Time removed = absl::Now();
  EXPECT_TRUE(PollUntil(absl::Seconds(1),
                        [&] {
                          return absl::StrContains(
                              RunIn(Host(), {"ip", "addr", "show", bridge}).out,
                              "10.77.1.1");
                        }))
      << "after " << absl::Now() - removed;
  const std::vector<v1::Event> events =
      EventsUntil(revision, "network.repaired");
  ASSERT_THAT(events, Not(IsEmpty()));
  EXPECT_EQ(events.back().attributes().at("cause"), "links");
  for (const int family : {4, 6}) ExpectPing(Inside(b), AddressOf(a, family));
  ExpectPublished();
  EXPECT_EQ(Ask(Host(), "TCP", "127.0.0.1", 8080), "a 10.77.1.1");
  EXPECT_THAT(AuditProblems(), IsEmpty());
}

TEST_F(NetworkRecoveryTest, ARemovedLinkOfAContainerIsMadeAnew) {
  MakeLan();
  const v1::Container a = StartPublished();
  const std::string before =
      Run(Inside(a), {"ip", "-o", "addr", "show", "scope", "global"});
  Run(Host(), {"ip", "link", "del", a.status().networks(0).host_link()});
  std::string after;
  EXPECT_TRUE(PollUntil(absl::Seconds(5), [&] {
    after = Run(Inside(a), {"ip", "-o", "addr", "show", "scope", "global"});
    return after == before;
  })) << after;
  ExpectPublished();
  EXPECT_TRUE(Ping(Inside(a), kOutsideAddress));
  EXPECT_THAT(AuditProblems(), IsEmpty());
}

TEST_F(NetworkRecoveryTest, WhatWasRemovedWhileTheDaemonWasDeadIsMadeAnew) {
  MakeLan();
  const v1::Container a = StartPublished();
  const v1::Container b = CreateAndStart(AttachedSpec({"lan"}));
  const std::string bridge = BridgeOf("lan");
  daemon().Kill9();
  Shell(Host(),
        StrCat("nft flush ruleset; ip link del ",
               a.status().networks(0).host_link(), "; ip link del ", bridge));
  ASSERT_TRUE(daemon().Restart()) << daemon().log();
  ExpectPublished();
  for (const int family : {4, 6}) ExpectPing(Inside(b), AddressOf(a, family));
  EXPECT_THAT(AuditProblems(), IsEmpty());
}

TEST_F(NetworkRecoveryTest, AfterARebootNetworksAreThereAndAddressesFree) {
  MakeLan();
  v1::ContainerSpec spec = AttachedSpec({"lan"});
  Attachment(&spec, 0)->add_addresses("10.77.1.77");
  Publish(&spec, "0.0.0.0", 8080, 8000);
  const v1::Container a = CreateAndStart(spec);
  // Nothing in memory outlives a reboot, and the kernel tells of another boot.
  const auto mounts = [] {
    return StrCat("--mount=/proc/", daemon().pid(), "/ns/mnt");
  };
  const std::string boot_id = daemon().sandbox().directory + "/boot_id";
  WriteFileOrDie(boot_id, "00000000-0000-4000-8000-000000000001\n");
  Run(Host(), {"nsenter", mounts(), "mount", "--bind", boot_id,
               "/proc/sys/kernel/random/boot_id"});
  daemon().Kill9();
  for (const pid_t pid : ServiceProcesses(daemon().sandbox().state)) {
    ::kill(pid, SIGKILL);
  }
  ::kill(a.status().pid(), SIGKILL);
  ASSERT_TRUE(PollUntil(absl::Seconds(10), [] {
    ReapAdopted();
    return ServiceProcesses(daemon().sandbox().state).empty() &&
           Links("cv").empty();
  }));
  for (const std::string& bridge : Links("cb")) {
    Run(Host(), {"ip", "link", "del", bridge});
  }
  Shell(Host(), "nft flush ruleset");

  ASSERT_TRUE(daemon().Start()) << daemon().log();
  const v1::Container after = Get(a.id());
  EXPECT_NE(after.status().state(), v1::CONTAINER_STATE_RUNNING);
  EXPECT_THAT(after.status().networks(), IsEmpty());
  EXPECT_EQ(GetNetwork("lan").status().endpoints(), 0);
  EXPECT_THAT(AuditProblems(), IsEmpty());
  // No quarantine: nobody can have kept an address of then.
  const v1::Container again = Start(a.id());
  EXPECT_EQ(AddressOf(again, 4), "10.77.1.77");
  Serve(Inside(again), "a");
  ExpectPublished();
  Run(Host(),
      {"nsenter", mounts(), "umount", "/proc/sys/kernel/random/boot_id"});
  StopServing();
  DeleteAll();
  EXPECT_THAT(DeleteNetwork("lan"), IsOk());
  EXPECT_TRUE(PollUntil(absl::Seconds(10), [] { return Links("cv").empty(); }));
  // The default network's bridge is another one.
  TakeIdle();
}

// Nobody tells of such changes: they are found by who looks.
TEST_F(NetworkRecoveryTest, WhatIsNotAsItShallBeIsToldAndPutRight) {
  MakeLan();
  const v1::Container a = CreateAndStart(AttachedSpec({"lan"}));
  const std::string bridge = BridgeOf("lan");
  const std::string link = a.status().networks(0).host_link();
  const std::pair<std::string, std::string> changes[] = {
      {StrCat("ip link set ", bridge, " down"), bridge},
      {StrCat("ip addr del 10.77.1.1/24 dev ", bridge), bridge},
      {StrCat("ip addr del fd00:77:1::1/64 dev ", bridge), bridge},
      {StrCat("ip link set ", link, " down"), link},
      {"echo 0 > /proc/sys/net/ipv4/ip_forward", "net/ipv4/ip_forward"}};
  for (const auto& [script, key] : changes) {
    SCOPED_TRACE(script);
    Shell(Host(), script);
    EXPECT_THAT(AuditProblems(), Contains(HasSubstr(key)));
    const std::vector<v1::AuditObject> repaired = RepairHost();
    ASSERT_THAT(repaired, Not(IsEmpty()));
    EXPECT_THAT(AuditProblems(), IsEmpty());
    for (const char* address : {"10.77.1.1", "fd00:77:1::1"}) {
      ExpectPing(Inside(a), address);
    }
    ExpectPing(Inside(a), kOutsideAddress);
  }
}

TEST_F(NetworkRecoveryTest, OrphansAreToldAndRemoved) {
  MakeLan();
  const std::string tag = StrCat("caisson:", Instance());
  Shell(Host(), StrCat("ip link add cb0123456789 type bridge;"
                       "ip link set cb0123456789 alias ",
                       tag, ":network:0123456789abcdef0123456789abcdef;",
                       "ip link add cv0123456789a type veth peer name cvpeer;"
                       "ip link set cv0123456789a alias ",
                       tag, ":endpoint:0123456789abcdef0123456789abcdef"));
  const std::vector<std::string> problems = AuditProblems();
  EXPECT_THAT(problems, Contains(HasSubstr("cb0123456789")));
  RepairHost();
  EXPECT_THAT(Links("cb0123456789"), IsEmpty());
  EXPECT_THAT(AuditProblems(), IsEmpty());
}

TEST_F(NetworkRecoveryTest, AProcessThatHoldsTheNamespaceReachesNobody) {
  MakeLan();
  const v1::Container a = StartPublished();
  const v1::Container b = CreateAndStart(AttachedSpec({"lan"}));
  // The servers of the test are such processes too.
  EXPECT_THAT(Delete(a.id()), IsOk());
  EXPECT_TRUE(PollUntil(absl::Seconds(5),
                        [&] { return !Ping(Inside(b), AddressOf(a, 4)); }));
  ExpectSilence(Outside(), "TCP", kHostAddress, 8080);
  // Held for longer than the kernel needs to take it away, it is an orphan.
  EXPECT_TRUE(PollUntil(absl::Seconds(15), [] {
    RepairHost();
    return Links("cv").size() == 1;  // that of b
  }));
  EXPECT_THAT(AuditProblems(), IsEmpty());
}

}  // namespace
}  // namespace caisson::testing
