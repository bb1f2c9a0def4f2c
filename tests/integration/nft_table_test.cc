// The table in a real kernel, read back with nft: that our messages make what
// our text says, that changes are whole or nothing, and that what others do to
// it is found and mended.
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "netsetup/nft/describe.h"
#include "netsetup/nft/ruleset.h"
#include "netsetup/nft/table.h"
#include "netsetup/nft/watch.h"
#include "runtime/base/status_matchers.h"
#include "runtime/base/str_cat.h"
#include "tests/testing/environment.h"
#include "tests/testing/process.h"

namespace caisson::testing {
namespace {

using base::ErrnoIs;
using base::IsOk;
using base::IsOkAndHolds;
using base::StatusIs;
using base::StrCat;
using netsetup::ParseIpAddress;
using netsetup::nft::BuildGroupElements;
using netsetup::nft::BuildInterfaceElements;
using netsetup::nft::BuildPortElements;
using netsetup::nft::Change;
using netsetup::nft::Element;
using netsetup::nft::Elements;
using netsetup::nft::ForeignDrop;
using netsetup::nft::Isolation;
using netsetup::nft::Nat;
using netsetup::nft::Protocol;
using netsetup::nft::PublishedPort;
using netsetup::nft::Table;
using netsetup::nft::Watch;
using netsetup::nft::WatchNews;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string Nft(std::vector<std::string> arguments,
                const std::string& input = "") {
  arguments.insert(arguments.begin(), "/usr/sbin/nft");
  const ProcessResult result = RunProgram({.argv = arguments, .input = input});
  EXPECT_EQ(result.status, 0)
      << absl::StrJoin(arguments, " ") << ": " << result.err << input;
  return result.out;
}

// The table as nft sees it, without handles, which are only counters.
nlohmann::json Listed(const std::string& table) {
  nlohmann::json list = nlohmann::json::parse(
      Nft({"-j", "list", "table", "inet", table}), nullptr, false);
  if (list.is_discarded()) return nullptr;
  for (nlohmann::json& object : list["nftables"]) {
    for (auto& [kind, fields] : object.items()) {
      if (fields.is_object()) fields.erase("handle");
      if (!fields.contains("elem")) continue;
      // A hash has no order.
      std::sort(fields["elem"].begin(), fields["elem"].end());
    }
  }
  return list;
}

netsetup::IpAddress Address(std::string_view text) {
  return *ParseIpAddress(text);
}

PublishedPort Port(uint16_t host_port, std::string_view container,
                   uint16_t count = 1) {
  return {.host_port = host_port,
          .container_address = Address(container),
          .container_port = 8000,
          .count = count};
}

Change Adding(const absl::StatusOr<std::vector<Element>>& elements) {
  EXPECT_THAT(elements, IsOk());
  return {.add = *elements};
}
Change Removing(const absl::StatusOr<std::vector<Element>>& elements) {
  EXPECT_THAT(elements, IsOk());
  return {.remove = *elements};
}

// Something in every set.
Elements Everything() {
  Elements elements;
  const auto add = [&elements](const Change& change) {
    EXPECT_THAT(elements.Apply(change), IsOk());
  };
  const Nat source4{Nat::Mode::kSource, Address("192.0.2.7")};
  const Nat source6{Nat::Mode::kSource, Address("2001:db8::7")};
  add(Adding(BuildInterfaceElements({}, "cb0")));
  add(Adding(BuildInterfaceElements(
      {.isolation = Isolation::kOpen, .ingress = true}, "cb1")));
  add(Adding(BuildInterfaceElements(
      {.isolation = Isolation::kStrict, .nat4 = source4, .nat6 = source6},
      "cb2")));
  add(Adding(BuildInterfaceElements({.internal = true}, "cb3")));
  add(Adding(BuildInterfaceElements({.group = 77}, "cv0123456789abc")));
  add({.add = BuildGroupElements({.group = 77})});
  add(Adding(BuildPortElements(Port(80, "10.0.0.2"))));
  add(Adding(BuildPortElements(Port(80, "fd00::2"))));
  PublishedPort at = Port(5353, "10.0.0.2", 3);
  at.protocol = Protocol::kUdp;
  at.host_address = Address("127.0.0.1");
  add(Adding(BuildPortElements(at)));
  at = Port(7, "fd00::2");
  at.protocol = Protocol::kSctp;
  at.host_address = Address("2001:db8::1");
  add(Adding(BuildPortElements(at)));
  return elements;
}

void ExpectClean(Table* table) {
  const absl::StatusOr<std::vector<std::string>> differences = table->Check();
  ASSERT_THAT(differences, IsOk());
  EXPECT_EQ(absl::StrJoin(*differences, "\n"), "");
}

class RootNftTableTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::geteuid(), 0u) << "run it as root";
    // Nothing of the host is touched: every test has a network of its own.
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
  }
};

TEST_F(RootNftTableTest, MessagesMakeWhatTheTextSays) {
  CAISSON_ASSERT_OK_AND_ASSIGN(Table table, Table::Open("golden"));
  ASSERT_THAT(table.Create(Everything()), IsOk());
  const nlohmann::json ours = Listed(table.name());
  ExpectClean(&table);
  ASSERT_THAT(table.Destroy(), IsOk());

  Nft({"-f", "-"}, netsetup::nft::Describe(table.name(), Everything().map()));
  const nlohmann::json theirs = Listed(table.name());
  EXPECT_EQ(ours, theirs) << nlohmann::json::diff(ours, theirs).dump(1);
}

TEST_F(RootNftTableTest, WhatNftListsIsWhatWeDescribe) {
  CAISSON_ASSERT_OK_AND_ASSIGN(Table table, Table::Open("text"));
  ASSERT_THAT(table.Create(Everything()), IsOk());
  const std::string listed = Nft({"list", "ruleset"});
  for (const auto& rule : netsetup::nft::Rules()) {
    EXPECT_THAT(listed, HasSubstr(netsetup::nft::RuleText(rule)));
  }
  EXPECT_THAT(listed, HasSubstr(netsetup::nft::SchemaComment()));
}

TEST_F(RootNftTableTest, APortIsAddedAndRemoved) {
  CAISSON_ASSERT_OK_AND_ASSIGN(Table table, Table::Open("port"));
  ASSERT_THAT(table.Create({}), IsOk());
  const auto elements = BuildPortElements(Port(8080, "10.0.0.2"));
  ASSERT_THAT(table.Apply(Adding(elements)), IsOk());
  // By number: names of protocols need a file that not every host has.
  EXPECT_THAT(Nft({"-n", "list", "map", "inet", table.name(), "ports4"}),
              HasSubstr("6 . 8080 : 10.0.0.2 . 8000"));
  EXPECT_THAT(table.Apply(Adding(elements)), IsOk()) << "twice is no error";

  ASSERT_THAT(table.Apply(Removing(elements)), IsOk());
  EXPECT_THAT(Nft({"list", "map", "inet", table.name(), "ports4"}),
              Not(HasSubstr("8080")));
  EXPECT_THAT(table.Apply(Removing(elements)), IsOk()) << "twice is no error";
  ExpectClean(&table);
}

TEST_F(RootNftTableTest, ATakenPortChangesNothing) {
  CAISSON_ASSERT_OK_AND_ASSIGN(Table table, Table::Open("taken"));
  ASSERT_THAT(table.Create({}), IsOk());
  ASSERT_THAT(table.Apply(Adding(BuildPortElements(Port(8083, "10.0.0.2")))),
              IsOk());
  const absl::Status status =
      table.Apply(Adding(BuildPortElements(Port(8080, "10.0.0.3", 10))));
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kAlreadyExists,
                               HasSubstr("10.0.0.2 . 8000")));
  EXPECT_EQ(table.elements().size(), 1u);
  ExpectClean(&table);
}

TEST_F(RootNftTableTest, ElementsThatOthersAddedOrRemovedAreMended) {
  CAISSON_ASSERT_OK_AND_ASSIGN(Table table, Table::Open("drift"));
  ASSERT_THAT(table.Create(Everything()), IsOk());
  const std::string name = table.name();

  Nft({"add", "element", "inet", name, "ports4", "{ tcp . 9 : 10.9.9.9 . 9 }"});
  Nft({"delete", "element", "inet", name, "nets", "{ cb0 }"});
  EXPECT_THAT(table.Check(),
              IsOkAndHolds(ElementsAre(
                  "unknown element ports4 { tcp . 9 : 10.9.9.9 . 9 }",
                  "missing element nets { \"cb0\" }")));
  // The kernel refuses the key: the table is made anew, with it.
  ASSERT_THAT(table.Apply(Adding(BuildPortElements(Port(9, "10.0.0.4")))),
              IsOk());
  ExpectClean(&table);

  Nft({"delete", "element", "inet", name, "nets", "{ cb0 }"});
  ASSERT_THAT(table.Apply(Removing(BuildInterfaceElements({}, "cb0"))), IsOk());
  ExpectClean(&table);

  Nft({"flush", "ruleset"});
  EXPECT_THAT(table.Check(), IsOkAndHolds(ElementsAre("missing table")));
  ASSERT_THAT(table.Apply(Adding(BuildPortElements(Port(10, "10.0.0.4")))),
              IsOk());
  ExpectClean(&table);
}

TEST_F(RootNftTableTest, ChangedRulesAreFound) {
  CAISSON_ASSERT_OK_AND_ASSIGN(Table table, Table::Open("rules"));
  ASSERT_THAT(table.Create({}), IsOk());
  Nft({"insert", "rule", "inet", table.name(), "managed", "drop"});
  EXPECT_THAT(table.Check(),
              IsOkAndHolds(ElementsAre("rules of chain managed")));
  ASSERT_THAT(table.Rebuild(), IsOk());
  ExpectClean(&table);
  Nft({"flush", "chain", "inet", table.name(), "nat_output"});
  EXPECT_THAT(table.Check(),
              IsOkAndHolds(ElementsAre("rules of chain nat_output")));
  ASSERT_THAT(table.Create({}), IsOk());
  ExpectClean(&table);
}

TEST_F(RootNftTableTest, InstancesLiveSideBySide) {
  CAISSON_ASSERT_OK_AND_ASSIGN(Table first, Table::Open("one"));
  CAISSON_ASSERT_OK_AND_ASSIGN(Table second, Table::Open("two"));
  ASSERT_THAT(first.Create(Everything()), IsOk());
  ASSERT_THAT(second.Create({}), IsOk());
  ASSERT_THAT(first.Destroy(), IsOk());
  ASSERT_THAT(first.Destroy(), IsOk()) << "twice is no error";
  ExpectClean(&second);
  EXPECT_EQ(Nft({"list", "tables"}), "table inet caisson_two\n");
}

TEST_F(RootNftTableTest, FiftyThousandPortsAreOneTransaction) {
  CAISSON_ASSERT_OK_AND_ASSIGN(Table table, Table::Open("large"));
  Elements elements;
  ASSERT_THAT(
      elements.Apply(Adding(BuildPortElements(Port(1, "10.0.0.2", 50000)))),
      IsOk());
  ASSERT_THAT(table.Create(std::move(elements)), IsOk());
  ExpectClean(&table);
  ASSERT_THAT(table.Rebuild(), IsOk());
  ASSERT_THAT(
      table.Apply(Removing(BuildPortElements(Port(1, "10.0.0.2", 50000)))),
      IsOk());
  ExpectClean(&table);
}

TEST_F(RootNftTableTest, WithoutPrivilegeTheErrorSaysSo) {
  CAISSON_ASSERT_OK_AND_ASSIGN(Table table, Table::Open("denied"));
  // The kernel looks at who sends, not at who opened the socket.
  ASSERT_EQ(::seteuid(65534), 0);
  const absl::Status status = table.Create({});
  ASSERT_EQ(::seteuid(0), 0);
  EXPECT_THAT(status, ErrnoIs(EPERM));
}

TEST_F(RootNftTableTest, ForeignDropsAreFound) {
  CAISSON_ASSERT_OK_AND_ASSIGN(Table table, Table::Open("foreign"));
  ASSERT_THAT(table.Create({}), IsOk());
  EXPECT_THAT(table.DetectForeignDrops(), IsOkAndHolds(IsEmpty()));
  Nft({"-f", "-"}, R"(
    table ip filter {
      chain FORWARD { type filter hook forward priority 0; policy drop; }
      chain INPUT { type filter hook input priority 0; policy drop; }
    }
    table inet firewalld {
      chain filter_FORWARD { type filter hook forward priority 10; reject; }
    })");
  EXPECT_THAT(table.DetectForeignDrops(),
              IsOkAndHolds(::testing::UnorderedElementsAre(
                  ForeignDrop{"ip", "filter", "FORWARD"},
                  ForeignDrop{"inet", "firewalld", "filter_FORWARD"})));
}

TEST_F(RootNftTableTest, ForeignRulesAreFollowed) {
  CAISSON_ASSERT_OK_AND_ASSIGN(Table table, Table::Open("foreign"));
  ASSERT_THAT(table.Create(Everything()), IsOk());
  const ForeignDrop forwarded = {"inet", "other", "base"};
  const ForeignDrop names = {"inet", "other", "base", true};
  const auto drops = [&table](std::string_view base, std::string_view rules,
                              std::string_view more = "") {
    Nft({"-f", "-"},
        StrCat("table inet other {", more, "\nchain base { type filter hook ",
               base, "; ", rules, ";\n}\n}"));
    const auto found = table.DetectForeignDrops();
    EXPECT_THAT(found, IsOk());
    Nft({"delete", "table", "inet", "other"});
    return found.ok() ? *found : std::vector<ForeignDrop>();
  };
  constexpr char kForward[] = "forward priority 0";
  EXPECT_THAT(drops(kForward,
                    "ct state established,related accept; ct state invalid "
                    "drop; iifname eth0 drop; iif lo drop; oifname cb9 drop; "
                    "iifname \"cb1*\" ip saddr 198.51.100.0/24 drop; "
                    "tcp flags syn limit rate 9/second drop"),
              IsEmpty());
  EXPECT_THAT(drops(kForward, "ct state established accept; counter reject"),
              ElementsAre(forwarded));
  EXPECT_THAT(drops(kForward, "iifname \"cb*\" drop"), ElementsAre(forwarded));
  EXPECT_THAT(drops(kForward, "oifname cv0123456789abc log reject"),
              ElementsAre(forwarded));
  EXPECT_THAT(drops(kForward, "iifname != eth0 drop"), ElementsAre(forwarded));
  EXPECT_THAT(drops(kForward, "jump users",
                    "chain users { iifname eth0 return; goto last; }"
                    "\nchain last { ct state new drop; }"),
              ElementsAre(forwarded));
  EXPECT_THAT(
      drops("forward priority 0; policy drop", "iifname { cb0, cb1 } accept"),
      ElementsAre(forwarded));
  EXPECT_THAT(drops("forward priority 0; policy drop",
                    "iifname \"c*\" accept; oifname \"c*\" accept"),
              IsEmpty());
  constexpr char kInput[] = "input priority 0; policy drop";
  constexpr char kUsual[] =
      "ct state established,related accept; iif lo accept; "
      "icmp type echo-request accept; ip protocol igmp accept; "
      "tcp dport 22 accept; udp dport 67 accept";
  EXPECT_THAT(drops(kInput, kUsual), ElementsAre(names));
  EXPECT_THAT(drops(kInput, StrCat(kUsual, "; udp dport 53 accept")),
              IsEmpty());
  EXPECT_THAT(drops(kInput, StrCat(kUsual, "; udp dport { 53, 67 } accept")),
              IsEmpty());
  EXPECT_THAT(drops(kInput, StrCat(kUsual, "; ip saddr 10.0.0.0/8 accept")),
              IsEmpty());
}

TEST_F(RootNftTableTest, RulesOfIptablesAreFollowed) {
  if (::access("/usr/sbin/iptables-nft", X_OK) != 0) {
    GTEST_SKIP() << "no iptables-nft here";
  }
  CAISSON_ASSERT_OK_AND_ASSIGN(Table table, Table::Open("foreign"));
  ASSERT_THAT(table.Create(Everything()), IsOk());
  const auto run = [](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "/usr/sbin/iptables-nft");
    const ProcessResult result = RunProgram({.argv = arguments});
    EXPECT_EQ(result.status, 0) << result.err;
  };
  run({"-N", "USERS"});
  run({"-A", "FORWARD", "-j", "USERS"});
  run({"-A", "USERS", "-i", "eth+", "-j", "DROP"});
  EXPECT_THAT(table.DetectForeignDrops(), IsOkAndHolds(IsEmpty()));
  run({"-A", "USERS", "-o", "cb+", "-m", "comment", "--comment", "x", "-j",
       "DROP"});
  EXPECT_THAT(
      table.DetectForeignDrops(),
      IsOkAndHolds(ElementsAre(ForeignDrop{"ip", "filter", "FORWARD"})));
}

class RootNftWatchTest : public RootNftTableTest {
 protected:
  void SetUp() override {
    RootNftTableTest::SetUp();
    CAISSON_ASSERT_OK_AND_ASSIGN(Table table, Table::Open("watch"));
    table_.emplace(std::move(table));
    CAISSON_ASSERT_OK_AND_ASSIGN(Watch watch, Watch::Open(*table_));
    watch_.emplace(std::move(watch));
    ASSERT_THAT(table_->Create(Everything()), IsOk());
  }

  bool IsReadable() const {
    pollfd waited{.fd = watch_->fd(), .events = POLLIN};
    return ::poll(&waited, 1, 0) == 1;
  }
  WatchNews Read() {
    const absl::StatusOr<WatchNews> news = watch_->Read();
    EXPECT_THAT(news, IsOk());
    return news.ok() ? *news : WatchNews();
  }

  std::optional<Table> table_;
  std::optional<Watch> watch_;
};

TEST_F(RootNftWatchTest, OwnChangesAreNoNews) {
  EXPECT_FALSE(IsReadable());
  ASSERT_THAT(table_->Apply(Adding(BuildPortElements(Port(9, "10.0.0.4")))),
              IsOk());
  ASSERT_THAT(
      table_->Apply(Adding(BuildPortElements(Port(1000, "10.0.0.4", 40000)))),
      IsOk());
  ASSERT_THAT(table_->Rebuild(), IsOk());
  EXPECT_FALSE(IsReadable());
  EXPECT_FALSE(Read().lost);
}

TEST_F(RootNftWatchTest, AFlushOfOthersIsNews) {
  Nft({"flush", "ruleset"});
  EXPECT_TRUE(IsReadable());
  EXPECT_TRUE(Read().table_changed);
  EXPECT_FALSE(IsReadable());
  ASSERT_THAT(table_->Rebuild(), IsOk());
  ExpectClean(&*table_);
  EXPECT_FALSE(IsReadable());
}

TEST_F(RootNftWatchTest, AChangedElementIsNews) {
  Nft({"delete", "element", "inet", table_->name(), "nets", "{ cb0 }"});
  EXPECT_TRUE(Read().table_changed);
}

TEST_F(RootNftWatchTest, TablesOfOthersAreOnlyForeignNews) {
  Nft({"add", "table", "ip", "filter"});
  Nft({"add", "set", "ip", "filter", "s", "{ type ipv4_addr; }"});
  WatchNews news = Read();
  EXPECT_FALSE(news.table_changed);
  EXPECT_FALSE(news.foreign_chains_changed);
  Nft({"add", "chain", "ip", "filter", "FORWARD",
       "{ type filter hook forward priority 0; policy drop; }"});
  news = Read();
  EXPECT_FALSE(news.table_changed);
  EXPECT_TRUE(news.foreign_chains_changed);
  Nft({"add", "rule", "ip", "filter", "FORWARD", "drop"});
  EXPECT_TRUE(Read().foreign_chains_changed);
}

TEST_F(RootNftWatchTest, TooManyEventsAreToldAsLost) {
  const int least = 1;
  ASSERT_EQ(::setsockopt(watch_->fd(), SOL_SOCKET, SO_RCVBUFFORCE, &least,
                         sizeof(least)),
            0);
  for (int i = 0; i < 20; ++i) Nft({"add", "table", "ip", StrCat("t", i)});
  EXPECT_TRUE(Read().lost);
  Nft({"flush", "ruleset"});
  const WatchNews news = Read();
  EXPECT_TRUE(news.table_changed || news.lost);
}

}  // namespace
}  // namespace caisson::testing
