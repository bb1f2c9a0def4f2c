// NetworkService, and what containers ask of networks: what is given, what is
// refused and why, and that a refusal changes nothing.
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/str_cat.h"
#include "tests/integration/network_fixture.h"

namespace caisson::testing {
namespace {

using base::StrCat;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

class NetworkCallsTest : public NetworkDaemonTest {
 protected:
  static grpc::Status TryCreate(const v1::NetworkSpec& spec) {
    v1::CreateNetworkRequest request;
    *request.mutable_spec() = spec;
    v1::CreateNetworkResponse response;
    return CreateNetwork(request, &response);
  }
  static grpc::Status TryRun(const v1::ContainerSpec& spec) {
    return TryStart(Create(spec).id());
  }
  static std::vector<std::string> Names(const v1::NetworkFilter& filter = {}) {
    std::vector<std::string> names;
    for (const v1::ManagedNetwork& network : ListNetworks(filter)) {
      names.push_back(network.spec().name());
    }
    return names;
  }
  // What a file of the container says.
  static std::string FileOf(const v1::Container& container,
                            const std::string& path) {
    return ExecSync(container.id(), ExecOf({"/bin/cat", path})).stdout();
  }
  static v1::NetworkSpec LanSpec() {
    return NetworkOf("lan", {"10.77.1.0/24", "fd00:77:1::/64"});
  }
};

// --- Networks ----------------------------------------------------------------

TEST_F(NetworkCallsTest, ANetworkIsMadeToldAndRemoved) {
  const int64_t revision = Revision();
  v1::NetworkSpec spec = LanSpec();
  (*spec.mutable_labels())["tier"] = "web";
  const v1::ManagedNetwork made = MakeNetwork(spec);
  EXPECT_THAT(made.id(), SizeIs(32));
  EXPECT_EQ(made.spec().name(), "lan");
  EXPECT_TRUE(made.status().up());
  ASSERT_THAT(made.status().subnets(), SizeIs(2));
  EXPECT_EQ(made.status().subnets(0).gateway(), "10.77.1.1");
  EXPECT_EQ(made.status().subnets(1).gateway(), "fd00:77:1::1");
  EXPECT_GT(made.revision(), revision);
  // The host has a bridge with both addresses and the host's largest packet.
  const std::string bridge = StrCat("cb", made.id().substr(0, 10));
  const nlohmann::json links =
      Json(Host(), {"ip", "-j", "-d", "addr", "show", "dev", bridge});
  ASSERT_THAT(links, SizeIs(1));
  EXPECT_EQ(links[0].value("mtu", 0), 1400);
  EXPECT_THAT(links.dump(), HasSubstr("10.77.1.1"));
  EXPECT_THAT(links.dump(), HasSubstr("fd00:77:1::1"));
  EXPECT_THAT(links.dump(), HasSubstr("\"stp_state\":0"));

  for (const std::string& reference :
       {made.id(), std::string("lan"), made.id().substr(0, 6)}) {
    EXPECT_EQ(GetNetwork(reference).id(), made.id()) << reference;
  }
  EXPECT_THAT(DeleteNetwork("lan"), IsOk());
  EXPECT_THAT(Links(bridge), IsEmpty());
  EXPECT_THAT(DeleteNetwork("lan"),
              FailsWith(grpc::StatusCode::NOT_FOUND, "NETWORK_NOT_FOUND"));
  v1::DeleteNetworkRequest missing;
  missing.set_network("lan");
  missing.set_allow_missing(true);
  v1::DeleteNetworkResponse response;
  EXPECT_THAT(Call(stubs().networks, &v1::NetworkService::Stub::DeleteNetwork,
                   missing, &response),
              IsOk());

  std::vector<std::string> types;
  for (const v1::Event& event : EventsUntil(revision, "network.deleted")) {
    EXPECT_EQ(event.network().id(), made.id());
    types.push_back(event.type());
  }
  EXPECT_THAT(types, ElementsAre("network.created", "network.deleted"));
}

TEST_F(NetworkCallsTest, NamesAndSubnetsAreTakenOnce) {
  MakeNetwork(LanSpec());
  using grpc::StatusCode;
  EXPECT_THAT(TryCreate(NetworkOf("lan", {"10.77.9.0/24"})),
              FailsWith(StatusCode::ALREADY_EXISTS, "NAME_IN_USE"));
  EXPECT_THAT(TryCreate(NetworkOf("default", {"10.77.9.0/24"})),
              FailsWith(StatusCode::ALREADY_EXISTS, "NAME_IN_USE"));
  // The same, a part, all around.
  for (const char* cidr :
       {"10.77.1.0/24", "10.77.1.128/25", "10.77.0.0/16", "fd00:77::/32"}) {
    const grpc::Status status = TryCreate(NetworkOf("other", {cidr}));
    EXPECT_THAT(status, FailsWith(StatusCode::ALREADY_EXISTS, "SUBNET_IN_USE"))
        << cidr;
    EXPECT_EQ(FactsOf(status).metadata["network"], "lan") << cidr;
  }
  const grpc::Status of_host = TryCreate(NetworkOf("other", {"192.0.2.0/25"}));
  EXPECT_THAT(of_host, FailsWith(StatusCode::ALREADY_EXISTS, "SUBNET_IN_USE"));
  EXPECT_EQ(FactsOf(of_host).metadata["route"], "192.0.2.0/24");
  EXPECT_THAT(Links("cb"), SizeIs(2)) << "default and lan";
}

TEST_F(NetworkCallsTest, ChosenSubnetsAvoidTheHostsRoutes) {
  const v1::ManagedNetwork first = MakeNetwork(NetworkOf("first", {}));
  ASSERT_THAT(first.status().subnets(), SizeIs(1));
  const std::string next = "10.88.32.0/20";
  EXPECT_EQ(first.status().subnets(0).cidr(), "10.88.16.0/20");
  // A part of the next one is somewhere else.
  Run(Host(), {"ip", "route", "add", "10.88.40.0/24", "via", kOutsideAddress});
  const v1::ManagedNetwork second = MakeNetwork(NetworkOf("second", {}));
  Run(Host(), {"ip", "route", "del", "10.88.40.0/24"});
  ASSERT_THAT(second.status().subnets(), SizeIs(1));
  EXPECT_EQ(second.status().subnets(0).cidr(), "10.88.48.0/20");
  EXPECT_EQ(MakeNetwork(NetworkOf("third", {})).status().subnets(0).cidr(),
            next);
}

TEST_F(NetworkCallsTest, NetworksInUseStay) {
  MakeNetwork(LanSpec());
  const v1::Container a = CreateAndStart(AttachedSpec({"lan"}));
  EXPECT_EQ(GetNetwork("lan").status().endpoints(), 1);
  const grpc::Status refused = DeleteNetwork("lan");
  EXPECT_THAT(refused, FailsWith(grpc::StatusCode::FAILED_PRECONDITION,
                                 "NETWORK_IN_USE"));
  EXPECT_EQ(FactsOf(refused).metadata["endpoints"], "1");
  ExpectPing(Inside(a), "10.77.1.1");
  EXPECT_THAT(Delete(a.id()), IsOk());
  EXPECT_EQ(GetNetwork("lan").status().endpoints(), 0);
  EXPECT_THAT(DeleteNetwork("lan"), IsOk());
  // Who wants it finds it missing, at the start.
  EXPECT_THAT(TryRun(AttachedSpec({"lan"})),
              FailsWith(grpc::StatusCode::NOT_FOUND, "NETWORK_NOT_FOUND"));
}

TEST_F(NetworkCallsTest, RepeatedRequestsAreDoneOnce) {
  v1::CreateNetworkRequest request;
  *request.mutable_spec() = LanSpec();
  request.set_request_id(NewRequestId());
  v1::CreateNetworkResponse first;
  ASSERT_THAT(CreateNetwork(request, &first), IsOk());
  v1::CreateNetworkResponse second;
  ASSERT_THAT(CreateNetwork(request, &second), IsOk());
  EXPECT_EQ(second.network().id(), first.network().id());
  ASSERT_TRUE(daemon().Restart());
  v1::CreateNetworkResponse third;
  ASSERT_THAT(CreateNetwork(request, &third), IsOk());
  EXPECT_EQ(third.network().id(), first.network().id());
  request.mutable_spec()->set_name("else");
  EXPECT_THAT(
      CreateNetwork(request, &third),
      FailsWith(grpc::StatusCode::INVALID_ARGUMENT, "REQUEST_ID_REUSED"));
  EXPECT_THAT(Names(), ElementsAre("default", "lan"));
}

TEST_F(NetworkCallsTest, ValidationMakesNothing) {
  const std::set<std::string> before = StateOf(Host());
  const int64_t revision = Revision();
  v1::CreateNetworkRequest request;
  *request.mutable_spec() = LanSpec();
  request.set_validate_only(true);
  v1::CreateNetworkResponse response;
  EXPECT_THAT(CreateNetwork(request, &response), IsOk());
  EXPECT_EQ(response.network().id(), "");
  EXPECT_EQ(response.network().status().subnets(0).gateway(), "10.77.1.1");
  EXPECT_THAT(response.plan(), Not(IsEmpty()));
  EXPECT_EQ(Differences(before, StateOf(Host())), "");
  EXPECT_THAT(Names(), ElementsAre("default"));
  EXPECT_EQ(Revision(), revision);
  request.mutable_spec()->set_name("default");
  EXPECT_THAT(CreateNetwork(request, &response),
              FailsWith(grpc::StatusCode::ALREADY_EXISTS, "NAME_IN_USE"));
}

TEST_F(NetworkCallsTest, ListsArePagedAndFiltered) {
  for (int i = 0; i < 5; ++i) {
    v1::NetworkSpec spec = NetworkOf(StrCat("n", i), {});
    (*spec.mutable_labels())["parity"] = i % 2 == 0 ? "even" : "odd";
    MakeNetwork(spec);
  }
  v1::NetworkFilter filter;
  filter.set_label_selector("parity=even");
  EXPECT_THAT(Names(filter), ElementsAre("n0", "n2", "n4"));
  filter.set_label_selector("");
  filter.set_name_prefix("n");
  EXPECT_THAT(Names(filter), SizeIs(5));
  v1::ListNetworksRequest request;
  request.set_page_size(2);
  std::vector<size_t> sizes;
  std::vector<std::string> names;
  do {
    v1::ListNetworksResponse response;
    ASSERT_THAT(Call(stubs().networks, &v1::NetworkService::Stub::ListNetworks,
                     request, &response),
                IsOk());
    sizes.push_back(static_cast<size_t>(response.networks_size()));
    for (const v1::ManagedNetwork& network : response.networks()) {
      names.push_back(network.spec().name());
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(sizes, ElementsAre(2, 2, 2));
  EXPECT_THAT(names, ElementsAre("default", "n0", "n1", "n2", "n3", "n4"));
}

TEST_F(NetworkCallsTest, WhatTheHostRefusesLeavesNothing) {
  // No such bridge to use, no such link to stand on.
  v1::NetworkSpec bridge = NetworkOf("bad", {"10.77.1.0/24"});
  bridge.set_interface("nosuch");
  EXPECT_THAT(
      TryCreate(bridge),
      FailsWith(grpc::StatusCode::FAILED_PRECONDITION, "NETWORK_SETUP_FAILED"));
  EXPECT_THAT(Names(), ElementsAre("default"));
  EXPECT_EQ(DifferencesFromIdle(), "");
}

TEST_F(NetworkCallsTest, ABridgeOfTheHostIsUsedAndStays) {
  Shell(Host(),
        "ip link add br0 type bridge; ip link set br0 up;"
        "ip addr add 10.77.5.1/24 dev br0");
  v1::NetworkSpec spec = NetworkOf("ext", {"10.77.5.0/24"});
  spec.set_interface("br0");
  MakeNetwork(spec);
  const auto routes_loopback = [] {
    return Run(Host(), {"cat", "/proc/sys/net/ipv4/conf/br0/route_localnet"});
  };
  EXPECT_EQ(routes_loopback(), "0\n");
  v1::ContainerSpec guest = AttachedSpec({"ext"});
  Publish(&guest, "127.0.0.1", 28080, 8000);
  const v1::Container a = CreateAndStart(guest);
  ExpectPing(Host(), AddressOf(a, 4));
  ExpectPing(Inside(a), "10.77.5.1");
  EXPECT_EQ(routes_loopback(), "1\n");
  // The next daemon knows who has set it.
  ASSERT_TRUE(daemon().Restart()) << daemon().log();
  EXPECT_THAT(Delete(a.id()), IsOk());
  EXPECT_THAT(DeleteNetwork("ext"), IsOk());
  EXPECT_EQ(routes_loopback(), "0\n");
  EXPECT_THAT(Run(Host(), {"ip", "addr", "show", "br0"}),
              HasSubstr("10.77.5.1/24"));
  Run(Host(), {"ip", "link", "del", "br0"});
}

// --- What containers ask for -------------------------------------------------

TEST_F(NetworkCallsTest, EverythingThatCanBeChosenIsGiven) {
  MakeNetwork(LanSpec());
  MakeNetwork(NetworkOf("second", {"10.77.2.0/24"}));
  v1::ContainerSpec spec = AttachedSpec({"lan", "second"});
  v1::NetworkAttachment* lan = Attachment(&spec, 0);
  lan->set_interface("front0");
  lan->add_addresses("10.77.1.77");
  lan->add_addresses("fd00:77:1::77");
  lan->set_mac("02:42:ac:11:00:07");
  lan->add_aliases("www");
  lan->set_default_route(false);
  v1::NetworkAttachment* second = Attachment(&spec, 1);
  second->set_default_route(true);
  v1::NetworkRoute* route = second->add_routes();
  route->set_destination("10.99.0.0/16");
  route->set_gateway("10.77.2.9");
  route->set_metric(7);
  const v1::Container a = CreateAndStart(spec);
  ASSERT_THAT(a.status().networks(), SizeIs(2));
  const v1::NetworkEndpoint& front = a.status().networks(0);
  EXPECT_EQ(front.name(), "lan");
  EXPECT_EQ(front.interface(), "front0");
  EXPECT_THAT(front.addresses(),
              ElementsAre("10.77.1.77/24", "fd00:77:1::77/64"));
  EXPECT_THAT(front.gateways(), ElementsAre("10.77.1.1", "fd00:77:1::1"));
  EXPECT_EQ(front.mac(), "02:42:ac:11:00:07");
  EXPECT_THAT(front.aliases(), ElementsAre("www"));
  EXPECT_EQ(a.status().networks(1).interface(), "eth0");
  EXPECT_THAT(Links(front.host_link()), SizeIs(1));

  const std::string links = Run(Inside(a), {"ip", "-o", "link"});
  EXPECT_THAT(links, HasSubstr("front0"));
  EXPECT_THAT(links, HasSubstr("02:42:ac:11:00:07"));
  const std::string addresses = Run(Inside(a), {"ip", "-o", "addr"});
  EXPECT_THAT(addresses, HasSubstr("10.77.1.77/24"));
  EXPECT_THAT(addresses, HasSubstr("fd00:77:1::77/64"));
  const std::string routes = Run(Inside(a), {"ip", "route"});
  EXPECT_THAT(routes, HasSubstr("default via 10.77.2.1 dev eth0"));
  EXPECT_THAT(
      routes,
      HasSubstr("10.99.0.0/16 via 10.77.2.9 dev eth0 proto static metric 7"));
  EXPECT_THAT(Run(Inside(a), {"ip", "-6", "route"}), Not(HasSubstr("default")));
}

TEST_F(NetworkCallsTest, ThePacketsOfAnEndpointAreAsLargeAsTheNetworks) {
  MakeNetwork(LanSpec());
  v1::NetworkSpec small = NetworkOf("small", {"10.77.2.0/24"});
  small.set_mtu(1280);
  MakeNetwork(small);
  // Also when the bridge had ports before, and has none now.
  for (int round = 0; round < 2; ++round) {
    const v1::Container a = CreateAndStart(AttachedSpec({"lan", "small"}));
    EXPECT_THAT(Run(Inside(a), {"ip", "-o", "link", "show", "eth0"}),
                HasSubstr("mtu 1400"));
    EXPECT_THAT(Run(Inside(a), {"ip", "-o", "link", "show", "eth1"}),
                HasSubstr("mtu 1280"));
    EXPECT_THAT(Delete(a.id()), IsOk());
    ASSERT_TRUE(
        PollUntil(absl::Seconds(10), [] { return Links("cv").empty(); }));
    const std::string bridge =
        StrCat("cb", GetNetwork("lan").id().substr(0, 10));
    EXPECT_THAT(Run(Host(), {"ip", "-o", "link", "show", bridge}),
                HasSubstr("mtu 1400"));
  }
}

TEST_F(NetworkCallsTest, NextAddressesAreNewAndNeverTheGateways) {
  MakeNetwork(NetworkOf("tiny", {"10.77.1.0/29"}));
  std::set<std::string> seen;
  std::vector<std::string> ids;
  // .1 is the gateway's, .0 and .7 are nobody's.
  for (int i = 0; i < 5; ++i) {
    const v1::Container one = CreateAndStart(AttachedSpec({"tiny"}));
    seen.insert(AddressOf(one, 4));
    ids.push_back(one.id());
  }
  EXPECT_THAT(seen, ElementsAre("10.77.1.2", "10.77.1.3", "10.77.1.4",
                                "10.77.1.5", "10.77.1.6"));
  EXPECT_THAT(
      TryRun(AttachedSpec({"tiny"})),
      FailsWith(grpc::StatusCode::RESOURCE_EXHAUSTED, "NO_FREE_ADDRESS"));
  v1::ContainerSpec wanted = AttachedSpec({"tiny"});
  Attachment(&wanted, 0)->add_addresses("10.77.1.3");
  const grpc::Status taken = TryRun(wanted);
  EXPECT_THAT(taken,
              FailsWith(grpc::StatusCode::ALREADY_EXISTS, "ADDRESS_IN_USE"));
  EXPECT_EQ(FactsOf(taken).metadata["address"], "10.77.1.3");
  v1::ContainerSpec gateway = AttachedSpec({"tiny"});
  Attachment(&gateway, 0)->add_addresses("10.77.1.1");
  EXPECT_THAT(TryRun(gateway), Not(IsOk()));
  EXPECT_EQ(GetNetwork("tiny").status().endpoints(), 5);
}

TEST_F(NetworkCallsTest, AnAddressIsGivenAgainAfterItsQuarantine) {
  MakeNetwork(NetworkOf("tiny", {"10.77.1.0/30"}));
  const v1::Container first = CreateAndStart(AttachedSpec({"tiny"}));
  EXPECT_EQ(AddressOf(first, 4), "10.77.1.2");
  EXPECT_THAT(Delete(first.id()), IsOk());
  // Neighbours may still know its last owner.
  EXPECT_THAT(
      TryRun(AttachedSpec({"tiny"})),
      FailsWith(grpc::StatusCode::RESOURCE_EXHAUSTED, "NO_FREE_ADDRESS"));
  const std::string next = Create(AttachedSpec({"tiny"})).id();
  EXPECT_TRUE(
      PollUntil(absl::Seconds(15), [&next] { return TryStart(next).ok(); }));
  EXPECT_EQ(AddressOf(Get(next), 4), "10.77.1.2");
}

TEST_F(NetworkCallsTest, ReservedAddressesAreForThoseWhoAsk) {
  v1::NetworkSpec spec = NetworkOf("lan", {"10.77.1.0/24"});
  v1::Subnet* subnet = spec.mutable_subnets(0);
  subnet->set_gateway("10.77.1.254");
  v1::AddressRange* range = subnet->add_ranges();
  range->set_first("10.77.1.10");
  range->set_last("10.77.1.12");
  subnet->add_reserved("10.77.1.11");
  MakeNetwork(spec);
  std::set<std::string> seen;
  for (int i = 0; i < 2; ++i) {
    seen.insert(AddressOf(CreateAndStart(AttachedSpec({"lan"})), 4));
  }
  EXPECT_THAT(seen, ElementsAre("10.77.1.10", "10.77.1.12"));
  EXPECT_THAT(
      TryRun(AttachedSpec({"lan"})),
      FailsWith(grpc::StatusCode::RESOURCE_EXHAUSTED, "NO_FREE_ADDRESS"));
  v1::ContainerSpec wanted = AttachedSpec({"lan"});
  Attachment(&wanted, 0)->add_addresses("10.77.1.11");
  EXPECT_EQ(AddressOf(CreateAndStart(wanted), 4), "10.77.1.11");
}

TEST_F(NetworkCallsTest, PortsAreTakenOnce) {
  MakeNetwork(LanSpec());
  v1::ContainerSpec first = AttachedSpec({"lan"});
  Publish(&first, "0.0.0.0", 8080, 80);
  Publish(&first, "127.0.0.1", 8081, 80);
  CreateAndStart(first);
  const auto refused = [](const std::string& host_ip, int port,
                          const std::string& protocol = "tcp") {
    v1::ContainerSpec spec = AttachedSpec({"lan"});
    Publish(&spec, host_ip, port, 80, protocol);
    return TryRun(spec);
  };
  using grpc::StatusCode;
  const auto in_use = FailsWith(StatusCode::ALREADY_EXISTS, "PORT_IN_USE");
  EXPECT_THAT(refused("0.0.0.0", 8080), in_use);
  EXPECT_THAT(refused("127.0.0.1", 8081), in_use);
  EXPECT_THAT(refused("", 8081), in_use);
  // Another protocol, another family.
  EXPECT_THAT(refused("0.0.0.0", 8080, "udp"), IsOk());
  EXPECT_THAT(refused("::", 8080), IsOk());
  // A process of the host that listens.
  Serve(Host(), "host", 8082);
  const grpc::Status by_host = refused("0.0.0.0", 8082);
  EXPECT_THAT(by_host, in_use);
  EXPECT_EQ(FactsOf(by_host).metadata["port"], "0.0.0.0:8082/tcp");
  EXPECT_THAT(refused("127.0.0.1", 8082), in_use);
  EXPECT_EQ(Ask(Host(), "TCP", "127.0.0.1", 8082), "host 127.0.0.1");
}

TEST_F(NetworkCallsTest, APortOfNoNumberIsChosen) {
  MakeNetwork(LanSpec());
  v1::ContainerSpec spec = AttachedSpec({"lan"});
  Publish(&spec, "0.0.0.0", 0, 8000);
  const v1::Container a = CreateAndStart(spec);
  Serve(Inside(a), "a");
  ASSERT_THAT(a.status().ports(), SizeIs(1));
  const int port = a.status().ports(0).host_port();
  EXPECT_GE(port, 49152);
  EXPECT_LE(port, 65535);
  ExpectAnswer(Outside(), "TCP", kHostAddress, port,
               StrCat("a ", kOutsideAddress));
}

TEST_F(NetworkCallsTest, ADeviceIsGivenBack) {
  Shell(Host(),
        "ip link add nic0 type veth peer name nic1; ip link set nic0 mtu 1300;"
        "ip link set nic1 up");
  v1::NetworkSpec spec = NetworkOf("device", {"10.77.7.0/24"});
  spec.set_driver("host-device");
  spec.set_interface("nic0");
  MakeNetwork(spec);
  const auto wanted = [] {
    v1::ContainerSpec container = AttachedSpec({"device"});
    Attachment(&container, 0)->set_interface("card0");
    return container;
  };
  const v1::Container a = CreateAndStart(wanted());
  EXPECT_THAT(Links("nic0"), IsEmpty());
  EXPECT_THAT(Run(Inside(a), {"ip", "-o", "addr", "show", "card0"}),
              HasSubstr(AddressOf(a, 4)));
  // One at a time.
  EXPECT_THAT(TryRun(wanted()), Not(IsOk()));
  EXPECT_THAT(Delete(a.id()), IsOk());
  EXPECT_TRUE(
      PollUntil(absl::Seconds(10), [] { return Links("nic0").size() == 1; }));

  // Also by a daemon that has not given it away itself.
  const v1::Container b = CreateAndStart(wanted());
  EXPECT_THAT(Links("nic0"), IsEmpty());
  const size_t said = daemon().log().size();
  ASSERT_TRUE(daemon().Restart());
  EXPECT_THAT(daemon().log().substr(said), Not(HasSubstr(" error ")));
  EXPECT_THAT(Run(Inside(b), {"ip", "-o", "addr", "show", "card0"}),
              HasSubstr(AddressOf(b, 4)));
  EXPECT_THAT(TryRun(wanted()), Not(IsOk()));
  EXPECT_THAT(Delete(b.id()), IsOk());
  EXPECT_TRUE(
      PollUntil(absl::Seconds(10), [] { return Links("nic0").size() == 1; }));
  EXPECT_THAT(DeleteNetwork("device"), IsOk());
  EXPECT_THAT(Run(Host(), {"ip", "-o", "link", "show", "nic0"}),
              HasSubstr("mtu 1300"));
  Run(Host(), {"ip", "link", "del", "nic0"});
}

TEST_F(NetworkCallsTest, MacvlanIsAPlaceOnALink) {
  v1::NetworkSpec spec = NetworkOf("place", {"192.0.2.0/24"});
  spec.set_driver("macvlan");
  spec.set_interface("out");
  spec.mutable_subnets(0)->set_gateway(kOutsideAddress);
  v1::AddressRange* range = spec.mutable_subnets(0)->add_ranges();
  range->set_first("192.0.2.100");
  range->set_last("192.0.2.110");
  const grpc::Status status = TryCreate(spec);
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
    GTEST_SKIP() << "this kernel has no macvlan";
  }
  ASSERT_THAT(status, IsOk());
  const v1::Container a = CreateAndStart(AttachedSpec({"place"}));
  const v1::Container b = CreateAndStart(AttachedSpec({"place"}));
  EXPECT_THAT(AddressOf(a, 4), StartsWith("192.0.2.1"));
  ExpectPing(Outside(), AddressOf(a, 4));
  ExpectPing(Inside(b), AddressOf(a, 4));
  ExpectPing(Inside(a), kOutsideAddress);
}

}  // namespace
}  // namespace caisson::testing
