// Somebody else was there first, or does not let go: names, numbers and
// addresses that we would take, namespaces that are held, a bridge without a
// free port. What is theirs stays, and ours goes.
#include <fcntl.h>
#include <sys/mount.h>

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/str_cat.h"
#include "runtime/base/unique_fd.h"
#include "tests/integration/network_changes.h"
#include "tests/testing/children.h"
#include "tests/testing/temp_dir.h"

namespace caisson::testing {
namespace {

using base::StrCat;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kPrecondition = grpc::StatusCode::FAILED_PRECONDITION;
constexpr auto kExhausted = grpc::StatusCode::RESOURCE_EXHAUSTED;

class NetworkSquatterTest : public NetworkChangesTest {
 protected:
  void TearDown() override {
    if (!IsSkipped() && !daemon().running()) {
      EXPECT_TRUE(daemon().Restart());
    }
    NetworkDaemonTest::TearDown();
    ReapAdopted();
  }

  static void MakeLan() {
    MakeNetwork(NetworkOf("lan", {"10.80.1.0/24", "fd00:80:1::/64"}));
  }
  static std::string BridgeOf(const std::string& network) {
    return StrCat("cb", GetNetwork(network).id().substr(0, 10));
  }
  static void RepairHost() {
    v1::RepairHostResponse response;
    EXPECT_THAT(Call(stubs().system, &v1::SystemService::Stub::RepairHost,
                     v1::RepairHostRequest(), &response),
                IsOk());
  }
  // All that ip tells of a link; empty when there is none.
  static std::string LinkOf(const std::string& name) {
    std::string all;
    for (const std::string& line : StateOf(Host())) {
      if (absl::StrContains(line, StrCat("\"", name, "\""))) all += line + "\n";
    }
    return all;
  }
};

TEST_F(NetworkSquatterTest, ALinkOfOurNameThatIsNotOursStays) {
  MakeLan();
  const v1::Container a = CreateAndStart(AttachedSpec({"lan"}));
  const std::string link = a.status().networks(0).host_link();
  daemon().Kill9();
  Shell(Host(), StrCat("ip link del ", link, "; ip link add ", link,
                       " type veth peer squatter; ip link set squatter up"));
  const std::string before = LinkOf(link);
  ASSERT_TRUE(daemon().Restart()) << daemon().log();
  EXPECT_THAT(daemon().log(), HasSubstr("belongs to somebody else"));
  EXPECT_THAT(AuditProblems(), ElementsAre(HasSubstr(link)));
  EXPECT_EQ(LinkOf(link), before);
  // It is in nobody's way but that of the one.
  CreateAndStart(AttachedSpec({"lan"}));
  EXPECT_THAT(Delete(a.id()), IsOk());
  EXPECT_EQ(LinkOf(link), before);
  EXPECT_THAT(AuditProblems(), IsEmpty());
  Run(Host(), {"ip", "link", "del", link});
}

TEST_F(NetworkSquatterTest, ABridgeOfOurNameThatIsNotOursIsNotUsed) {
  MakeLan();
  const std::string bridge = BridgeOf("lan");
  daemon().Kill9();
  // An address that it made itself would be tentative for a while. In one
  // message the kernel would go up first.
  Shell(Host(), StrCat("ip link del ", bridge, "; ip link add ", bridge,
                       " type bridge; ip link set ", bridge,
                       " addrgenmode none; ip link set ", bridge, " up"));
  const std::string before = LinkOf(bridge);
  ASSERT_TRUE(daemon().Restart()) << daemon().log();
  const v1::Container a = Create(AttachedSpec({"lan"}));
  const grpc::Status status = TryStart(a.id());
  EXPECT_THAT(status, FailsWith(kPrecondition, "NETWORK_SETUP_FAILED"));
  EXPECT_THAT(status.error_message(), HasSubstr("belongs to somebody else"));
  EXPECT_EQ(LinkOf(bridge), before);
  EXPECT_THAT(AuditProblems(), Contains(HasSubstr(bridge)));
  // Once it is gone, one repair makes all good.
  Run(Host(), {"ip", "link", "del", bridge});
  RepairHost();
  EXPECT_THAT(AuditProblems(), IsEmpty());
  EXPECT_THAT(TryStart(a.id()), IsOk());
  ExpectPing(Host(), AddressOf(Get(a.id()), 4));
}

// Whoever remembers a link by its number takes another one for it now.
TEST_F(NetworkSquatterTest, ALinkThatHasTheNumberOfOursStays) {
  MakeLan();
  MakeNetwork(NetworkOf("other", {"10.80.2.0/24"}));
  const v1::Container a = CreateAndStart(AttachedSpec({"lan"}));
  Connect(ConnectOf(a, "other"));
  for (const std::string& link :
       {Get(a.id()).status().networks(1).host_link(), BridgeOf("other")}) {
    const nlohmann::json old = Json(Host(), {"ip", "-j", "link", "show", link});
    const std::string number = old[0]["ifindex"].dump();
    // Else the watch is the quicker one.
    daemon().Kill9();
    Shell(Host(), StrCat("ip link del ", link, "; ip link add squatter index ",
                         number, " type bridge"));
    ASSERT_TRUE(daemon().Restart()) << daemon().log();
    // Ours is there again, with another number.
    EXPECT_TRUE(PollUntil(absl::Seconds(10), [&] {
      return Links(link).size() == 1 && AuditProblems().empty();
    })) << link;
    const std::string before = LinkOf("squatter");
    EXPECT_THAT(before, HasSubstr(StrCat("\"ifindex\":", number, ",")));
    EXPECT_THAT(TryDisconnect(a, "other"), IsOk());
    EXPECT_EQ(LinkOf("squatter"), before);
    Connect(ConnectOf(a, "other"));
    Run(Host(), {"ip", "link", "del", "squatter"});
  }
  EXPECT_THAT(TryDisconnect(a, "other"), IsOk());
  EXPECT_THAT(DeleteNetwork("other"), IsOk());
}

TEST_F(NetworkSquatterTest, AnAddressThatTheHostHasIsNotGivenAway) {
  MakeLan();
  const std::string bridge = BridgeOf("lan");
  Shell(Host(), StrCat("ip addr add 10.80.1.9/24 dev ", bridge,
                       "; ip addr add fd00:80:1::9/64 dev ", bridge, " nodad"));
  for (const char* address : {"10.80.1.9", "fd00:80:1::9"}) {
    v1::ContainerSpec spec = AttachedSpec({"lan"});
    Attachment(&spec, 0)->add_addresses(address);
    EXPECT_THAT(TryStart(Create(spec).id()),
                FailsWith(grpc::StatusCode::ALREADY_EXISTS, "ADDRESS_IN_USE"));
  }
  DeleteAll();
  EXPECT_THAT(AuditProblems(), IsEmpty());
  EXPECT_THAT(Run(Host(), {"ip", "addr", "show", bridge}),
              HasSubstr("10.80.1.9"));
  // What others have inside is theirs.
  const v1::Container a = StartAlone();
  Run(Inside(a), {"ip", "addr", "add", "10.80.1.77/32", "dev", "lo"});
  v1::ConnectContainerRequest request = ConnectOf(a, "lan");
  request.mutable_attachment()->add_addresses("10.80.1.77");
  EXPECT_THAT(TryConnect(request), IsOk());
  ExpectPing(Host(), "10.80.1.77");
  EXPECT_THAT(TryDisconnect(a, "lan"), IsOk());
  EXPECT_THAT(Run(Inside(a), {"ip", "addr", "show", "lo"}),
              HasSubstr("10.80.1.77"));
}

TEST_F(NetworkSquatterTest, TheHostsSideGoesThoughTheNamespaceIsHeld) {
  MakeLan();
  const v1::Container a = CreateAndStart(AttachedSpec({"lan"}));
  const v1::Container b = CreateAndStart(AttachedSpec({"lan"}));
  const base::UniqueFd held(
      ::open(Inside(a).path.c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(held.is_valid());
  const TempDir directory;
  const std::string pin = directory.File("netns");
  WriteFileOrDie(pin, "");
  ASSERT_EQ(
      ::mount(Inside(b).path.c_str(), pin.c_str(), "none", MS_BIND, nullptr),
      0);
  for (const v1::Container& container : {a, b}) {
    EXPECT_THAT(Delete(container.id()), IsOk());
  }
  EXPECT_TRUE(PollUntil(absl::Seconds(20), [] { return Links("cv").empty(); }));
  EXPECT_THAT(daemon().log(), HasSubstr("link has outlived its container"));
  EXPECT_THAT(AuditProblems(), IsEmpty());
  ::umount2(pin.c_str(), MNT_DETACH);
}

TEST_F(NetworkSquatterTest, AFullBridgeSaysSoAndHasRoomAgain) {
  if (TimeoutScale() > 10) {
    GTEST_SKIP() << "an emulated machine makes no thousand ports";
  }
  MakeNetwork(NetworkOf("wide", {"10.81.0.0/16"}));
  // Both ends of each are ports, but of the last one.
  constexpr int kPorts = 1023;
  const std::string as_port = StrCat(" master ", BridgeOf("wide"), " group 77");
  std::string fill;
  for (int i = 0; i < kPorts; i += 2) {
    fill += StrCat("link add f", i, as_port, " type veth peer name g", i, "\n");
    if (i < kPorts - 1) fill += StrCat("link set g", i, as_port, "\n");
  }
  ProcessOptions batch = OptionsIn(Host(), {"ip", "-batch", "-"});
  batch.input = fill;
  ASSERT_EQ(RunProgram(batch).status, 0);
  const v1::Container a = Create(AttachedSpec({"wide"}));
  const v1::Container alone = StartAlone();
  const auto before = StateOf(Host());
  for (const grpc::Status& status :
       {TryStart(a.id()), TryConnect(ConnectOf(alone, "wide"))}) {
    EXPECT_THAT(status, FailsWith(kExhausted, "LIMIT_REACHED"));
    EXPECT_EQ(FactsOf(status).metadata["limit"], "bridge_ports");
    EXPECT_THAT(status.error_message(), HasSubstr("no free port"));
  }
  EXPECT_TRUE(PollUntil(absl::Seconds(10), [] { return Links("cv").empty(); }));
  EXPECT_EQ(Differences(before, StateOf(Host())), "");
  EXPECT_THAT(AuditProblems(), IsEmpty());
  EXPECT_EQ(GetNetwork("wide").status().endpoints(), 0);
  Run(Host(), {"ip", "link", "del", "f1022"});
  EXPECT_THAT(TryStart(a.id()), IsOk());
  EXPECT_THAT(TryConnect(ConnectOf(alone, "wide")),
              FailsWith(kExhausted, "LIMIT_REACHED"));
  Run(Host(), {"ip", "link", "del", "group", "77"});
}

}  // namespace
}  // namespace caisson::testing
