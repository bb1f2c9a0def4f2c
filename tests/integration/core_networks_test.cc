// Core with networks on a real kernel, a store that fails when it is told to,
// and shims that the test plays: what becomes of addresses, ports, links and
// the firewall when a step between rows and kernel goes wrong.
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
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

#include "netsetup/ipam/pool.h"
#include "netsetup/link.h"
#include "netsetup/netlink/socket.h"
#include "netsetup/netns.h"
#include "runtime/base/file.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/status_matchers.h"
#include "runtime/base/syscall_error.h"
#include "server/core/testing/test_core.h"
#include "server/store/fault_vfs.h"
#include "tests/testing/environment.h"
#include "tests/testing/process.h"

namespace caisson::core {
namespace {

using base::IsOk;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

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
          {.container_port = 80, .host_port = host_port, .host_ip = "0.0.0.0"}};
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
    networks().book()->TakeBack(*reserved);
    return "";
  }

  static absl::StatusOr<netsetup::Link> FindLink(const std::string& name) {
    CAISSON_ASSIGN_OR_RETURN(netsetup::Socket socket, netsetup::Socket::Open());
    return netsetup::GetLink(&socket, {.name = name});
  }
  std::vector<store::LeaseRow> ReadLeases() {
    auto rows = env().store->ReadLeases();
    EXPECT_THAT(rows, IsOk());
    return rows.ok() ? *rows : std::vector<store::LeaseRow>();
  }
  // Events that tell so.
  std::vector<store::EventPtr> LinksRepairedOf(const std::string& network,
                                               int64_t after) {
    auto slice = env().store->ReadStoredEvents(after, 1000);
    EXPECT_THAT(slice, IsOk());
    if (!slice.ok()) return {};
    std::erase_if(slice->events, [&network](const store::EventPtr& event) {
      return event->type != "network.repaired" ||
             event->network->name != network ||
             event->attributes.front().second != "links";
    });
    return slice->events;
  }
  static std::string BridgeOf(const store::NetworkRecord& network) {
    return "cb" + network.id.substr(0, 10);
  }
  static std::string Run(const std::vector<std::string>& argv) {
    const testing::ProcessResult result = testing::RunProgram({.argv = argv});
    EXPECT_EQ(result.status, 0) << argv[0] << ": " << result.err;
    return result.out;
  }
  static std::string Firewall() {
    return Run({"/usr/sbin/nft", "-s", "list", "ruleset"});
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

TEST_F(CoreNetworksTest, ANetworkThatCouldNotBeDeletedKeepsItsLeases) {
  const NetworkPtr lan = MakeNetwork("lan", {"10.77.1.0/29"});
  const Starting a = StartIn("a", Wanted());
  a.shim->ExitedWith(0);
  WaitExited(a.id);
  BreakStore();
  Result<NetworkPtr> deleted;
  networks().Delete({.network = "lan"}, NoTicket(), deleted.Take());
  EXPECT_FALSE(deleted.Get().ok());
  MendStore();
  const auto rows = ReadLeases();
  ASSERT_THAT(rows, SizeIs(1));
  const absl::StatusOr<Reservation> next = networks().Reserve(Wanted());
  ASSERT_THAT(next, IsOk());
  ASSERT_THAT(next->put, SizeIs(1));
  EXPECT_NE(next->put[0].address, rows[0].address);
  EXPECT_GT(next->put[0].generation, rows[0].generation);
}

// Each time costs a look at the whole host.
TEST_F(CoreNetworksTest, AContainerThatTakesItsLinkAwayIsLeftToItselfInTheEnd) {
  constexpr int kTimes = 8;
  MakeNetwork("lan", {"10.77.1.0/24"});
  MakeNetwork("quiet", {"10.77.2.0/24"});
  const Starting a = StartIn("a", Wanted("", 8080));
  const std::string link = HostLinkOf(a.id);
  const std::string firewall = Firewall();
  const int64_t revision = catalog().revision();
  for (int i = 0; i < kTimes; ++i) {
    Run({"/usr/sbin/ip", "link", "del", link});
    ASSERT_TRUE(Soon([&link] { return FindLink(link).ok(); })) << i;
    // Whole: the lane has nothing to do.
    EXPECT_THAT(networks().Inventory(), IsOk());
  }
  Run({"/usr/sbin/ip", "link", "del", link});
  // News of it are read before those of the firewall.
  Run({"/usr/sbin/nft", "flush", "ruleset"});
  EXPECT_TRUE(Soon([&firewall] { return Firewall() == firewall; }));
  EXPECT_THAT(networks().Inventory(), IsOk());
  EXPECT_FALSE(FindLink(link).ok());
  // Only those are told of that something was done for.
  EXPECT_THAT(LinksRepairedOf("lan", revision), SizeIs(kTimes));
  EXPECT_THAT(LinksRepairedOf("quiet", revision), IsEmpty());
  EXPECT_THAT(networks().Repair(), IsOk());
  EXPECT_THAT(FindLink(link), IsOk());
}

// Rows that a store which failed for long has left, in memory and not.
TEST_F(CoreNetworksTest, LeasesOfNobodyAreGivenBack) {
  const NetworkPtr lan = MakeNetwork("lan", {"10.77.1.0/24"});
  const auto leave_rows = [this, &lan](int generation) {
    const absl::StatusOr<Reservation> known =
        networks().Reserve(Wanted("10.77.1.9"));
    ASSERT_THAT(known, IsOk());
    store::Transaction rows;
    rows.put_leases = known->put;
    rows.put_leases.push_back(known->put[0]);
    rows.put_leases.back().address = "10.77.1.10";
    rows.put_leases.back().generation = generation;
    ASSERT_THAT(env().store->Commit(std::move(rows)), IsOk());
    ASSERT_THAT(ReadLeases(), SizeIs(2));
    EXPECT_EQ(WhyNot(Wanted("10.77.1.9")), "ADDRESS_IN_USE");
  };
  leave_rows(100);
  EXPECT_THAT(networks().Repair(), IsOk());
  const auto left = ReadLeases();
  ASSERT_THAT(left, SizeIs(1)) << "one rests, the other is gone";
  EXPECT_EQ(left[0].state,
            static_cast<int32_t>(netsetup::ipam::LeaseState::kQuarantined));
  EXPECT_EQ(WhyNot(Wanted("10.77.1.9")), "");
  leave_rows(200);
  Close();
  Open();
  EXPECT_THAT(ReadLeases(), IsEmpty());
  EXPECT_EQ(WhyNot(Wanted("10.77.1.9")), "");
  EXPECT_EQ(WhyNot(Wanted("10.77.1.10")), "");
}

TEST_F(CoreNetworksTest, ABridgeIsThatOfOneNetwork) {
  const NetworkPtr lan = MakeNetwork("lan", {"10.77.1.0/24"});
  Run({"/usr/sbin/ip", "link", "add", "br0", "type", "bridge"});
  const auto make = [this](const std::string& name, const std::string& bridge,
                           const std::string& subnet) {
    spec::NetworkSpec spec;
    spec.name = name;
    spec.driver = "bridge";
    spec.interface = bridge;
    spec.subnets = {{.cidr = subnet, .gateway = "", .ranges = {}}};
    Result<CreateNetworkResult> made;
    networks().Create(spec, NoTicket(), made.Take());
    return ReasonOf(made.Get().status());
  };
  EXPECT_EQ(make("x", "br0", "10.77.2.0/24"), "");
  EXPECT_EQ(make("y", "br0", "10.77.3.0/24"), "INVALID_FIELD");
  EXPECT_EQ(make("z", BridgeOf(*lan), "10.77.4.0/24"), "INVALID_FIELD");
  const std::string firewall = Firewall();
  EXPECT_THAT(firewall, HasSubstr("br0"));
  Result<NetworkPtr> deleted;
  networks().Delete({.network = "x"}, NoTicket(), deleted.Take());
  EXPECT_THAT(deleted.Get(), IsOk());
  EXPECT_EQ(make("y", "br0", "10.77.3.0/24"), "") << "it is free again";
}

// For as long as it lives the program can open nothing.
class NoDescriptors {
 public:
  NoDescriptors() {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    const rlimit none = {.rlim_cur = 0, .rlim_max = before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  ~NoDescriptors() { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  rlimit before_ = {};
};

// A daemon that cannot look at links at its start has the firewall all the
// same, adds to it, and looks again.
TEST_F(CoreNetworksTest, ARecoveryThatFailsCostsNoFirewallAndIsTriedAgain) {
  const NetworkPtr lan = MakeNetwork("lan", {"10.77.1.0/24"});
  const Starting a = StartIn("a", Wanted("10.77.1.9", 8080));
  const std::string before = Firewall();
  ASSERT_THAT(before, HasSubstr("8080"));
  Close();
  Run({"/usr/sbin/ip", "link", "del", BridgeOf(*lan)});
  std::unique_ptr<NoDescriptors> none;
  open_netns_ = [this, &none](const store::ContainerRecord& container) {
    auto netns = base::Duplicate(namespaces_[container.id].fd.get());
    if (none == nullptr) none = std::make_unique<NoDescriptors>();
    return netns;
  };
  on_networks_recovered_ = [this, &none, &lan, &before] {
    ASSERT_NE(none, nullptr);
    none.reset();
    EXPECT_EQ(Firewall(), before);
    MakeNetwork("other", {"10.77.2.0/24"});
    EXPECT_THAT(Firewall(), HasSubstr("8080"));
    EXPECT_THAT(Firewall(), HasSubstr(BridgeOf(*lan)));
    EXPECT_TRUE(Soon([&lan] { return FindLink(BridgeOf(*lan)).ok(); }));
  };
  Open();
}

// The same, of a namespace that could not be opened: its container runs on.
TEST_F(CoreNetworksTest, WhatCannotBeOpenedIsKept) {
  MakeNetwork("lan", {"10.77.1.0/24"});
  const Starting a = StartIn("a", Wanted("10.77.1.9", 8080));
  const std::string link = HostLinkOf(a.id);
  const std::string before = Firewall();
  Close();
  std::atomic<int> refused = 0;
  std::atomic<bool> works = false;
  open_netns_ =
      [this, &refused, &works](
          const store::ContainerRecord& row) -> absl::StatusOr<base::UniqueFd> {
    if (works) return base::Duplicate(namespaces_[row.id].fd.get());
    ++refused;
    return base::SyscallErrorFrom(EMFILE, "open", "/proc/1/ns/net");
  };
  on_networks_recovered_ = [&] {
    EXPECT_GT(refused, 0);
    EXPECT_EQ(Firewall(), before);
    EXPECT_THAT(networks().Repair(), IsOk());
    const auto found = FindLink(link);
    ASSERT_THAT(found, IsOk());
    EXPECT_TRUE(found->up);
    EXPECT_GT(found->master, 0);
    EXPECT_EQ(WhyNot(Wanted("", 8080)), "PORT_IN_USE");
    works = true;
    // With its namespace it gets back what it has lost.
    Run({"/usr/sbin/ip", "link", "del", link});
    EXPECT_TRUE(Soon([&link] { return FindLink(link).ok(); }));
  };
  Open();
}

}  // namespace
}  // namespace caisson::core
