// Drivers that stand on a link of the host: a device that is lent and given
// back, whatever becomes of its guest and of the daemon; places above a link,
// whatever their guests make of them.
#include <signal.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/str_cat.h"
#include "tests/integration/network_changes.h"
#include "tests/leakcheck/proc.h"
#include "tests/testing/children.h"

namespace caisson::testing {
namespace {

using base::StrCat;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr auto kPrecondition = grpc::StatusCode::FAILED_PRECONDITION;
constexpr auto kUnimplemented = grpc::StatusCode::UNIMPLEMENTED;

class NetworkDeviceTest : public NetworkChangesTest {
 protected:
  void SetUp() override {
    NetworkChangesTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    AddDevice();
  }
  void TearDown() override {
    if (!IsSkipped()) {
      if (!daemon().running()) {
        EXPECT_TRUE(daemon().Restart());
      }
      DeleteAll();
      RunIn(Host(), {"ip", "link", "del", "nic1"});
    }
    NetworkDaemonTest::TearDown();
    ReapAdopted();
  }

  // A wire whose one end is the device.
  static void AddDevice() {
    Shell(Host(),
          "ip link add nic0 mtu 1300 address 02:00:00:00:77:01 type veth "
          "peer nic1; ip link property add dev nic0 altname uplink;"
          "ip link set nic0 alias 'rack 7' group 5; ip link set nic0 up;"
          "ip link set nic1 up");
  }
  // What has to be as it was; empty: the host does not have it.
  static std::string Device() {
    const std::vector<std::string> show = {"ip",   "-j",   "-d",
                                           "link", "show", "nic0"};
    if (RunIn(Host(), show).status != 0) return "";
    const nlohmann::json link = Json(Host(), show)[0];
    std::string state;
    for (const char* key :
         {"ifindex", "address", "mtu", "group", "ifalias", "altnames"}) {
      state += link.value(key, nlohmann::json()).dump() + " ";
    }
    for (const nlohmann::json& flag : link["flags"]) {
      if (flag == "UP") state += "up";
    }
    return state;
  }
  static bool IsBack(const std::string& as) {
    return PollUntil(absl::Seconds(10), [&] { return Device() == as; });
  }
  static void MakeDeviceNetwork() {
    v1::NetworkSpec spec = NetworkOf("device", {"10.82.1.0/24"});
    spec.set_driver("host-device");
    spec.set_interface("nic0");
    spec.set_mtu(1280);
    MakeNetwork(spec);
  }
  static v1::ContainerSpec GuestSpec() {
    v1::ContainerSpec spec = AttachedSpec({"device"});
    Attachment(&spec, 0)->set_interface("card0");
    Attachment(&spec, 0)->set_mac("02:00:00:00:99:99");
    return spec;
  }
  // The container ends while no daemon runs.
  static void EndWithoutDaemon(const v1::Container& container) {
    daemon().Kill9();
    ASSERT_EQ(::kill(container.status().pid(), SIGKILL), 0);
    const std::string stat =
        StrCat("/proc/", container.status().pid(), "/stat");
    ASSERT_TRUE(PollUntil(absl::Seconds(20), [&] {
      return leakcheck::ParseStat(leakcheck::ReadText(stat)).pid < 0;
    }));
  }
  static std::string Mounts() {
    return ReadFileOrEmpty(StrCat("/proc/", daemon().pid(), "/mounts"));
  }
  static void ExpectRepaired() {
    v1::RepairHostResponse response;
    EXPECT_THAT(Call(stubs().system, &v1::SystemService::Stub::RepairHost,
                     v1::RepairHostRequest(), &response),
                IsOk());
    EXPECT_THAT(response.failed(), IsEmpty());
    EXPECT_THAT(AuditProblems(), IsEmpty());
  }
};

TEST_F(NetworkDeviceTest, ADeviceGoesBackAsItWas) {
  const std::string before = Device();
  EXPECT_THAT(before, HasSubstr("\"02:00:00:00:77:01\" 1300"));
  const std::string mounts = Mounts();
  MakeDeviceNetwork();
  const v1::Container a = CreateAndStart(GuestSpec());
  EXPECT_EQ(Device(), "");
  EXPECT_THAT(Run(Inside(a), {"ip", "link", "show", "card0"}),
              HasSubstr("02:00:00:00:99:99"));
  EXPECT_THAT(AuditProblems(), IsEmpty());
  // Its guest may do with it what it wants; a second one has its name.
  Shell(Inside(a),
        "ip link set card0 down; ip link set card0 name mine mtu 900;"
        "ip link property del dev mine altname uplink;"
        "ip link property add dev mine altname out;"
        "ip link set mine alias '' address 02:00:00:00:66:66;"
        "ip link add card0 type bridge");
  EXPECT_THAT(AuditProblems(), IsEmpty());
  EXPECT_THAT(Delete(a.id()), IsOk());
  EXPECT_TRUE(IsBack(before)) << Device();
  EXPECT_EQ(Mounts(), mounts);
}

TEST_F(NetworkDeviceTest, TheNextDaemonGivesItBack) {
  const std::string before = Device();
  MakeDeviceNetwork();
  const v1::Container a = CreateAndStart(GuestSpec());
  ASSERT_NO_FATAL_FAILURE(EndWithoutDaemon(a));
  // Held for the next one: else it would be gone with the namespace.
  EXPECT_EQ(Device(), "");
  EXPECT_THAT(Links("nic1"), ElementsAre("nic1"));
  ASSERT_TRUE(daemon().Restart()) << daemon().log();
  EXPECT_TRUE(IsBack(before)) << Device();
  EXPECT_THAT(Mounts(), Not(HasSubstr("/state/devices")));
  EXPECT_THAT(AuditProblems(), IsEmpty());
  // And to whom it wants next.
  const v1::Container b = CreateAndStart(GuestSpec());
  ASSERT_TRUE(daemon().Restart()) << daemon().log();
  EXPECT_THAT(AuditProblems(), IsEmpty());
  EXPECT_EQ(Device(), "");
  EXPECT_THAT(Delete(b.id()), IsOk());
  EXPECT_TRUE(IsBack(before)) << Device();
}

TEST_F(NetworkDeviceTest, WhatIsNowhereIsMissing) {
  MakeDeviceNetwork();
  const v1::Container a = CreateAndStart(GuestSpec());
  // Its guest may take it away for good: a virtual device ends with it.
  Shell(Inside(a), "ip link del card0");
  EXPECT_THAT(AuditProblems(),
              ElementsAre(HasSubstr("AUDIT_STATE_MISSING device nic0")));
  EXPECT_THAT(Delete(a.id()), IsOk());
  EXPECT_THAT(AuditProblems(),
              ElementsAre(HasSubstr("AUDIT_STATE_MISSING device nic0")));
  EXPECT_THAT(TryStart(Create(GuestSpec()).id()),
              FailsWith(kPrecondition, "NETWORK_SETUP_FAILED"));
  // Somebody plugs it in again.
  AddDevice();
  ExpectRepaired();
  const v1::Container b = CreateAndStart(GuestSpec());
  Shell(Inside(b), "ip link del card0");
  EXPECT_THAT(Delete(b.id()), IsOk());
  // Or nobody does.
  DeleteAll();
  EXPECT_THAT(DeleteNetwork("device"), IsOk());
  EXPECT_THAT(AuditProblems(), IsEmpty());
}

TEST_F(NetworkDeviceTest, WhatStayedBehindIsKeptUntilItsPlaceIsFree) {
  const std::string before = Device();
  MakeDeviceNetwork();
  const v1::Container a = CreateAndStart(GuestSpec());
  Shell(Host(), "ip link add nic0 type bridge");
  const std::string squatter = Device();
  EXPECT_THAT(Delete(a.id()), IsOk());
  EXPECT_TRUE(PollUntil(absl::Seconds(10), [&] {
    const std::vector<std::string> problems = AuditProblems();
    return problems.size() == 1 &&
           problems[0].find("AUDIT_STATE_ORPHAN device nic0") !=
               std::string::npos;
  }));
  EXPECT_THAT(DeleteNetwork("device"),
              FailsWith(kPrecondition, "NETWORK_SETUP_FAILED"));
  EXPECT_EQ(Device(), squatter);
  ASSERT_TRUE(daemon().Restart()) << daemon().log();
  EXPECT_EQ(Device(), squatter);
  Shell(Host(), "ip link del nic0");
  ExpectRepaired();
  EXPECT_EQ(Device(), before);
  EXPECT_THAT(Mounts(), Not(HasSubstr("/state/devices")));
}

TEST_F(NetworkDeviceTest, AContainerThatRunsGetsItAndLosesIt) {
  const std::string before = Device();
  MakeDeviceNetwork();
  const v1::Container a = StartAlone();
  v1::ConnectContainerRequest request = ConnectOf(a, "device");
  request.mutable_attachment()->set_interface("eth5");
  const v1::Container connected = Connect(request);
  EXPECT_THAT(LinksIn(a), ElementsAre("eth5"));
  EXPECT_THAT(Run(Inside(a), {"ip", "-o", "addr", "show", "eth5"}),
              HasSubstr(AddressOf(connected, 4)));
  const v1::Container b = StartAlone();
  EXPECT_THAT(TryConnect(ConnectOf(b, "device")),
              FailsWith(kPrecondition, "NETWORK_SETUP_FAILED"));
  // Its place is taken: it stays where it is, and so does what is there.
  Shell(Host(), "ip link add nic0 type bridge");
  const std::string squatter = Device();
  EXPECT_THAT(TryDisconnect(a, "device"),
              FailsWith(kPrecondition, "NETWORK_SETUP_FAILED"));
  EXPECT_THAT(LinksIn(a), ElementsAre("eth5"));
  EXPECT_THAT(InterfacesOf(a), ElementsAre("eth5"));
  EXPECT_THAT(AuditProblems(), IsEmpty());
  EXPECT_EQ(Device(), squatter);
  Shell(Host(), "ip link del nic0");
  EXPECT_THAT(TryDisconnect(a, "device"), IsOk());
  EXPECT_TRUE(IsBack(before)) << Device();
  EXPECT_THAT(LinksIn(a), IsEmpty());
  // The name is taken there: the kernel moves it, and then refuses.
  Shell(Inside(b), "ip link add eth0 type bridge");
  EXPECT_THAT(TryConnect(ConnectOf(b, "device")),
              FailsWith(kPrecondition, "NETWORK_SETUP_FAILED"));
  EXPECT_EQ(Device(), before);
  Shell(Inside(b), "ip link del eth0");
  EXPECT_THAT(TryConnect(ConnectOf(b, "device")), IsOk());
  EXPECT_THAT(LinksIn(b), ElementsAre("eth0"));
}

// What its spec or its program has set of a container that runs stays; what
// nobody has set becomes as containers have it that begin with a network.
TEST_F(NetworkDeviceTest, AConnectLeavesSysctlsThatSomebodyHasSet) {
  MakeNetwork(NetworkOf("lan", {"10.82.2.0/24"}));
  v1::ContainerSpec spec = WaitingSpec();
  spec.mutable_network()->set_none(true);
  (*spec.mutable_sysctls())["net.ipv4.conf.default.rp_filter"] = "1";
  const v1::Container a = CreateAndStart(spec);
  const auto value = [&a](const std::string& key) {
    return Run(Inside(a), {"cat", StrCat("/proc/sys/net/", key)});
  };
  EXPECT_EQ(value("ipv4/conf/default/arp_notify"), "0\n");
  Shell(Inside(a), "echo 2 > /proc/sys/net/ipv6/conf/default/accept_ra");
  Connect(ConnectOf(a, "lan"));
  EXPECT_EQ(value("ipv4/conf/default/arp_notify"), "1\n");
  EXPECT_EQ(value("ipv4/conf/default/rp_filter"), "1\n");
  EXPECT_EQ(value("ipv6/conf/default/accept_ra"), "2\n");
  EXPECT_EQ(value("ipv6/conf/default/dad_transmits"), "0\n");
}

class NetworkAboveTest : public NetworkDeviceTest,
                         public ::testing::WithParamInterface<const char*> {
 protected:
  // What GetInfo says of the driver: empty, or why it is missing.
  static std::string MissingBecause(const std::string& driver) {
    v1::GetInfoResponse info;
    EXPECT_THAT(Call(stubs().system, &v1::SystemService::Stub::GetInfo,
                     v1::GetInfoRequest(), &info),
                IsOk());
    for (const v1::Feature& feature : info.features()) {
      if (feature.name() != StrCat("network_", driver)) continue;
      return feature.available() ? "" : StrCat("no: ", feature.reason());
    }
    return "not told";
  }
  static std::string NetworkIdOf(const v1::Container& container,
                                 const std::string& interface) {
    v1::ListInterfacesRequest request;
    request.set_container(container.id());
    v1::ListInterfacesResponse response;
    EXPECT_THAT(
        Call(stubs().networks, &v1::NetworkService::Stub::ListInterfaces,
             request, &response),
        IsOk());
    for (const v1::NetworkInterface& one : response.interfaces()) {
      if (one.name() == interface) return one.network();
    }
    return "none";
  }
};

TEST_P(NetworkAboveTest, AContainerThatRunsGetsAPlaceAndLosesIt) {
  v1::NetworkSpec spec = NetworkOf("place", {"192.0.2.0/24"});
  spec.set_driver(GetParam());
  spec.set_interface("out");
  spec.mutable_subnets(0)->set_gateway(kOutsideAddress);
  v1::AddressRange* range = spec.mutable_subnets(0)->add_ranges();
  range->set_first("192.0.2.100");
  range->set_last("192.0.2.110");
  if (!MissingBecause(GetParam()).empty()) {
    v1::CreateNetworkRequest request;
    *request.mutable_spec() = spec;
    for (const bool validate_only : {true, false}) {
      request.set_validate_only(validate_only);
      v1::CreateNetworkResponse response;
      const grpc::Status status = CreateNetwork(request, &response);
      EXPECT_THAT(status, FailsWith(kUnimplemented, "FEATURE_UNAVAILABLE"));
      EXPECT_THAT(status.error_message(), HasSubstr(GetParam()));
    }
    return;
  }
  const v1::ManagedNetwork network = MakeNetwork(spec);
  const v1::Container a = StartAlone();
  for (int round = 0; round < 2; ++round) {
    const v1::Container connected = Connect(ConnectOf(a, "place"));
    EXPECT_THAT(LinksIn(a), ElementsAre("eth0"));
    ExpectPing(Outside(), AddressOf(connected, 4));
    ExpectPing(Inside(a), kOutsideAddress);
    // Its guest gives its name and its tag to another link.
    Shell(Inside(a),
          "tag=$(ip -o link show eth0 | sed 's/.*alias //');"
          "ip link set eth0 alias '';"
          "ip link set eth0 down; ip link set eth0 name mine; "
          "ip link set mine up;"
          "ip link add eth0 type bridge; ip link set eth0 alias $tag");
    EXPECT_EQ(NetworkIdOf(a, "mine"), network.id());
    EXPECT_EQ(NetworkIdOf(a, "eth0"), "");
    ASSERT_TRUE(daemon().Restart()) << daemon().log();
    EXPECT_THAT(AuditProblems(), IsEmpty());
    ExpectPing(Outside(), AddressOf(connected, 4));
    EXPECT_THAT(TryDisconnect(a, "place"), IsOk());
    EXPECT_THAT(LinksIn(a), ElementsAre("eth0"));
    EXPECT_FALSE(Ping(Outside(), AddressOf(connected, 4)));
    Shell(Inside(a), "ip link del eth0");
  }
}

INSTANTIATE_TEST_SUITE_P(Drivers, NetworkAboveTest,
                         ::testing::Values("macvlan", "ipvlan"),
                         [](const ::testing::TestParamInfo<const char*>& one) {
                           return one.param;
                         });

}  // namespace
}  // namespace caisson::testing
