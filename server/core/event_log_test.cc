#include "server/core/event_log.h"

#include <future>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/status_matchers.h"
#include "server/store/test_store.h"

namespace caisson::core {
namespace {

using base::IsOk;
using base::ReasonIs;
using base::StatusIs;
using testing::ElementsAre;

using BatchOr = absl::StatusOr<EventBatch>;

class EventLogTest : public testing::Test {
 protected:
  EventLogTest() : clock_(absl::FromUnixSeconds(1'700'000'000)) {
    options_ = store::TestOptions(directory_, &clock_);
  }

  void Open() {
    log_.reset();
    store_.reset();
    absl::StatusOr<std::unique_ptr<store::Store>> store =
        store::Store::Open(options_);
    ASSERT_THAT(store, IsOk());
    store_ = *std::move(store);
    log_ = std::make_unique<EventLog>(store_.get());
  }

  int64_t Commit(const std::string& id, const std::string& type,
                 int events = 1) {
    store::Transaction transaction;
    store::ContainerRecord record =
        store::MakeContainer(id, absl::StrCat("name-", id));
    record.spec = store::MakeSpec(record.name, {{"id", id}});
    transaction.put_containers.push_back(record);
    for (int i = 0; i < events; ++i) transaction.AddEvent(type, record.id);
    absl::StatusOr<int64_t> revision = store_->Commit(std::move(transaction));
    EXPECT_THAT(revision, IsOk());
    return revision.value_or(0);
  }

  std::unique_ptr<EventCursor> Watch(WatchOptions options = {}) {
    absl::StatusOr<std::unique_ptr<EventCursor>> cursor =
        log_->Watch(std::move(options));
    EXPECT_THAT(cursor, IsOk());
    return cursor.ok() ? *std::move(cursor) : nullptr;
  }

  std::unique_ptr<EventCursor> WatchAfter(int64_t revision) {
    WatchOptions options;
    options.after_revision = revision;
    return Watch(options);
  }

  static std::future<BatchOr> Next(EventCursor* cursor, size_t max = 100) {
    auto promise = std::make_shared<std::promise<BatchOr>>();
    cursor->Next(max, [promise](BatchOr batch) {
      promise->set_value(std::move(batch));
    });
    return promise->get_future();
  }

  static std::vector<std::string> Types(const EventBatch& batch) {
    std::vector<std::string> types;
    for (const store::EventPtr& event : batch.events) {
      types.push_back(event->type);
    }
    return types;
  }

  store::TempDirectory directory_;
  base::ManualClock clock_;
  store::StoreOptions options_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<EventLog> log_;
};

TEST_F(EventLogTest, AWatchFromNowGetsWhatComes) {
  Open();
  Commit("a", "before");
  auto cursor = Watch();
  EXPECT_EQ(cursor->Bookmark(), store_->catalog().revision());
  std::future<BatchOr> next = Next(cursor.get());
  const int64_t revision = Commit("b", "after");
  BatchOr batch = next.get();
  ASSERT_THAT(batch, IsOk());
  EXPECT_THAT(Types(*batch), ElementsAre("after"));
  EXPECT_EQ(batch->revision, revision);
  // The bookmark follows the batch.
  while (cursor->Bookmark() < revision) std::this_thread::yield();
  EXPECT_EQ(cursor->Bookmark(), revision);
}

TEST_F(EventLogTest, ResumingIsExclusiveAndWhole) {
  Open();
  const int64_t first = Commit("a", "one", 3);
  const int64_t second = Commit("b", "two", 2);
  auto cursor = WatchAfter(first - 1);
  BatchOr batch = Next(cursor.get(), 1).get();
  ASSERT_THAT(batch, IsOk());
  EXPECT_THAT(Types(*batch), ElementsAre("one", "one", "one"));
  EXPECT_EQ(batch->revision, first);
  batch = Next(cursor.get(), 1).get();
  EXPECT_THAT(Types(*batch), ElementsAre("two", "two"));

  auto resumed = WatchAfter(first);
  batch = Next(resumed.get()).get();
  EXPECT_THAT(Types(*batch), ElementsAre("two", "two"));
  EXPECT_EQ(batch->revision, second);
}

TEST_F(EventLogTest, WhoWatchesSomeContainersGetsNoNetworks) {
  Open();
  const std::unique_ptr<EventCursor> all = Watch();
  WatchOptions options;
  options.filter.name_prefix = "name-";
  const std::unique_ptr<EventCursor> some = Watch(options);
  store::Transaction transaction;
  transaction.put_networks = {store::MakeNetwork("d", "name-lan")};
  transaction.AddNetworkEvent("network.created",
                              transaction.put_networks[0].id);
  ASSERT_THAT(store_->Commit(std::move(transaction)), IsOk());
  Commit("a", "container.created");
  const BatchOr everything = Next(all.get()).get();
  ASSERT_THAT(everything, IsOk());
  ASSERT_FALSE(everything->events.empty());
  EXPECT_EQ(everything->events[0]->type, "network.created");
  const BatchOr containers = Next(some.get()).get();
  ASSERT_THAT(containers, IsOk());
  ASSERT_FALSE(containers->events.empty());
  EXPECT_EQ(containers->events[0]->type, "container.created");
}

TEST_F(EventLogTest, FiltersSelectAndBookmarksAdvance) {
  Open();
  WatchOptions options;
  options.types = {"container.*", "exec.started"};
  options.filter.labels = *store::LabelSelector::Parse("id in (a,b)");
  auto cursor = Watch(options);
  std::future<BatchOr> next = Next(cursor.get());
  Commit("c", "container.created");
  Commit("a", "exec.exited");
  Commit("a", "exec.started.x");
  Commit("a", "exec.started");
  EXPECT_THAT(Types(*next.get()), ElementsAre("exec.started"));
  next = Next(cursor.get());
  const int64_t quiet = Commit("c", "container.created");
  // Another cursor's answer shows that the log has seen this commit.
  auto other = WatchAfter(quiet - 1);
  EXPECT_THAT(Next(other.get()).get(), IsOk());
  while (cursor->Bookmark() < quiet) std::this_thread::yield();
  Commit("b", "container.deleted");
  EXPECT_THAT(Types(*next.get()), ElementsAre("container.deleted"));
}

TEST_F(EventLogTest, ASlowWatcherReadsFromTheDatabase) {
  options_.ring_events = 2;
  Open();
  const int64_t start = store_->catalog().revision();
  auto cursor = WatchAfter(start);
  for (int i = 0; i < 50; ++i) Commit("a", absl::StrCat("e", i));
  std::vector<std::string> types;
  while (types.size() < 50) {
    BatchOr batch = Next(cursor.get(), 7).get();
    ASSERT_THAT(batch, IsOk());
    EXPECT_LE(batch->events.size(), 7u);
    for (const auto& type : Types(*batch)) types.push_back(type);
  }
  for (int i = 0; i < 50; ++i) EXPECT_EQ(types[i], absl::StrCat("e", i));
}

TEST_F(EventLogTest, AWatchGoesOnAfterARestart) {
  Open();
  const int64_t first = Commit("a", "one");
  Commit("a", "two");
  const std::string id = store_->store_id();
  Open();
  WatchOptions options;
  options.after_revision = first;
  options.store_id = id;
  auto cursor = Watch(options);
  EXPECT_THAT(Types(*Next(cursor.get()).get()), ElementsAre("two"));
  auto oldest = WatchAfter(0);
  EXPECT_THAT(Types(*Next(oldest.get()).get()), ElementsAre("one", "two"));
}

TEST_F(EventLogTest, WhatIsGoneOrNeverWasIsRefused) {
  Open();
  const int64_t old = Commit("a", "one");
  WatchOptions options;
  options.after_revision = old + 1;
  absl::StatusOr<std::unique_ptr<EventCursor>> cursor = log_->Watch(options);
  EXPECT_THAT(cursor, StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(cursor, ReasonIs("REVISION_COMPACTED"));
  options.after_revision = -1;
  EXPECT_THAT(log_->Watch(options), ReasonIs("REVISION_COMPACTED"));
  options.after_revision = old;
  options.store_id = "another";
  EXPECT_THAT(log_->Watch(options), ReasonIs("STORE_CHANGED"));
  options.store_id = "";
  options_.boot_id = "boot-2";
  Open();
  cursor = log_->Watch(options);
  EXPECT_THAT(cursor, ReasonIs("REVISION_COMPACTED"));
  const base::ErrorDetail detail = base::DetailOf(cursor.status());
  ASSERT_EQ(detail.metadata.size(), 3u);
  EXPECT_EQ(detail.metadata[2].second, store_->store_id());
}

TEST_F(EventLogTest, FallingBehindCompactionEndsTheCursor) {
  options_.ring_events = 1;
  options_.min_events = 1;
  options_.event_age = absl::ZeroDuration();
  Open();
  auto cursor = Watch();
  for (int i = 0; i < 5; ++i) Commit("a", "e");
  clock_.Advance(absl::Seconds(1));
  ASSERT_THAT(store_->Maintain(), IsOk());
  EXPECT_THAT(Next(cursor.get()).get(), ReasonIs("REVISION_COMPACTED"));
  EXPECT_THAT(Next(cursor.get()).get(),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(EventLogTest, CancelAnswersThePendingCall) {
  Open();
  auto cursor = Watch();
  std::future<BatchOr> next = Next(cursor.get());
  cursor->Cancel();
  EXPECT_THAT(next.get(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(Next(cursor.get()).get(), StatusIs(absl::StatusCode::kCancelled));
  auto second = Watch();
  next = Next(second.get());
  log_.reset();
  EXPECT_THAT(next.get(), StatusIs(absl::StatusCode::kCancelled));
}

// Writers and watchers at once, with a ring so small that watchers move
// between memory and database: every watcher sees every event once, in order.
TEST_F(EventLogTest, NobodyMissesAnything) {
  options_.ring_events = 8;
  Open();
  constexpr int kWriters = 3;
  constexpr int kEach = 40;
  constexpr int kWatchers = 3;
  std::vector<std::unique_ptr<EventCursor>> cursors;
  for (int i = 0; i < kWatchers; ++i) cursors.push_back(Watch());
  std::vector<std::thread> threads;
  for (int w = 0; w < kWriters; ++w) {
    threads.emplace_back([this, w] {
      for (int i = 0; i < kEach; ++i) Commit(absl::StrCat("w", w), "e", 2);
    });
  }
  for (int i = 0; i < kWatchers; ++i) {
    threads.emplace_back([&, i] {
      int64_t last = 0;
      int seen = 0;
      while (seen < kWriters * kEach * 2) {
        BatchOr batch = Next(cursors[i].get(), 1 + i * 5).get();
        ASSERT_THAT(batch, IsOk());
        for (const store::EventPtr& event : batch->events) {
          EXPECT_GE(event->revision, last);
          last = event->revision;
          ++seen;
        }
        EXPECT_LE(last, batch->revision);
      }
      EXPECT_EQ(seen, kWriters * kEach * 2);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace caisson::core
