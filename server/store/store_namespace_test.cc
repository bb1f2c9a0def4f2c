// What the store keeps of network namespaces, and files of the format that had
// none.
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/status_matchers.h"
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
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class StoreNamespaceTest : public testing::Test {
 protected:
  StoreNamespaceTest() : clock_(absl::FromUnixSeconds(1'700'000'002)) {
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

  int64_t Put(const NetworkNamespaceRecord& record) {
    Transaction transaction;
    transaction.put_network_namespaces.push_back(record);
    return Commit(std::move(transaction));
  }

  const Catalog& catalog() { return store_->catalog(); }

  TempDirectory directory_;
  base::ManualClock clock_;
  StoreOptions options_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreNamespaceTest, OneComesBackAfterAReopen) {
  Open();
  NetworkNamespaceRecord record = MakeNetworkNamespace("a", "blue");
  record.request_id = "r";
  record.create_time = absl::FromUnixSeconds(1'700'000'000);
  record.create_revision = Put(record);
  record.inode = 0;
  record.boot_id = "";
  record.revision = Put(record);
  for (const bool reopened : {false, true}) {
    if (reopened) Open();
    const NetworkNamespacePtr back = catalog().FindNetworkNamespace("blue");
    ASSERT_NE(back, nullptr);
    EXPECT_EQ(catalog().NetworkNamespaceById(record.id), back);
    EXPECT_EQ(*back, record);
    EXPECT_EQ(catalog().counts().network_namespaces, 1u);
    EXPECT_THAT(catalog().AllNetworkNamespaces(), ElementsAre(back));
  }
}

TEST_F(StoreNamespaceTest, AnUnfinishedCreateIsHiddenAndCanBeTakenBack) {
  Open();
  NetworkNamespaceRecord record = MakeNetworkNamespace("a", "blue");
  record.intent = Intent::kCreate;
  Put(record);
  EXPECT_EQ(catalog().FindNetworkNamespace("blue"), nullptr);
  EXPECT_NE(catalog().NetworkNamespaceNameHolder("blue"), nullptr);
  Open();
  EXPECT_EQ(catalog().NetworkNamespaceById(record.id)->intent, Intent::kCreate);
  record.intent = Intent::kNone;
  const int64_t visible = Put(record);
  EXPECT_EQ(catalog().FindNetworkNamespace("blue")->create_revision, visible);
  Transaction erase;
  erase.erase_network_namespaces.push_back(record.id);
  Commit(std::move(erase));
  EXPECT_EQ(catalog().NetworkNamespaceNameHolder("blue"), nullptr);
  Open();
  EXPECT_THAT(catalog().AllNetworkNamespaces(), IsEmpty());
}

TEST_F(StoreNamespaceTest, ANameHasOneHolder) {
  Open();
  Put(MakeNetworkNamespace("a", "blue"));
  Transaction second;
  second.put_network_namespaces.push_back(MakeNetworkNamespace("b", "blue"));
  const absl::StatusOr<int64_t> refused = store_->Commit(std::move(second));
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(refused, ReasonIs("NAME_IN_USE"));
  // A network may be called so, and deleting frees the name at once.
  Transaction swap;
  swap.put_networks.push_back(MakeNetwork("a", "blue"));
  swap.delete_network_namespaces.push_back(MakeNetworkNamespace("a", "blue"));
  swap.put_network_namespaces.push_back(MakeNetworkNamespace("b", "blue"));
  Commit(std::move(swap));
  Open();
  EXPECT_EQ(catalog().FindNetworkNamespace("blue")->id, PaddedId("b"));
  EXPECT_EQ(catalog().FindNetwork("blue")->id, PaddedId("a"));
}

TEST_F(StoreNamespaceTest, EventsCarryItAsItWas) {
  Open();
  const int64_t start = catalog().revision();
  NetworkNamespaceRecord record = MakeNetworkNamespace("a", "blue");
  Transaction creation;
  creation.put_network_namespaces.push_back(record);
  creation.AddNamespaceEvent("network_namespace.created", record.id, "r");
  const int64_t created = Commit(std::move(creation));
  record.inode = 7;
  Transaction deletion;
  deletion.delete_network_namespaces.push_back(record);
  deletion.AddNamespaceEvent("network_namespace.deleted", record.id);
  const int64_t deleted = Commit(std::move(deletion));

  EventSlice recent;
  ASSERT_TRUE(store_->ReadRecentEvents(start, 10, &recent));
  absl::StatusOr<EventSlice> stored = store_->ReadStoredEvents(start, 10);
  ASSERT_THAT(stored, IsOk());
  for (const EventSlice& slice : {recent, *stored}) {
    ASSERT_THAT(slice.events, SizeIs(2));
    const Event& first = *slice.events[0];
    EXPECT_EQ(first.type, "network_namespace.created");
    EXPECT_EQ(first.request_id, "r");
    EXPECT_EQ(first.container, nullptr);
    EXPECT_EQ(first.network, nullptr);
    ASSERT_NE(first.network_namespace, nullptr);
    EXPECT_EQ(first.network_namespace->id, record.id);
    EXPECT_EQ(first.network_namespace->revision, created);
    ASSERT_NE(slice.events[1]->network_namespace, nullptr);
    EXPECT_EQ(slice.events[1]->network_namespace->create_revision, created);
    EXPECT_EQ(slice.events[1]->network_namespace->revision, deleted);
    EXPECT_EQ(slice.events[1]->network_namespace->inode, 7) << "the last state";
  }
  EXPECT_EQ(catalog().counts().network_namespaces, 0u);
}

TEST_F(StoreNamespaceTest, UnknownOnesAreRefusedAndChangeNothing) {
  Open();
  Transaction event;
  event.put_network_namespaces.push_back(MakeNetworkNamespace("a", "blue"));
  event.AddNamespaceEvent("network_namespace.created", PaddedId("b"));
  EXPECT_THAT(store_->Commit(std::move(event)),
              ReasonIs("NETWORK_NAMESPACE_NOT_FOUND"));
  Transaction deletion;
  deletion.delete_network_namespaces.push_back(
      MakeNetworkNamespace("b", "red"));
  EXPECT_THAT(store_->Commit(std::move(deletion)),
              ReasonIs("NETWORK_NAMESPACE_NOT_FOUND"));
  EXPECT_THAT(catalog().AllNetworkNamespaces(), IsEmpty());
}

TEST_F(StoreNamespaceTest, PagesGoByThePrefixOfTheName) {
  Open();
  Put(MakeNetworkNamespace("a", "blue"));
  Put(MakeNetworkNamespace("b", "red"));
  Put(MakeNetworkNamespace("c", "black"));
  NetworkNamespaceFilter filter;
  filter.name_prefix = "bl";
  PageRequest request;
  request.max_items = 1;
  auto page = store_->ListNetworkNamespaces(filter, request);
  ASSERT_THAT(page, IsOk());
  ASSERT_THAT(page->namespaces, SizeIs(1));
  EXPECT_EQ(page->namespaces[0]->name, "blue");
  request.token = page->next_page_token;
  page = store_->ListNetworkNamespaces(filter, request);
  ASSERT_THAT(page, IsOk());
  ASSERT_THAT(page->namespaces, SizeIs(1));
  EXPECT_EQ(page->namespaces[0]->name, "black");
  EXPECT_EQ(page->next_page_token, "");
  request.token = "x";
  EXPECT_THAT(store_->ListNetworkNamespaces(filter, request),
              ReasonIs("BAD_PAGE_TOKEN"));
}

// A request is remembered for as long as what it made.
TEST_F(StoreNamespaceTest, ItsRequestLivesAsLong) {
  options_.request_age = absl::ZeroDuration();
  Open();
  Transaction creation;
  creation.put_network_namespaces.push_back(MakeNetworkNamespace("a", "blue"));
  RequestRow row;
  row.id = "r";
  row.object_id = PaddedId("a");
  row.outcome = RequestRow::Outcome::kOk;
  row.start_time = row.end_time = clock_.Now();
  creation.put_requests.push_back(row);
  Commit(std::move(creation));
  clock_.Advance(absl::Hours(2));
  ASSERT_THAT(store_->Maintain(), IsOk());
  EXPECT_NE(catalog().Request("r"), nullptr);
  Transaction deletion;
  deletion.delete_network_namespaces.push_back(
      MakeNetworkNamespace("a", "blue"));
  Commit(std::move(deletion));
  ASSERT_THAT(store_->Maintain(), IsOk());
  EXPECT_EQ(catalog().Request("r"), nullptr);
}

TEST_F(StoreNamespaceTest, AFileOfFormat2KeepsAllThatItHas) {
  ASSERT_THAT(MakeFormat2File(options_), IsOk());
  Open();
  EXPECT_NE(catalog().Find("web"), nullptr);
  const NetworkPtr blue = catalog().FindNetwork("blue");
  ASSERT_NE(blue, nullptr);
  EXPECT_TRUE(blue->up);
  absl::StatusOr<std::vector<LeaseRow>> leases = store_->ReadLeases();
  ASSERT_THAT(leases, IsOk());
  EXPECT_THAT(*leases, SizeIs(1));
  EXPECT_THAT(catalog().AllNetworkNamespaces(), IsEmpty());
  absl::StatusOr<EventSlice> slice = store_->ReadStoredEvents(9, 10);
  ASSERT_THAT(slice, IsOk());
  ASSERT_THAT(slice->events, SizeIs(3));
  EXPECT_EQ(slice->events[2]->network->name, "blue");
  EXPECT_EQ(slice->events[2]->network_namespace, nullptr);
  Put(MakeNetworkNamespace("d", "green"));
  Open();
  EXPECT_NE(catalog().FindNetworkNamespace("green"), nullptr);
}

TEST_F(StoreNamespaceTest, AFileOfFormat3KeepsAllThatItHas) {
  ASSERT_THAT(MakeFormat3File(options_), IsOk());
  Open();
  const NetworkPtr blue = catalog().FindNetwork("blue");
  ASSERT_NE(blue, nullptr);
  EXPECT_FALSE(blue->lent.has_value());
  const NetworkNamespacePtr green = catalog().FindNetworkNamespace("green");
  ASSERT_NE(green, nullptr);
  EXPECT_EQ(green->inode, 77);
  absl::StatusOr<EventSlice> slice = store_->ReadStoredEvents(12, 10);
  ASSERT_THAT(slice, IsOk());
  ASSERT_THAT(slice->events, SizeIs(1));
  EXPECT_EQ(slice->events[0]->network_namespace->name, "green");
}

TEST_F(StoreNamespaceTest, AFileOfFormat2BecomesAsANewOneIs) {
  const auto schema = [](const StoreOptions& options) {
    EXPECT_THAT(Store::Open(options), IsOk());
    absl::StatusOr<std::unique_ptr<Database>> db =
        Database::Open(options.path, SQLITE_OPEN_READWRITE, "");
    EXPECT_THAT(db, IsOk());
    EXPECT_EQ((*db)->SelectInt("PRAGMA user_version")->value_or(0), 4);
    EXPECT_EQ(*(*db)->SelectText("PRAGMA integrity_check"), "ok");
    return *(*db)->SelectText(
        "SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_schema "
        "ORDER BY type, name)");
  };
  ASSERT_THAT(MakeFormat2File(options_), IsOk());
  const std::string migrated = schema(options_);
  StoreOptions fresh = options_;
  fresh.path = directory_.File("new.db");
  EXPECT_EQ(migrated, schema(fresh));
}

}  // namespace
}  // namespace caisson::store
