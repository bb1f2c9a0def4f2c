#include "server/store/store.h"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/file.h"
#include "runtime/base/status_matchers.h"
#include "server/store/schema.h"
#include "server/store/sqlite.h"
#include "server/store/test_store.h"

namespace caisson::store {
namespace {

using base::IsOk;
using base::ReasonIs;
using base::StatusIs;
using testing::ElementsAre;
using testing::IsEmpty;

class StoreTest : public testing::Test {
 protected:
  StoreTest() : clock_(absl::FromUnixSeconds(1'700'000'000)) {
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

  const Catalog& catalog() { return store_->catalog(); }

  // All events after `after`, as "type@revision", from SQLite.
  std::vector<std::string> StoredEvents(int64_t after) {
    std::vector<std::string> found;
    absl::StatusOr<EventSlice> slice =
        store_->ReadStoredEvents(after, 1'000'000);
    EXPECT_THAT(slice, IsOk());
    if (!slice.ok()) return found;
    for (const EventPtr& event : slice->events) found.push_back(event->type);
    return found;
  }

  TempDirectory directory_;
  base::ManualClock clock_;
  StoreOptions options_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreTest, TheFileIsPrivate) {
  Open();
  struct stat info;
  ASSERT_EQ(::stat(options_.path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(StoreTest, ACommitIsPublishedWithItsRevision) {
  Open();
  const int64_t revision =
      Commit(PutAndAnnounce(MakeContainer("a", "web"), "container.created"));
  ContainerPtr record = catalog().Find("web");
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->revision, revision);
  EXPECT_EQ(record->create_revision, revision);
  EXPECT_EQ(catalog().revision(), revision);
  EventSlice slice;
  ASSERT_TRUE(store_->ReadRecentEvents(revision - 1, 10, &slice));
  ASSERT_EQ(slice.events.size(), 1u);
  EXPECT_EQ(slice.events[0]->revision, revision);
  EXPECT_EQ(slice.events[0]->container, record);
  EXPECT_EQ(slice.events[0]->time, clock_.Now());
}

TEST_F(StoreTest, EverythingComesBackAfterAReopen) {
  Open();
  const std::string id = store_->store_id();
  ContainerRecord record = MakeContainer("a", "web");
  record.spec = MakeSpec("web", {{"k", "v"}});
  record.status.run = 2;
  Transaction transaction = PutAndAnnounce(record, "container.created");
  ExecRecord exec = MakeExec("e", record.id);
  exec.number = 7;
  transaction.put_execs.push_back(exec);
  RequestRow row;
  row.id = "r";
  row.method = "Run";
  row.object_id = record.id;
  row.start_time = clock_.Now();
  transaction.put_requests.push_back(row);
  Commit(std::move(transaction));
  Transaction deletion;
  const ContainerRecord gone = MakeContainer("b", "gone");
  Commit(PutAndAnnounce(gone, "container.created"));
  deletion.delete_containers.push_back(gone);
  const int64_t last = Commit(std::move(deletion));

  Open();
  EXPECT_EQ(store_->store_id(), id);
  ContainerPtr back = catalog().Find("web");
  ASSERT_NE(back, nullptr);
  EXPECT_EQ(back->spec->labels.at("k"), "v");
  EXPECT_EQ(back->status.run, 2);
  ASSERT_NE(catalog().ExecById(PaddedId("e")), nullptr);
  EXPECT_EQ(catalog().ExecById(PaddedId("e"))->number, 7);
  EXPECT_EQ(catalog().ExecsOf(record.id).size(), 1u);
  ASSERT_NE(catalog().Request("r"), nullptr);
  EXPECT_EQ(catalog().Request("r")->method, "Run");
  EXPECT_EQ(catalog().Request("r")->end_time, absl::InfiniteFuture());
  ASSERT_NE(catalog().Tombstone(gone.id), nullptr);
  EXPECT_EQ(catalog().Tombstone(gone.id)->status.state,
            ContainerState::kDeleted);
  EXPECT_EQ(catalog().Tombstone(gone.id)->status.delete_time, clock_.Now());
  EXPECT_EQ(catalog().Find("gone"), nullptr);
  EXPECT_GE(catalog().revision(), last);
}

TEST_F(StoreTest, RevisionsAreNeverUsedTwice) {
  Open();
  const int64_t before = Commit(PutAndAnnounce(MakeContainer("a", "web"), "x"));
  Open();
  EXPECT_GT(catalog().revision(), before);
  EXPECT_GT(Commit(PutAndAnnounce(MakeContainer("b", "db"), "x")), before);
}

TEST_F(StoreTest, ABlockOfRevisionsThatIsUsedUpIsFollowedByAnother) {
  Open();
  const int64_t first = Commit({});
  int64_t last = first;
  for (int64_t i = 0; i < 3; ++i) last = Commit({});
  EXPECT_EQ(last, first + 3);
  // What is reserved on disk is always ahead of what was issued.
  absl::StatusOr<std::unique_ptr<Database>> db =
      Database::Open(options_.path, SQLITE_OPEN_READONLY, "");
  ASSERT_THAT(db, IsOk());
  EXPECT_GE((*db)->SelectInt("SELECT reserved FROM meta")->value(), last);
}

TEST_F(StoreTest, ANameHasOneHolder) {
  Open();
  Commit(PutAndAnnounce(MakeContainer("a", "web"), "x"));
  absl::StatusOr<int64_t> second =
      store_->Commit(PutAndAnnounce(MakeContainer("b", "web"), "x"));
  EXPECT_THAT(second, StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(second, ReasonIs("NAME_IN_USE"));
  EXPECT_EQ(catalog().ContainerById(PaddedId("b")), nullptr);
  // Deleting frees the name in the same transaction.
  Transaction swap;
  swap.delete_containers.push_back(MakeContainer("a", "web"));
  swap.put_containers.push_back(MakeContainer("b", "web"));
  Commit(std::move(swap));
  EXPECT_EQ(catalog().Find("web")->id, PaddedId("b"));
  Open();
  EXPECT_EQ(catalog().Find("web")->id, PaddedId("b"));
}

TEST_F(StoreTest, AnUnfinishedCreateBecomesVisibleWithItsOwnRevision) {
  Open();
  ContainerRecord record = MakeContainer("a", "web");
  record.intent = Intent::kCreate;
  Transaction intent;
  intent.put_containers.push_back(record);
  Commit(std::move(intent));
  EXPECT_EQ(catalog().Find("web"), nullptr);
  record.intent = Intent::kNone;
  const int64_t visible = Commit(PutAndAnnounce(record, "container.created"));
  EXPECT_EQ(catalog().Find("web")->create_revision, visible);
  record.status.run = 1;
  Commit(PutAndAnnounce(record, "container.started"));
  EXPECT_EQ(catalog().Find("web")->create_revision, visible);
}

TEST_F(StoreTest, ARolledBackCreateLeavesNothing) {
  Open();
  ContainerRecord record = MakeContainer("a", "web");
  record.intent = Intent::kCreate;
  Transaction intent;
  intent.put_containers.push_back(record);
  Commit(std::move(intent));
  Transaction erase;
  erase.erase_containers.push_back(record.id);
  Commit(std::move(erase));
  EXPECT_EQ(catalog().NameHolder("web"), nullptr);
  EXPECT_EQ(catalog().Tombstone(record.id), nullptr);
  absl::StatusOr<std::unique_ptr<Database>> db =
      Database::Open(options_.path, SQLITE_OPEN_READONLY, "");
  ASSERT_THAT(db, IsOk());
  EXPECT_EQ((*db)->SelectInt("SELECT count(*) FROM specs")->value(), 0);
  EXPECT_EQ((*db)->SelectInt("SELECT count(*) FROM containers")->value(), 0);
}

TEST_F(StoreTest, DeletingTakesTheExecsAlong) {
  Open();
  ContainerRecord record = MakeContainer("a", "web");
  Transaction put = PutAndAnnounce(record, "container.created");
  put.put_execs.push_back(MakeExec("e", record.id));
  Commit(std::move(put));
  Transaction deletion;
  deletion.delete_containers.push_back(record);
  deletion.AddEvent("container.deleted", record.id);
  const int64_t revision = Commit(std::move(deletion));
  EXPECT_EQ(catalog().ExecById(PaddedId("e")), nullptr);
  absl::StatusOr<EventSlice> slice = store_->ReadStoredEvents(revision - 1, 10);
  ASSERT_THAT(slice, IsOk());
  ASSERT_EQ(slice->events.size(), 1u);
  EXPECT_EQ(slice->events[0]->container->status.state,
            ContainerState::kDeleted);
  ASSERT_NE(slice->events[0]->container->spec, nullptr);
  EXPECT_EQ(slice->events[0]->container->spec->name, "web");
  Open();
  EXPECT_THAT(catalog().AllExecs(), IsEmpty());
}

TEST_F(StoreTest, UnknownObjectsAreRefusedAndChangeNothing) {
  Open();
  const int64_t before = catalog().revision();
  Transaction event;
  event.put_containers.push_back(MakeContainer("a", "web"));
  event.AddEvent("container.started", PaddedId("zz"));
  EXPECT_THAT(store_->Commit(std::move(event)),
              ReasonIs("CONTAINER_NOT_FOUND"));
  Transaction exec;
  exec.put_execs.push_back(MakeExec("e", PaddedId("zz")));
  EXPECT_THAT(store_->Commit(std::move(exec)), ReasonIs("CONTAINER_NOT_FOUND"));
  Transaction deletion;
  deletion.delete_containers.push_back(MakeContainer("zz", "zz"));
  EXPECT_THAT(store_->Commit(std::move(deletion)),
              ReasonIs("CONTAINER_NOT_FOUND"));
  EXPECT_EQ(catalog().revision(), before);
  EXPECT_THAT(catalog().AllContainers(), IsEmpty());
}

TEST_F(StoreTest, EventsComeFromDiskAsTheyWere) {
  Open();
  const int64_t start = catalog().revision();
  ContainerRecord record = MakeContainer("a", "web");
  Commit(PutAndAnnounce(record, "container.created"));
  record.status.run = 1;
  record.status.state = ContainerState::kRunning;
  Transaction started = PutAndAnnounce(record, "container.started");
  started.events[0].attributes = {{"pid", "5"}};
  started.events[0].request_id = "r";
  started.put_execs.push_back(MakeExec("e", record.id));
  started.AddEvent("exec.started", record.id, PaddedId("e"));
  const int64_t last = Commit(std::move(started));

  absl::StatusOr<EventSlice> slice = store_->ReadStoredEvents(start, 1000);
  ASSERT_THAT(slice, IsOk());
  ASSERT_EQ(slice->events.size(), 3u);
  EXPECT_EQ(slice->through_revision, last);
  EXPECT_EQ(slice->events[0]->type, "container.created");
  EXPECT_EQ(slice->events[0]->container->status.run, 0);
  const Event& event = *slice->events[1];
  EXPECT_EQ(event.type, "container.started");
  EXPECT_EQ(event.container->status.state, ContainerState::kRunning);
  EXPECT_EQ(event.container->revision, last);
  EXPECT_EQ(event.container->spec->name, "web");
  EXPECT_EQ(event.container->spec, slice->events[0]->container->spec)
      << "one spec, not a copy per event";
  EXPECT_EQ(event.attributes.size(), 1u);
  EXPECT_EQ(event.request_id, "r");
  EXPECT_EQ(slice->events[2]->exec->id, PaddedId("e"));
  EXPECT_EQ(slice->events[2]->exec->container_id, record.id);
  ASSERT_NE(slice->events[2]->exec->spec, nullptr);

  // Whole transactions only.
  absl::StatusOr<EventSlice> one = store_->ReadStoredEvents(start, 2);
  EXPECT_EQ(one->events.size(), 1u);
  EXPECT_EQ(one->through_revision, last - 1);
  absl::StatusOr<EventSlice> two = store_->ReadStoredEvents(last - 1, 1);
  EXPECT_EQ(two->events.size(), 2u);
  EXPECT_EQ(two->through_revision, last);
}

TEST_F(StoreTest, TheSameBootKeepsEventsAndANewOneCompactsThem) {
  Open();
  const int64_t start = catalog().revision();
  Commit(PutAndAnnounce(MakeContainer("a", "web"), "container.created"));
  Open();
  EXPECT_THAT(StoredEvents(start), ElementsAre("container.created"));
  const std::string id = store_->store_id();

  options_.boot_id = "boot-2";
  Open();
  EXPECT_EQ(store_->store_id(), id);
  absl::StatusOr<EventSlice> slice = store_->ReadStoredEvents(start, 10);
  EXPECT_THAT(slice, StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(slice, ReasonIs("REVISION_COMPACTED"));
  EXPECT_EQ(store_->compacted_revision(), catalog().revision());
  EXPECT_NE(catalog().Find("web"), nullptr);
}

TEST_F(StoreTest, ARestoredCopyIsAnotherStore) {
  Open();
  Commit(PutAndAnnounce(MakeContainer("a", "web"), "container.created"));
  const std::string id = store_->store_id();
  store_.reset();
  const std::string copy = directory_.File("copy.db");
  ASSERT_EQ(::link(options_.path.c_str(), copy.c_str()), 0);
  absl::StatusOr<std::string> bytes =
      base::ReadFileToString(options_.path, 64 << 20);
  ASSERT_THAT(bytes, IsOk());
  ASSERT_THAT(base::WriteFileAtomic(options_.path, *bytes, 0600, false),
              IsOk());
  Open();
  EXPECT_NE(store_->store_id(), id);
  EXPECT_NE(catalog().Find("web"), nullptr);
}

TEST_F(StoreTest, AFileOfANewerVersionIsLeftAlone) {
  Open();
  store_.reset();
  {
    absl::StatusOr<std::unique_ptr<Database>> db =
        Database::Open(options_.path, SQLITE_OPEN_READWRITE, "");
    ASSERT_THAT(db, IsOk());
    ASSERT_THAT((*db)->Execute("PRAGMA user_version = 99"), IsOk());
  }
  EXPECT_THAT(Store::Open(options_),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(StoreTest, EventsAreKeptByNumberAndAge) {
  options_.min_events = 3;
  options_.event_age = absl::Seconds(10);
  Open();
  const int64_t start = catalog().revision();
  ContainerRecord record = MakeContainer("a", "web");
  for (int i = 0; i < 5; ++i) {
    Commit(PutAndAnnounce(record, absl::StrCat("old-", i)));
  }
  ASSERT_THAT(store_->Maintain(), IsOk());
  EXPECT_EQ(StoredEvents(start).size(), 5u) << "young enough";
  clock_.Advance(absl::Seconds(11));
  Commit(PutAndAnnounce(record, "new"));
  ASSERT_THAT(store_->Maintain(), IsOk());
  EXPECT_THAT(store_->ReadStoredEvents(start, 10),
              ReasonIs("REVISION_COMPACTED"));
  EXPECT_EQ(store_->compacted_revision(), start + 3);
  EXPECT_THAT(StoredEvents(start + 3), ElementsAre("old-3", "old-4", "new"));
  Open();
  EXPECT_EQ(store_->compacted_revision(), start + 3);
}

TEST_F(StoreTest, EventsNeverTakeMoreThanTheirBytes) {
  options_.max_event_bytes = 4'000;
  Open();
  const int64_t start = catalog().revision();
  ContainerRecord record = MakeContainer("a", "web");
  record.kernel.cgroup_path = std::string(1'000, 'c');
  for (int i = 0; i < 10; ++i) Commit(PutAndAnnounce(record, "x"));
  ASSERT_THAT(store_->Maintain(), IsOk());
  EXPECT_EQ(store_->compacted_revision(), start + 7);
  EXPECT_EQ(StoredEvents(start + 7).size(), 3u);
}

TEST_F(StoreTest, SpecsGoWhenNothingTellsOfThem) {
  options_.min_events = 0;
  options_.event_age = absl::Seconds(10);
  options_.tombstone_age = absl::Seconds(100);
  Open();
  ContainerRecord record = MakeContainer("a", "web");
  Commit(PutAndAnnounce(record, "container.created"));
  Transaction deletion;
  deletion.delete_containers.push_back(record);
  deletion.AddEvent("container.deleted", record.id);
  Commit(std::move(deletion));
  const auto specs = [&] {
    absl::StatusOr<std::unique_ptr<Database>> db =
        Database::Open(options_.path, SQLITE_OPEN_READONLY, "");
    EXPECT_THAT(db, IsOk());
    return (*db)->SelectInt("SELECT count(*) FROM specs")->value();
  };
  clock_.Advance(absl::Seconds(11));
  ASSERT_THAT(store_->Maintain(), IsOk());
  EXPECT_EQ(specs(), 1) << "the tombstone needs it";
  clock_.Advance(absl::Seconds(100));
  ASSERT_THAT(store_->Maintain(), IsOk());
  EXPECT_EQ(specs(), 0);
  EXPECT_EQ(catalog().Tombstone(record.id), nullptr);
  Open();
  EXPECT_EQ(catalog().Tombstone(record.id), nullptr);
}

TEST_F(StoreTest, FinishedRequestsExpire) {
  options_.request_age = absl::Seconds(10);
  Open();
  RequestRow row;
  row.id = "r";
  row.end_time = clock_.Now();
  Transaction transaction;
  transaction.put_requests.push_back(row);
  Commit(std::move(transaction));
  ASSERT_THAT(store_->Maintain(), IsOk());
  EXPECT_NE(catalog().Request("r"), nullptr);
  clock_.Advance(absl::Seconds(11));
  ASSERT_THAT(store_->Maintain(), IsOk());
  EXPECT_EQ(catalog().Request("r"), nullptr);
  Open();
  EXPECT_EQ(catalog().Request("r"), nullptr);
}

TEST_F(StoreTest, APageTokenOfCompactedTimesIsRefused) {
  options_.min_events = 0;
  options_.event_age = absl::ZeroDuration();
  Open();
  Commit(PutAndAnnounce(MakeContainer("a", "one"), "x"));
  Commit(PutAndAnnounce(MakeContainer("b", "two"), "x"));
  PageRequest request;
  request.max_items = 1;
  absl::StatusOr<ContainerPage> page = store_->ListContainers({}, request);
  ASSERT_THAT(page, IsOk());
  request.token = page->next_page_token;
  EXPECT_THAT(store_->ListContainers({}, request), IsOk());
  Commit(PutAndAnnounce(MakeContainer("c", "three"), "x"));
  clock_.Advance(absl::Seconds(1));
  ASSERT_THAT(store_->Maintain(), IsOk());
  EXPECT_THAT(store_->ListContainers({}, request),
              ReasonIs("REVISION_COMPACTED"));
}

TEST_F(StoreTest, TheListenerHearsOfEveryPublication) {
  Open();
  std::vector<int64_t> heard;
  store_->SetListener([&](int64_t revision) {
    heard.push_back(revision);
    EXPECT_EQ(catalog().revision(), revision) << "published before told";
  });
  const int64_t first = Commit(PutAndAnnounce(MakeContainer("a", "a"), "x"));
  const int64_t second = Commit(PutAndAnnounce(MakeContainer("b", "b"), "x"));
  EXPECT_THAT(heard, ElementsAre(first, second));
}

// Many threads, one name each and one name for all: every commit has its own
// revision, one of the fighters for a name wins, and all is there afterwards.
TEST_F(StoreTest, ConcurrentCommitsShareTransactionsAndKeepTheirOwnFate) {
  options_.background_thread = true;
  Open();
  constexpr int kThreads = 8;
  constexpr int kEach = 25;
  std::atomic<int> won{0};
  absl::Mutex mutex;
  std::set<int64_t> revisions;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        const std::string name = absl::StrCat("n", t, "-", i);
        absl::StatusOr<int64_t> revision = store_->Commit(
            PutAndAnnounce(MakeContainer(absl::StrCat(t, "x", i, "x"), name),
                           "container.created"));
        ASSERT_THAT(revision, IsOk());
        absl::MutexLock lock(&mutex);
        EXPECT_TRUE(revisions.insert(*revision).second);
      }
      absl::StatusOr<int64_t> fight = store_->Commit(
          PutAndAnnounce(MakeContainer(absl::StrCat("f", t), "same"), "x"));
      if (fight.ok()) ++won;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(won, 1);
  EXPECT_EQ(catalog().counts().containers, kThreads * kEach + 1u);
  EXPECT_LE(store_->health().batches, store_->health().commits);
  Open();
  EXPECT_EQ(catalog().counts().containers, kThreads * kEach + 1u);
}

}  // namespace
}  // namespace caisson::store
