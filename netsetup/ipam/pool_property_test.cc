// Any interleaving of operations, and a crash at any point of it: between the
// change in memory and the commit of its row, and behind it. Afterwards no
// address has two owners, none is lost, and none is held for nobody.
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "netsetup/ipam/pool.h"
#include "runtime/base/status_matchers.h"

namespace caisson::netsetup::ipam {
namespace {

using base::IsOk;

// What the store has: a row for each address.
class Rows {
 public:
  void Commit(const Lease& lease) { rows_[lease.address] = lease; }
  void Delete(const Lease& lease) {
    const auto found = rows_.find(lease.address);
    if (found != rows_.end() && found->second.generation == lease.generation) {
      rows_.erase(found);
    }
  }
  std::vector<Lease> All() const {
    std::vector<Lease> all;
    for (const auto& [address, lease] : rows_) all.push_back(lease);
    return all;
  }

 private:
  std::map<IpAddress, Lease> rows_;
};

class World {
 public:
  explicit World(unsigned seed)
      : random_(seed), pool_(Make(random_() % 2 == 0)) {}

  void Step() {
    now_ += absl::Seconds(random_() % 3);
    switch (random_() % 6) {
      case 0:
      case 1:
        return Allocate();
      case 2:
        return Activate();
      case 3:
      case 4:
        return Release();
      default:
        return DeleteExpired();
    }
  }

  // The memory is gone; the rows are what they are.
  void Crash() {
    pool_ = Make(pool_.config().subnet.address.is_v6());
    for (const Lease& row : pool_.Recover(rows_.All(), now_)) {
      rows_.Delete(row);
    }
    pending_.clear();
    Check();
    EXPECT_EQ(Held(pool_.Leases()), Held(rows_.All())) << "lost, or for nobody";
  }

  void Check() {
    // An address that a row gives to somebody is his in memory as well.
    for (const Lease& row : rows_.All()) {
      if (row.state == LeaseState::kQuarantined) continue;
      if (pending_.contains(row.address)) continue;
      const std::optional<Lease> lease = pool_.Find(row.address);
      ASSERT_TRUE(lease.has_value()) << row.address.ToString();
      EXPECT_EQ(lease->endpoint, row.endpoint);
    }
  }

  // With everything released and its time over, all addresses come out again.
  void Drain() {
    CommitAll();
    for (const Lease& lease : pool_.Leases()) {
      if (lease.state == LeaseState::kQuarantined) continue;
      const auto row = pool_.Release(lease.address, lease.endpoint, now_);
      ASSERT_THAT(row, IsOk());
      rows_.Commit(*row);
    }
    now_ += absl::Hours(1);
    DeleteExpired();
    DeleteExpired();
    EXPECT_TRUE(rows_.All().empty());
    std::set<IpAddress> all;
    for (int i = 0; i < 5; ++i) {
      const auto lease = pool_.Allocate("last", now_);
      ASSERT_THAT(lease, IsOk());
      all.insert(lease->address);
    }
    EXPECT_EQ(all.size(), 5u);
    EXPECT_FALSE(pool_.Allocate("one more", now_).ok());
  }

 private:
  static Pool Make(bool ip6) {
    PoolConfig config{
        .subnet = *ParseIpPrefix(ip6 ? "fd00::/64" : "10.0.0.0/29"),
        .gateway = *ParseIpAddress(ip6 ? "fd00::1" : "10.0.0.1"),
        .quarantine = absl::Seconds(4)};
    if (ip6) {
      config.ranges = {
          {*ParseIpAddress("fd00::2"), *ParseIpAddress("fd00::6")}};
    }
    absl::StatusOr<Pool> pool = Pool::Build(config, "boot");
    EXPECT_THAT(pool, IsOk());
    return *std::move(pool);
  }

  static std::map<IpAddress, std::string> Held(const std::vector<Lease>& list) {
    std::map<IpAddress, std::string> held;
    for (const Lease& lease : list) held[lease.address] = lease.endpoint;
    return held;
  }

  // A row is committed at once, later, or never, as when the store fails.
  void Write(const Lease& row, const std::optional<Lease>& before) {
    CommitEarlier(row.address);
    switch (random_() % 4) {
      case 0:
        pending_.insert_or_assign(row.address, row);
        return;
      case 1:
        pool_.Restore(row.address, before);
        return;
      default:
        rows_.Commit(row);
    }
  }
  // The store works in the order in which it is asked.
  void CommitEarlier(const IpAddress& address) {
    const auto earlier = pending_.extract(address);
    if (!earlier.empty()) rows_.Commit(earlier.mapped());
  }
  void CommitAll() {
    for (const auto& [address, row] : pending_) rows_.Commit(row);
    pending_.clear();
  }

  void Allocate() {
    const std::string endpoint = "e" + std::to_string(++endpoints_);
    std::set<IpAddress> held;
    for (const Lease& lease : pool_.Leases()) {
      if (lease.state == LeaseState::kQuarantined &&
          lease.quarantined_until <= now_) {
        continue;
      }
      held.insert(lease.address);
    }
    const auto lease = pool_.Allocate(endpoint, now_);
    if (!lease.ok()) {
      EXPECT_EQ(held.size(), 5u) << lease.status();
      return;
    }
    EXPECT_FALSE(held.contains(lease->address)) << "two owners";
    Write(*lease, std::nullopt);
  }

  // Any lease that no commit is under way for.
  std::optional<Lease> Any() {
    std::vector<Lease> leases;
    for (const Lease& lease : pool_.Leases()) {
      if (lease.state != LeaseState::kQuarantined &&
          !pending_.contains(lease.address)) {
        leases.push_back(lease);
      }
    }
    if (leases.empty()) return std::nullopt;
    return leases[random_() % leases.size()];
  }

  void Activate() {
    const std::optional<Lease> lease = Any();
    if (!lease) return CommitAll();
    const auto row = pool_.Activate(lease->address, lease->endpoint);
    ASSERT_THAT(row, IsOk());
    Write(*row, lease);
  }

  void Release() {
    const std::optional<Lease> lease = Any();
    if (!lease) return CommitAll();
    const auto row = pool_.Release(lease->address, lease->endpoint, now_);
    ASSERT_THAT(row, IsOk());
    Write(*row, lease);
  }

  // Deletions come late: others may have taken the addresses since.
  void DeleteExpired() {
    const std::vector<Lease> late =
        std::exchange(expired_, pool_.TakeExpired(now_));
    for (const Lease& lease : late) {
      CommitEarlier(lease.address);
      rows_.Delete(lease);
    }
  }

  std::mt19937 random_;
  absl::Duration now_ = absl::Seconds(1);
  Pool pool_;
  Rows rows_;
  // Under way to the store; a crash loses them.
  std::map<IpAddress, Lease> pending_;
  std::vector<Lease> expired_;
  int endpoints_ = 0;
};

TEST(PoolPropertyTest, NoInterleavingAndNoCrashLosesOrDoublesALease) {
  for (unsigned seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE(seed);
    World world(seed);
    for (int step = 0; step < 60; ++step) {
      world.Step();
      world.Check();
      if ((seed + static_cast<unsigned>(step)) % 17 == 0) world.Crash();
      if (::testing::Test::HasFatalFailure()) return;
    }
    world.Drain();
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace caisson::netsetup::ipam
