// Network namespaces that have a name: what ip-netns(8) sees of them, who joins
// them, and what becomes of them when daemon, host or somebody else intervenes.
// Each test has a /run/netns of its own, as the daemon sees it.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/str_cat.h"
#include "tests/integration/network_fixture.h"
#include "tests/leakcheck/proc.h"
#include "tests/testing/children.h"

namespace caisson::testing {
namespace {

using base::StrCat;
using grpc::StatusCode;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using Stub = v1::NetworkService::Stub;

constexpr char kNamespaceKind[] = "network_namespace";

class NetworkNamespaceTest : public NetworkDaemonTest {
 protected:
  static void SetUpTestSuite() {
    NetworkDaemonTest::SetUpTestSuite();
    if (!WhyNot().empty() || !daemon().running()) return;
    const std::string mounts = StrCat("/proc/", daemon().pid(), "/ns/mnt");
    mounts_ = ::open(mounts.c_str(), O_RDONLY | O_CLOEXEC);
    ASSERT_GE(mounts_, 0);
    Seen({"mkdir", "-p", "/run/netns"});
    Seen({"mount", "-t", "tmpfs", "netns", "/run/netns"});
    TakeBaseline();
  }
  static void TearDownTestSuite() {
    if (mounts_ >= 0) ::close(mounts_);
    mounts_ = -1;
    NetworkDaemonTest::TearDownTestSuite();
  }
  void TearDown() override {
    if (!IsSkipped()) {
      if (!daemon().running()) {
        EXPECT_TRUE(daemon().Restart());
      }
      DeleteAll();
      for (const v1::NetworkNamespace& one : ListNamespaces()) {
        EXPECT_THAT(DeleteNamespace(one.name()), IsOk());
      }
      for (const std::string& name : NamesOfIp()) {
        Seen({"ip", "netns", "del", name});
      }
      ReapAdopted();
    }
    NetworkDaemonTest::TearDown();
  }

  // --- As the host sees it -------------------------------------------------

  static std::vector<std::string> InMounts(
      const std::vector<std::string>& argv) {
    std::vector<std::string> all = {
        "nsenter", StrCat("--mount=/proc/", ::getpid(), "/fd/", mounts_)};
    all.insert(all.end(), argv.begin(), argv.end());
    return all;
  }
  // The output of a program that sees the daemon's mounts.
  static std::string Seen(const std::vector<std::string>& argv) {
    return std::string(
        absl::StripTrailingAsciiWhitespace(Run(Host(), InMounts(argv))));
  }
  static std::string Within(const std::string& name,
                            std::vector<std::string> argv) {
    argv.insert(argv.begin(), {"ip", "netns", "exec", name});
    return Seen(argv);
  }
  static std::set<std::string> NamesOfIp() {
    const std::string out = Seen({"ip", "-j", "netns", "list"});
    std::set<std::string> names;
    if (out.empty()) return names;
    for (const auto& one : nlohmann::json::parse(out, nullptr, false)) {
      names.insert(one.value("name", ""));
    }
    return names;
  }
  static int64_t InodeOf(const std::string& path) {
    return std::stoll(Seen({"stat", "-L", "-c", "%i", path}));
  }
  static int64_t InodeOf(const v1::Container& container) {
    return std::stoll(
        Run(Host(), {"stat", "-L", "-c", "%i", Inside(container).path}));
  }

  // --- As clients see it ---------------------------------------------------

  static grpc::Status CreateNamespace(const std::string& name,
                                      v1::NetworkNamespace* made = nullptr,
                                      const std::string& request_id = "") {
    v1::CreateNetworkNamespaceRequest request;
    request.set_name(name);
    request.set_request_id(request_id);
    v1::CreateNetworkNamespaceResponse response;
    const grpc::Status status = Call(
        stubs().networks, &Stub::CreateNetworkNamespace, request, &response);
    if (made != nullptr) *made = response.network_namespace();
    return status;
  }
  static v1::NetworkNamespace MakeNamespace(const std::string& name) {
    v1::NetworkNamespace made;
    EXPECT_THAT(CreateNamespace(name, &made), IsOk());
    return made;
  }
  static grpc::Status DeleteNamespace(const std::string& name) {
    v1::DeleteNetworkNamespaceRequest request;
    request.set_name(name);
    v1::DeleteNetworkNamespaceResponse response;
    return Call(stubs().networks, &Stub::DeleteNetworkNamespace, request,
                &response);
  }
  static std::vector<v1::NetworkNamespace> ListNamespaces() {
    v1::ListNetworkNamespacesRequest request;
    request.set_page_size(1000);
    v1::ListNetworkNamespacesResponse response;
    EXPECT_THAT(Call(stubs().networks, &Stub::ListNetworkNamespaces, request,
                     &response),
                IsOk());
    return {response.network_namespaces().begin(),
            response.network_namespaces().end()};
  }
  static v1::NetworkNamespace GetNamespace(const std::string& name) {
    v1::GetNetworkNamespaceRequest request;
    request.set_name(name);
    v1::GetNetworkNamespaceResponse response;
    EXPECT_THAT(
        Call(stubs().networks, &Stub::GetNetworkNamespace, request, &response),
        IsOk());
    return response.network_namespace();
  }
  static v1::ContainerSpec SpecIn(const std::string& name) {
    v1::ContainerSpec spec = WaitingSpec();
    spec.mutable_network()->set_namespace_(name);
    return spec;
  }
  static v1::ContainerSpec SpecAt(const std::string& path) {
    v1::ContainerSpec spec = WaitingSpec();
    spec.mutable_network()->set_namespace_path(path);
    return spec;
  }

  // Objects of the audit that are about namespaces and not as they shall be,
  // "MISSING /run/netns/x".
  static std::vector<std::string> Problems() {
    v1::AuditRequest request;
    request.set_only_problems(true);
    v1::AuditResponse response;
    EXPECT_THAT(Call(stubs().system, &v1::SystemService::Stub::Audit, request,
                     &response),
                IsOk());
    std::vector<std::string> problems;
    for (const v1::AuditObject& object : response.objects()) {
      if (object.kind() != kNamespaceKind) continue;
      std::string state = v1::AuditState_Name(object.state());
      problems.push_back(
          StrCat(absl::StripPrefix(state, "AUDIT_STATE_"), " ", object.key()));
    }
    return problems;
  }
  static v1::RepairHostResponse Repair() {
    v1::RepairHostResponse response;
    EXPECT_THAT(Call(stubs().system, &v1::SystemService::Stub::RepairHost,
                     v1::RepairHostRequest(), &response),
                IsOk());
    return response;
  }
  // The tag's middle, which marks what is ours.
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

 private:
  static int mounts_;
};

int NetworkNamespaceTest::mounts_ = -1;

// --- One alone ---------------------------------------------------------------

TEST_F(NetworkNamespaceTest, OneIsMadeListedEnteredAndDeleted) {
  const int64_t revision = Revision();
  const v1::NetworkNamespace lab = MakeNamespace("lab");
  EXPECT_THAT(lab.id(), SizeIs(32));
  EXPECT_EQ(lab.path(), "/run/netns/lab");
  EXPECT_GT(lab.revision(), revision);
  EXPECT_THAT(NamesOfIp(), ElementsAre("lab"));
  EXPECT_EQ(Seen({"stat", "-f", "-c", "%T", lab.path()}), "nsfs");
  EXPECT_EQ(InodeOf(lab.path()), lab.inode());
  // Loopback and nothing else, with the parameters of our namespaces.
  const nlohmann::json links =
      nlohmann::json::parse(Within("lab", {"ip", "-j", "addr"}));
  ASSERT_THAT(links, SizeIs(1));
  EXPECT_THAT(links[0]["flags"], Contains("UP"));
  EXPECT_THAT(links.dump(), HasSubstr("\"127.0.0.1\""));
  for (const auto& [key, value] : {std::pair("ipv6/conf/all/accept_dad", "0"),
                                   {"ipv6/conf/default/accept_ra", "0"},
                                   {"ipv4/conf/default/arp_notify", "1"},
                                   {"ipv4/ip_unprivileged_port_start", "0"}}) {
    EXPECT_EQ(Within("lab", {"cat", StrCat("/proc/sys/net/", key)}), value)
        << key;
  }
  // As ip-netns(8) wants it: a name that goes here goes everywhere.
  EXPECT_EQ(Seen({"findmnt", "-n", "-o", "PROPAGATION", "/run/netns"}),
            "shared");
  EXPECT_THAT(Problems(), IsEmpty());
  EXPECT_EQ(GetNamespace("lab").SerializeAsString(), lab.SerializeAsString());

  EXPECT_THAT(DeleteNamespace("lab"), IsOk());
  EXPECT_THAT(NamesOfIp(), IsEmpty());
  EXPECT_THAT(ListNamespaces(), IsEmpty());
  EXPECT_THAT(DeleteNamespace("lab"),
              FailsWith(StatusCode::NOT_FOUND, "NETWORK_NAMESPACE_NOT_FOUND"));
  v1::DeleteNetworkNamespaceRequest missing;
  missing.set_name("lab");
  missing.set_allow_missing(true);
  v1::DeleteNetworkNamespaceResponse response;
  EXPECT_THAT(
      Call(stubs().networks, &Stub::DeleteNetworkNamespace, missing, &response),
      IsOk());
  std::vector<std::string> types;
  for (const v1::Event& event :
       EventsUntil(revision, "network_namespace.deleted")) {
    EXPECT_EQ(event.network_namespace().id(), lab.id());
    types.push_back(event.type());
  }
  EXPECT_THAT(types, ElementsAre("network_namespace.created",
                                 "network_namespace.deleted"));
}

TEST_F(NetworkNamespaceTest, ARetryIsDoneOnce) {
  const std::string id = NewRequestId();
  v1::NetworkNamespace first;
  v1::NetworkNamespace second;
  EXPECT_THAT(CreateNamespace("lab", &first, id), IsOk());
  EXPECT_THAT(CreateNamespace("lab", &second, id), IsOk());
  EXPECT_EQ(first.SerializeAsString(), second.SerializeAsString());
  EXPECT_THAT(CreateNamespace("other", nullptr, id),
              FailsWith(StatusCode::INVALID_ARGUMENT, "REQUEST_ID_REUSED"));
  v1::DeleteNetworkNamespaceRequest request;
  request.set_name("lab");
  request.set_expected_revision(first.revision() + 1);
  v1::DeleteNetworkNamespaceResponse response;
  EXPECT_THAT(
      Call(stubs().networks, &Stub::DeleteNetworkNamespace, request, &response),
      FailsWith(StatusCode::ABORTED, "REVISION_CHANGED"));
  request.set_expected_revision(first.revision());
  request.set_request_id(NewRequestId());
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(Call(stubs().networks, &Stub::DeleteNetworkNamespace, request,
                     &response),
                IsOk());
  }
}

TEST_F(NetworkNamespaceTest, NamesOfOthersAreNotTouched) {
  Seen({"ip", "netns", "add", "theirs"});
  const int64_t inode = InodeOf("/run/netns/theirs");
  MakeNamespace("ours");
  const grpc::Status squatted = CreateNamespace("theirs");
  EXPECT_THAT(squatted, FailsWith(StatusCode::ALREADY_EXISTS, "NAME_IN_USE"));
  EXPECT_EQ(FactsOf(squatted).metadata["path"], "/run/netns/theirs");
  const grpc::Status twice = CreateNamespace("ours");
  EXPECT_THAT(twice, FailsWith(StatusCode::ALREADY_EXISTS, "NAME_IN_USE"));
  EXPECT_THAT(DeleteNamespace("theirs"),
              FailsWith(StatusCode::NOT_FOUND, "NETWORK_NAMESPACE_NOT_FOUND"));
  EXPECT_THAT(TryStart(Create(SpecIn("theirs")).id()),
              FailsWith(StatusCode::NOT_FOUND, "NETWORK_NAMESPACE_NOT_FOUND"));
  EXPECT_THAT(Problems(), IsEmpty());
  EXPECT_THAT(ListNamespaces(), SizeIs(1));
  Repair();
  ASSERT_TRUE(daemon().Restart()) << daemon().log();
  EXPECT_THAT(NamesOfIp(), ElementsAre("ours", "theirs"));
  EXPECT_EQ(InodeOf("/run/netns/theirs"), inode);
}

// --- With containers ---------------------------------------------------------

TEST_F(NetworkNamespaceTest, ContainersAreInItTogetherAndOneByOne) {
  const v1::NetworkNamespace lab = MakeNamespace("lab");
  Run(Host(), InMounts({"ip", "link", "add", "lab0", "type", "veth", "peer",
                        "eth0", "netns", "lab"}));
  Seen({"ip", "addr", "add", "10.99.0.1/24", "dev", "lab0"});
  Seen({"ip", "link", "set", "lab0", "up"});
  Within("lab", {"ip", "addr", "add", "10.99.0.2/24", "dev", "eth0"});
  Within("lab", {"ip", "link", "set", "eth0", "up"});

  const v1::Container a = CreateAndStart(SpecIn("lab"));
  const v1::Container b = CreateAndStart(SpecIn("lab"));
  EXPECT_EQ(InodeOf(a), lab.inode());
  EXPECT_EQ(InodeOf(b), lab.inode());
  Serve(Inside(a), "a");
  ExpectAnswer(Inside(b), "TCP", "127.0.0.1", 8000, "a 127.0.0.1");
  ExpectAnswer(Host(), "TCP", "10.99.0.2", 8000, "a 10.99.0.1");
  const std::string net =
      ExecSync(b.id(), ShExec("ls /sys/class/net")).stdout();
  EXPECT_THAT(net, HasSubstr("eth0"));
  StopServing();
  EXPECT_THAT(GetNamespace("lab").containers(),
              ::testing::UnorderedElementsAre(a.id(), b.id()));

  const grpc::Status in_use = DeleteNamespace("lab");
  EXPECT_THAT(in_use, FailsWith(StatusCode::FAILED_PRECONDITION,
                                "NETWORK_NAMESPACE_IN_USE"));
  EXPECT_THAT(FactsOf(in_use).metadata["container"], AnyOf(a.id(), b.id()));
  EXPECT_THAT(Delete(a.id()), IsOk());
  EXPECT_THAT(DeleteNamespace("lab"), FailsWith(StatusCode::FAILED_PRECONDITION,
                                                "NETWORK_NAMESPACE_IN_USE"));
  EXPECT_THAT(Delete(b.id()), IsOk());
  // The end of every container in it is not its own.
  EXPECT_EQ(InodeOf(lab.path()), lab.inode());
  EXPECT_TRUE(Ping(Host(), "10.99.0.2"));
  const v1::Container c = CreateAndStart(SpecIn("lab"));
  EXPECT_EQ(InodeOf(c), lab.inode());
  EXPECT_THAT(Delete(c.id()), IsOk());
  EXPECT_THAT(DeleteNamespace("lab"), IsOk());
  // The kernel removed it, and the veth with it.
  EXPECT_TRUE(
      PollUntil(absl::Seconds(10), [] { return Links("lab0").empty(); }));
}

TEST_F(NetworkNamespaceTest, AStartTellsAndExplainsWhatItJoins) {
  v1::ExplainContainerRequest explain;
  *explain.mutable_spec() = SpecIn("lab");
  v1::ExplainContainerResponse plan;
  const auto call = [&] {
    return Call(stubs().containers,
                &v1::ContainerService::Stub::ExplainContainer, explain, &plan);
  };
  const auto missing =
      FailsWith(StatusCode::NOT_FOUND, "NETWORK_NAMESPACE_NOT_FOUND");
  EXPECT_THAT(call(), missing);
  const v1::Container container = Create(SpecIn("lab"));
  EXPECT_THAT(TryStart(container.id()), missing);
  MakeNamespace("lab");
  EXPECT_THAT(call(), IsOk());
  EXPECT_THAT(absl::StrJoin(plan.plan().summary(), "\n"),
              HasSubstr("that at /run/netns/lab"));
  EXPECT_THAT(plan.DebugString(), HasSubstr("lives on when the container"));
  EXPECT_THAT(TryStart(container.id()), IsOk());
  // Its networks are nobody's to change.
  v1::ConnectContainerRequest connect;
  connect.set_container(container.id());
  connect.mutable_attachment()->set_network("default");
  v1::ConnectContainerResponse connected;
  EXPECT_THAT(
      Call(stubs().networks, &Stub::ConnectContainer, connect, &connected),
      FailsWith(StatusCode::FAILED_PRECONDITION, "WRONG_STATE"));
}

TEST_F(NetworkNamespaceTest, AnybodysIsJoinedByItsPath) {
  Seen({"ip", "netns", "add", "theirs"});
  const std::string path = "/run/netns/theirs";
  const v1::Container a = CreateAndStart(SpecAt(path));
  EXPECT_EQ(InodeOf(a), InodeOf(path));
  EXPECT_THAT(Delete(a.id()), IsOk());
  EXPECT_THAT(NamesOfIp(), ElementsAre("theirs"));
  EXPECT_THAT(TryStart(Create(SpecAt("/run/netns/none")).id()),
              FailsWith(StatusCode::NOT_FOUND, "PATH_NOT_FOUND"));
  // A file that is no namespace.
  const grpc::Status none = TryStart(Create(SpecAt("/etc/hostname")).id());
  EXPECT_THAT(none, FailsWith(StatusCode::FAILED_PRECONDITION, "START_FAILED"));
  EXPECT_EQ(FactsOf(none).metadata["syscall"], "setns");
  // One of ours keeps it, however it was named.
  MakeNamespace("lab");
  const v1::Container b = CreateAndStart(SpecAt("/run//netns/./lab"));
  EXPECT_THAT(DeleteNamespace("lab"), FailsWith(StatusCode::FAILED_PRECONDITION,
                                                "NETWORK_NAMESPACE_IN_USE"));
  EXPECT_THAT(Delete(b.id()), IsOk());
}

// --- Deaths ------------------------------------------------------------------

TEST_F(NetworkNamespaceTest, ItOutlivesTheDaemonWithAndWithoutProcesses) {
  const v1::NetworkNamespace lab = MakeNamespace("lab");
  const v1::NetworkNamespace idle = MakeNamespace("idle");
  const v1::Container a = CreateAndStart(SpecIn("lab"));
  daemon().Kill9();
  EXPECT_THAT(NamesOfIp(), ElementsAre("idle", "lab"));
  ASSERT_TRUE(daemon().Restart()) << daemon().log();
  EXPECT_THAT(Problems(), IsEmpty());
  EXPECT_EQ(InodeOf(lab.path()), lab.inode());
  EXPECT_EQ(InodeOf(idle.path()), idle.inode());
  EXPECT_EQ(GetNamespace("lab").revision(), lab.revision());
  EXPECT_THAT(DeleteNamespace("lab"), FailsWith(StatusCode::FAILED_PRECONDITION,
                                                "NETWORK_NAMESPACE_IN_USE"));
  EXPECT_EQ(InodeOf(CreateAndStart(SpecIn("lab"))), InodeOf(a));
}

TEST_F(NetworkNamespaceTest, AfterARebootItIsMadeAnew) {
  const v1::NetworkNamespace lab = MakeNamespace("lab");
  const v1::Container a = CreateAndStart(SpecIn("lab"));
  // Nothing in memory outlives a reboot, and the kernel tells of another boot.
  const std::string boot_id = daemon().sandbox().directory + "/boot_id";
  constexpr char kBootId[] = "/proc/sys/kernel/random/boot_id";
  WriteFileOrDie(boot_id, "00000000-0000-4000-8000-000000000002\n");
  daemon().Kill9();
  Seen({"mount", "--bind", boot_id, kBootId});
  for (const pid_t pid : ServiceProcesses(daemon().sandbox().state)) {
    ::kill(pid, SIGKILL);
  }
  ::kill(a.status().pid(), SIGKILL);
  ASSERT_TRUE(PollUntil(absl::Seconds(10), [] {
    ReapAdopted();
    return ServiceProcesses(daemon().sandbox().state).empty();
  }));
  Seen({"sh", "-c",
        "umount -R /run/netns; umount /run/netns 2>&1; "
        "mount -t tmpfs netns /run/netns"});
  ASSERT_THAT(NamesOfIp(), IsEmpty());

  const int64_t revision = lab.revision();
  ASSERT_TRUE(daemon().Start()) << daemon().log();
  EXPECT_THAT(NamesOfIp(), ElementsAre("lab"));
  const v1::NetworkNamespace anew = GetNamespace("lab");
  EXPECT_EQ(anew.id(), lab.id());
  EXPECT_GT(anew.revision(), revision);
  EXPECT_EQ(InodeOf(anew.path()), anew.inode());
  EXPECT_THAT(Within("lab", {"ip", "-j", "link"}), HasSubstr("\"UP\""));
  EXPECT_EQ(InodeOf(Start(a.id())), anew.inode());
  EXPECT_THAT(Problems(), IsEmpty());
  Seen({"umount", kBootId});
}

TEST_F(NetworkNamespaceTest, KilledAtAnyMomentItIsThereOrNot) {
  std::minstd_rand random(7);
  const int rounds = ScaledCount(10, 3);
  for (int round = 0; round < rounds && !HasFailure(); ++round) {
    std::atomic<bool> stop = false;
    std::atomic<int> calls = 0;
    std::thread client([&] {
      const Stubs own = Connect(daemon().address());
      for (int i = 0; !stop; ++i) {
        const std::string name = StrCat("n", i % 4);
        grpc::ClientContext one;
        v1::CreateNetworkNamespaceRequest create;
        create.set_name(name);
        v1::CreateNetworkNamespaceResponse created;
        own.networks->CreateNetworkNamespace(&one, create, &created);
        ++calls;
        if (i % 3 == 0) continue;
        grpc::ClientContext two;
        v1::DeleteNetworkNamespaceRequest remove;
        remove.set_name(name);
        v1::DeleteNetworkNamespaceResponse removed;
        own.networks->DeleteNetworkNamespace(&two, remove, &removed);
        ++calls;
      }
    });
    const int enough = 4 + static_cast<int>(random() % 20);
    EXPECT_TRUE(PollUntil(absl::Seconds(20), [&] { return calls >= enough; }));
    daemon().Kill9();
    stop = true;
    client.join();
    ASSERT_TRUE(daemon().Restart()) << daemon().log();
    std::set<std::string> told;
    for (const v1::NetworkNamespace& one : ListNamespaces()) {
      told.insert(one.name());
      EXPECT_EQ(InodeOf(one.path()), one.inode()) << one.name();
    }
    EXPECT_EQ(NamesOfIp(), told) << round;
    EXPECT_THAT(Problems(), IsEmpty()) << round;
  }
}

// --- What others do ----------------------------------------------------------

TEST_F(NetworkNamespaceTest, ANameThatWasTakenAwayIsGivenBack) {
  const v1::NetworkNamespace lab = MakeNamespace("lab");
  Seen({"ip", "netns", "del", "lab"});
  EXPECT_THAT(Problems(), ElementsAre("MISSING /run/netns/lab"));
  const grpc::Status broken = TryStart(Create(SpecIn("lab")).id());
  EXPECT_THAT(broken, FailsWith(StatusCode::FAILED_PRECONDITION,
                                "NETWORK_NAMESPACE_BROKEN"));
  EXPECT_EQ(FactsOf(broken).metadata["path"], "/run/netns/lab");
  const int64_t revision = Revision();
  const v1::RepairHostResponse repaired = Repair();
  EXPECT_THAT(repaired.failed(), IsEmpty());
  EXPECT_THAT(repaired.removed(), SizeIs(1));
  EXPECT_EQ(EventsUntil(revision, "network_namespace.repaired")
                .back()
                .network_namespace()
                .name(),
            "lab");
  // The very same, for the daemon held it.
  EXPECT_EQ(InodeOf(lab.path()), lab.inode());
  EXPECT_THAT(Problems(), IsEmpty());

  // Its mount alone, while there is no daemon but a container in it.
  const v1::Container a = CreateAndStart(SpecIn("lab"));
  daemon().Kill9();
  Seen({"umount", "/run/netns/lab"});
  ASSERT_TRUE(daemon().Restart()) << daemon().log();
  EXPECT_EQ(InodeOf(lab.path()), InodeOf(a));
  EXPECT_EQ(GetNamespace("lab").inode(), InodeOf(a));
  EXPECT_THAT(Problems(), IsEmpty());
}

TEST_F(NetworkNamespaceTest, AnotherOneInItsPlaceIsToldAndRemoved) {
  const v1::NetworkNamespace lab = MakeNamespace("lab");
  Seen({"ip", "netns", "add", "theirs"});
  Seen({"mount", "--bind", "/run/netns/theirs", "/run/netns/lab"});
  EXPECT_THAT(Problems(), ElementsAre("DRIFTED /run/netns/lab"));
  EXPECT_THAT(
      TryStart(Create(SpecIn("lab")).id()),
      FailsWith(StatusCode::FAILED_PRECONDITION, "NETWORK_NAMESPACE_BROKEN"));
  ASSERT_TRUE(daemon().Restart()) << daemon().log();
  EXPECT_THAT(Problems(), ElementsAre("DRIFTED /run/netns/lab"))
      << "not without being asked";
  EXPECT_THAT(Repair().failed(), IsEmpty());
  EXPECT_THAT(Problems(), IsEmpty());
  EXPECT_NE(InodeOf("/run/netns/lab"), InodeOf("/run/netns/theirs"));
  EXPECT_EQ(InodeOf("/run/netns/lab"), GetNamespace("lab").inode());
  EXPECT_EQ(GetNamespace("lab").id(), lab.id());
}

TEST_F(NetworkNamespaceTest, ANameThatSomebodyElseTookStaysTheirs) {
  MakeNamespace("lab");
  daemon().Kill9();
  Seen({"ip", "netns", "del", "lab"});
  Seen({"ip", "netns", "add", "lab"});
  const int64_t theirs = InodeOf("/run/netns/lab");
  ASSERT_TRUE(daemon().Restart()) << daemon().log();
  EXPECT_THAT(Problems(), ElementsAre("MISSING /run/netns/lab"));
  const v1::RepairHostResponse repaired = Repair();
  ASSERT_THAT(repaired.failed(), SizeIs(1));
  EXPECT_THAT(repaired.failed(0).detail(), HasSubstr("somebody else"));
  EXPECT_THAT(
      TryStart(Create(SpecIn("lab")).id()),
      FailsWith(StatusCode::FAILED_PRECONDITION, "NETWORK_NAMESPACE_BROKEN"));
  EXPECT_THAT(DeleteNamespace("lab"), IsOk());
  EXPECT_THAT(NamesOfIp(), ElementsAre("lab"));
  EXPECT_EQ(InodeOf("/run/netns/lab"), theirs);
  EXPECT_THAT(Problems(), IsEmpty());
}

TEST_F(NetworkNamespaceTest, OrphansOfOursAreToldAndRemoved) {
  const auto forge = [&](const std::string& name, const std::string& instance) {
    const std::string tag =
        StrCat("caisson:", instance,
               ":namespace:", "0123456789abcdef0123456789abcdef");
    Seen({"sh", "-euc",
          "test -d /run/netns; printf %s \"$2\" > /run/netns/\"$1\"; "
          "ip netns add tmp; mount --bind /run/netns/tmp /run/netns/\"$1\"; "
          "ip netns del tmp",
          "sh", name, tag});
  };
  forge("orphan", Instance());
  forge("stranger", "0000000000000000");
  EXPECT_THAT(Problems(), ElementsAre("ORPHAN /run/netns/orphan"));
  EXPECT_THAT(Repair().failed(), IsEmpty());
  EXPECT_THAT(NamesOfIp(), ElementsAre("stranger"));
  forge("orphan", Instance());
  ASSERT_TRUE(daemon().Restart()) << daemon().log();
  EXPECT_THAT(NamesOfIp(), ElementsAre("stranger"));
}

}  // namespace
}  // namespace caisson::testing
