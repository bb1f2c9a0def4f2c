// What is left of the store when the disk fails or the machine stops at any
// write: the state before a transaction or the state after it.
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/status_matchers.h"
#include "server/store/fault_vfs.h"
#include "server/store/format1_file.h"
#include "server/store/format2_file.h"
#include "server/store/format3_file.h"
#include "server/store/sqlite.h"
#include "server/store/store.h"
#include "server/store/test_store.h"

namespace caisson::store {
namespace {

using base::IsOk;
using base::ReasonIs;
using base::StatusIs;
using testing::UnorderedElementsAreArray;

LeaseRow MakeLease(const std::string& network, const std::string& address,
                   int64_t generation) {
  LeaseRow row;
  row.network_id = PaddedId(network);
  row.address = address;
  row.generation = generation;
  return row;
}

// The leases of network n<i>, and those of the network that never goes away:
// one that every transaction replaces, one that it erases and makes anew.
LeaseRow OwnLease(int64_t i) {
  return MakeLease(absl::StrCat("a", i, "b"), "10.1.0.2", i);
}
LeaseRow ReplacedLease(int64_t i) {
  return MakeLease("c", "10.0.0.2", i);
}
LeaseRow MovingLease(int64_t i) {
  return MakeLease("c", absl::StrCat("10.0.1.", i), i);
}

// What transaction i does to networks, leases and network namespaces, of which
// there is always one; see below.
void AddNetworks(int i, Transaction* transaction) {
  NetworkRecord counter = MakeNetwork("c", "counter");
  counter.request_id = absl::StrCat(i);
  transaction->put_networks.push_back(counter);
  transaction->put_networks.push_back(
      MakeNetwork(absl::StrCat("a", i, "b"), absl::StrCat("n", i)));
  if (i > 2) {
    transaction->delete_networks.push_back(
        MakeNetwork(absl::StrCat("a", i - 2, "b"), absl::StrCat("n", i - 2)));
  }
  transaction->put_leases = {OwnLease(i), ReplacedLease(i), MovingLease(i)};
  transaction->erase_leases = {MovingLease(i - 1)};
  transaction->AddNetworkEvent(absl::StrCat("e", i), counter.id);
  transaction->put_network_namespaces.push_back(
      MakeNetworkNamespace(absl::StrCat("a", i, "b"), absl::StrCat("n", i)));
  if (i > 1) {
    transaction->delete_network_namespaces.push_back(MakeNetworkNamespace(
        absl::StrCat("a", i - 1, "b"), absl::StrCat("n", i - 1)));
  }
}

// Transaction i: the counters become i, container and network n<i> appear,
// n<i-2> go away, leases come and go, two events e<i> tell of it. So the rows
// show which one was the last.
Transaction Numbered(int i) {
  ContainerRecord counter = MakeContainer("c", "counter");
  counter.status.run = i;
  Transaction transaction;
  transaction.put_containers.push_back(counter);
  transaction.put_containers.push_back(
      MakeContainer(absl::StrCat("a", i, "b"), absl::StrCat("n", i)));
  if (i > 2) {
    transaction.delete_containers.push_back(
        MakeContainer(absl::StrCat("a", i - 2, "b"), absl::StrCat("n", i - 2)));
  }
  transaction.AddEvent(absl::StrCat("e", i), counter.id);
  AddNetworks(i, &transaction);
  return transaction;
}

void ExpectNetworks(Store* store, int64_t last) {
  const Catalog& catalog = store->catalog();
  EXPECT_EQ(catalog.counts().networks, last == 1 ? 2u : 3u);
  const NetworkPtr counter = catalog.FindNetwork("counter");
  ASSERT_NE(counter, nullptr);
  EXPECT_EQ(counter->request_id, absl::StrCat(last));
  EXPECT_NE(catalog.FindNetwork(absl::StrCat("n", last)), nullptr);
  EXPECT_EQ(catalog.counts().network_namespaces, 1u);
  EXPECT_NE(catalog.FindNetworkNamespace(absl::StrCat("n", last)), nullptr);
  std::vector<LeaseRow> leases = {OwnLease(last), ReplacedLease(last),
                                  MovingLease(last)};
  if (last > 1) leases.push_back(OwnLease(last - 1));
  absl::StatusOr<std::vector<LeaseRow>> found = store->ReadLeases();
  ASSERT_THAT(found, IsOk());
  EXPECT_THAT(*found, UnorderedElementsAreArray(leases));
}

// The number of the last transaction in the store; checks that everything else
// agrees with it.
int64_t LastTransaction(Store* store) {
  const Catalog& catalog = store->catalog();
  const ContainerPtr counter = catalog.Find("counter");
  if (counter == nullptr) {
    EXPECT_EQ(catalog.counts().containers, 0u);
    EXPECT_EQ(catalog.counts().networks, 0u);
    EXPECT_THAT(store->ReadLeases()->size(), 0u);
    return 0;
  }
  const int64_t last = counter->status.run;
  EXPECT_EQ(catalog.counts().containers, last == 1 ? 2u : 3u);
  EXPECT_NE(catalog.Find(absl::StrCat("n", last)), nullptr);
  EXPECT_EQ(catalog.counts().tombstones, last > 2 ? last - 2u : 0u);
  ExpectNetworks(store, last);
  return last;
}

// The same from the events table, read without the store.
int64_t LastEvent(const std::string& path) {
  absl::StatusOr<std::unique_ptr<Database>> db =
      Database::Open(path, SQLITE_OPEN_READWRITE, "");
  EXPECT_THAT(db, IsOk());
  absl::StatusOr<std::optional<int64_t>> tables = (*db)->SelectInt(
      "SELECT count(*) FROM sqlite_schema WHERE name = 'events'");
  EXPECT_THAT(tables, IsOk());
  if (tables->value_or(0) == 0) return 0;
  EXPECT_EQ(*(*db)->SelectText("PRAGMA integrity_check"), "ok");
  const int64_t of_networks =
      (*db)
          ->SelectInt("SELECT count(*) FROM events WHERE network_data != ''")
          ->value_or(-1);
  EXPECT_EQ((*db)->SelectInt("SELECT count(*) FROM events")->value_or(-1),
            2 * of_networks);
  return of_networks;
}

class StoreFaultTest : public testing::Test {
 protected:
  StoreFaultTest() : clock_(absl::FromUnixSeconds(1'700'000'000)) {
    options_ = TestOptions(directory_, &clock_);
    options_.vfs = vfs_.name();
  }

  FaultVfs vfs_;
  TempDirectory directory_;
  base::ManualClock clock_;
  StoreOptions options_;
};

class CrashTest : public StoreFaultTest,
                  public testing::WithParamInterface<FaultVfs::Crash> {
 protected:
  // Crashes before each operation of the first opening of an old file.
  void CheckMigration();

  // Opens what a crash before operation `n` left and checks it.
  FaultVfs quick_;  // for the images: its syncs take no time

  void CheckImage(size_t n, int acknowledged, int64_t issued) {
    const TempDirectory image;
    ASSERT_THAT(vfs_.MakeImage(n, GetParam(), image.path()), IsOk());
    StoreOptions options = TestOptions(image, &clock_);
    options.vfs = quick_.name();
    const int64_t events = LastEvent(options.path);
    options.boot_id = "after the crash";
    absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(options);
    ASSERT_THAT(store, IsOk());
    const int64_t last = LastTransaction(store->get());
    EXPECT_EQ(last, events) << "state and event are one";
    EXPECT_LE(last, acknowledged + 1);
    if (GetParam() != FaultVfs::Crash::kSynced) {
      EXPECT_GE(last, acknowledged);
    }
    absl::StatusOr<int64_t> next =
        (*store)->Commit(Numbered(static_cast<int>(last) + 1));
    ASSERT_THAT(next, IsOk());
    EXPECT_GT(*next, issued) << "a revision was used twice";
  }
};

TEST_P(CrashTest, LeavesTheStateBeforeOrAfter) {
  absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(options_);
  ASSERT_THAT(store, IsOk());
  struct Mark {
    size_t operations;
    int64_t revision;
  };
  std::vector<Mark> marks = {{vfs_.operations(), 0}};
  for (int i = 1; i <= 6; ++i) {
    absl::StatusOr<int64_t> revision = (*store)->Commit(Numbered(i));
    ASSERT_THAT(revision, IsOk());
    // A checkpoint in the middle: it must not be able to lose anything.
    if (i == 4) {
      ASSERT_THAT((*store)->Maintain(), IsOk());
    }
    marks.push_back({vfs_.operations(), *revision});
  }
  for (size_t i = 0; i + 1 < marks.size(); ++i) {
    for (size_t n = marks[i].operations; n < marks[i + 1].operations; ++n) {
      SCOPED_TRACE(absl::StrCat("crash before operation ", n));
      CheckImage(n, static_cast<int>(i), marks[i].revision);
    }
  }
}

// A crash while a file of an older format is migrated loses nothing of it.
TEST_P(CrashTest, LeavesTheFirstFormatOrTheNew) {
  ASSERT_THAT(MakeFormat1File(options_), IsOk());
  CheckMigration();
}

TEST_P(CrashTest, LeavesTheSecondFormatOrTheNew) {
  ASSERT_THAT(MakeFormat2File(options_), IsOk());
  CheckMigration();
}

TEST_P(CrashTest, LeavesTheThirdFormatOrTheNew) {
  ASSERT_THAT(MakeFormat3File(options_), IsOk());
  CheckMigration();
}

void CrashTest::CheckMigration() {
  const size_t begin = vfs_.operations();
  ASSERT_THAT(Store::Open(options_), IsOk());
  const size_t end = vfs_.operations();
  ASSERT_GT(end, begin);
  for (size_t n = begin; n <= end; ++n) {
    SCOPED_TRACE(absl::StrCat("crash before operation ", n));
    const TempDirectory image;
    ASSERT_THAT(vfs_.MakeImage(n, GetParam(), image.path()), IsOk());
    StoreOptions options = TestOptions(image, &clock_);
    options.vfs = quick_.name();
    absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(options);
    ASSERT_THAT(store, IsOk());
    EXPECT_NE((*store)->catalog().Find("web"), nullptr);
    EXPECT_NE((*store)->catalog().ExecById(PaddedId("e")), nullptr);
    Transaction transaction;
    AddNetworks(1, &transaction);
    EXPECT_THAT((*store)->Commit(std::move(transaction)), IsOk());
  }
}

INSTANTIATE_TEST_SUITE_P(All, CrashTest,
                         testing::Values(FaultVfs::Crash::kWritten,
                                         FaultVfs::Crash::kTorn,
                                         FaultVfs::Crash::kSynced));

class DiskErrorTest : public StoreFaultTest,
                      public testing::WithParamInterface<int> {};

// Every operation of a few commits fails once, alone and with those after it:
// commits are refused or done, reads go on, and later all is well again.
TEST_P(DiskErrorTest, CommitsAreRefusedAndReadsGoOn) {
  absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(options_);
  ASSERT_THAT(store, IsOk());
  int done = 0;
  int refused = 0;
  int64_t last_revision = 0;
  constexpr size_t kOperations = 24;  // about what a commit takes
  for (size_t n = 0; n < 2 * kOperations; ++n) {
    vfs_.Fail(n % kOperations, 1 + n % 3, GetParam());
    for (int attempt = 0; attempt < 3; ++attempt) {
      absl::StatusOr<int64_t> revision = (*store)->Commit(Numbered(done + 1));
      if (revision.ok()) {
        ++done;
        EXPECT_GT(*revision, last_revision);
        last_revision = *revision;
      } else {
        ++refused;
        EXPECT_THAT(revision, StatusIs(absl::StatusCode::kResourceExhausted));
        EXPECT_THAT(revision, ReasonIs("DISK_FULL"));
        EXPECT_FALSE((*store)->health().last_error.ok());
      }
      EXPECT_EQ(LastTransaction(store->get()), done);
    }
  }
  EXPECT_GT(refused, 10);
  vfs_.Fail(0, 0, SQLITE_OK);
  ASSERT_THAT((*store)->Commit(Numbered(++done)), IsOk());
  EXPECT_THAT((*store)->health().last_error, IsOk());
  store->reset();
  EXPECT_EQ(LastEvent(options_.path), done);
  store = Store::Open(options_);
  ASSERT_THAT(store, IsOk());
  EXPECT_EQ(LastTransaction(store->get()), done);
}

INSTANTIATE_TEST_SUITE_P(All, DiskErrorTest,
                         testing::Values(SQLITE_FULL, SQLITE_IOERR_WRITE,
                                         SQLITE_IOERR_FSYNC));

TEST_F(StoreFaultTest, AStoreThatCannotBeMadeSaysSo) {
  vfs_.Fail(0, 1'000'000, SQLITE_FULL);
  EXPECT_THAT(Store::Open(options_), ReasonIs("DISK_FULL"));
}

}  // namespace
}  // namespace caisson::store
