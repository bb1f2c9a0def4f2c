// Containers of networks from start to end: what they see of themselves, that
// every way to end gives everything back, and many at once.
#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/str_cat.h"
#include "tests/integration/network_fixture.h"
#include "tests/leakcheck/snapshot.h"

namespace caisson::testing {
namespace {

using base::StrCat;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class NetworkLifeTest : public NetworkDaemonTest {
 protected:
  void SetUp() override {
    NetworkDaemonTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    MakeNetwork(NetworkOf("lan", {"10.77.0.0/16", "fd00:77::/64"}));
  }
  static std::string FileOf(const v1::Container& container,
                            const std::string& path) {
    return ExecSync(container.id(), ExecOf({"/bin/cat", path})).stdout();
  }
  // The address that the network's own server has for a name; empty when it
  // has none.
  static std::string Dig(const Place& place, const std::string& name,
                         const std::string& type = "A",
                         const std::string& server = "10.77.0.1") {
    std::string answer = RunIn(place, {"dig", "+short", "+time=2", "+tries=1",
                                       "@" + server, name, type})
                             .out;
    // ";; no servers could be reached", of those that others are asked.
    if (absl::StartsWith(answer, ";")) return "";
    absl::StripTrailingAsciiWhitespace(&answer);
    return answer;
  }
  // Nothing of a container is left on the host or in the service's books.
  static void ExpectReleased(const std::string& what) {
    EXPECT_TRUE(PollUntil(absl::Seconds(10), [] {
      return Links("cv").empty();
    })) << what;
    EXPECT_EQ(GetNetwork("lan").status().endpoints(), 0) << what;
    std::vector<std::string> problems;
    // It may say that it is busy with all those ends.
    EXPECT_TRUE(PollUntil(absl::Seconds(10),
                          [&] {
                            problems = AuditProblems();
                            return problems.empty();
                          }))
        << what << "\n"
        << absl::StrJoin(problems, "\n");
    const std::string table = Run(Host(), {"nft", "list", "ruleset"});
    EXPECT_THAT(table, Not(HasSubstr("8080"))) << what;
  }
  static v1::ContainerSpec PublishedSpec() {
    v1::ContainerSpec spec = AttachedSpec({"lan"});
    Publish(&spec, "0.0.0.0", 8080, 8000);
    return spec;
  }
};

// --- What a container sees ---------------------------------------------------

TEST_F(NetworkLifeTest, ExecsAreInTheContainersNetwork) {
  const v1::Container a = CreateAndStart(AttachedSpec({"lan"}));
  for (int round = 0; round < 2; ++round) {
    const std::string seen =
        ExecSync(a.id(), ExecOf({"/bin/ip", "-o", "addr"})).stdout();
    EXPECT_THAT(seen, HasSubstr(StrCat("eth0    inet ", AddressOf(a, 4))));
    EXPECT_THAT(seen, HasSubstr("127.0.0.1/8"));
    ASSERT_TRUE(daemon().Restart());
  }
}

TEST_F(NetworkLifeTest, TheFirstProgramFindsItsNetworkReady) {
  Serve(Outside(), "outside");
  v1::ContainerSpec spec =
      ShSpec("ip -o addr; ip route; nc -w 5 192.0.2.2 8000 </dev/null");
  spec.mutable_network()->mutable_attach()->add_networks()->set_network("lan");
  const Delivered seen = RunToEnd(stubs(), spec);
  EXPECT_EQ(seen.shell_status(), 0) << seen.merged;
  EXPECT_THAT(seen.out, HasSubstr("inet 10.77.0."));
  EXPECT_THAT(seen.out, HasSubstr("inet6 fd00:77::"));
  for (const absl::string_view line : absl::StrSplit(seen.out, '\n')) {
    if (!absl::StrContains(line, "fd00:77::")) continue;
    EXPECT_FALSE(absl::StrContains(line, "tentative")) << line;
  }
  EXPECT_THAT(seen.out, HasSubstr("default via 10.77.0.1"));
  EXPECT_THAT(seen.out, HasSubstr("outside "));
}

TEST_F(NetworkLifeTest, AUserNamespaceHasItsNetworkToo) {
  v1::ContainerSpec spec = PublishedSpec();
  v1::IdMapping* maps = spec.mutable_user_namespace()->mutable_explicit_();
  for (v1::IdMap* map : {maps->add_uids(), maps->add_gids()}) {
    map->set_container_id(0);
    map->set_host_id(100000);
    map->set_size(65536);
  }
  const v1::Container a = CreateAndStart(spec);
  Serve(Inside(a), "a");
  Serve(Outside(), "outside");
  ExpectAnswer(Outside(), "TCP", kHostAddress, 8080,
               StrCat("a ", kOutsideAddress));
  ExpectAnswer(Inside(a), "TCP", kOutsideAddress, 8000,
               StrCat("outside ", kHostAddress));
  EXPECT_THAT(
      ExecSync(a.id(), ShExec("cat /proc/self/uid_map; ip -o addr")).stdout(),
      HasSubstr(AddressOf(a, 4)));
  EXPECT_EQ(ExecSync(a.id(), ShExec("cat /etc/hostname; id -u")).stdout(),
            StrCat(a.id().substr(0, 12), "\n0\n"));
}

TEST_F(NetworkLifeTest, TheNetworkOfAnotherContainerIsShared) {
  const v1::Container a = CreateAndStart(AttachedSpec({"lan"}));
  v1::ContainerSpec spec = ShSpec("ip -o addr");
  spec.mutable_network()->set_container(a.id());
  EXPECT_THAT(RunToEnd(stubs(), spec).out, HasSubstr(AddressOf(a, 4)));
}

TEST_F(NetworkLifeTest, FilesTellWhoAndWhere) {
  v1::ContainerSpec spec = AttachedSpec({"lan"});
  spec.set_hostname("web");
  v1::ExtraHost* extra = spec.mutable_network()->add_extra_hosts();
  extra->set_name("db.example");
  extra->set_address("203.0.113.5");
  v1::Dns* dns = spec.mutable_network()->mutable_dns();
  dns->add_searches("corp.example");
  dns->add_options("timeout:3");
  const v1::Container a = CreateAndStart(spec);
  const std::string hosts = FileOf(a, "/etc/hosts");
  EXPECT_THAT(hosts, HasSubstr("127.0.0.1\tlocalhost"));
  EXPECT_THAT(hosts, HasSubstr("203.0.113.5\tdb.example"));
  EXPECT_THAT(hosts, HasSubstr(StrCat(AddressOf(a, 4), "\tweb")));
  EXPECT_THAT(hosts, HasSubstr(StrCat(AddressOf(a, 6), "\tweb")));
  EXPECT_EQ(FileOf(a, "/etc/hostname"), "web\n");
  const std::string resolv = FileOf(a, "/etc/resolv.conf");
  EXPECT_THAT(resolv, HasSubstr("nameserver 10.77.0.1"));
  EXPECT_THAT(resolv, HasSubstr("search corp.example"));
  EXPECT_THAT(resolv, HasSubstr("timeout:3"));
  // Of the container, not of the image.
  EXPECT_EQ(ReadFileOrEmpty(SharedRootfs() + "/etc/resolv.conf"), "");
}

// Takes what comes to port 53 of an address, and keeps it.
class Taker {
 public:
  explicit Taker(const ProcessOptions& options)
      : socat_(options, Interactive::Stdio::kPipes) {}
  // The address need not be there yet.
  static std::vector<std::string> Argv(const std::string& address) {
    return {"setpriv", "--pdeathsig",
            "KILL",    "socat",
            "-u",      StrCat("UDP4-RECV:53,freebind,bind=", address),
            "STDOUT"};
  }
  bool Got(const std::string& text) {
    return socat_.WaitFor(text, absl::Milliseconds(100));
  }

 private:
  Interactive socat_;
};

TEST_F(NetworkLifeTest, NamesAreAnsweredForWhenPort53IsFreeAgain) {
  auto taker =
      std::make_unique<Taker>(OptionsIn(Host(), Taker::Argv("10.79.0.1")));
  ASSERT_TRUE(PollUntil(absl::Seconds(10), [] {
    return absl::StrContains(Run(Host(), {"ss", "-Hanu"}), "10.79.0.1:53");
  }));
  MakeNetwork(NetworkOf("late", {"10.79.0.0/24"}));
  v1::ContainerSpec spec = AttachedSpec({"late"});
  spec.set_name("db");
  const v1::Container db = CreateAndStart(spec);
  const auto found = [&db] { return Dig(Inside(db), "db", "A", "10.79.0.1"); };
  EXPECT_THAT(FileOf(db, "/etc/resolv.conf"), Not(HasSubstr("10.79.0.1")));
  EXPECT_EQ(found(), "");
  EXPECT_THAT(AuditProblems(), ElementsAre(HasSubstr("late")));
  const int64_t revision = Revision();
  taker.reset();
  EXPECT_TRUE(PollUntil(absl::Seconds(20),
                        [&] { return found() == AddressOf(db, 4); }));
  const std::vector<v1::Event> events =
      EventsUntil(revision, "network.repaired");
  ASSERT_THAT(events, Not(IsEmpty()));
  EXPECT_EQ(events.back().attributes().at("cause"), "names");
  EXPECT_THAT(AuditProblems(), IsEmpty());
  // Who comes now is told.
  const v1::Container web = CreateAndStart(AttachedSpec({"late"}));
  EXPECT_THAT(FileOf(web, "/etc/resolv.conf"), HasSubstr("10.79.0.1"));
}

TEST_F(NetworkLifeTest, OthersAreAskedWhomTheHostAsksNow) {
  const v1::Container web = CreateAndStart(AttachedSpec({"lan"}));
  Taker taker(OptionsIn(Outside(), Taker::Argv(kOutsideAddress)));
  // The file of the daemon's own mounts.
  const std::string file = ::testing::TempDir() + "resolv.conf";
  const std::string mounts =
      StrCat("nsenter --mount=/proc/", daemon().pid(), "/ns/mnt ");
  Shell(Host(),
        StrCat("echo 'nameserver ", kOutsideAddress, "' > ", file, " && ",
               mounts, "mount --bind ", file, " /etc/resolv.conf"));
  EXPECT_TRUE(PollUntil(absl::Seconds(20), [&] {
    Dig(Inside(web), "elsewhere.example");
    return taker.Got("elsewhere");
  }));
  // So do those that have no server of ours.
  v1::NetworkSpec mute = NetworkOf("mute", {"10.79.0.0/24"});
  mute.set_no_dns(true);
  MakeNetwork(mute);
  const v1::Container other = CreateAndStart(AttachedSpec({"mute"}));
  EXPECT_EQ(FileOf(other, "/etc/resolv.conf"),
            StrCat("nameserver ", kOutsideAddress, "\n"));
  Shell(Host(), StrCat(mounts, "umount /etc/resolv.conf && rm ", file));
}

TEST_F(NetworkLifeTest, ContainersFindEachOtherByName) {
  v1::ContainerSpec spec = AttachedSpec({"lan"});
  spec.set_name("db");
  Attachment(&spec, 0)->add_aliases("store");
  const v1::Container db = CreateAndStart(spec);
  const v1::Container web = CreateAndStart(AttachedSpec({"lan"}));
  for (const std::string& name :
       {std::string("db"), std::string("store"), db.id().substr(0, 12)}) {
    EXPECT_EQ(Dig(Inside(web), name), AddressOf(db, 4)) << name;
    EXPECT_EQ(Dig(Inside(web), name, "AAAA"), AddressOf(db, 6)) << name;
  }
  // With what the container itself has to ask.
  EXPECT_THAT(ExecSync(web.id(), ShExec("busybox nslookup db")).stdout(),
              HasSubstr(AddressOf(db, 4)));
  ASSERT_TRUE(daemon().Restart());
  EXPECT_EQ(Dig(Inside(web), "db"), AddressOf(db, 4));
  EXPECT_THAT(Delete(db.id()), IsOk());
  EXPECT_TRUE(PollUntil(absl::Seconds(5),
                        [&] { return Dig(Inside(web), "db").empty(); }));
}

// --- Ends --------------------------------------------------------------------

TEST_F(NetworkLifeTest, EveryEndGivesEverythingBack) {
  const std::map<std::string, std::string> ends = {
      {"exit", "sleep 0.1"}, {"stop", ""}, {"kill", ""}, {"delete", ""}};
  for (const auto& [end, script] : ends) {
    v1::ContainerSpec spec = PublishedSpec();
    // The shell may not have come to its trap yet.
    spec.mutable_stop_timeout()->set_seconds(1);
    if (!script.empty()) spec.mutable_process()->set_args(2, script);
    const v1::Container a = CreateAndStart(spec);
    ASSERT_THAT(a.status().networks(), SizeIs(1)) << end;
    if (end == "stop") {
      v1::StopContainerRequest request;
      request.set_container(a.id());
      v1::StopContainerResponse response;
      EXPECT_THAT(
          Call(stubs().containers, &v1::ContainerService::Stub::StopContainer,
               request, &response),
          IsOk());
    } else if (end == "kill") {
      v1::KillContainerRequest request;
      request.set_container(a.id());
      request.set_signal("KILL");
      v1::KillContainerResponse response;
      EXPECT_THAT(
          Call(stubs().containers, &v1::ContainerService::Stub::KillContainer,
               request, &response),
          IsOk());
    } else if (end == "delete") {
      EXPECT_THAT(Delete(a.id()), IsOk());
    }
    if (end != "delete") {
      Wait(a.id());
      EXPECT_THAT(Get(a.id()).status().networks(), IsEmpty()) << end;
      EXPECT_THAT(Get(a.id()).status().ports(), IsEmpty()) << end;
    }
    ExpectReleased(end);
  }
}

TEST_F(NetworkLifeTest, StartsThatFailGiveEverythingBack) {
  using grpc::StatusCode;
  const auto fails = [](const v1::ContainerSpec& spec) {
    const grpc::Status status = TryStart(Create(spec).id());
    ExpectReleased(Describe(status));
    return status;
  };
  v1::ContainerSpec spec = PublishedSpec();
  spec.mutable_process()->clear_args();
  spec.mutable_process()->add_args("/bin/nosuch");
  EXPECT_THAT(fails(spec),
              FailsWith(StatusCode::FAILED_PRECONDITION, "COMMAND_NOT_FOUND"));
  // The first network can be had, the second cannot.
  spec = PublishedSpec();
  spec.mutable_network()->mutable_attach()->add_networks()->set_network(
      "none2");
  EXPECT_THAT(fails(spec),
              FailsWith(StatusCode::NOT_FOUND, "NETWORK_NOT_FOUND"));
  // The kernel refuses after the first interface: no way to such a gateway.
  MakeNetwork(NetworkOf("second", {"10.78.0.0/16"}));
  spec = PublishedSpec();
  v1::NetworkAttachment* second =
      spec.mutable_network()->mutable_attach()->add_networks();
  second->set_network("second");
  v1::NetworkRoute* route = second->add_routes();
  route->set_destination("10.99.0.0/16");
  route->set_gateway("10.200.0.1");
  EXPECT_THAT(fails(spec), FailsWith(StatusCode::FAILED_PRECONDITION,
                                     "NETWORK_SETUP_FAILED"));
  // And it can be tried again.
  EXPECT_THAT(TryStart(Create(PublishedSpec()).id()), IsOk());
}

TEST_F(NetworkLifeTest, DeletedDuringTheirStartTheyLeaveNothing) {
  std::vector<std::string> ids;
  for (int i = 0; i < ScaledCount(40, 10); ++i) {
    ids.push_back(Create(PublishedSpec()).id());
  }
  int later = 0;
  for (const std::string& id : ids) {
    std::atomic<bool> begun = false;
    std::thread starter([&id, &begun] {
      begun = true;
      const grpc::Status status = TryStart(id);
      if (!status.ok()) {
        EXPECT_THAT(FactsOf(status).reason,
                    ::testing::AnyOf("CANCELLED_BY_DELETE",
                                     "CONTAINER_NOT_FOUND", "WRONG_STATE"));
      }
    });
    EXPECT_TRUE(PollUntil(absl::Seconds(10), [&] { return begun.load(); }));
    // Each a little later, by the time of some calls.
    for (int i = 0; i < later; ++i) GetNetwork("lan");
    ++later;
    EXPECT_THAT(Delete(id), IsOk());
    starter.join();
  }
  ExpectReleased("deleted during the start");
}

// --- Many --------------------------------------------------------------------

TEST_F(NetworkLifeTest, TwentyAtOnceEachHaveTheirOwn) {
  constexpr int kCount = 20;
  std::vector<v1::Container> containers(kCount);
  std::vector<std::thread> threads;
  for (int i = 0; i < kCount; ++i) {
    threads.emplace_back([&containers, i] {
      v1::ContainerSpec spec = AttachedSpec({"lan"});
      Publish(&spec, "0.0.0.0", 0, 8000);
      containers[static_cast<size_t>(i)] = CreateAndStart(spec);
    });
  }
  for (std::thread& thread : threads) thread.join();
  threads.clear();
  std::set<std::string> addresses;
  std::set<std::string> macs;
  std::set<int> ports;
  for (const v1::Container& one : containers) {
    ASSERT_THAT(one.status().networks(), SizeIs(1));
    addresses.insert(AddressOf(one, 4));
    addresses.insert(AddressOf(one, 6));
    macs.insert(one.status().networks(0).mac());
    ports.insert(one.status().ports(0).host_port());
  }
  EXPECT_THAT(addresses, SizeIs(2 * kCount));
  EXPECT_THAT(macs, SizeIs(kCount));
  EXPECT_THAT(ports, SizeIs(kCount));
  // Around the ring.
  for (size_t i = 0; i < containers.size(); ++i) {
    ExpectPing(Inside(containers[i]),
               AddressOf(containers[(i + 1) % containers.size()], 4));
  }
  for (const v1::Container& one : containers) {
    threads.emplace_back([&one] { EXPECT_THAT(Delete(one.id()), IsOk()); });
  }
  for (std::thread& thread : threads) thread.join();
  ExpectReleased("twenty");
}

TEST_F(NetworkLifeTest, ManyStartsGrowNothing) {
  const auto descriptors = [] {
    leakcheck::Snapshot snapshot = daemon().TakeSnapshot();
    std::erase_if(snapshot, [](const auto& entry) {
      return !entry.first.starts_with("fd ") &&
             !entry.first.starts_with("namespace ");
    });
    return snapshot;
  };
  const auto once = [] {
    const v1::Container one = CreateAndStart(PublishedSpec());
    EXPECT_THAT(Delete(one.id()), IsOk());
  };
  once();
  const leakcheck::Snapshot before = descriptors();
  const int count = ScaledCount(200, 20);
  for (int i = 0; i < count && !HasFailure(); ++i) once();
  std::vector<std::string> added;
  EXPECT_TRUE(PollUntil(absl::Seconds(10), [&] {
    added = leakcheck::Added(before, descriptors());
    return added.empty();
  })) << absl::StrJoin(added, "\n");
  ExpectReleased("many starts");
}

}  // namespace
}  // namespace caisson::testing
