#include "server/core/output_merge.h"

#include <future>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/status_matchers.h"
#include "runtime/record/test_log.h"

namespace caisson::core {
namespace {

using base::IsOk;
using base::StatusIs;
using testing::ElementsAre;

using Follow = MergedReader::Follow;
using BatchOr = absl::StatusOr<MergedBatch>;

class MergedReaderTest : public testing::Test {
 protected:
  struct Container {
    record::TestLog log;
    std::shared_ptr<OutputSource> source;
  };

  MergedReaderTest() {
    absl::StatusOr<std::unique_ptr<OutputService>> service =
        OutputService::Create();
    EXPECT_THAT(service, IsOk());
    service_ = *std::move(service);
    for (Container* container : {&a_, &b_, &c_}) {
      container->source = std::make_shared<OutputSource>(
          service_.get(), container->log.path(),
          OutputSource::State{1, true, false, nullptr});
      container->log.Start();
    }
  }
  ~MergedReaderTest() override {
    for (Container* container : {&a_, &b_, &c_}) container->source.reset();
  }

  static MergedReader::Input Input(const std::string& name,
                                   Container* container) {
    return {name, container->source, {}};
  }

  std::unique_ptr<MergedReader> Open(std::vector<MergedReader::Input> inputs,
                                     Follow follow,
                                     OutputOptions options = {}) {
    return MergedReader::Create(service_.get(), std::move(inputs),
                                std::move(options), follow);
  }

  static std::future<BatchOr> Next(MergedReader* reader,
                                   size_t max = 64 * 1024) {
    auto promise = std::make_shared<std::promise<BatchOr>>();
    reader->Next(max, [promise](BatchOr batch) {
      promise->set_value(std::move(batch));
    });
    return promise->get_future();
  }

  // Adds "name: bytes", "name: gap" or "name: end".
  static void Describe(const MergedBatch& batch,
                       std::vector<std::string>* items) {
    for (const MergedItem& item : batch.items) {
      std::string text = "gap";
      if (const auto* chunk = std::get_if<OutputChunk>(&item.item)) {
        text = chunk->bytes;
      }
      if (std::holds_alternative<OutputEnd>(item.item)) text = "end";
      items->push_back(absl::StrCat(item.container, ": ", text));
    }
  }

  static std::vector<std::string> ReadAll(MergedReader* reader,
                                          size_t max = 64 * 1024) {
    std::vector<std::string> items;
    while (true) {
      BatchOr batch = Next(reader, max).get();
      EXPECT_THAT(batch, IsOk());
      if (!batch.ok()) return items;
      Describe(*batch, &items);
      if (batch->finished) return items;
      EXPECT_FALSE(batch->items.empty());
    }
  }

  std::unique_ptr<OutputService> service_;
  Container a_, b_, c_;
};

TEST_F(MergedReaderTest, HistoryIsMergedByTimeAndTiesByContainer) {
  a_.log.Out("1\n", 100);
  b_.log.Out("2\n", 200);
  b_.log.Out("3\n", 300);
  a_.log.Out("4\n", 300);
  a_.log.Err("5\n", 300);
  a_.log.Out("6\n", 400);
  b_.log.Out("7\n", 350);
  // The tie at 300 goes to "a", so "3" comes behind 4 and 5.
  auto reader = Open({Input("b", &b_), Input("a", &a_)}, Follow::kNo);
  std::vector<std::string> items = ReadAll(reader.get());
  EXPECT_THAT(items, ElementsAre("a: 1\n", "b: 2\n", "a: 4\n", "a: 5\n",
                                 "b: 3\n7\n", "b: end", "a: 6\n", "a: end"));
}

TEST_F(MergedReaderTest, NothingToReadIsFinished) {
  EXPECT_THAT(ReadAll(Open({}, Follow::kNo).get()), testing::IsEmpty());
  auto reader = Open({Input("a", &a_)}, Follow::kNo);
  EXPECT_THAT(ReadAll(reader.get()), ElementsAre("a: end"));
  EXPECT_THAT(Next(reader.get()).get(),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(MergedReaderTest, EachContainerHasItsOwnPosition) {
  a_.log.Out("aaa\n", 100);
  b_.log.Out("bbb\n", 200);
  std::vector<MergedReader::Input> inputs = {Input("a", &a_), Input("b", &b_)};
  inputs[0].from.offset = 2;
  inputs[1].from.kind = OutputFrom::Kind::kNow;
  auto reader = Open(inputs, Follow::kNo);
  EXPECT_THAT(ReadAll(reader.get()),
              testing::UnorderedElementsAre("a: a\n", "a: end", "b: end"));
}

TEST_F(MergedReaderTest, AWrongPositionFailsAndNamesTheContainer) {
  std::vector<MergedReader::Input> inputs = {Input("a", &a_)};
  inputs[0].from.offset = 99;
  auto reader = Open(inputs, Follow::kForever);
  EXPECT_THAT(Next(reader.get()).get(), StatusIs(absl::StatusCode::kOutOfRange,
                                                 testing::HasSubstr("a: ")));
}

TEST_F(MergedReaderTest, BatchesAreBoundedByTheirBytes) {
  for (int i = 0; i < 20; ++i) {
    a_.log.Out(std::string(99, 'a') + "\n", i * 10);
    b_.log.Out(std::string(99, 'b') + "\n", i * 10 + 5);
  }
  auto reader = Open({Input("a", &a_), Input("b", &b_)}, Follow::kNo);
  size_t total = 0;
  while (true) {
    BatchOr batch = Next(reader.get(), 250).get();
    ASSERT_THAT(batch, IsOk());
    size_t bytes = 0;
    for (const MergedItem& item : batch->items) {
      const auto* chunk = std::get_if<OutputChunk>(&item.item);
      if (chunk != nullptr) bytes += chunk->bytes.size();
    }
    EXPECT_LE(bytes, 250u);
    total += bytes;
    if (batch->finished) break;
  }
  EXPECT_EQ(total, 4'000u);
}

TEST_F(MergedReaderTest, FollowingGoesOnUntilContainersAreRemoved) {
  a_.log.Out("old\n", 100);
  auto reader = Open({Input("a", &a_), Input("b", &b_)}, Follow::kForever);
  std::vector<std::string> items;
  Describe(*Next(reader.get()).get(), &items);
  EXPECT_THAT(items, ElementsAre("a: old\n"));
  items.clear();

  std::future<BatchOr> next = Next(reader.get());
  b_.log.Out("live\n");
  Describe(*next.get(), &items);
  EXPECT_THAT(items, ElementsAre("b: live\n"));
  items.clear();

  next = Next(reader.get());
  auto exit = std::make_shared<store::ExitInfo>();
  exit->run = 1;
  a_.source->SetExited(exit);  // no end: it may run again
  a_.source->SetRunning(2);
  a_.log.Start(2);
  a_.log.Out("again\n");
  Describe(*next.get(), &items);
  EXPECT_THAT(items, ElementsAre("a: again\n"));
  items.clear();

  next = Next(reader.get());
  a_.source->SetRemoved();
  Describe(*next.get(), &items);
  EXPECT_THAT(items, ElementsAre("a: end"));
}

TEST_F(MergedReaderTest, FollowingToTheExitEndsWithIt) {
  a_.log.Out("1\n", 100);
  auto reader = Open({Input("a", &a_)}, Follow::kToExit);
  std::vector<std::string> items;
  Describe(*Next(reader.get()).get(), &items);
  std::future<BatchOr> next = Next(reader.get());
  a_.log.Out("2\n");
  Describe(*next.get(), &items);
  next = Next(reader.get());
  // What somebody else writes into the pipe later is not its own.
  auto exit = std::make_shared<store::ExitInfo>();
  exit->run = 1;
  exit->end_offset = 4;
  a_.source->SetExited(exit);
  a_.log.Out("late\n");
  const BatchOr last = next.get();
  ASSERT_THAT(last, IsOk());
  Describe(*last, &items);
  EXPECT_TRUE(last->finished);
  EXPECT_THAT(items, ElementsAre("a: 1\n", "a: 2\n", "a: end"));
}

TEST_F(MergedReaderTest, TellsWhenItHasAllOfARunThatHasEnded) {
  std::promise<int64_t> caught_up;
  MergedReader::Input input = Input("a", &a_);
  input.on_caught_up = [&caught_up](int64_t run) { caught_up.set_value(run); };
  std::future<int64_t> run = caught_up.get_future();
  a_.log.Out("one\n", 100);
  auto reader = Open({input}, Follow::kForever);
  std::vector<std::string> items;
  Describe(*Next(reader.get()).get(), &items);
  EXPECT_THAT(items, ElementsAre("a: one\n"));
  a_.log.Out("two\n");
  auto exit = std::make_shared<store::ExitInfo>();
  exit->run = 7;
  a_.source->SetExited(exit);
  Describe(*Next(reader.get()).get(), &items);
  EXPECT_THAT(items, ElementsAre("a: one\n", "a: two\n"));
  std::future<BatchOr> next = Next(reader.get());
  EXPECT_EQ(run.get(), 7);
  a_.source->SetRemoved();
  items.clear();
  Describe(*next.get(), &items);
  EXPECT_THAT(items, ElementsAre("a: end"));
}

TEST_F(MergedReaderTest, ContainersThatBeginToMatchJoin) {
  auto reader = Open({}, Follow::kForever);
  std::future<BatchOr> next = Next(reader.get());
  c_.log.Out("hello\n", 100);
  reader->Add(Input("c", &c_));
  std::vector<std::string> items;
  Describe(*next.get(), &items);
  EXPECT_THAT(items, ElementsAre("c: hello\n"));
  // A second time is ignored: nothing is delivered twice.
  reader->Add(Input("c", &c_));
  next = Next(reader.get());
  c_.log.Out("more\n");
  items.clear();
  Describe(*next.get(), &items);
  EXPECT_THAT(items, ElementsAre("c: more\n"));
}

TEST_F(MergedReaderTest, AContainerThatWritesAllTheTimeLeavesRoomForOthers) {
  const int64_t future = absl::ToUnixNanos(absl::Now() + absl::Hours(1));
  for (int i = 0; i < 100; ++i) a_.log.Out("busy\n", future);
  b_.log.Out("quiet\n", future + 1);
  auto reader = Open({Input("a", &a_), Input("b", &b_)}, Follow::kForever);
  std::vector<std::string> items;
  // By time alone "quiet" would come behind 500 bytes.
  for (int i = 0; i < 2; ++i) {
    Describe(*Next(reader.get(), 50).get(), &items);
  }
  EXPECT_THAT(items, testing::Contains("b: quiet\n"));
}

TEST_F(MergedReaderTest, UntilEndsAFollowedStream) {
  OutputOptions options;
  options.until = absl::Now() + absl::Milliseconds(20);
  a_.log.Out("x\n", 100);
  auto reader = Open({Input("a", &a_)}, Follow::kForever, options);
  EXPECT_THAT(ReadAll(reader.get()), ElementsAre("a: x\n", "a: end"));
}

TEST_F(MergedReaderTest, CancelAnswersThePendingCall) {
  auto reader = Open({Input("a", &a_)}, Follow::kForever);
  std::future<BatchOr> next = Next(reader.get());
  reader->Cancel();
  EXPECT_THAT(next.get(), StatusIs(absl::StatusCode::kCancelled));
  a_.log.Out("x\n");
  EXPECT_THAT(Next(reader.get()).get(), StatusIs(absl::StatusCode::kCancelled));
}

}  // namespace
}  // namespace caisson::core
