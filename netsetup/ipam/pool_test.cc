#include "netsetup/ipam/pool.h"

#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/status_matchers.h"

namespace caisson::netsetup::ipam {
namespace {

using base::IsOk;
using base::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr absl::Duration kStart = absl::Seconds(1000);

IpAddress Address(std::string_view text) {
  return *ParseIpAddress(text);
}

Pool Make(PoolConfig config) {
  absl::StatusOr<Pool> pool = Pool::Build(std::move(config), "boot");
  EXPECT_THAT(pool, IsOk());
  return *std::move(pool);
}

PoolConfig Small() {
  return {.subnet = *ParseIpPrefix("10.0.0.0/29"),
          .gateway = Address("10.0.0.1")};
}

std::string Next(Pool* pool, absl::Duration now = kStart) {
  const absl::StatusOr<Lease> lease = pool->Allocate("e", now);
  if (!lease.ok()) return std::string(lease.status().message());
  EXPECT_EQ(pool->Find(lease->address), *lease);
  return lease->address.ToString();
}

TEST(PoolTest, GivesOutAllButNetworkGatewayAndBroadcast) {
  Pool pool = Make(Small());
  for (int i = 2; i <= 6; ++i) {
    EXPECT_EQ(Next(&pool), "10.0.0." + std::to_string(i));
  }
  EXPECT_EQ(Next(&pool), "no free address in '10.0.0.0/29'");
  EXPECT_EQ(pool.Leases().size(), 5u);
}

TEST(PoolTest, KnowsWhatWasSomebodysBefore) {
  Pool pool = Make(Small());
  const IpAddress first = Address("10.0.0.2");
  EXPECT_EQ(Next(&pool), "10.0.0.2");
  EXPECT_FALSE(pool.WasGiven(first));
  // Nobody used it.
  pool.Restore(first, std::nullopt);
  EXPECT_FALSE(pool.WasGiven(first));
  ASSERT_THAT(pool.AllocateAt(first, "e", kStart), IsOk());
  ASSERT_THAT(pool.Release(first, "e", kStart), IsOk());
  EXPECT_TRUE(pool.WasGiven(first));
  EXPECT_FALSE(pool.WasGiven(Address("10.0.0.3")));
  // Also after its quarantine.
  pool.TakeExpired(kStart + absl::Hours(1));
  EXPECT_TRUE(pool.WasGiven(first));
  Pool again = Make(Small());
  again.Recover({}, kStart);
  EXPECT_TRUE(again.WasGiven(Address("10.0.0.3")));
  EXPECT_FALSE(again.WasGiven(Address("10.1.0.3")));
}

TEST(PoolTest, SubnetsWithoutBroadcastGiveOutAll) {
  Pool pair = Make({.subnet = *ParseIpPrefix("10.0.0.0/31")});
  EXPECT_EQ(Next(&pair), "10.0.0.0");
  EXPECT_EQ(Next(&pair), "10.0.0.1");
  Pool single = Make({.subnet = *ParseIpPrefix("fd00::7/128")});
  EXPECT_EQ(Next(&single), "fd00::7");
  Pool ip6 = Make({.subnet = *ParseIpPrefix("fd00::/126")});
  EXPECT_EQ(Next(&ip6), "fd00::1");
  EXPECT_EQ(Next(&ip6), "fd00::2");
  EXPECT_EQ(Next(&ip6), "fd00::3");
}

TEST(PoolTest, EveryAddressThereIsIsASubnetToo) {
  Pool all = Make({.subnet = *ParseIpPrefix("::/0")});
  EXPECT_EQ(Next(&all), "::1");
  EXPECT_THAT(all.AllocateAt(Address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
                             "e", kStart),
              IsOk());
}

TEST(PoolTest, AReleasedAddressComesLastAndNotSoon) {
  Pool pool = Make(Small());
  EXPECT_EQ(Next(&pool), "10.0.0.2");
  const auto released = pool.Release(Address("10.0.0.2"), "e", kStart);
  ASSERT_THAT(released, IsOk());
  EXPECT_EQ(released->state, LeaseState::kQuarantined);
  EXPECT_EQ(released->quarantined_until, kStart + absl::Seconds(10));
  for (int i = 3; i <= 6; ++i) {
    EXPECT_EQ(Next(&pool), "10.0.0." + std::to_string(i));
  }
  const absl::Duration soon = kStart + absl::Seconds(9);
  EXPECT_THAT(pool.Allocate("e", soon),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("the next in 1s")));
  EXPECT_THAT(pool.TakeExpired(soon), IsEmpty());
  EXPECT_EQ(Next(&pool, kStart + absl::Seconds(10)), "10.0.0.2");
  EXPECT_THAT(pool.TakeExpired(kStart + absl::Seconds(10)),
              ElementsAre(*released));
}

TEST(PoolTest, RangesAreWhereAddressesComeFrom) {
  PoolConfig config = Small();
  config.ranges = {{Address("10.0.0.5"), Address("10.0.0.5")},
                   {Address("10.0.0.3"), Address("10.0.0.3")}};
  Pool pool = Make(config);
  EXPECT_EQ(Next(&pool), "10.0.0.3");
  EXPECT_EQ(Next(&pool), "10.0.0.5");
  EXPECT_THAT(pool.Allocate("e", kStart),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(pool.AllocateAt(Address("10.0.0.2"), "e", kStart), IsOk());
}

TEST(PoolTest, ReservedAddressesAreOnlyGivenByName) {
  PoolConfig config = Small();
  config.reserved = {Address("10.0.0.2"), Address("10.0.0.3")};
  config.quarantine = absl::ZeroDuration();
  Pool pool = Make(config);
  EXPECT_EQ(Next(&pool), "10.0.0.4");
  EXPECT_THAT(pool.AllocateAt(Address("10.0.0.3"), "f", kStart), IsOk());
  EXPECT_THAT(pool.Release(Address("10.0.0.3"), "f", kStart), IsOk());
  EXPECT_EQ(Next(&pool), "10.0.0.5");
  EXPECT_EQ(Next(&pool), "10.0.0.6");
  EXPECT_THAT(pool.Allocate("e", kStart),
              StatusIs(absl::StatusCode::kResourceExhausted))
      << "what was given by name is still reserved";
}

TEST(PoolTest, ANamedAddressIsRefusedOnlyWhileSomebodyHasIt) {
  Pool pool = Make(Small());
  ASSERT_THAT(pool.AllocateAt(Address("10.0.0.4"), "first", kStart), IsOk());
  EXPECT_THAT(pool.AllocateAt(Address("10.0.0.4"), "second", kStart),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("first")));
  ASSERT_THAT(pool.Release(Address("10.0.0.4"), "first", kStart), IsOk());
  EXPECT_THAT(pool.AllocateAt(Address("10.0.0.4"), "second", kStart), IsOk());
  // The end of the first one's quarantine is nothing to the second.
  EXPECT_THAT(pool.TakeExpired(kStart + absl::Hours(1)), IsEmpty());
  EXPECT_EQ(pool.Find(Address("10.0.0.4"))->endpoint, "second");
  for (const std::string_view none :
       {"10.0.0.0", "10.0.0.1", "10.0.0.7", "10.0.0.8", "fd00::1"}) {
    EXPECT_THAT(pool.AllocateAt(Address(none), "e", kStart),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << none;
  }
}

TEST(PoolTest, AnAddressIsHeldUntilItsReleaseIsFinished) {
  PoolConfig config = Small();
  config.ranges = {{Address("10.0.0.2"), Address("10.0.0.2")}};
  Pool pool = Make(config);
  const IpAddress address = pool.Allocate("owner", kStart)->address;
  const auto row = pool.BeginRelease(address, "owner", kStart);
  ASSERT_THAT(row, IsOk());
  EXPECT_EQ(row->state, LeaseState::kQuarantined);
  // However long the row takes.
  const absl::Duration later = kStart + absl::Hours(1);
  EXPECT_THAT(pool.AllocateAt(address, "next", later),
              StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(pool.Allocate("next", later),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(pool.TakeExpired(later), IsEmpty());
  EXPECT_EQ(pool.Find(address), *row);
  pool.FinishRelease(address, "other");
  EXPECT_THAT(pool.Allocate("next", later),
              StatusIs(absl::StatusCode::kResourceExhausted));
  pool.FinishRelease(address, "owner");
  pool.FinishRelease(address, "owner");
  EXPECT_THAT(pool.Allocate("next", kStart + absl::Seconds(9)),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(pool.Allocate("next", later), IsOk());
  EXPECT_THAT(pool.TakeExpired(later), ElementsAre(*row));
}

TEST(PoolTest, OnlyTheOwnerChangesALease) {
  Pool pool = Make(Small());
  const IpAddress address = pool.Allocate("owner", kStart)->address;
  EXPECT_THAT(pool.Activate(address, "other"),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(pool.Release(address, "other", kStart),
              StatusIs(absl::StatusCode::kNotFound));
  const auto active = pool.Activate(address, "owner");
  ASSERT_THAT(active, IsOk());
  EXPECT_EQ(active->state, LeaseState::kActive);
  ASSERT_THAT(pool.Release(address, "owner", kStart), IsOk());
  EXPECT_THAT(pool.Release(address, "owner", kStart),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST(PoolTest, WhatCouldNotBeCommittedIsTakenBack) {
  Pool pool = Make(Small());
  const IpAddress address = pool.Allocate("e", kStart)->address;
  pool.Restore(address, std::nullopt);
  EXPECT_EQ(pool.Find(address), std::nullopt);

  ASSERT_THAT(pool.AllocateAt(address, "e", kStart), IsOk());
  const std::optional<Lease> before = pool.Find(address);
  ASSERT_THAT(pool.Release(address, "e", kStart), IsOk());
  pool.Restore(address, before);
  EXPECT_EQ(pool.Find(address), before);
  EXPECT_THAT(pool.TakeExpired(kStart + absl::Hours(1)), IsEmpty());
  EXPECT_EQ(pool.Find(address), before);
}

TEST(PoolTest, APositionAndEndedQuarantinesComeBack) {
  Pool pool = Make(Small());
  const Lease lease = *pool.Allocate("e", kStart);
  ASSERT_THAT(pool.Release(lease.address, "e", kStart), IsOk());
  const absl::Duration later = kStart + absl::Seconds(11);
  const std::vector<Lease> expired = pool.TakeExpired(later);
  ASSERT_EQ(expired.size(), 1u);
  EXPECT_THAT(pool.TakeExpired(later), IsEmpty());
  pool.ReturnExpired(expired);
  EXPECT_EQ(pool.TakeExpired(later), expired);

  const Offset position = pool.position();
  EXPECT_EQ(Next(&pool, later), "10.0.0.3");
  pool.Restore(Address("10.0.0.3"), std::nullopt);
  EXPECT_EQ(Next(&pool, later), "10.0.0.4");
  pool.Restore(Address("10.0.0.4"), std::nullopt);
  pool.SetPosition(position);
  EXPECT_EQ(Next(&pool, later), "10.0.0.3");
}

TEST(PoolTest, RowsOfThisBootComeBack) {
  Pool pool = Make(Small());
  ASSERT_THAT(pool.Allocate("a", kStart), IsOk());
  ASSERT_THAT(pool.Activate(Address("10.0.0.2"), "a"), IsOk());
  ASSERT_THAT(pool.Allocate("b", kStart), IsOk());
  ASSERT_THAT(pool.Release(Address("10.0.0.3"), "b", kStart), IsOk());
  std::vector<Lease> rows = pool.Leases();
  Lease old = rows[0];
  old.address = Address("10.0.0.5");
  old.boot_id = "earlier";
  rows.push_back(old);
  Lease outside = rows[0];
  outside.address = Address("10.0.9.5");
  rows.push_back(outside);

  Pool recovered = Make(Small());
  EXPECT_THAT(recovered.Recover(rows, kStart), ElementsAre(old, outside));
  EXPECT_EQ(recovered.Leases(), pool.Leases());
  EXPECT_EQ(Next(&recovered), "10.0.0.4");
  EXPECT_GT(recovered.Find(Address("10.0.0.4"))->generation,
            pool.Leases().back().generation);

  Pool later = Make(Small());
  EXPECT_THAT(later.Recover(rows, kStart + absl::Minutes(1)),
              ElementsAre(rows[1], old, outside));
}

TEST(PoolTest, BadConfigurationsAreRefused) {
  const auto refused = [](PoolConfig config) {
    return Pool::Build(std::move(config), "boot").status().code();
  };
  const auto invalid = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(refused({.subnet = *ParseIpPrefix("10.0.0.1/29")}), invalid);
  EXPECT_EQ(refused({.subnet = {Address("10.0.0.0"), 33}}), invalid);
  EXPECT_EQ(refused({.subnet = {Address("10.0.0.0"), -1}}), invalid);
  PoolConfig config = Small();
  config.gateway = Address("10.0.0.0");
  EXPECT_EQ(refused(config), invalid);
  config.gateway = Address("10.1.0.1");
  EXPECT_EQ(refused(config), invalid);
  config = Small();
  config.reserved = {Address("fd00::1")};
  EXPECT_EQ(refused(config), invalid);
  config = Small();
  config.ranges = {{Address("10.0.0.5"), Address("10.0.0.4")}};
  EXPECT_EQ(refused(config), invalid);
}

}  // namespace
}  // namespace caisson::netsetup::ipam
