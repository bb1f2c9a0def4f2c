// Core with networks on a real kernel, a store that fails when it is told to,
// and shims that the test plays: what becomes of addresses, ports, links and
// the firewall when a step between rows and kernel goes wrong.
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <sqlite3.h>

#include "netsetup/link.h"
#include "netsetup/netlink/socket.h"
#include "netsetup/netns.h"
#include "runtime/base/file.h"
#include "runtime/base/status_matchers.h"
#include "server/core/testing/test_core.h"
#include "server/store/fault_vfs.h"
#include "tests/testing/environment.h"

namespace caisson::core {
namespace {

using base::IsOk;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Endpoints = Networks::Endpoints;

constexpr char kPort[] = "0.0.0.0";

// Before anything that has a thread.
class OwnNetwork {
 protected:
  OwnNetwork() { EXPECT_EQ(::unshare(CLONE_NEWNET), 0) << "run it as root"; }
  store::FaultVfs vfs_;
};

class CoreNetworksTest : private OwnNetwork, public TestCore {
 protected:
  CoreNetworksTest() : TestCore({.vfs = vfs_.name(), .networks = true}) {}
  ~CoreNetworksTest() override { Close(); }

  Networks& networks() { return *env().networks; }

  NetworkPtr MakeNetwork(const std::string& name,
                         const std::vector<std::string>& subnets) {
    spec::NetworkSpec spec;
    spec.name = name;
    for (const std::string& cidr : subnets) {
      spec.subnets.push_back({.cidr = cidr});
    }
    Result<CreateNetworkResult> made;
    networks().Create(spec, NoTicket(), made.Take());
    EXPECT_THAT(made.Get(), IsOk());
    return made.Get().ok() ? made.Get()->network : nullptr;
  }

  TicketPtr NoTicket() {
    return std::make_shared<Ticket>(env().requests, RequestKey(), false);
  }

  // In network "lan", with an address and a port of its own.
  static spec::Network Wanted(const std::string& address = "",
                              int host_port = 0) {
    spec::Network wanted;
    wanted.mode = spec::NetworkMode::kAttach;
    wanted.networks = {{.network = "lan"}};
    if (!address.empty()) wanted.networks[0].addresses = {address};
    if (host_port > 0) {
      wanted.ports = {
          {.container_port = 80, .host_port = host_port, .host_ip = kPort}};
    }
    return wanted;
  }

  // Its start is under way: the shim has handed over a namespace.
  struct Starting {
    std::string id;
    FakeShimPtr shim;
    Result<StartResult> started;
  };
  Starting BeginStart(const std::string& name, const spec::Network& network) {
    spec::ContainerSpec spec = Spec(name);
    spec.network = network;
    Result<CreateResult> created;
    containers().Create({.spec = spec, .request = {}}, created.Take());
    EXPECT_THAT(created.Get(), IsOk());
    return StartAgain(created.Get()->container->id);
  }
  Starting StartAgain(const std::string& id) {
    Starting starting;
    starting.id = id;
    containers().Start({.container = id, .request = {}},
                       starting.started.Take());
    starting.shim = keeper_.NextShim();
    auto netns = netsetup::CreateNetns({});
    EXPECT_THAT(netns, IsOk());
    namespaces_[id] = *std::move(netns);
    EXPECT_TRUE(starting.shim->Prepare(namespaces_[id].fd.get()));
    return starting;
  }
  // One that runs.
  Starting StartIn(const std::string& name, const spec::Network& network) {
    Starting starting = BeginStart(name, network);
    starting.shim->Started();
    EXPECT_THAT(starting.started.Get(), IsOk());
    return starting;
  }

  void BreakStore() {
    vfs_.Fail(0, std::numeric_limits<int>::max(), SQLITE_FULL);
  }
  void MendStore() { vfs_.Fail(0, 0, SQLITE_OK); }

  // What somebody else is told who wants it; "" when he gets it. Nobody keeps
  // it.
  std::string WhyNot(const spec::Network& wanted) {
    const absl::StatusOr<Reservation> reserved = networks().Reserve(wanted);
    if (!reserved.ok()) return ReasonOf(reserved.status());
    for (const store::Endpoint& endpoint : reserved->endpoints) {
      networks().Unreserve(endpoint);
    }
    return "";
  }

  static absl::StatusOr<netsetup::Link> FindLink(const std::string& name) {
    CAISSON_ASSIGN_OR_RETURN(netsetup::Socket socket, netsetup::Socket::Open());
    return netsetup::GetLink(&socket, {.name = name});
  }
  std::string HostLinkOf(const std::string& id) const {
    const ContainerPtr container = catalog().ContainerById(id);
    if (container == nullptr || container->status.networks.empty()) return "";
    return container->status.networks[0].host_link;
  }

  static bool Soon(const std::function<bool()>& condition) {
    return testing::PollUntil(absl::Seconds(20), condition);
  }

  std::map<std::string, netsetup::Netns> namespaces_;
};

TEST_F(CoreNetworksTest, WhatARunHadIsItsOwnUntilItsEndIsCommitted) {
  MakeNetwork("lan", {"10.77.1.0/24"});
  const Starting a = StartIn("a", Wanted("10.77.1.9", 8080));
  const std::string link = HostLinkOf(a.id);
  ASSERT_THAT(FindLink(link), IsOk());
  BreakStore();
  a.shim->ExitedWith(0);
  // The host's side goes at once.
  EXPECT_TRUE(Soon([&link] {
    const auto found = FindLink(link);
    return !found.ok() || !found->up;
  }));
  EXPECT_EQ(WhyNot(Wanted("10.77.1.9")), "ADDRESS_IN_USE");
  EXPECT_EQ(WhyNot(Wanted("", 8080)), "PORT_IN_USE");
  EXPECT_EQ(catalog().ContainerById(a.id)->status.networks.size(), 1u);
  MendStore();
  WaitExited(a.id);
  EXPECT_EQ(WhyNot(Wanted("10.77.1.9")), "");
  EXPECT_EQ(WhyNot(Wanted("", 8080)), "");
}

TEST_F(CoreNetworksTest, AStartThatFailedGivesBackWhenTheStoreWorksAgain) {
  MakeNetwork("lan", {"10.77.1.0/24"});
  Starting a = BeginStart("a", Wanted("10.77.1.9", 8080));
  BreakStore();
  a.shim->Failed(0, ENOMEM);
  EXPECT_FALSE(a.started.Get().ok());
  EXPECT_EQ(WhyNot(Wanted("10.77.1.9")), "ADDRESS_IN_USE");
  EXPECT_EQ(WhyNot(Wanted("", 8080)), "PORT_IN_USE");
  MendStore();
  EXPECT_TRUE(Soon([this] { return WhyNot(Wanted("", 8080)).empty(); }));
  EXPECT_EQ(WhyNot(Wanted("10.77.1.9")), "");
  EXPECT_THAT(catalog().ContainerById(a.id)->status.networks, IsEmpty());
}

}  // namespace
}  // namespace caisson::core
