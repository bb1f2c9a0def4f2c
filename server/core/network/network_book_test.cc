#include "server/core/network/network_book.h"

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "netsetup/ipam/pool.h"
#include "runtime/base/error_detail.h"

namespace caisson::core {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class NetworkBookTest : public ::testing::Test {
 protected:
  NetworkBookTest()
      : book_(
            "boot",
            [this](std::string_view name) {
              const auto found = networks_.find(std::string(name));
              return found == networks_.end() ? nullptr : found->second;
            },
            [this](const store::PublishedPort& port) { return Probe(port); },
            [this](const netsetup::IpAddress& address) {
              return !of_host_.contains(address.ToString());
            },
            [this] { return now_; }) {}

  // Others use the book while the host is asked.
  bool Probe(const store::PublishedPort& port) {
    probed_.push_back(port.host_port);
    if (meanwhile_) std::exchange(meanwhile_, nullptr)();
    return port.host_port != busy_port_;
  }

  void AddNetwork(const std::string& name, const std::string& cidr,
                  const std::string& gateway, bool internal = false) {
    AddNetworkOf(name, {{.cidr = cidr, .gateway = gateway}}, internal);
  }
  void AddNetworkOf(const std::string& name,
                    const std::vector<spec::Subnet>& subnets,
                    bool internal = false) {
    auto record = std::make_shared<store::NetworkRecord>();
    record->id = std::string(31, '0') + std::to_string(networks_.size());
    record->name = name;
    auto spec = std::make_shared<spec::NetworkSpec>();
    spec->name = name;
    spec->internal = internal;
    record->spec = spec;
    record->subnets = subnets;
    networks_[name] = record;
    networks_[record->id] = record;
    ASSERT_TRUE(book_.Add(*record).ok());
  }

  static spec::Network Wanting(const std::vector<std::string>& networks) {
    spec::Network wanted;
    wanted.mode = spec::NetworkMode::kAttach;
    for (const std::string& name : networks) {
      wanted.networks.push_back({.network = name});
    }
    return wanted;
  }

  static std::string ReasonOf(const absl::Status& status) {
    return base::DetailOf(status).reason;
  }

  absl::StatusOr<Reservation> Reserve(const spec::Network& wanted) {
    return book_.Reserve(wanted, "spec.network");
  }

  // With its rows written.
  std::vector<store::LeaseRow> ReleaseAll(const Reservation& reservation) {
    std::vector<store::LeaseRow> rows =
        book_.BeginRelease(reservation.endpoints);
    book_.FinishRelease(reservation.endpoints);
    return rows;
  }

  std::map<std::string, store::NetworkPtr> networks_;
  int busy_port_ = -1;
  std::vector<int> probed_;
  std::function<void()> meanwhile_;
  std::set<std::string> of_host_;
  absl::Duration now_ = absl::Seconds(100);
  NetworkBook book_;
};

TEST_F(NetworkBookTest, ChoosesNamesAddressesAndTheWayOut) {
  AddNetwork("inner", "10.1.0.0/24", "10.1.0.1", /*internal=*/true);
  AddNetwork("outer", "10.2.0.0/24", "10.2.0.1");
  const auto got = Reserve(Wanting({"inner", "outer"}));
  ASSERT_TRUE(got.ok()) << got.status();
  ASSERT_THAT(got->endpoints, SizeIs(2));
  EXPECT_EQ(got->endpoints[0].interface, "eth0");
  EXPECT_EQ(got->endpoints[1].interface, "eth1");
  EXPECT_THAT(got->endpoints[0].addresses, ElementsAre("10.1.0.2/24"));
  EXPECT_THAT(got->endpoints[1].addresses, ElementsAre("10.2.0.2/24"));
  EXPECT_FALSE(got->endpoints[0].default_route);
  EXPECT_TRUE(got->endpoints[1].default_route);
  EXPECT_THAT(got->endpoints[0].gateways, IsEmpty());
  EXPECT_THAT(got->put, SizeIs(2));
}

TEST_F(NetworkBookTest, NamesThatAreGivenAreLeftAlone) {
  AddNetwork("a", "10.1.0.0/24", "10.1.0.1");
  AddNetwork("b", "10.2.0.0/24", "10.2.0.1");
  spec::Network wanted = Wanting({"a", "b"});
  wanted.networks[1].interface = "eth0";
  const auto got = Reserve(wanted);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->endpoints[0].interface, "eth1");
  EXPECT_EQ(got->endpoints[1].interface, "eth0");
}

TEST_F(NetworkBookTest, AnAddressHasOneOwner) {
  AddNetwork("a", "10.1.0.0/24", "10.1.0.1");
  spec::Network wanted = Wanting({"a"});
  wanted.networks[0].addresses = {"10.1.0.9"};
  const auto first = Reserve(wanted);
  ASSERT_TRUE(first.ok());
  EXPECT_THAT(first->endpoints[0].addresses, ElementsAre("10.1.0.9/24"));
  EXPECT_FALSE(first->endpoints[0].announce);
  EXPECT_EQ(ReasonOf(Reserve(wanted).status()), "ADDRESS_IN_USE");
  book_.Release(first->endpoints);
  const auto second = Reserve(wanted);
  ASSERT_TRUE(second.ok()) << "who asks for it by name waits for none";
  EXPECT_TRUE(second->endpoints[0].announce);
}

TEST_F(NetworkBookTest, ReleasedAddressesRest) {
  AddNetwork("a", "10.1.0.0/29", "10.1.0.1");
  std::vector<store::Endpoint> all;
  for (int i = 0; i < 5; ++i) {
    const auto got = Reserve(Wanting({"a"}));
    ASSERT_TRUE(got.ok());
    all.push_back(got->endpoints[0]);
  }
  EXPECT_EQ(ReasonOf(Reserve(Wanting({"a"})).status()), "NO_FREE_ADDRESS");
  const std::vector<store::LeaseRow> rows = book_.BeginRelease(all);
  EXPECT_THAT(rows, SizeIs(5));
  EXPECT_EQ(book_.BeginRelease(all), rows)
      << "a commit that failed is repeated";
  book_.FinishRelease(all);
  EXPECT_EQ(ReasonOf(Reserve(Wanting({"a"})).status()), "NO_FREE_ADDRESS");
  now_ += absl::Seconds(11);
  const auto got = Reserve(Wanting({"a"}));
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_THAT(got->erase, SizeIs(5)) << "the rows of quarantines that ended";
}

TEST_F(NetworkBookTest, AFamilyThatIsExhaustedIsNotLeftOut) {
  for (const bool ip4_first : {true, false}) {
    std::vector<spec::Subnet> subnets = {
        {.cidr = "10.1.0.0/30", .gateway = "10.1.0.1"},
        {.cidr = "fd00:1::/64", .gateway = "fd00:1::1"}};
    if (!ip4_first) std::swap(subnets[0], subnets[1]);
    const std::string name = ip4_first ? "a" : "b";
    AddNetworkOf(name, subnets);
    const auto first = Reserve(Wanting({name}));
    ASSERT_TRUE(first.ok()) << first.status();
    EXPECT_THAT(first->endpoints[0].addresses, SizeIs(2));
    EXPECT_EQ(ReasonOf(Reserve(Wanting({name})).status()), "NO_FREE_ADDRESS");
    EXPECT_EQ(book_.EndpointsOf(networks_[name]->id), 1u);
  }
}

TEST_F(NetworkBookTest, ASecondSubnetOfAFamilyIsUsedWhenTheFirstIsFull) {
  AddNetworkOf("a", {{.cidr = "10.1.0.0/30", .gateway = "10.1.0.1"},
                     {.cidr = "10.2.0.0/24", .gateway = "10.2.0.1"}});
  ASSERT_TRUE(Reserve(Wanting({"a"})).ok());
  const auto second = Reserve(Wanting({"a"}));
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_THAT(second->endpoints[0].addresses, ElementsAre("10.2.0.2/24"));
}

TEST_F(NetworkBookTest, NothingIsFreeBeforeItsRowsAreWritten) {
  AddNetwork("a", "10.1.0.0/30", "10.1.0.1");
  spec::Network wanted = Wanting({"a"});
  wanted.ports = {{.container_port = 80, .host_port = 8080}};
  const auto got = Reserve(wanted);
  ASSERT_TRUE(got.ok()) << got.status();
  const std::vector<store::LeaseRow> rows = book_.BeginRelease(got->endpoints);
  ASSERT_THAT(rows, SizeIs(1));
  // A store that is full for a long time.
  now_ += absl::Minutes(1);
  EXPECT_EQ(ReasonOf(Reserve(Wanting({"a"})).status()), "NO_FREE_ADDRESS");
  AddNetwork("b", "10.2.0.0/24", "10.2.0.1");
  spec::Network other = Wanting({"b"});
  other.ports = wanted.ports;
  EXPECT_EQ(ReasonOf(Reserve(other).status()), "PORT_IN_USE");
  EXPECT_EQ(ReasonOf(book_.Close(*networks_["a"])), "NETWORK_IN_USE");
  EXPECT_EQ(book_.BeginRelease(got->endpoints), rows) << "it can be repeated";
  book_.FinishRelease(got->endpoints);
  EXPECT_TRUE(Reserve(other).ok());
  const auto next = Reserve(Wanting({"a"}));
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_EQ(next->erase, rows);
}

TEST_F(NetworkBookTest, ASecondReleaseTakesNothingFromTheNextOwner) {
  AddNetwork("a", "10.1.0.0/24", "10.1.0.1");
  spec::Network wanted = Wanting({"a"});
  wanted.ports = {{.container_port = 80, .host_port = 8080}};
  const auto first = Reserve(wanted);
  ASSERT_TRUE(first.ok());
  book_.Release(first->endpoints);
  ASSERT_TRUE(Reserve(wanted).ok());
  book_.Release(first->endpoints);
  EXPECT_EQ(ReasonOf(Reserve(wanted).status()), "PORT_IN_USE");
}

TEST_F(NetworkBookTest, AReservationTakesAllOrNothing) {
  AddNetwork("a", "10.1.0.0/24", "10.1.0.1");
  spec::Network wanted = Wanting({"a", "nowhere"});
  wanted.networks[0].addresses = {"10.1.0.9"};
  EXPECT_EQ(ReasonOf(Reserve(wanted).status()), "NETWORK_NOT_FOUND");
  EXPECT_EQ(book_.EndpointsOf(networks_["a"]->id), 0u);
  wanted.networks.pop_back();
  EXPECT_TRUE(Reserve(wanted).ok()) << "the address is free again";
}

TEST_F(NetworkBookTest, WhatFailsLeavesTheBookAsItWas) {
  AddNetwork("a", "10.1.0.0/24", "10.1.0.1");
  AddNetwork("full", "10.2.0.0/30", "10.2.0.1");
  ASSERT_TRUE(Reserve(Wanting({"full"})).ok());
  const auto old = Reserve(Wanting({"a"}));
  ASSERT_TRUE(old.ok());
  const std::vector<store::LeaseRow> rested = ReleaseAll(*old);
  now_ += absl::Seconds(11);
  spec::Network resting = Wanting({"a"});
  resting.networks[0].addresses = {"10.1.0.3"};
  const auto rests = Reserve(resting);
  ASSERT_TRUE(rests.ok());
  EXPECT_EQ(rests->erase, rested);
  book_.Release(rests->endpoints);

  spec::Network by_name = Wanting({"a", "full"});
  by_name.networks[0].addresses = {"10.1.0.3"};
  EXPECT_EQ(ReasonOf(Reserve(by_name).status()), "NO_FREE_ADDRESS");
  EXPECT_EQ(ReasonOf(Reserve(Wanting({"a", "full"})).status()),
            "NO_FREE_ADDRESS");
  busy_port_ = 8080;
  spec::Network with_port = Wanting({"a"});
  with_port.ports = {{.container_port = 79},
                     {.container_port = 80, .host_port = 8080}};
  EXPECT_EQ(ReasonOf(Reserve(with_port).status()), "PORT_IN_USE");

  EXPECT_EQ(book_.EndpointsOf(networks_["a"]->id), 0u);
  with_port.ports.pop_back();
  const auto got = Reserve(with_port);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->endpoints[0].ports[0].host_port, 49152);
  // .3 is the next one, and rests: it was given back to its quarantine.
  EXPECT_THAT(got->endpoints[0].addresses, ElementsAre("10.1.0.4/24"));
}

TEST_F(NetworkBookTest, AReservationThatIsNotCommittedIsTakenBack) {
  AddNetwork("a", "10.1.0.0/29", "10.1.0.1");
  const auto old = Reserve(Wanting({"a"}));
  ASSERT_TRUE(old.ok());
  const std::vector<store::LeaseRow> rested = ReleaseAll(*old);
  now_ += absl::Seconds(11);
  spec::Network wanted = Wanting({"a"});
  wanted.ports = {{.container_port = 80, .host_port = 8080}};
  const auto got = Reserve(wanted);
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got->erase, rested);
  book_.TakeBack(*got);
  EXPECT_EQ(book_.EndpointsOf(networks_["a"]->id), 0u);
  std::vector<std::string> addresses;
  for (int i = 0; i < 5; ++i) {
    const auto again = Reserve(i == 0 ? wanted : Wanting({"a"}));
    ASSERT_TRUE(again.ok()) << i << ": none rests: " << again.status();
    if (i == 0) {
      EXPECT_EQ(again->erase, rested);
    }
  }
}

TEST_F(NetworkBookTest, APreviewTellsWhatAReservationWillGive) {
  AddNetwork("a", "10.1.0.0/24", "10.1.0.1");
  AddNetwork("b", "fd00::/64", "fd00::1");
  spec::Network wanted = Wanting({"a", "b"});
  wanted.ports = {{.container_port = 80}};
  const auto first = book_.Preview(wanted, "spec.network");
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = book_.Preview(wanted, "spec.network");
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(first->endpoints, second->endpoints);
  EXPECT_NE(first->endpoints[0].id, first->endpoints[1].id);
  EXPECT_EQ(book_.EndpointsOf(networks_["a"]->id), 0u);

  const auto got = Reserve(wanted);
  ASSERT_TRUE(got.ok());
  ASSERT_THAT(got->endpoints, SizeIs(2));
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(got->endpoints[i].addresses, first->endpoints[i].addresses);
    EXPECT_EQ(got->endpoints[i].ports, first->endpoints[i].ports);
    EXPECT_EQ(got->endpoints[i].default_route,
              first->endpoints[i].default_route);
  }
  wanted.ports[0].host_port = got->endpoints[0].ports[0].host_port;
  EXPECT_EQ(ReasonOf(book_.Preview(wanted, "spec.network").status()),
            "PORT_IN_USE");
  EXPECT_EQ(ReasonOf(book_.Preview(Wanting({"c"}), "spec.network").status()),
            "NETWORK_NOT_FOUND");
}

TEST_F(NetworkBookTest, PortsHaveOneOwner) {
  AddNetwork("a", "10.1.0.0/24", "10.1.0.1");
  spec::Network wanted = Wanting({"a"});
  wanted.ports = {{.container_port = 80, .host_port = 8080}};
  const auto first = Reserve(wanted);
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_THAT(first->endpoints[0].ports, SizeIs(1));
  EXPECT_EQ(first->endpoints[0].ports[0].host_ip, "127.0.0.1");
  EXPECT_EQ(first->endpoints[0].ports[0].protocol, "tcp");
  EXPECT_EQ(ReasonOf(Reserve(wanted).status()), "PORT_IN_USE");
  wanted.ports[0].host_ip = "0.0.0.0";
  EXPECT_EQ(ReasonOf(Reserve(wanted).status()), "PORT_IN_USE");
  wanted.ports[0].protocol = "udp";
  EXPECT_TRUE(Reserve(wanted).ok());
  book_.Release(first->endpoints);
  wanted.ports[0].protocol = "tcp";
  EXPECT_TRUE(Reserve(wanted).ok());
}

TEST_F(NetworkBookTest, PortsOfHostProcessesAreNotTaken) {
  AddNetwork("a", "10.1.0.0/24", "10.1.0.1");
  busy_port_ = 8080;
  spec::Network wanted = Wanting({"a"});
  wanted.ports = {{.container_port = 80, .host_port = 8080}};
  EXPECT_EQ(ReasonOf(Reserve(wanted).status()), "PORT_IN_USE");
  EXPECT_EQ(book_.EndpointsOf(networks_["a"]->id), 0u);
}

TEST_F(NetworkBookTest, ChosenPortsPassOverTakenOnes) {
  AddNetwork("a", "10.1.0.0/24", "10.1.0.1");
  busy_port_ = 49152;
  spec::Network wanted = Wanting({"a"});
  wanted.ports = {{.container_port = 80}, {.container_port = 81}};
  const auto got = Reserve(wanted);
  ASSERT_TRUE(got.ok()) << got.status();
  ASSERT_THAT(got->endpoints[0].ports, SizeIs(2));
  EXPECT_EQ(got->endpoints[0].ports[0].host_port, 49153);
  EXPECT_EQ(got->endpoints[0].ports[1].host_port, 49154);
}

TEST_F(NetworkBookTest, ARowOfPortsIsChosenBehindWhatIsTaken) {
  AddNetwork("a", "10.1.0.0/24", "10.1.0.1");
  spec::Network one = Wanting({"a"});
  one.ports = {{.container_port = 80, .host_port = 51000}};
  ASSERT_TRUE(Reserve(one).ok());
  probed_.clear();
  busy_port_ = 57000;
  spec::Network wanted = Wanting({"a"});
  wanted.ports = {{.container_port = 1000, .count = 8000}};
  const auto got = Reserve(wanted);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->endpoints[0].ports[0].host_port, 57001);
  EXPECT_EQ(got->endpoints[0].ports[0].container_port, 1000);
  EXPECT_THAT(probed_, SizeIs(57000 - 51000 + 8000)) << "each once";
  // All of it is one owner's, and goes with him.
  EXPECT_EQ(ReasonOf(Reserve(wanted).status()), "PORT_IN_USE");
  spec::Network inner = Wanting({"a"});
  inner.ports = {{.container_port = 80, .host_port = 60000}};
  EXPECT_EQ(ReasonOf(Reserve(inner).status()), "PORT_IN_USE");
  book_.Release(got->endpoints);
  EXPECT_TRUE(Reserve(inner).ok());
}

TEST_F(NetworkBookTest, PortsThatAreRefusedAreGivenBack) {
  AddNetwork("a", "10.1.0.0/24", "10.1.0.1");
  spec::Network first = Wanting({"a"});
  first.ports = {{.container_port = 80, .host_port = 8000}};
  const auto held = Reserve(first);
  ASSERT_TRUE(held.ok());
  busy_port_ = 8085;
  const spec::PortMapping wanted = {
      .container_port = 80, .host_port = 8080, .count = 10};
  EXPECT_EQ(
      ReasonOf(book_.ReservePort(held->endpoints, wanted, "port").status()),
      "PORT_IN_USE");
  busy_port_ = -1;
  EXPECT_EQ(ReasonOf(Reserve(first).status()), "PORT_IN_USE") << "still held";
  EXPECT_TRUE(book_.Holds(held->endpoints[0]));
  EXPECT_TRUE(book_.ReservePort(held->endpoints, wanted, "port").ok());
}

// --- Between others ----------------------------------------------------------

TEST_F(NetworkBookTest, WhatIsAskedAboutIsNobodyElses) {
  AddNetwork("a", "10.1.0.0/24", "10.1.0.1");
  spec::Network named = Wanting({"a"});
  named.networks[0].addresses = {"10.1.0.9"};
  named.ports = {{.container_port = 80, .host_port = 8080},
                 {.container_port = 81}};
  spec::Network chosen = Wanting({"a"});
  chosen.ports = {{.container_port = 80}};
  spec::Network same_port = Wanting({"a"});
  same_port.ports = {{.container_port = 80, .host_port = 8080}};
  absl::StatusOr<Reservation> other;
  meanwhile_ = [&] {
    EXPECT_EQ(ReasonOf(Reserve(named).status()), "ADDRESS_IN_USE");
    EXPECT_EQ(ReasonOf(Reserve(same_port).status()), "PORT_IN_USE");
    EXPECT_EQ(ReasonOf(book_.Close(*networks_["a"])), "NETWORK_IN_USE");
    other = Reserve(chosen);
  };
  const auto got = Reserve(named);
  ASSERT_TRUE(got.ok()) << got.status();
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_EQ(got->endpoints[0].ports[1].host_port, 49152);
  EXPECT_EQ(other->endpoints[0].ports[0].host_port, 49153);
}

TEST_F(NetworkBookTest, WhatOthersGotMeanwhileStaysTheirs) {
  AddNetwork("a", "10.1.0.0/24", "10.1.0.1");
  busy_port_ = 8080;
  spec::Network refused = Wanting({"a"});
  refused.ports = {{.container_port = 79},
                   {.container_port = 80, .host_port = 8080}};
  spec::Network chosen = Wanting({"a"});
  chosen.ports = {{.container_port = 80}};
  absl::StatusOr<Reservation> other;
  meanwhile_ = [&] { other = Reserve(chosen); };
  EXPECT_EQ(ReasonOf(Reserve(refused).status()), "PORT_IN_USE");
  ASSERT_TRUE(other.ok());
  EXPECT_THAT(other->endpoints[0].addresses, ElementsAre("10.1.0.3/24"));
  EXPECT_EQ(other->endpoints[0].ports[0].host_port, 49153);
  EXPECT_EQ(book_.EndpointsOf(networks_["a"]->id), 1u);
  // What is next is behind them: an address has its rest, refused or not.
  const auto next = Reserve(chosen);
  ASSERT_TRUE(next.ok());
  EXPECT_THAT(next->endpoints[0].addresses, ElementsAre("10.1.0.4/24"));
  EXPECT_EQ(next->endpoints[0].ports[0].host_port, 49154);
}

TEST_F(NetworkBookTest, APreviewIsInNobodysWay) {
  AddNetwork("a", "10.1.0.0/24", "10.1.0.1");
  busy_port_ = 49152;
  spec::Network wanted = Wanting({"a"});
  wanted.networks[0].addresses = {"10.1.0.9"};
  wanted.ports = {{.container_port = 80}};
  absl::StatusOr<Reservation> got;
  meanwhile_ = [&] { got = Reserve(wanted); };
  // Its own port is the busy one, and then its address has gone.
  EXPECT_EQ(ReasonOf(book_.Preview(wanted, "spec.network").status()),
            "ADDRESS_IN_USE");
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->endpoints[0].ports[0].host_port, 49153);
  wanted.networks[0].addresses = {"10.1.0.10"};
  const auto preview = book_.Preview(wanted, "spec.network");
  ASSERT_TRUE(preview.ok());
  EXPECT_EQ(preview->endpoints[0].ports[0].host_port, 49154);
}

TEST_F(NetworkBookTest, NothingHasTwoOwnersWhateverComesTogether) {
  AddNetwork("a", "10.1.0.0/24", "10.1.0.1");
  constexpr int kRounds = 60;
  std::array<std::atomic<int>, 65536> owners = {};
  // Some ports are those of processes, and each question lets others go on.
  NetworkBook book(
      "boot", [this](std::string_view) { return networks_["a"]; },
      [](const store::PublishedPort& port) {
        std::this_thread::yield();
        return port.host_port % 7 != 0;
      },
      [](const netsetup::IpAddress&) { return true; },
      [] { return absl::ZeroDuration(); });
  ASSERT_TRUE(book.Add(*networks_["a"]).ok());
  std::atomic<int> doubles = 0;
  const auto work = [&](int seed) {
    spec::Network wanted = Wanting({"a"});
    wanted.ports = {{.container_port = 80, .count = 1 + seed},
                    {.container_port = 90}};
    for (int round = 0; round < kRounds; ++round) {
      const auto got = book.Reserve(wanted, "spec.network");
      if (!got.ok()) continue;
      for (const int change : {1, -1}) {
        for (const store::PublishedPort& port : got->endpoints[0].ports) {
          for (int i = 0; i < port.count; ++i) {
            const size_t at =
                static_cast<size_t>(port.host_port) + static_cast<size_t>(i);
            if (owners[at].fetch_add(change) + change > 1) ++doubles;
          }
        }
        std::this_thread::yield();
      }
      if (round % 2 == 0) {
        book.TakeBack(*got);
      } else {
        book.Release(got->endpoints);
      }
    }
  };
  std::vector<std::thread> threads;
  for (int seed = 0; seed < 4; ++seed) threads.emplace_back(work, seed);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(doubles, 0);
  EXPECT_EQ(book.EndpointsOf(networks_["a"]->id), 0u);
  // No port is anybody's: all of a row without a process's are free.
  spec::Network all = Wanting({"a"});
  all.ports = {{.container_port = 80, .count = 6}};
  EXPECT_TRUE(book.Reserve(all, "spec.network").ok());
}

TEST_F(NetworkBookTest, FamiliesHaveToFit) {
  AddNetwork("a", "10.1.0.0/24", "10.1.0.1");
  spec::Network wanted = Wanting({"a"});
  wanted.ports = {{.container_port = 80, .host_port = 8080, .host_ip = "::"}};
  EXPECT_EQ(ReasonOf(Reserve(wanted).status()), "INVALID_FIELD");
}

TEST_F(NetworkBookTest, ANetworkInUseStays) {
  AddNetwork("a", "10.1.0.0/24", "10.1.0.1");
  const auto got = Reserve(Wanting({"a"}));
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(ReasonOf(book_.Close(*networks_["a"])), "NETWORK_IN_USE");
  book_.Release(got->endpoints);
  EXPECT_TRUE(book_.Close(*networks_["a"]).ok());
  EXPECT_EQ(ReasonOf(Reserve(Wanting({"a"})).status()), "NETWORK_NOT_FOUND");
  book_.Remove(networks_["a"]->id);
  EXPECT_EQ(ReasonOf(Reserve(Wanting({"a"})).status()), "NETWORK_NOT_FOUND");
}

TEST_F(NetworkBookTest, ANetworkThatIsNotRemovedAfterAllIsAsItWas) {
  AddNetwork("a", "10.1.0.0/29", "10.1.0.1");
  const auto got = Reserve(Wanting({"a"}));
  ASSERT_TRUE(got.ok());
  book_.Release(got->endpoints);
  ASSERT_TRUE(book_.Close(*networks_["a"]).ok());
  book_.Reopen(networks_["a"]->id);
  const auto next = Reserve(Wanting({"a"}));
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_NE(next->endpoints[0].addresses, got->endpoints[0].addresses)
      << "the quarantine goes on";
  EXPECT_GT(next->put[0].generation, got->put[0].generation)
      << "a row that is older is not written";
}

TEST_F(NetworkBookTest, RowsComeBackAndHoldTheirAddress) {
  AddNetwork("a", "10.1.0.0/24", "10.1.0.1");
  const auto got = Reserve(Wanting({"a"}));
  ASSERT_TRUE(got.ok());
  store::LeaseRow foreign = got->put[0];
  foreign.address = "10.77.0.1";
  store::LeaseRow old = got->put[0];
  old.address = "10.1.0.7";
  old.boot_id = "another";
  ASSERT_TRUE(book_.Add(*networks_["a"]).ok());
  EXPECT_THAT(book_.Recover(networks_["a"]->id, {got->put[0], foreign, old}),
              ::testing::UnorderedElementsAre(foreign, old));
  ASSERT_TRUE(book_.Adopt(got->endpoints[0]).ok());
  EXPECT_TRUE(book_.Holds(got->endpoints[0]));
  spec::Network wanted = Wanting({"a"});
  wanted.networks[0].addresses = {"10.1.0.2"};
  EXPECT_EQ(ReasonOf(Reserve(wanted).status()), "ADDRESS_IN_USE");
}

TEST_F(NetworkBookTest, ConnectsBesideWhatIsHeld) {
  AddNetwork("a", "10.1.0.0/24", "10.1.0.1");
  AddNetwork("b", "10.2.0.0/24", "10.2.0.1");
  const auto held = Reserve(Wanting({"a"}));
  ASSERT_TRUE(held.ok());
  const auto got =
      book_.ReserveConnect(held->endpoints, {.network = "b"}, "attachment");
  ASSERT_TRUE(got.ok()) << got.status();
  ASSERT_THAT(got->endpoints, SizeIs(1));
  EXPECT_EQ(got->endpoints[0].interface, "eth1");
  EXPECT_THAT(got->endpoints[0].addresses, ElementsAre("10.2.0.2/24"));
  EXPECT_FALSE(got->endpoints[0].default_route);
  EXPECT_THAT(got->put, SizeIs(1));
  EXPECT_EQ(book_.EndpointsOf(got->endpoints[0].network_id), 1u);
}

TEST_F(NetworkBookTest, TheFirstConnectIsTheWayOut) {
  AddNetwork("a", "10.1.0.0/24", "10.1.0.1");
  const auto got = book_.ReserveConnect({}, {.network = "a"}, "attachment");
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->endpoints[0].interface, "eth0");
  EXPECT_TRUE(got->endpoints[0].default_route);
  const auto not_wanted = book_.ReserveConnect(
      {}, {.network = "a", .default_route = false}, "attachment");
  ASSERT_TRUE(not_wanted.ok());
  EXPECT_FALSE(not_wanted->endpoints[0].default_route);
  EXPECT_TRUE(not_wanted->endpoints[0].never_default_route);
  EXPECT_FALSE(got->endpoints[0].never_default_route);
}

TEST_F(NetworkBookTest, AConnectThatIsRefusedHoldsNothing) {
  AddNetwork("a", "10.1.0.0/24", "10.1.0.1");
  AddNetwork("b", "10.2.0.0/24", "10.2.0.1");
  const auto held = Reserve(Wanting({"a"}));
  ASSERT_TRUE(held.ok());
  const auto reason = [&](const spec::NetworkAttachment& wanted) {
    return ReasonOf(
        book_.ReserveConnect(held->endpoints, wanted, "attachment").status());
  };
  EXPECT_EQ(reason({.network = "a"}), "ALREADY_CONNECTED");
  EXPECT_EQ(reason({.network = "c"}), "NETWORK_NOT_FOUND");
  EXPECT_EQ(reason({.network = "b", .interface = "eth0"}), "INVALID_FIELD");
  EXPECT_EQ(reason({.network = "b", .default_route = true}), "INVALID_FIELD");
  EXPECT_EQ(reason({.network = "b", .addresses = {"10.9.0.1"}}),
            "INVALID_FIELD");
  EXPECT_EQ(book_.EndpointsOf(networks_["b"]->id), 0u);
  EXPECT_EQ(book_.EndpointsOf(networks_["a"]->id), 1u);
}

TEST_F(NetworkBookTest, PortsOfAContainerThatRunsComeAndGo) {
  AddNetwork("a", "10.1.0.0/24", "10.1.0.1");
  AddNetwork("b", "10.2.0.0/24", "10.2.0.1");
  const auto held = Reserve(Wanting({"a", "b"}));
  ASSERT_TRUE(held.ok());
  const spec::PortMapping wanted = {
      .container_port = 80, .host_port = 8080, .network = "b"};
  const auto reserve = [&](const spec::PortMapping& port) {
    return book_.ReservePort(held->endpoints, port, "port");
  };
  const auto got = reserve(wanted);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->id, held->endpoints[1].id);
  ASSERT_THAT(got->ports, SizeIs(1));
  EXPECT_EQ(got->ports[0].host_ip, "127.0.0.1");
  EXPECT_EQ(got->ports[0].protocol, "tcp");
  EXPECT_EQ(ReasonOf(reserve(wanted).status()), "PORT_IN_USE");
  book_.ReleasePort(*got, got->ports[0]);
  EXPECT_TRUE(reserve(wanted).ok());

  busy_port_ = 8081;
  EXPECT_EQ(
      ReasonOf(reserve({.container_port = 80, .host_port = 8081}).status()),
      "PORT_IN_USE");
  EXPECT_EQ(ReasonOf(reserve({.container_port = 80, .network = "c"}).status()),
            "NETWORK_NOT_FOUND");
  EXPECT_EQ(
      ReasonOf(book_.ReservePort({}, {.container_port = 80}, "port").status()),
      "NOT_CONNECTED");
  AddNetwork("c", "10.3.0.0/24", "10.3.0.1");
  EXPECT_EQ(ReasonOf(reserve({.container_port = 80, .network = "c"}).status()),
            "NOT_CONNECTED");
}

TEST_F(NetworkBookTest, AddressesOfTheHostItselfAreNobodys) {
  AddNetwork("lan", "10.1.0.0/24", "10.1.0.1");
  of_host_ = {"10.1.0.2", "10.1.0.3"};
  const auto next = Reserve(Wanting({"lan"}));
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_THAT(next->endpoints[0].addresses, ElementsAre("10.1.0.4/24"));
  spec::Network wanted = Wanting({"lan"});
  wanted.networks[0].addresses = {"10.1.0.3"};
  EXPECT_EQ(ReasonOf(Reserve(wanted).status()), "ADDRESS_IN_USE");
  of_host_.clear();
  EXPECT_TRUE(Reserve(wanted).ok());
}

TEST_F(NetworkBookTest, AReleaseThatIsCancelledLeavesAllAsItWas) {
  AddNetwork("lan", "10.1.0.0/24", "10.1.0.1");
  spec::Network wanted = Wanting({"lan"});
  wanted.ports.push_back(
      {.container_port = 80, .host_port = 80, .host_ip = "0.0.0.0"});
  const auto reserved = Reserve(wanted);
  ASSERT_TRUE(reserved.ok()) << reserved.status();
  const store::Endpoint endpoint = reserved->endpoints[0];
  const auto begun = book_.BeginRelease({endpoint});
  ASSERT_THAT(begun, SizeIs(1));
  book_.CancelRelease(endpoint);
  EXPECT_TRUE(book_.Holds(endpoint));
  EXPECT_EQ(ReasonOf(Reserve(wanted).status()), "PORT_IN_USE");
  wanted.ports.clear();
  wanted.networks[0].addresses = {"10.1.0.2"};
  now_ += absl::Hours(1);
  EXPECT_EQ(ReasonOf(Reserve(wanted).status()), "ADDRESS_IN_USE");
  // A later one has its own time of rest, and a row that is newer than all.
  const auto rows = book_.BeginRelease({endpoint});
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_GT(rows[0].generation, begun[0].generation);
  EXPECT_GT(rows[0].quarantined_until_ns, begun[0].quarantined_until_ns);
  book_.FinishRelease({endpoint});
  EXPECT_FALSE(book_.Holds(endpoint));
  EXPECT_TRUE(Reserve(wanted).ok());
}

}  // namespace
}  // namespace caisson::core
