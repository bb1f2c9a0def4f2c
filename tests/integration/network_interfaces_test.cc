// What ListInterfaces tells, against what ip tells in the same namespace.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/str_cat.h"
#include "tests/integration/network_fixture.h"

namespace caisson::testing {
namespace {

using base::StrCat;
using grpc::StatusCode;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAreArray;

class NetworkInterfacesTest : public NetworkDaemonTest {
 protected:
  static grpc::Status TryInterfaces(const std::string& container,
                                    v1::ListInterfacesResponse* response) {
    v1::ListInterfacesRequest request;
    request.set_container(container);
    return Call(stubs().networks, &v1::NetworkService::Stub::ListInterfaces,
                request, response);
  }
  static v1::ListInterfacesResponse Interfaces(const std::string& container) {
    v1::ListInterfacesResponse response;
    EXPECT_THAT(TryInterfaces(container, &response), IsOk());
    return response;
  }
  static std::vector<std::string> Names(
      const v1::ListInterfacesResponse& response) {
    std::vector<std::string> names;
    for (const auto& one : response.interfaces()) names.push_back(one.name());
    return names;
  }

  // What does not count must be the same, what counts must lie between.
  static void ExpectAsIp(const v1::NetworkInterface& one,
                         const nlohmann::json& before,
                         const nlohmann::json& after) {
    SCOPED_TRACE(one.name());
    EXPECT_EQ(one.index(), before.value("ifindex", -1));
    EXPECT_EQ(one.mtu(), before.value("mtu", -1));
    std::string mac = before.value("address", "");
    if (mac == "00:00:00:00:00:00") mac.clear();
    EXPECT_EQ(one.mac(), mac);
    std::string state = before.value("operstate", "");
    for (char& c : state) c = static_cast<char>(std::tolower(c));
    EXPECT_EQ(one.state(), state);
    EXPECT_TRUE(one.up());
    std::vector<std::string> addresses;
    for (const nlohmann::json& address : before["addr_info"]) {
      addresses.push_back(StrCat(address.value("local", ""), "/",
                                 address.value("prefixlen", -1)));
    }
    EXPECT_THAT(one.addresses(), UnorderedElementsAreArray(addresses));
    const auto between = [&](const char* way, const char* what, int64_t value) {
      EXPECT_GE(value, before["stats64"][way].value(what, int64_t{-1}))
          << way << " " << what;
      EXPECT_LE(value, after["stats64"][way].value(what, int64_t{-1}))
          << way << " " << what;
    };
    const v1::InterfaceCounters& counters = one.counters();
    between("rx", "bytes", counters.rx_bytes());
    between("rx", "packets", counters.rx_packets());
    between("rx", "errors", counters.rx_errors());
    between("rx", "dropped", counters.rx_dropped());
    between("tx", "bytes", counters.tx_bytes());
    between("tx", "packets", counters.tx_packets());
    between("tx", "errors", counters.tx_errors());
    between("tx", "dropped", counters.tx_dropped());
  }
};

TEST_F(NetworkInterfacesTest, TheyAreAsIpTellsThem) {
  const v1::ManagedNetwork lan =
      MakeNetwork(NetworkOf("lan", {"10.77.1.0/24", "fd00:77:1::/64"}));
  const v1::ManagedNetwork wan =
      MakeNetwork(NetworkOf("wan", {"10.77.2.0/24"}));
  const v1::Container a = CreateAndStart(AttachedSpec({"lan", "wan"}));
  ExpectPing(Inside(a), "10.77.1.1");
  // Something of the container's own, which is of none of our networks.
  Shell(Inside(a), "ip link add br7 type bridge; ip link set br7 up");
  const auto ip = [&] {
    return Json(Inside(a), {"ip", "-j", "-s", "-d", "addr"});
  };
  const nlohmann::json before = ip();
  const v1::ListInterfacesResponse response = Interfaces(a.id());
  const nlohmann::json after = ip();
  EXPECT_FALSE(response.truncated());
  EXPECT_THAT(Names(response), ElementsAre("lo", "eth0", "eth1", "br7"));
  ASSERT_THAT(before, SizeIs(4));
  for (int i = 0; i < 4; ++i) {
    ExpectAsIp(response.interfaces(i), before[i], after[i]);
  }
  EXPECT_EQ(response.interfaces(0).network(), "");
  EXPECT_EQ(response.interfaces(0).kind(), "");
  EXPECT_EQ(response.interfaces(1).network(), lan.id());
  EXPECT_EQ(response.interfaces(1).kind(), "veth");
  EXPECT_EQ(response.interfaces(2).network(), wan.id());
  EXPECT_EQ(response.interfaces(3).network(), "");
  EXPECT_EQ(response.interfaces(3).kind(), "bridge");
}

TEST_F(NetworkInterfacesTest, TheyCountWhatTheContainerSendsAndReceives) {
  MakeNetwork(NetworkOf("lan", {"10.77.1.0/24"}));
  const v1::Container a = CreateAndStart(AttachedSpec({"lan"}));
  ExpectPing(Inside(a), "10.77.1.1");
  const v1::InterfaceCounters before =
      Interfaces(a.id()).interfaces(1).counters();
  // Ten answers to ten questions of 1,000 bytes of payload, 1,042 with headers.
  Run(Inside(a), {"ping", "-n", "-q", "-c", "10", "-i", "0.01", "-s", "1000",
                  "10.77.1.1"});
  const v1::InterfaceCounters after =
      Interfaces(a.id()).interfaces(1).counters();
  EXPECT_GE(after.tx_bytes() - before.tx_bytes(), 10'420);
  EXPECT_GE(after.rx_bytes() - before.rx_bytes(), 10'420);
  EXPECT_LT(after.tx_bytes() - before.tx_bytes(), 20'000);
  EXPECT_GE(after.rx_packets() - before.rx_packets(), 10);
  EXPECT_GE(after.tx_packets() - before.tx_packets(), 10);
}

TEST_F(NetworkInterfacesTest, EveryKindOfNetworkButTheHosts) {
  v1::ContainerSpec none = WaitingSpec();
  none.mutable_network()->set_none(true);
  const v1::Container alone = CreateAndStart(none);
  EXPECT_THAT(Names(Interfaces(alone.id())), ElementsAre("lo"));

  MakeNetwork(NetworkOf("lan", {"10.77.1.0/24"}));
  const v1::Container owner = CreateAndStart(AttachedSpec({"lan"}));
  v1::ContainerSpec shared = WaitingSpec();
  shared.mutable_network()->set_container(owner.id());
  const v1::Container guest = CreateAndStart(shared);
  const v1::ListInterfacesResponse seen = Interfaces(guest.id());
  EXPECT_THAT(Names(seen), ElementsAre("lo", "eth0"));
  EXPECT_EQ(seen.interfaces(1).network(), GetNetwork("lan").id());

  v1::ContainerSpec host = WaitingSpec();
  host.mutable_network()->set_host(true);
  const v1::Container outside = CreateAndStart(host);
  v1::ListInterfacesResponse response;
  EXPECT_THAT(TryInterfaces(outside.id(), &response),
              FailsWith(StatusCode::FAILED_PRECONDITION, "WRONG_STATE"));
  EXPECT_THAT(TryInterfaces(Create(none).id(), &response),
              FailsWith(StatusCode::FAILED_PRECONDITION, "WRONG_STATE"));
  EXPECT_THAT(TryInterfaces("nobody", &response),
              FailsWith(StatusCode::NOT_FOUND, "CONTAINER_NOT_FOUND"));
}

// A container that may make interfaces can make as many as it likes.
TEST_F(NetworkInterfacesTest, MoreThanFitAreCutAndToldSo) {
  v1::ContainerSpec none = WaitingSpec();
  none.mutable_network()->set_none(true);
  const v1::Container a = CreateAndStart(none);
  Shell(Inside(a),
        "for i in $(seq 1 4200); do echo addr add "
        "10.$((i / 250)).$((i % 250)).1/32 dev lo; done | ip -batch -");
  const v1::ListInterfacesResponse response = Interfaces(a.id());
  EXPECT_TRUE(response.truncated());
  ASSERT_THAT(response.interfaces(), SizeIs(1));
  EXPECT_THAT(response.interfaces(0).addresses(), SizeIs(4096));
}

}  // namespace
}  // namespace caisson::testing
