// The n-th step of a change of networks fails, for every n: a message that the
// kernel refuses, an answer that is lost, a transaction that finds no room, a
// daemon that dies. What failed says so and has changed nothing, and the same
// call works the next time.
//
// A run takes every third step, the three ways in which a message can fail in
// turn. CAISSON_TEST_FAULTS=1 takes every step in every way, which is a matter
// of minutes; 2, every second one.
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <regex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <sqlite3.h>

#include "runtime/base/str_cat.h"
#include "tests/integration/network_changes.h"
#include "tests/testing/children.h"
#include "tests/testing/environment.h"
#include "tests/testing/faults.h"

namespace caisson::testing {
namespace {

using base::StrCat;
using ::testing::AnyOf;
using ::testing::HasSubstr;

using State = std::set<std::string>;

constexpr auto kPrecondition = grpc::StatusCode::FAILED_PRECONDITION;
constexpr auto kExhausted = grpc::StatusCode::RESOURCE_EXHAUSTED;
// No change has as many steps.
constexpr int kMostSteps = 200;

constexpr FaultAction kMessageFails[] = {
    FaultAction::kRefuse, FaultAction::kLoseAnswer, FaultAction::kSendFails};

int Stride() {
  static const int stride = [] {
    constexpr int kUsual = 3;
    // The guest is emulated.
    constexpr int kSlow = 18;
    int given = 0;
    return absl::SimpleAtoi(EnvironmentOr("CAISSON_TEST_FAULTS", ""), &given) &&
                   given > 0
               ? given
               : (TimeoutScale() > 3 ? kSlow : kUsual);
  }();
  return stride;
}

// The first step that fails in the given one of the three ways.
int FirstOf(size_t way) {
  return 1 + static_cast<int>(way) * Stride() /
                 static_cast<int>(std::size(kMessageFails));
}

// One change, and what brings back what was before it.
struct Change {
  std::function<grpc::Status()> call;
  std::function<grpc::Status()> undo;
  std::function<bool()> is_done;
  // What comes back is another object of the same kind.
  bool is_new_after_undo = false;
};

// Names are the same for ever, numbers those of the link at the moment, and
// some limits a bridge inherits from its first port for good. A port forwards
// as soon as the kernel has seen its carrier.
std::string WithoutChance(const std::string& line) {
  static const std::regex number(
      "\"(ifindex|[a-z]+_max_(size|segs))\":[0-9]+,?");
  static const std::regex state("\"state\":\"(disabled|forwarding)\",?");
  if (absl::StrContains(line, "\"ifname\":\"cb")) {
    return std::regex_replace(line, number, "");
  }
  return absl::StrContains(line, "\"ifname\":\"cv")
             ? std::regex_replace(line, state, "")
             : line;
}

// Once a port of loopback was published over a bridge of ours it may send
// packets from there; that goes with the bridge. And the kernel gives a link
// the local routes of its IPv6 addresses, which are compared, in its own time.
bool IsOfOwnLink(const std::string& line) {
  return (absl::StrContains(line, "/ipv4/conf/cb") &&
          absl::StrContains(line, "/route_localnet:")) ||
         (absl::StrContains(line, "route-6 {\"dev\":\"c") &&
          absl::StrContains(line, "\"table\":\"local\""));
}

class NetworkFaultTest : public NetworkChangesTest {
 protected:
  static void SetUpTestSuite() {
    faults_ = std::make_unique<Faults>();
    SetDaemonOptions({.environment = faults_->Environment()});
    NetworkDaemonTest::SetUpTestSuite();
  }
  static void TearDownTestSuite() {
    NetworkDaemonTest::TearDownTestSuite();
    faults_.reset();
  }
  void TearDown() override {
    faults_->Disarm();
    if (!IsSkipped() && !daemon().running()) {
      EXPECT_TRUE(daemon().Restart());
    }
    NetworkDaemonTest::TearDown();
    ReapAdopted();
  }

  static void MakeLans() {
    for (const int n : {1, 2}) {
      MakeNetwork(NetworkOf(
          StrCat("lan", n),
          {StrCat("10.79.", n, ".0/24"), StrCat("fd00:79:", n, "::/64")}));
    }
  }

  // --- What nobody's own books say ---------------------------------------

  // Leases in the store's file but those in quarantine.
  static State Leases() {
    State leases;
    sqlite3* db = nullptr;
    const std::string path = daemon().sandbox().root + "/caisson.db";
    EXPECT_EQ(sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READONLY, nullptr),
              SQLITE_OK);
    sqlite3_busy_timeout(db, 1000);
    const auto add = [](void* out, int, char** values, char**) {
      static_cast<State*>(out)->insert(StrCat("lease ", values[0]));
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(db, "SELECT address FROM leases WHERE state <> 2",
                           add, &leases, nullptr),
              SQLITE_OK);
    sqlite3_close(db);
    return leases;
  }
  // Network namespaces that somebody of the service has open.
  static size_t CountNamespaces(const std::vector<pid_t>& processes) {
    std::set<std::string> found;
    for (const pid_t pid : processes) {
      std::error_code gone;
      for (const auto& entry : std::filesystem::directory_iterator(
               StrCat("/proc/", pid, "/fd"), gone)) {
        std::error_code closed;
        const std::string target =
            std::filesystem::read_symlink(entry.path(), closed).string();
        if (absl::StartsWith(target, "net:[")) found.insert(target);
      }
    }
    return found.size();
  }
  // The host, its leases, the service's processes and namespaces, and the
  // daemon's mounts.
  static State Look() {
    State state;
    for (const std::string& line : StateOf(Host())) {
      if (!IsOfOwnLink(line)) state.insert(WithoutChance(line));
    }
    state.merge(Leases());
    ReapAdopted();
    std::vector<pid_t> processes = ServiceProcesses(daemon().sandbox().state);
    state.insert(StrCat("processes ", processes.size()));
    processes.push_back(daemon().pid());
    state.insert(StrCat("namespaces ", CountNamespaces(processes)));
    state.insert(ReadFileOrEmpty(StrCat("/proc/", daemon().pid(), "/mounts")));
    return state;
  }
  // Also that of the containers; at once, or when the kernel and the shims have
  // done what they do in their own time.
  static void ExpectState(const State& before,
                          const std::function<State()>& look) {
    State state;
    PollUntil(absl::Seconds(10), [&] {
      state = look();
      return state == before;
    });
    EXPECT_EQ(Differences(before, state), "");
    EXPECT_EQ(absl::StrJoin(AuditProblems(), "\n"), "");
  }

  // --- Faults ------------------------------------------------------------

  // Says what failed: the step, the object, the kernel's errno.
  static void ExpectClear(const grpc::Status& status) {
    EXPECT_THAT(status, AnyOf(FailsWith(kPrecondition, "NETWORK_SETUP_FAILED"),
                              FailsWith(kExhausted, "DISK_FULL")));
    const ErrorFacts facts = FactsOf(status);
    if (facts.reason == "NETWORK_SETUP_FAILED") {
      EXPECT_THAT(status.error_message(), AnyOf(HasSubstr("Input/output error"),
                                                HasSubstr("buffer space")));
    }
  }

  static void Undo(const Change& change, const std::function<State()>& look,
                   State* before) {
    EXPECT_TRUE(change.is_done());
    EXPECT_EQ(absl::StrJoin(AuditProblems(), "\n"), "");
    EXPECT_THAT(change.undo(), IsOk());
    EXPECT_FALSE(change.is_done());
    if (change.is_new_after_undo) *before = look();
  }

  // Fails one step after the other, until there are no more; how many failed.
  static int FailSteps(uint32_t kinds, FaultAction action, int first,
                       int stride, const Change& change,
                       const std::function<State()>& look) {
    State before = look();
    int failed = 0;
    for (int nth = first; nth < kMostSteps && !HasFailure(); nth += stride) {
      SCOPED_TRACE(StrCat("step ", nth));
      faults_->Arm(kinds, action, nth);
      const grpc::Status status = change.call();
      const bool hit = faults_->Disarm();
      if (hit && !status.ok()) {
        ExpectClear(status);
      } else {
        // What failed was mended on the way, or there was no such step.
        EXPECT_THAT(status, IsOk());
        Undo(change, look, &before);
      }
      ExpectState(before, look);
      if (!hit) return failed;
      ++failed;
    }
    ADD_FAILURE() << "it did not come to an end";
    return failed;
  }
  static void FailEachWay(const Change& change,
                          const std::function<State()>& look = &Look) {
    int failed = 0;
    for (size_t way = 0; way < std::size(kMessageFails); ++way) {
      SCOPED_TRACE(StrCat("way ", way));
      failed += FailSteps(kNetlinkMessage, kMessageFails[way], FirstOf(way),
                          Stride(), change, look);
    }
    EXPECT_GT(failed, 0);
    SCOPED_TRACE("no room on the disk");
    EXPECT_GT(FailSteps(kStoreCommit, FaultAction::kRefuse, 1, 1, change, look),
              0);
  }

  // The daemon dies behind one step after the other.
  static void DieAtEachStep(const Change& change,
                            const std::function<State()>& look = &Look) {
    State before = look();
    for (int nth = 1; nth < kMostSteps && !HasFailure(); nth += Stride()) {
      SCOPED_TRACE(StrCat("step ", nth));
      faults_->Arm(kNetlinkMessage | kStoreCommit, FaultAction::kDieAfter, nth);
      const grpc::Status status = change.call();
      if (!faults_->Disarm()) {
        EXPECT_THAT(status, IsOk());
        Undo(change, look, &before);
        return;
      }
      ASSERT_TRUE(daemon().Restart()) << daemon().log();
      ExpectSettled();
      const bool is_done = change.is_done();
      // What it died of may have come a moment after the answer.
      EXPECT_TRUE(is_done || !status.ok());
      if (is_done) Undo(change, look, &before);
      ExpectState(before, look);
    }
    ADD_FAILURE() << "it did not come to an end";
  }
  // Whatever the daemon before was doing is done or undone.
  static void ExpectSettled() {
    std::string problems;
    EXPECT_TRUE(PollUntil(absl::Seconds(10), [&] {
      problems = absl::StrJoin(AuditProblems(), "\n");
      for (const v1::Container& container : List()) {
        if (container.status().has_pending_operation()) return false;
      }
      return problems.empty();
    })) << problems;
  }

  // Host and container.
  static std::function<State()> LookAlsoInto(const v1::Container& container) {
    return [container] {
      State state = Look();
      const std::string inside = Shell(
          Inside(container), "ip -o addr; ip route; ip -6 route; ip -o link");
      for (const absl::string_view line : absl::StrSplit(inside, '\n')) {
        state.insert(StrCat("inside ", std::string(line)));
      }
      for (const std::string& name : InterfacesOf(container)) {
        state.insert(StrCat("told ", name));
      }
      const v1::Container seen = Get(container.id());
      for (const v1::PortMapping& port : seen.status().ports()) {
        state.insert(StrCat("told ", port.host_port()));
      }
      return state;
    };
  }

  static std::unique_ptr<Faults> faults_;
};

std::unique_ptr<Faults> NetworkFaultTest::faults_;

// What the inverse makes anew is another object.
Change Inverse(const Change& change, bool is_new_after_undo) {
  return {.call = change.undo,
          .undo = change.call,
          .is_done = [change] { return !change.is_done(); },
          .is_new_after_undo = is_new_after_undo};
}

class NetworkFaultOfChangeTest : public NetworkFaultTest {
 protected:
  static v1::ContainerSpec PublishedSpec() {
    v1::ContainerSpec spec = AttachedSpec({"lan1", "lan2"});
    Publish(&spec, "0.0.0.0", 8080, 8000);
    Publish(&spec, "", 8081, 8000, "udp");
    return spec;
  }
  static bool IsRunning(const std::string& id) {
    return Get(id).status().state() == v1::CONTAINER_STATE_RUNNING;
  }
  static grpc::Status Stop(const std::string& id) {
    v1::StopContainerRequest request;
    request.set_container(id);
    v1::StopContainerResponse response;
    return Call(stubs().containers, &v1::ContainerService::Stub::StopContainer,
                request, &response);
  }

  // What was asked for of networks is done, or was tried: calls come in turn,
  // and this one asks the kernel for nothing.
  static void AwaitLane() {
    EXPECT_THAT(DeleteNetwork("nothing"),
                FailsWith(grpc::StatusCode::NOT_FOUND, "NETWORK_NOT_FOUND"));
  }

  static Change Starting(const v1::Container& container) {
    const std::string& id = container.id();
    return {.call = [id] { return TryStart(id); },
            .undo = [id] { return Stop(id); },
            .is_done = [id] { return IsRunning(id); }};
  }
  static Change Connecting(const v1::Container& container) {
    return {.call = [=] { return TryConnect(ConnectOf(container, "lan2")); },
            .undo = [=] { return TryDisconnect(container, "lan2"); },
            .is_done = [=] { return InterfacesOf(container).size() == 2; }};
  }
  static Change Publishing(const v1::Container& container) {
    const v1::PublishPortRequest request =
        PublishOf(container, "0.0.0.0", 8080, "udp");
    const std::string& id = container.id();
    Change change;
    change.call = [request] { return TryPublish(request); };
    change.undo = [request] { return TryUnpublish(request); };
    change.is_done = [id] { return Get(id).status().ports_size() == 1; };
    return change;
  }
  static Change Making() {
    return {.call =
                [] {
                  v1::CreateNetworkRequest request;
                  *request.mutable_spec() =
                      NetworkOf("made", {"10.79.9.0/24", "fd00:79:9::/64"});
                  v1::CreateNetworkResponse response;
                  return CreateNetwork(request, &response);
                },
            .undo = [] { return DeleteNetwork("made"); },
            .is_done =
                [] {
                  for (const v1::ManagedNetwork& network : ListNetworks()) {
                    if (network.spec().name() == "made") return true;
                  }
                  return false;
                }};
  }

  // With a container that runs in "lan1".
  static v1::Container StartInLan1() {
    MakeLans();
    return CreateAndStart(AttachedSpec({"lan1"}));
  }
};

TEST_F(NetworkFaultOfChangeTest, AStartThatFailsLeavesNothing) {
  MakeLans();
  FailEachWay(Starting(Create(PublishedSpec())));
}

TEST_F(NetworkFaultOfChangeTest, AConnectThatFailsChangesNothing) {
  const v1::Container container = StartInLan1();
  FailEachWay(Connecting(container), LookAlsoInto(container));
}

TEST_F(NetworkFaultOfChangeTest, ADisconnectThatFailsChangesNothing) {
  const v1::Container container = StartInLan1();
  EXPECT_THAT(Connecting(container).call(), IsOk());
  FailEachWay(Inverse(Connecting(container), true), LookAlsoInto(container));
}

// The other network gets the default route, and has to give it back.
TEST_F(NetworkFaultOfChangeTest, ADisconnectOfTheWayOutChangesNothing) {
  const v1::Container container = StartInLan1();
  EXPECT_THAT(Connecting(container).call(), IsOk());
  Change change;
  change.call = [=] { return TryDisconnect(container, "lan1"); };
  change.undo = [=] {
    EXPECT_THAT(TryConnect(ConnectOf(container, "lan1")), IsOk());
    EXPECT_THAT(TryDisconnect(container, "lan2"), IsOk());
    return TryConnect(ConnectOf(container, "lan2"));
  };
  change.is_done = [=] { return InterfacesOf(container).size() == 1; };
  change.is_new_after_undo = true;
  FailEachWay(change, LookAlsoInto(container));
}

TEST_F(NetworkFaultOfChangeTest, APublishThatFailsChangesNothing) {
  const v1::Container container = StartInLan1();
  FailEachWay(Publishing(container), LookAlsoInto(container));
}

TEST_F(NetworkFaultOfChangeTest, AnUnpublishThatFailsChangesNothing) {
  const v1::Container container = StartInLan1();
  EXPECT_THAT(Publishing(container).call(), IsOk());
  FailEachWay(Inverse(Publishing(container), false), LookAlsoInto(container));
}

TEST_F(NetworkFaultOfChangeTest, ANetworkThatCannotBeMadeLeavesNothing) {
  FailEachWay(Making());
}

TEST_F(NetworkFaultOfChangeTest, ANetworkThatCannotBeRemovedStays) {
  EXPECT_THAT(Making().call(), IsOk());
  FailEachWay(Inverse(Making(), true));
}

// The default network is made with the first container, and with it the
// firewall's table, where there is none.
TEST_F(NetworkFaultOfChangeTest, AFirstUseThatFailsLeavesTheNetworkUnmade) {
  std::string id;
  State before;
  const auto begin = [&] {
    DeleteAll();
    EXPECT_THAT(DeleteNetwork("default"), IsOk());
    EXPECT_TRUE(daemon().Restart()) << daemon().log();
    id = Create(AttachedSpec({"default"})).id();
    before = Look();
  };
  const auto fail_steps = [&](FaultKind kind, FaultAction action, int first,
                              int stride) {
    begin();
    bool hit = true;
    for (int nth = first; nth < kMostSteps && hit && !HasFailure();
         nth += stride) {
      SCOPED_TRACE(StrCat("step ", nth, " of ", kind));
      faults_->Arm(kind, action, nth);
      const grpc::Status status = TryStart(id);
      hit = faults_->Disarm();
      if (!status.ok()) ExpectClear(status);
      if (!GetNetwork("default").status().up()) {
        ExpectState(before, &Look);
        continue;
      }
      // Once it is made it stays: the steps behind are those of any start.
      if (!status.ok()) break;
      begin();
    }
  };
  // Most of them are of one transaction, which makes the table.
  const int stride = Stride() == 1 ? 1 : 5 * Stride();
  for (size_t way = 0; way < std::size(kMessageFails); ++way) {
    fail_steps(kNetlinkMessage, kMessageFails[way], FirstOf(way), stride);
  }
  fail_steps(kStoreCommit, FaultAction::kRefuse, 1, 1);
  // Its bridge is another one.
  EXPECT_THAT(TryStart(id), IsOk());
  DeleteAll();
  EXPECT_TRUE(PollUntil(absl::Seconds(10), [] { return Links("cv").empty(); }));
  TakeIdle();
}

// Nobody waits for what an end gives back, and nobody can be told: it is tried
// until it is done.
TEST_F(NetworkFaultOfChangeTest, AnEndGivesEverythingBackAtTheSecondTry) {
  MakeLans();
  const std::string id = Create(PublishedSpec()).id();
  const State before = Look();
  for (size_t way = 0; way < std::size(kMessageFails); ++way) {
    bool hit = true;
    for (int nth = FirstOf(way); nth < kMostSteps && hit && !HasFailure();
         nth += Stride()) {
      SCOPED_TRACE(StrCat("step ", nth, ", way ", way));
      EXPECT_THAT(TryStart(id), IsOk());
      faults_->Arm(kNetlinkMessage, kMessageFails[way], nth);
      EXPECT_THAT(Stop(id), IsOk());
      AwaitLane();
      hit = faults_->Disarm();
      ExpectState(before, &Look);
    }
  }
  EXPECT_THAT(TryStart(id), IsOk());
  faults_->Arm(kStoreCommit, FaultAction::kRefuse, 1);
  EXPECT_THAT(Stop(id), IsOk());
  EXPECT_TRUE(faults_->Disarm());
  ExpectState(before, &Look);
}

TEST_F(NetworkFaultOfChangeTest, ADaemonThatDiesDuringAStartLeavesNothing) {
  MakeLans();
  DieAtEachStep(Starting(Create(PublishedSpec())));
}

TEST_F(NetworkFaultOfChangeTest, ADaemonThatDiesDuringAConnectLeavesItWhole) {
  const v1::Container container = StartInLan1();
  DieAtEachStep(Connecting(container), LookAlsoInto(container));
  EXPECT_THAT(Connecting(container).call(), IsOk());
  DieAtEachStep(Inverse(Connecting(container), true), LookAlsoInto(container));
}

TEST_F(NetworkFaultOfChangeTest, ADaemonThatDiesLendingADeviceGivesItBack) {
  Shell(Host(),
        "ip link add nic0 mtu 1300 type veth peer nic1;"
        "ip link set nic0 addrgenmode none; ip link set nic0 up;"
        "ip link set nic1 addrgenmode none; ip link set nic1 up");
  v1::NetworkSpec spec = NetworkOf("lan2", {"10.79.2.0/24"});
  spec.set_driver("host-device");
  spec.set_interface("nic0");
  // Too small for IPv6, whose state the kernel drops then.
  spec.set_mtu(1200);
  MakeNetwork(spec);
  MakeNetwork(NetworkOf("lan1", {"10.79.1.0/24"}));
  const v1::Container container = CreateAndStart(AttachedSpec({"lan1"}));
  FailEachWay(Connecting(container), LookAlsoInto(container));
  DieAtEachStep(Connecting(container), LookAlsoInto(container));
  EXPECT_THAT(Connecting(container).call(), IsOk());
  DieAtEachStep(Inverse(Connecting(container), true), LookAlsoInto(container));
  EXPECT_THAT(TryDisconnect(container, "lan2"), IsOk());
  Run(Host(), {"ip", "link", "del", "nic0"});
}

TEST_F(NetworkFaultOfChangeTest, ADaemonThatDiesDuringAPublishLeavesItWhole) {
  const v1::Container container = StartInLan1();
  DieAtEachStep(Publishing(container), LookAlsoInto(container));
  EXPECT_THAT(Publishing(container).call(), IsOk());
  DieAtEachStep(Inverse(Publishing(container), false), LookAlsoInto(container));
}

TEST_F(NetworkFaultOfChangeTest, ADaemonThatDiesMakingANetworkLeavesItWhole) {
  DieAtEachStep(Making());
  EXPECT_THAT(Making().call(), IsOk());
  DieAtEachStep(Inverse(Making(), true));
}

// The watch loses what it was about to hear, and looks at everything then.
TEST_F(NetworkFaultOfChangeTest, EventsThatAreLostAreMadeUpFor) {
  const v1::Container container = StartInLan1();
  const auto look = LookAlsoInto(container);
  const State before = look();
  for (const std::string& script :
       {std::string("nft flush ruleset"),
        StrCat("ip link del cb", GetNetwork("lan1").id().substr(0, 10)),
        StrCat("ip link del ", container.status().networks(0).host_link())}) {
    SCOPED_TRACE(script);
    faults_->Arm(kNetlinkEvent, FaultAction::kLoseAnswer, 1);
    Shell(Host(), script);
    EXPECT_TRUE(PollUntil(absl::Seconds(10), [] { return faults_->hit(); }));
    faults_->Disarm();
    ExpectState(before, look);
  }
}

}  // namespace
}  // namespace caisson::testing
