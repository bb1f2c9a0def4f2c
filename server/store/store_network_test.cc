// What the store keeps of networks and leases, and files of the format that
// had neither.
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/status_matchers.h"
#include "server/store/format1_file.h"
#include "server/store/sqlite.h"
#include "server/store/store.h"
#include "server/store/test_store.h"

namespace caisson::store {
namespace {

using base::IsOk;
using base::ReasonIs;
using base::StatusIs;
using testing::ElementsAre;
using testing::IsEmpty;

class StoreNetworkTest : public testing::Test {
 protected:
  StoreNetworkTest() : clock_(absl::FromUnixSeconds(1'700'000'002)) {
    options_ = TestOptions(directory_, &clock_);
  }

  void Open() {
    store_.reset();
    absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(options_);
    ASSERT_THAT(store, IsOk());
    store_ = *std::move(store);
  }

  int64_t Commit(Transaction transaction) {
    absl::StatusOr<int64_t> revision = store_->Commit(std::move(transaction));
    EXPECT_THAT(revision, IsOk());
    return revision.value_or(-1);
  }

  int64_t Put(const NetworkRecord& record) {
    Transaction transaction;
    transaction.put_networks.push_back(record);
    return Commit(std::move(transaction));
  }

  void PutLease(const LeaseRow& row) {
    Transaction transaction;
    transaction.put_leases.push_back(row);
    Commit(std::move(transaction));
  }

  void EraseLease(const LeaseRow& row) {
    Transaction transaction;
    transaction.erase_leases.push_back(row);
    Commit(std::move(transaction));
  }

  std::vector<LeaseRow> Leases() {
    absl::StatusOr<std::vector<LeaseRow>> rows = store_->ReadLeases();
    EXPECT_THAT(rows, IsOk());
    return rows.value_or(std::vector<LeaseRow>());
  }

  const Catalog& catalog() { return store_->catalog(); }

  TempDirectory directory_;
  base::ManualClock clock_;
  StoreOptions options_;
  std::unique_ptr<Store> store_;
};

LeaseRow MakeLease(const std::string& address, int64_t generation) {
  LeaseRow row;
  row.network_id = PaddedId("a");
  row.address = address;
  row.endpoint_id = PaddedId("e");
  row.state = 2;
  row.quarantined_until_ns = 12'345'678'901;
  row.boot_id = "boot-1";
  row.generation = generation;
  return row;
}

TEST_F(StoreNetworkTest, ANetworkComesBackAfterAReopen) {
  Open();
  NetworkRecord record = MakeNetwork("a", "blue");
  record.up = true;
  const int64_t created = Put(record);
  record.up = false;
  const int64_t changed = Put(record);
  for (const bool reopened : {false, true}) {
    if (reopened) Open();
    const NetworkPtr back = catalog().FindNetwork("blue");
    ASSERT_NE(back, nullptr);
    EXPECT_EQ(catalog().NetworkById(record.id), back);
    EXPECT_EQ(catalog().FindNetwork(record.id), back);
    EXPECT_EQ(back->create_revision, created);
    EXPECT_EQ(back->revision, changed);
    EXPECT_EQ(*back->spec, *record.spec);
    EXPECT_EQ(back->subnets, record.subnets);
    EXPECT_FALSE(back->up);
    EXPECT_EQ(catalog().counts().networks, 1u);
  }
}

TEST_F(StoreNetworkTest, ANameHasOneHolderAmongNetworks) {
  Open();
  Put(MakeNetwork("a", "blue"));
  Transaction second;
  second.put_networks.push_back(MakeNetwork("b", "blue"));
  const absl::StatusOr<int64_t> refused = store_->Commit(std::move(second));
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(refused, ReasonIs("NAME_IN_USE"));
  EXPECT_EQ(catalog().NetworkById(PaddedId("b")), nullptr);
  // A container may be called as a network is, and even have its id.
  Commit(PutAndAnnounce(MakeContainer("a", "blue"), "container.created"));
  // Deleting frees the name in the same transaction.
  Transaction swap;
  swap.delete_networks.push_back(MakeNetwork("a", "blue"));
  swap.put_networks.push_back(MakeNetwork("b", "blue"));
  Commit(std::move(swap));
  Open();
  EXPECT_EQ(catalog().FindNetwork("blue")->id, PaddedId("b"));
  EXPECT_EQ(catalog().Find("blue")->id, PaddedId("a"));
}

TEST_F(StoreNetworkTest, AnUnfinishedCreateIsHiddenAndCanBeTakenBack) {
  Open();
  NetworkRecord record = MakeNetwork("a", "blue");
  record.intent = Intent::kCreate;
  Put(record);
  EXPECT_EQ(catalog().FindNetwork("blue"), nullptr);
  EXPECT_EQ(catalog().FindNetwork(record.id), nullptr);
  EXPECT_NE(catalog().NetworkById(record.id), nullptr);
  record.intent = Intent::kNone;
  const int64_t visible = Put(record);
  EXPECT_EQ(catalog().FindNetwork("blue")->create_revision, visible);

  NetworkRecord other = MakeNetwork("b", "red");
  other.intent = Intent::kCreate;
  Put(other);
  Transaction erase;
  erase.erase_networks.push_back(other.id);
  Commit(std::move(erase));
  EXPECT_EQ(catalog().NetworkNameHolder("red"), nullptr);
  Open();
  EXPECT_EQ(catalog().NetworkById(other.id), nullptr);
  EXPECT_EQ(catalog().AllNetworks().size(), 1u);
}

TEST_F(StoreNetworkTest, EventsCarryTheNetworkAsItWas) {
  Open();
  const int64_t start = catalog().revision();
  NetworkRecord record = MakeNetwork("a", "blue");
  Transaction creation;
  creation.put_networks.push_back(record);
  creation.AddNetworkEvent("network.created", record.id, "r");
  const int64_t created = Commit(std::move(creation));
  record.up = true;
  Transaction deletion;
  deletion.delete_networks.push_back(record);
  deletion.AddNetworkEvent("network.deleted", record.id);
  const int64_t deleted = Commit(std::move(deletion));

  EventSlice recent;
  ASSERT_TRUE(store_->ReadRecentEvents(start, 10, &recent));
  absl::StatusOr<EventSlice> stored = store_->ReadStoredEvents(start, 10);
  ASSERT_THAT(stored, IsOk());
  for (const EventSlice& slice : {recent, *stored}) {
    ASSERT_EQ(slice.events.size(), 2u);
    const Event& first = *slice.events[0];
    EXPECT_EQ(first.type, "network.created");
    EXPECT_EQ(first.request_id, "r");
    EXPECT_EQ(first.container, nullptr);
    ASSERT_NE(first.network, nullptr);
    EXPECT_EQ(first.network->id, record.id);
    EXPECT_EQ(first.network->spec->name, "blue");
    EXPECT_EQ(first.network->revision, created);
    EXPECT_FALSE(first.network->up);
    const Event& second = *slice.events[1];
    EXPECT_EQ(second.type, "network.deleted");
    ASSERT_NE(second.network, nullptr);
    EXPECT_EQ(second.network->create_revision, created);
    EXPECT_EQ(second.network->revision, deleted);
    EXPECT_TRUE(second.network->up) << "the last state";
  }
  EXPECT_EQ(catalog().counts().networks, 0u);
}

TEST_F(StoreNetworkTest, UnknownNetworksAreRefusedAndChangeNothing) {
  Open();
  const int64_t before = catalog().revision();
  Transaction event;
  event.put_networks.push_back(MakeNetwork("a", "blue"));
  event.put_leases.push_back(MakeLease("10.1.0.2", 1));
  event.AddNetworkEvent("network.created", PaddedId("b"));
  EXPECT_THAT(store_->Commit(std::move(event)), ReasonIs("NETWORK_NOT_FOUND"));
  Transaction deletion;
  deletion.delete_networks.push_back(MakeNetwork("b", "red"));
  const absl::StatusOr<int64_t> refused = store_->Commit(std::move(deletion));
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(refused, ReasonIs("NETWORK_NOT_FOUND"));
  Transaction erase;
  erase.erase_networks.push_back(PaddedId("b"));
  EXPECT_THAT(store_->Commit(std::move(erase)), IsOk());
  EXPECT_EQ(catalog().revision(), before + 3) << "the last one took its number";
  EXPECT_THAT(catalog().AllNetworks(), IsEmpty());
  EXPECT_THAT(Leases(), IsEmpty());
}

TEST_F(StoreNetworkTest, AContainersEndpointsAndLeasesAreOneTransaction) {
  Open();
  ContainerRecord record = MakeContainer("c", "web");
  Endpoint endpoint;
  endpoint.id = PaddedId("e");
  endpoint.network_id = PaddedId("a");
  endpoint.addresses = {"10.1.0.2/16"};
  record.status.networks = {endpoint};
  Transaction transaction = PutAndAnnounce(record, "container.started");
  transaction.put_networks.push_back(MakeNetwork("a", "blue"));
  transaction.put_leases.push_back(MakeLease("10.1.0.2", 1));
  Commit(std::move(transaction));
  Open();
  EXPECT_THAT(catalog().Find("web")->status.networks, ElementsAre(endpoint));
  EXPECT_THAT(Leases(), ElementsAre(MakeLease("10.1.0.2", 1)));
}

TEST_F(StoreNetworkTest, ALeaseIsReplacedByAGreaterGenerationOnly) {
  Open();
  PutLease(MakeLease("10.1.0.2", 5));
  LeaseRow other = MakeLease("10.1.0.2", 5);
  other.endpoint_id = PaddedId("f");
  for (const int64_t generation : {4, 5}) {
    other.generation = generation;
    PutLease(other);
    EXPECT_THAT(Leases(), ElementsAre(MakeLease("10.1.0.2", 5)));
  }
  other.generation = 6;
  other.state = 0;
  other.quarantined_until_ns = 0;
  other.boot_id = "boot-2";
  PutLease(other);
  EXPECT_THAT(Leases(), ElementsAre(other));
  // Another network has addresses of its own.
  LeaseRow elsewhere = MakeLease("10.1.0.2", 1);
  elsewhere.network_id = PaddedId("b");
  PutLease(elsewhere);
  Open();
  EXPECT_THAT(Leases(), ElementsAre(other, elsewhere));
}

TEST_F(StoreNetworkTest, ALeaseIsErasedWithItsOwnGenerationOnly) {
  Open();
  PutLease(MakeLease("10.1.0.2", 5));
  PutLease(MakeLease("10.1.0.3", 6));
  EraseLease(MakeLease("10.1.0.2", 4));
  EraseLease(MakeLease("10.1.0.2", 6));
  EraseLease(MakeLease("10.1.0.4", 5));
  EXPECT_EQ(Leases().size(), 2u);
  // Erased and given out again in one transaction.
  Transaction transaction;
  transaction.put_leases.push_back(MakeLease("10.1.0.2", 3));
  transaction.erase_leases.push_back(MakeLease("10.1.0.2", 5));
  transaction.erase_leases.push_back(MakeLease("10.1.0.3", 6));
  Commit(std::move(transaction));
  EXPECT_THAT(Leases(), ElementsAre(MakeLease("10.1.0.2", 3)));
}

TEST_F(StoreNetworkTest, LeasesGoWithTheirNetwork) {
  Open();
  Put(MakeNetwork("a", "blue"));
  Put(MakeNetwork("b", "red"));
  PutLease(MakeLease("10.1.0.2", 1));
  LeaseRow other = MakeLease("10.2.0.2", 1);
  other.network_id = PaddedId("b");
  PutLease(other);
  Transaction deletion;
  deletion.delete_networks.push_back(MakeNetwork("a", "blue"));
  Commit(std::move(deletion));
  EXPECT_THAT(Leases(), ElementsAre(other));
}

TEST_F(StoreNetworkTest, APageTokenOfCompactedTimesIsRefused) {
  options_.min_events = 0;
  options_.event_age = absl::ZeroDuration();
  Open();
  Put(MakeNetwork("a", "one"));
  Put(MakeNetwork("b", "two"));
  PageRequest request;
  request.max_items = 1;
  absl::StatusOr<NetworkPage> page = store_->ListNetworks({}, request);
  ASSERT_THAT(page, IsOk());
  request.token = page->next_page_token;
  page = store_->ListNetworks({}, request);
  ASSERT_THAT(page, IsOk());
  EXPECT_EQ(page->networks[0]->name, "two");
  Commit(PutAndAnnounce(MakeContainer("c", "web"), "x"));
  clock_.Advance(absl::Seconds(1));
  ASSERT_THAT(store_->Maintain(), IsOk());
  EXPECT_THAT(store_->ListNetworks({}, request),
              ReasonIs("REVISION_COMPACTED"));
}

TEST_F(StoreNetworkTest, AFileOfFormat1KeepsAllThatItHas) {
  ASSERT_THAT(MakeFormat1File(options_), IsOk());
  Open();
  EXPECT_EQ(store_->store_id(), "store-1");
  const ContainerPtr web = catalog().Find("web");
  ASSERT_NE(web, nullptr);
  EXPECT_EQ(web->id, PaddedId("a"));
  EXPECT_EQ(web->status.state, ContainerState::kRunning);
  EXPECT_EQ(web->status.run, 2);
  EXPECT_EQ(web->spec->labels.at("k"), "v");
  EXPECT_THAT(web->status.networks, IsEmpty());
  ASSERT_NE(catalog().ExecById(PaddedId("e")), nullptr);
  EXPECT_EQ(catalog().ExecById(PaddedId("e"))->number, 7);
  ASSERT_NE(catalog().Tombstone(PaddedId("b")), nullptr);
  EXPECT_EQ(catalog().Tombstone(PaddedId("b"))->spec->name, "gone");
  ASSERT_NE(catalog().Request("r"), nullptr);
  EXPECT_EQ(catalog().Request("r")->method, "Run");
  EXPECT_THAT(catalog().AllNetworks(), IsEmpty());
  EXPECT_THAT(Leases(), IsEmpty());

  absl::StatusOr<EventSlice> slice = store_->ReadStoredEvents(9, 10);
  ASSERT_THAT(slice, IsOk());
  ASSERT_EQ(slice->events.size(), 2u);
  EXPECT_EQ(slice->events[0]->type, "container.started");
  EXPECT_EQ(slice->events[0]->container->spec->name, "web");
  EXPECT_EQ(slice->events[0]->network, nullptr);
  EXPECT_EQ(slice->events[0]->request_id, "r");
  EXPECT_EQ(slice->events[1]->exec->number, 7);
}

TEST_F(StoreNetworkTest, AFileOfFormat1BecomesAsANewOneIs) {
  const auto schema = [](const StoreOptions& options) {
    absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(options);
    EXPECT_THAT(store, IsOk());
    store->reset();
    absl::StatusOr<std::unique_ptr<Database>> db =
        Database::Open(options.path, SQLITE_OPEN_READWRITE, "");
    EXPECT_THAT(db, IsOk());
    EXPECT_EQ((*db)->SelectInt("PRAGMA user_version")->value_or(0), 4);
    EXPECT_EQ(*(*db)->SelectText("PRAGMA integrity_check"), "ok");
    return *(*db)->SelectText(
        "SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_schema "
        "ORDER BY type, name)");
  };
  ASSERT_THAT(MakeFormat1File(options_), IsOk());
  const std::string migrated = schema(options_);
  StoreOptions fresh = options_;
  fresh.path = directory_.File("new.db");
  EXPECT_EQ(migrated, schema(fresh));
}

TEST_F(StoreNetworkTest, AFileOfFormat1TakesNetworks) {
  ASSERT_THAT(MakeFormat1File(options_), IsOk());
  Open();
  Transaction creation;
  creation.put_networks.push_back(MakeNetwork("a", "blue"));
  creation.put_leases.push_back(MakeLease("10.1.0.2", 1));
  creation.AddNetworkEvent("network.created", PaddedId("a"));
  const int64_t revision = Commit(std::move(creation));
  EXPECT_GT(revision, 65'536) << "what was reserved may have been used";
  Open();
  EXPECT_NE(catalog().FindNetwork("blue"), nullptr);
  EXPECT_THAT(Leases(), ElementsAre(MakeLease("10.1.0.2", 1)));
  absl::StatusOr<EventSlice> slice = store_->ReadStoredEvents(9, 10);
  ASSERT_THAT(slice, IsOk());
  ASSERT_EQ(slice->events.size(), 3u);
  EXPECT_EQ(slice->events[2]->network->name, "blue");
}

}  // namespace
}  // namespace caisson::store
