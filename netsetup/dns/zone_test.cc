#include "netsetup/dns/zone.h"

#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "netsetup/dns/name.h"
#include "netsetup/dns/query_test.h"
#include "runtime/base/status_matchers.h"
#include "runtime/base/str_cat.h"

namespace caisson::netsetup::dns {
namespace {

using base::StatusIs;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Kind = ZoneAnswer::Kind;

// "\3web\3net" as "web.net".
std::string NameText(std::string_view name) {
  std::string text;
  while (!name.empty()) {
    if (!text.empty()) text.push_back('.');
    const size_t length = static_cast<unsigned char>(name[0]);
    text.append(name.substr(1, length));
    name.remove_prefix(length + 1);
  }
  return text;
}

ZoneAnswer Find(const Zone& zone, std::string_view text) {
  return zone.Find(*ParseName(text));
}

const std::vector<ZoneEntry>& Entries() {
  static const auto* entries = new std::vector<ZoneEntry>{
      {.name = "Web",
       .aliases = {"www", "web", "pool"},
       .short_id = "0123456789ab",
       .addresses = Addresses({"10.0.0.2", "fd00::2"}),
       .other_networks = {"n2", "n3"}},
      {.name = "db.1",
       .aliases = {"pool"},
       .short_id = "ba9876543210",
       .addresses = Addresses({"10.0.0.3"})}};
  return *entries;
}

TEST(ZoneTest, NamesAliasesAndShortIdsAreKnown) {
  const auto zone = MakeZone({.domain = "Net.Internal"}, Entries());
  for (const char* name :
       {"web", "www", "0123456789ab", "web.net.internal", "WWW.NET.internal"}) {
    const ZoneAnswer answer = Find(*zone, name);
    EXPECT_EQ(answer.kind, Kind::kFound) << name;
    EXPECT_THAT(answer.addresses,
                ElementsAreArray(Addresses({"10.0.0.2", "fd00::2"})))
        << name;
  }
  EXPECT_THAT(Find(*zone, "db.1.net.internal").addresses,
              ElementsAreArray(Addresses({"10.0.0.3"})));
}

TEST(ZoneTest, SharedNamesHaveAllAddresses) {
  const auto zone = MakeZone({}, Entries());
  EXPECT_THAT(Find(*zone, "pool").addresses,
              ElementsAreArray(Addresses({"10.0.0.2", "fd00::2", "10.0.0.3"})));
}

TEST(ZoneTest, OnlyWhatIsBelowTheDomainIsMissing) {
  const auto zone = MakeZone({.domain = "net"}, Entries());
  EXPECT_EQ(Find(*zone, "net").kind, Kind::kFound);
  EXPECT_THAT(Find(*zone, "net").addresses, IsEmpty());
  EXPECT_EQ(Find(*zone, "other.net").kind, Kind::kMissing);
  EXPECT_EQ(Find(*zone, "web.other.net").kind, Kind::kMissing);
  for (const char* name : {"other", "web.example", "notnet", "web.net.net2"}) {
    EXPECT_EQ(Find(*zone, name).kind, Kind::kForeign) << name;
  }
  EXPECT_EQ(MakeZone({}, Entries())->Find("").kind, Kind::kForeign);
}

TEST(ZoneTest, AddressesHaveOneName) {
  const auto zone = MakeZone(
      {.domain = "net", .subnets = {*ParseIpPrefix("10.0.0.0/24")}}, Entries());
  EXPECT_EQ(NameText(Find(*zone, "2.0.0.10.in-addr.arpa").pointer), "web.net");
  EXPECT_EQ(NameText(Find(*zone, "3.0.0.10.in-addr.arpa").pointer), "db.1.net");
  EXPECT_EQ(Find(*zone, "4.0.0.10.in-addr.arpa").kind, Kind::kMissing);
  EXPECT_EQ(Find(*zone, "4.1.0.10.in-addr.arpa").kind, Kind::kForeign);
  EXPECT_EQ(NameText(MakeZone({}, Entries())
                         ->Find(*ParseName("2.0.0.10.in-addr.arpa"))
                         .pointer),
            "web");
}

TEST(ZoneTest, WhatDnsCannotCarryIsFoundByItsShortId) {
  const std::string name(64, 'x');
  const auto zone =
      MakeZone({.domain = "net"}, {{.name = name,
                                    .aliases = {"a..b"},
                                    .short_id = "0123456789ab",
                                    .addresses = Addresses({"10.0.0.2"})}});
  EXPECT_EQ(Find(*zone, "0123456789ab").kind, Kind::kFound);
  EXPECT_EQ(NameText(Find(*zone, "2.0.0.10.in-addr.arpa").pointer),
            "0123456789ab.net");
}

TEST(ZoneTest, NamesThatAreTooLongWithTheDomainStandAlone) {
  std::string name = "a";
  while (name.size() + 2 <= kMaxNameBytes - 2) name += ".a";
  const auto zone =
      MakeZone({.domain = "net"},
               {{.name = name, .addresses = Addresses({"10.0.0.2"})}});
  EXPECT_EQ(NameText(Find(*zone, "2.0.0.10.in-addr.arpa").pointer), name);
}

TEST(ZoneTest, FurtherNetworksAreThoseOfTheClient) {
  const auto zone = MakeZone({}, Entries());
  EXPECT_THAT(zone->OtherNetworksOf(Address("fd00::2")),
              ElementsAre("n2", "n3"));
  EXPECT_THAT(zone->OtherNetworksOf(Address("10.0.0.3")), IsEmpty());
  EXPECT_THAT(zone->OtherNetworksOf(Address("10.0.0.9")), IsEmpty());
}

TEST(ZoneTest, AChangeIsANewZone) {
  const auto before = MakeZone({.domain = "net"}, Entries());
  const ZoneEntry more = {.name = "new",
                          .aliases = {"pool"},
                          .short_id = "cccccccccccc",
                          .addresses = Addresses({"10.0.0.9"}),
                          .other_networks = {"n9"}};
  const ZonePtr with = before->With(more);
  EXPECT_EQ(Find(*before, "new.net").kind, Kind::kMissing);
  EXPECT_THAT(Find(*with, "new.net").addresses,
              ElementsAreArray(Addresses({"10.0.0.9"})));
  EXPECT_THAT(Find(*with, "pool").addresses,
              ElementsAreArray(
                  Addresses({"10.0.0.2", "fd00::2", "10.0.0.3", "10.0.0.9"})));
  EXPECT_EQ(NameText(Find(*with, "9.0.0.10.in-addr.arpa").pointer), "new.net");
  EXPECT_THAT(with->OtherNetworksOf(Address("10.0.0.9")), ElementsAre("n9"));

  const ZonePtr without = with->Without(Entries()[0]);
  EXPECT_THAT(Find(*without, "pool").addresses,
              ElementsAreArray(Addresses({"10.0.0.3", "10.0.0.9"})));
  for (const char* name : {"web.net", "www.net", "0123456789ab.net"}) {
    EXPECT_EQ(Find(*without, name).kind, Kind::kMissing) << name;
    EXPECT_EQ(Find(*with, name).kind, Kind::kFound) << name;
  }
  EXPECT_EQ(Find(*without, "2.0.0.10.in-addr.arpa").kind, Kind::kForeign);
  EXPECT_THAT(without->OtherNetworksOf(Address("10.0.0.2")), IsEmpty());
  EXPECT_EQ(Find(*without->Without(more), "new.net").kind, Kind::kMissing);
  // Twice is no harm.
  EXPECT_EQ(Find(*without->Without(Entries()[0]), "db.1").kind, Kind::kFound);
  EXPECT_THAT(Find(*with->With(more), "new").addresses, SizeIs(1));
  EXPECT_EQ(Find(*with->With(more)->Without(more), "new.net").kind,
            Kind::kMissing);
}

// What a zone says about every name that there may be.
std::string Said(const Zone& zone) {
  std::string said;
  for (int i = 0; i < 40; ++i) {
    for (const std::string& name : {base::StrCat("c", i), base::StrCat("s", i),
                                    base::StrCat(i, ".0.0.10.in-addr.arpa")}) {
      const ZoneAnswer answer = Find(zone, name);
      base::StrAppend(&said, name, " ", static_cast<int>(answer.kind), " ",
                      NameText(answer.pointer));
      for (const IpAddress& address : answer.addresses) {
        base::StrAppend(&said, " ", address.ToString());
      }
      said += "\n";
    }
  }
  return said;
}

TEST(ZoneTest, ManyChangesAreLikeOneBuild) {
  std::minstd_rand random(7);
  std::vector<ZoneEntry> entries;  // in the order in which they came
  ZonePtr zone = MakeZone({}, {});
  for (int step = 0; step < 500; ++step) {
    const auto number = static_cast<int>(random() % 40);
    const std::string name = base::StrCat("c", number);
    const auto found = std::find_if(
        entries.begin(), entries.end(),
        [&](const ZoneEntry& entry) { return entry.name == name; });
    if (found != entries.end()) {
      zone = zone->Without(*found);
      entries.erase(found);
    } else {
      entries.push_back(
          {.name = name,
           .aliases = {base::StrCat("s", random() % 5), name},
           .addresses = Addresses({base::StrCat("10.0.0.", number)})});
      zone = zone->With(entries.back());
    }
    ASSERT_EQ(Said(*zone), Said(*MakeZone({}, entries))) << step;
  }
}

TEST(ZoneTest, ADomainHasToBeOne) {
  EXPECT_THAT(Zone::Build({.domain = "a..b"}, {}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace caisson::netsetup::dns
