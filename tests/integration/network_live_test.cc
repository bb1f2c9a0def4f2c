// Changes of the networks of containers that run.
#include <algorithm>
#include <chrono>
#include <future>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/str_cat.h"
#include "tests/integration/network_changes.h"

namespace caisson::testing {
namespace {

using base::StrCat;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

using Stub = v1::NetworkService::Stub;

constexpr auto kNotFound = grpc::StatusCode::NOT_FOUND;
constexpr auto kExists = grpc::StatusCode::ALREADY_EXISTS;
constexpr auto kPrecondition = grpc::StatusCode::FAILED_PRECONDITION;

class NetworkLiveTest : public NetworkChangesTest {
 protected:
  static v1::ManagedNetwork MakeLan(const std::string& name, int number) {
    return MakeNetwork(NetworkOf(name, {StrCat("10.78.", number, ".0/24"),
                                        StrCat("fd00:78:", number, "::/64")}));
  }
};

TEST_F(NetworkLiveTest, ConnectGivesAnInterfaceAndDisconnectTakesItAway) {
  MakeLan("lan", 1);
  const v1::Container peer = CreateAndStart(AttachedSpec({"lan"}));
  Serve(Inside(peer), "peer");
  const v1::Container container = StartAlone();
  const v1::Container connected = Connect(ConnectOf(container, "lan"));
  EXPECT_THAT(LinksIn(container), ElementsAre("eth0"));
  EXPECT_THAT(InterfacesOf(container), ElementsAre("eth0"));
  for (const int family : {4, 6}) {
    ExpectPing(Inside(peer), AddressOf(connected, family));
    ExpectAnswer(Inside(container), "TCP", AddressOf(peer, family), 8000,
                 StrCat("peer ", AddressOf(connected, family)));
  }
  // Its first network is its way to the outside.
  ExpectPing(Inside(container), kOutsideAddress);
  EXPECT_EQ(GetNetwork("lan").status().endpoints(), 2);

  EXPECT_THAT(TryDisconnect(container, "lan"), IsOk());
  EXPECT_THAT(LinksIn(container), IsEmpty());
  EXPECT_THAT(InterfacesOf(container), IsEmpty());
  EXPECT_FALSE(Ping(Inside(peer), AddressOf(connected, 4)));
  EXPECT_EQ(GetNetwork("lan").status().endpoints(), 1);
  EXPECT_THAT(Get(container.id()).status().state(),
              v1::CONTAINER_STATE_RUNNING);
  EXPECT_THAT(AuditProblems(), IsEmpty());
}

TEST_F(NetworkLiveTest, AFurtherNetworkLeavesTheFirstAlone) {
  MakeLan("lan", 1);
  // Whose names are asked of nobody else.
  v1::NetworkSpec other = NetworkOf("other", {"10.78.2.0/24"});
  other.set_internal(true);
  MakeNetwork(other);
  const v1::Container container = CreateAndStart(AttachedSpec({"lan"}));
  const v1::Container peer = CreateAndStart(AttachedSpec({"other"}));
  v1::ConnectContainerRequest request = ConnectOf(container, "other");
  request.mutable_attachment()->add_addresses("10.78.2.77");
  request.mutable_attachment()->add_aliases("second");
  request.mutable_attachment()->set_interface("net7");
  const v1::Container connected = Connect(request);
  EXPECT_EQ(AddressOf(connected, 4, 1), "10.78.2.77");
  EXPECT_THAT(InterfacesOf(container), ElementsAre("eth0", "net7"));
  const nlohmann::json routes =
      Json(Inside(container), {"ip", "-j", "route", "show", "default"});
  ASSERT_EQ(routes.size(), 1u);
  EXPECT_EQ(routes[0]["dev"], "eth0");
  ExpectPing(Inside(peer), "10.78.2.77");
  // By its new name, and by the old one of the container.
  const v1::ExecSyncResponse found =
      ExecSync(peer.id(), ShExec("nslookup -type=a second"));
  EXPECT_THAT(found.stdout(), ::testing::HasSubstr("10.78.2.77"));

  EXPECT_THAT(TryDisconnect(container, "other"), IsOk());
  EXPECT_THAT(InterfacesOf(container), ElementsAre("eth0"));
  ExpectPing(Inside(container), kOutsideAddress);
  const v1::ExecSyncResponse gone =
      ExecSync(peer.id(), ShExec("nslookup -type=a second"));
  EXPECT_THAT(gone.stdout(), Not(::testing::HasSubstr("10.78.2.77")));
}

TEST_F(NetworkLiveTest, TheDefaultRouteGoesToAnotherNetwork) {
  MakeLan("lan", 1);
  MakeLan("never", 2);
  MakeLan("next", 3);
  v1::NetworkSpec inner = NetworkOf("inner", {"10.78.4.0/24"});
  inner.set_internal(true);
  MakeNetwork(inner);
  v1::ContainerSpec spec = AttachedSpec({"lan", "never", "inner", "next"});
  Attachment(&spec, 1)->set_default_route(false);
  const v1::Container container = CreateAndStart(spec);
  const auto ways_out = [&container] {
    std::vector<std::string> links;
    for (const char* family : {"-4", "-6"}) {
      for (const auto& route :
           Json(Inside(container),
                {"ip", "-j", family, "route", "show", "default"})) {
        links.push_back(route["dev"]);
      }
    }
    return links;
  };
  EXPECT_THAT(ways_out(), ElementsAre("eth0", "eth0"));
  EXPECT_THAT(TryDisconnect(container, "lan"), IsOk());
  EXPECT_THAT(ways_out(), ElementsAre("eth3", "eth3"));
  ExpectPing(Inside(container), kOutsideAddress);
  ExpectPing(Inside(container), kOutsideAddress6);
  // It has one now, so it gets no second.
  Connect(ConnectOf(container, "lan"));
  EXPECT_THAT(ways_out(), ElementsAre("eth3", "eth3"));
  // That of a network without it stays where it is.
  EXPECT_THAT(TryDisconnect(container, "never"), IsOk());
  EXPECT_THAT(ways_out(), ElementsAre("eth3", "eth3"));
  EXPECT_THAT(TryDisconnect(container, "next"), IsOk());
  EXPECT_THAT(ways_out(), ElementsAre("eth0", "eth0"));
  EXPECT_THAT(TryDisconnect(container, "lan"), IsOk());
  EXPECT_THAT(ways_out(), IsEmpty());
  EXPECT_THAT(AuditProblems(), IsEmpty());
}

TEST_F(NetworkLiveTest, PublishedPortsComeAndGo) {
  MakeLan("lan", 1);
  const v1::Container container = CreateAndStart(AttachedSpec({"lan"}));
  Serve(Inside(container), "a");
  for (const char* protocol : {"tcp", "udp"}) {
    const std::string socat = protocol == std::string("tcp") ? "TCP" : "UDP";
    ExpectSilence(Outside(), socat, kHostAddress, 8080);
    const auto request = PublishOf(container, "0.0.0.0", 8080, protocol);
    EXPECT_THAT(TryPublish(request), IsOk());
    ExpectAnswer(Outside(), socat, kHostAddress, 8080,
                 StrCat("a ", kOutsideAddress));
    ExpectAnswer(Host(), socat, "127.0.0.1", 8080, "a 10.78.1.1");
    EXPECT_THAT(TryUnpublish(request), IsOk());
    ExpectSilence(Outside(), socat, kHostAddress, 8080);
    EXPECT_THAT(Get(container.id()).status().ports(), IsEmpty());
  }
  // Another container may have it now.
  v1::ContainerSpec spec = AttachedSpec({"lan"});
  Publish(&spec, "0.0.0.0", 8080, 8000);
  const v1::Container heir = CreateAndStart(spec);
  Serve(Inside(heir), "heir");
  ExpectAnswer(Outside(), "TCP", kHostAddress, 8080,
               StrCat("heir ", kOutsideAddress));
}

TEST_F(NetworkLiveTest, APortIsChosenAndOneOfTheSpecCanBeTakenBack) {
  MakeLan("lan", 1);
  v1::ContainerSpec spec = AttachedSpec({"lan"});
  Publish(&spec, "", 8081, 8000);
  const v1::Container container = CreateAndStart(spec);
  Serve(Inside(container), "a");
  v1::Container published;
  EXPECT_THAT(TryPublish(PublishOf(container, "", 0), &published), IsOk());
  ASSERT_EQ(published.status().ports_size(), 2);
  const v1::PortMapping& chosen = published.status().ports(1);
  EXPECT_GE(chosen.host_port(), 49152);
  ExpectAnswer(Host(), "TCP", "127.0.0.1", chosen.host_port(), "a 10.78.1.1");
  EXPECT_THAT(TryUnpublish(PublishOf(container, "", 8081)), IsOk());
  ExpectSilence(Host(), "TCP", "127.0.0.1", 8081);
  ExpectAnswer(Host(), "TCP", "127.0.0.1", chosen.host_port(), "a 10.78.1.1");
  // They go with their network.
  EXPECT_THAT(TryDisconnect(container, "lan"), IsOk());
  EXPECT_THAT(Get(container.id()).status().ports(), IsEmpty());
  ExpectSilence(Host(), "TCP", "127.0.0.1", chosen.host_port());
}

TEST_F(NetworkLiveTest, WhatIsRefusedLeavesAllAsItWas) {
  MakeLan("lan", 1);
  MakeLan("other", 2);
  v1::ContainerSpec spec = AttachedSpec({"lan"});
  Publish(&spec, "0.0.0.0", 8080, 8000);
  const v1::Container container = CreateAndStart(spec);
  const v1::Container alone = StartAlone();
  const v1::Container peer = CreateAndStart(AttachedSpec({"other"}));
  // What a program inside, and one of the host, were quicker with.
  Shell(Inside(container), "ip link add eth1 type veth peer name eth1p");
  Serve(Host(), "host", 8082);
  const std::set<std::string> host = StateOf(Host());
  const std::set<std::string> inside = StateOf(Inside(container));

  auto taken_name = ConnectOf(container, "other");
  EXPECT_THAT(TryConnect(taken_name),
              FailsWith(kPrecondition, "NETWORK_SETUP_FAILED"));
  auto taken_address = ConnectOf(container, "other");
  taken_address.mutable_attachment()->add_addresses(AddressOf(peer, 4));
  EXPECT_THAT(TryConnect(taken_address), FailsWith(kExists, "ADDRESS_IN_USE"));
  EXPECT_THAT(TryConnect(ConnectOf(container, "lan")),
              FailsWith(kExists, "ALREADY_CONNECTED"));
  EXPECT_THAT(TryConnect(ConnectOf(container, "nothing")),
              FailsWith(kNotFound, "NETWORK_NOT_FOUND"));
  auto same_interface = ConnectOf(container, "other");
  same_interface.mutable_attachment()->set_interface("eth0");
  EXPECT_THAT(TryConnect(same_interface), RefusesField("attachment.interface"));
  EXPECT_THAT(TryDisconnect(container, "other"),
              FailsWith(kPrecondition, "NOT_CONNECTED"));
  EXPECT_THAT(TryDisconnect(container, "nothing"),
              FailsWith(kNotFound, "NETWORK_NOT_FOUND"));
  for (const int port : {8080, 8082}) {
    EXPECT_THAT(TryPublish(PublishOf(peer, "0.0.0.0", port)),
                FailsWith(kExists, "PORT_IN_USE"))
        << port;
  }
  EXPECT_THAT(TryPublish(PublishOf(container, "0.0.0.0", 8080)),
              FailsWith(kExists, "PORT_IN_USE"));
  EXPECT_THAT(TryPublish(PublishOf(alone, "", 8083)),
              FailsWith(kPrecondition, "NOT_CONNECTED"));
  EXPECT_THAT(TryUnpublish(PublishOf(container, "", 8080)),
              FailsWith(kNotFound, "PORT_NOT_PUBLISHED"));

  EXPECT_EQ(Differences(host, StateOf(Host())), "");
  EXPECT_EQ(Differences(inside, StateOf(Inside(container))), "");
  EXPECT_THAT(InterfacesOf(container), ElementsAre("eth0"));
  EXPECT_THAT(AuditProblems(), IsEmpty());
  // Once nothing stands in the way, the same goes.
  Shell(Inside(container), "ip link del eth1");
  EXPECT_THAT(TryConnect(taken_name), IsOk());
  EXPECT_THAT(InterfacesOf(container), ElementsAre("eth0", "eth1"));
}

TEST_F(NetworkLiveTest, OnlyWhatRunsInANetworkOfItsOwnIsChanged) {
  MakeLan("lan", 1);
  const v1::Container created = Create(AttachedSpec({"lan"}));
  v1::ContainerSpec of_host = WaitingSpec();
  of_host.mutable_network()->set_host(true);
  v1::ContainerSpec of_other = WaitingSpec();
  const v1::Container owner = StartAlone();
  of_other.mutable_network()->set_container(owner.id());
  for (const v1::Container& container :
       {created, CreateAndStart(of_host), CreateAndStart(of_other)}) {
    EXPECT_THAT(TryConnect(ConnectOf(container, "lan")),
                FailsWith(kPrecondition, "WRONG_STATE"));
    EXPECT_THAT(TryDisconnect(container, "lan"),
                FailsWith(kPrecondition, "WRONG_STATE"));
    EXPECT_THAT(TryPublish(PublishOf(container, "", 8080)),
                FailsWith(kPrecondition, "WRONG_STATE"));
    EXPECT_THAT(TryUnpublish(PublishOf(container, "", 8080)),
                FailsWith(kPrecondition, "WRONG_STATE"));
  }
}

TEST_F(NetworkLiveTest, NoMoreNetworksThanASpecMayHave) {
  v1::GetInfoResponse info;
  ASSERT_THAT(Call(stubs().system, &v1::SystemService::Stub::GetInfo,
                   v1::GetInfoRequest(), &info),
              IsOk());
  const int64_t limit = info.limits().at("networks_per_container");
  const v1::Container container = StartAlone();
  for (int i = 0; i <= limit; ++i) {
    const std::string name = StrCat("n", i);
    MakeNetwork(NetworkOf(name, {StrCat("10.78.", i, ".0/24")}));
    const grpc::Status status = TryConnect(ConnectOf(container, name));
    if (i < limit) {
      EXPECT_THAT(status, IsOk()) << name;
    } else {
      EXPECT_THAT(status, FailsWith(grpc::StatusCode::RESOURCE_EXHAUSTED,
                                    "LIMIT_REACHED"));
    }
  }
  EXPECT_EQ(static_cast<int64_t>(InterfacesOf(container).size()), limit);
}

TEST_F(NetworkLiveTest, ChangesEndWithTheRun) {
  MakeLan("lan", 1);
  MakeLan("other", 2);
  const v1::Container container = CreateAndStart(AttachedSpec({"lan"}));
  Connect(ConnectOf(container, "other"));
  EXPECT_THAT(TryPublish(PublishOf(container, "", 8080)), IsOk());
  v1::StopContainerRequest stop;
  stop.set_container(container.id());
  v1::StopContainerResponse stopped;
  EXPECT_THAT(Call(stubs().containers,
                   &v1::ContainerService::Stub::StopContainer, stop, &stopped),
              IsOk());
  EXPECT_THAT(stopped.container().status().networks(), IsEmpty());
  EXPECT_THAT(TryStart(container.id()), IsOk());
  EXPECT_THAT(InterfacesOf(container), ElementsAre("eth0"));
  EXPECT_THAT(Get(container.id()).status().ports(), IsEmpty());
}

TEST_F(NetworkLiveTest, ARetryIsAnsweredAndNothingIsDoneTwice) {
  MakeLan("lan", 1);
  const v1::Container container = StartAlone();
  auto request = ConnectOf(container, "lan");
  request.set_request_id(NewRequestId());
  const int64_t before = Revision();
  const v1::Container first = Connect(request);
  const v1::Container again = Connect(request);
  EXPECT_EQ(first.revision(), again.revision());
  const std::vector<v1::Event> events =
      EventsUntil(before, "container.network_changed");
  ASSERT_THAT(events, Not(IsEmpty()));
  EXPECT_EQ(events.back().request_id(), request.request_id());
  EXPECT_EQ(events.back().attributes().at("change"), "connected");
  EXPECT_EQ(events.back().container().status().networks_size(), 1);

  auto publish = PublishOf(container, "", 0);
  publish.set_request_id(NewRequestId());
  v1::Container published;
  EXPECT_THAT(TryPublish(publish, &published), IsOk());
  EXPECT_THAT(TryPublish(publish, &published), IsOk());
  EXPECT_EQ(published.status().ports_size(), 1);
  publish.mutable_port()->set_container_port(80);
  EXPECT_THAT(TryPublish(publish), FailsWith(grpc::StatusCode::INVALID_ARGUMENT,
                                             "REQUEST_ID_REUSED"));
  // The one that is done is answered when the container has gone on, too.
  EXPECT_THAT(TryDisconnect(container, "lan"), IsOk());
  EXPECT_EQ(Connect(request).status().networks_size(), 0);
}

// The daemon dies at some point of each change. What was begun is done or not
// done afterwards, and a retry makes it so.
TEST_F(NetworkLiveTest, ACrashLeavesNothingHalfDone) {
  MakeLan("lan", 1);
  MakeLan("other", 2);
  const v1::Container container = CreateAndStart(AttachedSpec({"lan"}));
  std::minstd_rand random(::testing::UnitTest::GetInstance()->random_seed());
  constexpr int kRounds = 20;
  constexpr int kLatest = 12'000;  // by then most are done
  for (int round = 0; round < kRounds; ++round) {
    const bool connects = round % 2 == 0;
    auto connect = ConnectOf(container, "other");
    connect.set_request_id(NewRequestId());
    auto disconnect = DisconnectOf(container, "other");
    disconnect.set_request_id(NewRequestId());
    auto publish = PublishOf(container, "", 8080);
    publish.set_request_id(NewRequestId());
    auto unpublish = UnpublishOf(publish);
    unpublish.set_request_id(NewRequestId());
    const auto change = [&] {
      v1::ConnectContainerResponse connected;
      v1::DisconnectContainerResponse disconnected;
      v1::PublishPortResponse published;
      v1::UnpublishPortResponse unpublished;
      const Stubs own = caisson::testing::Connect(daemon().address());
      grpc::Status status =
          connects
              ? Call(own.networks, &Stub::ConnectContainer, connect, &connected)
              : Call(own.networks, &Stub::DisconnectContainer, disconnect,
                     &disconnected);
      if (!status.ok()) return status;
      return connects
                 ? Call(own.networks, &Stub::PublishPort, publish, &published)
                 : Call(own.networks, &Stub::UnpublishPort, unpublish,
                        &unpublished);
    };
    std::future<grpc::Status> caller = std::async(std::launch::async, change);
    caller.wait_for(std::chrono::microseconds(random() % kLatest));
    daemon().Kill9();
    caller.get();
    ASSERT_TRUE(daemon().Restart());

    EXPECT_TRUE(PollUntil(absl::Seconds(20),
                          [&] {
                            return Get(container.id()).status().state() ==
                                       v1::CONTAINER_STATE_RUNNING &&
                                   InterfacesOf(container) ==
                                       LinksIn(container);
                          }))
        << "round " << round;
    EXPECT_THAT(AuditProblems(), IsEmpty()) << "round " << round;
    EXPECT_THAT(change(), IsOk()) << "round " << round;
    EXPECT_EQ(LinksIn(container).size(), connects ? 2u : 1u);
    EXPECT_EQ(Get(container.id()).status().ports_size(), connects ? 1 : 0);
  }
}

}  // namespace
}  // namespace caisson::testing
