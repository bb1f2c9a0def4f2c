#include "server/core/output_reader.h"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <random>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/status_matchers.h"
#include "runtime/record/test_log.h"

namespace caisson::core {
namespace {

using base::IsOk;
using base::ReasonIs;
using base::StatusIs;

using ItemOr = absl::StatusOr<OutputItem>;

std::shared_ptr<const store::ExitInfo> Exit(int64_t run,
                                            std::optional<int64_t> end_offset) {
  auto exit = std::make_shared<store::ExitInfo>();
  exit->run = run;
  exit->end_offset = end_offset;
  return exit;
}

class OutputReaderTest : public testing::Test {
 protected:
  OutputReaderTest() {
    absl::StatusOr<std::unique_ptr<OutputService>> service =
        OutputService::Create();
    EXPECT_THAT(service, IsOk());
    service_ = *std::move(service);
    OutputSource::State state;
    state.run = 1;
    state.running = true;
    SetSource(state);
  }
  ~OutputReaderTest() override {
    source_.reset();
    service_.reset();
  }

  void SetSource(OutputSource::State state) {
    source_ = std::make_shared<OutputSource>(service_.get(), log_.path(),
                                             std::move(state));
  }

  std::unique_ptr<OutputReader> Open(OutputOptions options = {}) {
    return OutputReader::Create(service_.get(), source_, std::move(options));
  }

  static OutputOptions From(int64_t offset) {
    OutputOptions options;
    options.from.offset = offset;
    return options;
  }

  static std::future<ItemOr> Next(OutputReader* reader,
                                  size_t max = 64 * 1024) {
    auto promise = std::make_shared<std::promise<ItemOr>>();
    reader->Next(
        max, [promise](ItemOr item) { promise->set_value(std::move(item)); });
    return promise->get_future();
  }

  static absl::StatusOr<int64_t> Start(OutputReader* reader) {
    std::promise<absl::StatusOr<int64_t>> promise;
    reader->Start([&](absl::StatusOr<int64_t> offset) {
      promise.set_value(std::move(offset));
    });
    return promise.get_future().get();
  }

  // "text", "gap a-b reason" or "end at n run r".
  static std::string Describe(const ItemOr& item) {
    if (!item.ok()) return item.status().ToString();
    if (const auto* chunk = std::get_if<OutputChunk>(&*item)) {
      return chunk->bytes;
    }
    if (const auto* gap = std::get_if<OutputGap>(&*item)) {
      static constexpr const char* kNames[] = {"rotated", "not kept",
                                               "tail only", "disk full"};
      return absl::StrCat("gap ", gap->from_offset, "-", gap->to_offset, " ",
                          kNames[static_cast<int>(gap->reason)]);
    }
    const auto& end = std::get<OutputEnd>(*item);
    return absl::StrCat("end at ", end.offset, " run ",
                        end.exit == nullptr ? 0 : end.exit->run,
                        end.removed ? " removed" : "");
  }
  static std::string Get(OutputReader* reader) {
    return Describe(Next(reader).get());
  }

  record::TestLog log_;
  std::unique_ptr<OutputService> service_;
  std::shared_ptr<OutputSource> source_;
};

TEST_F(OutputReaderTest, HistoryThenLiveThenTheExit) {
  log_.Start();
  log_.Out("old\n");
  auto reader = Open();
  EXPECT_EQ(Get(reader.get()), "old\n");
  std::future<ItemOr> next = Next(reader.get());
  log_.Out("new\n");
  EXPECT_EQ(Describe(next.get()), "new\n");
  next = Next(reader.get());
  log_.Out("last\n");
  EXPECT_EQ(Describe(next.get()), "last\n");
  next = Next(reader.get());
  source_->SetExited(Exit(1, log_.end()));
  EXPECT_EQ(Describe(next.get()), "end at 13 run 1");
  EXPECT_THAT(Next(reader.get()).get(),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(OutputReaderTest, TheExitWaitsForTheOutputBeforeIt) {
  log_.Start();
  log_.Out("a\n");
  auto reader = Open();
  source_->SetExited(Exit(1, 2));
  EXPECT_EQ(Get(reader.get()), "a\n");
  EXPECT_EQ(Get(reader.get()), "end at 2 run 1");
}

TEST_F(OutputReaderTest, NothingBehindTheExitIsDelivered) {
  log_.Start();
  log_.Out("process");
  log_.Out("somebody else");
  source_->SetExited(Exit(1, 7));
  auto reader = Open();
  EXPECT_EQ(Get(reader.get()), "process");
  EXPECT_EQ(Get(reader.get()), "end at 7 run 1");
}

TEST_F(OutputReaderTest, LostOutputBeforeTheExitIsAGap) {
  log_.Start();
  log_.Out("some");
  source_->SetExited(Exit(1, 10));
  auto reader = Open();
  EXPECT_EQ(Get(reader.get()), "some");
  EXPECT_EQ(Get(reader.get()), "gap 4-10 not kept");
  EXPECT_EQ(Get(reader.get()), "end at 10 run 1");
}

TEST_F(OutputReaderTest, AnExitWithoutAnOffsetEndsWhatIsThere) {
  log_.Start();
  log_.Out("some");
  source_->SetExited(Exit(1, std::nullopt));
  auto reader = Open();
  EXPECT_EQ(Get(reader.get()), "some");
  EXPECT_EQ(Get(reader.get()), "end at 4 run 1");
}

TEST_F(OutputReaderTest, AReaderOfTheFirstRunDoesNotSeeTheSecond) {
  log_.Start(1);
  log_.Out("one\n");
  auto reader = Open();
  EXPECT_EQ(Get(reader.get()), "one\n");
  log_.Out("more\n");
  log_.Close();
  source_->SetExited(Exit(1, 9));
  log_.Start(2);
  source_->SetRunning(2);
  log_.Out("two\n");
  source_->SetExited(Exit(2, 13));
  EXPECT_EQ(Get(reader.get()), "more\n");
  EXPECT_EQ(Get(reader.get()), "end at 9 run 1");
  auto second = Open(From(9));
  EXPECT_EQ(Get(second.get()), "two\n");
  EXPECT_EQ(Get(second.get()), "end at 13 run 2");
}

TEST_F(OutputReaderTest, AContainerThatNeverRanIsWaitedFor) {
  SetSource({});
  auto reader = Open();
  std::future<ItemOr> next = Next(reader.get());
  source_->SetRunning(1);
  log_.Start();
  log_.Out("x");
  EXPECT_EQ(Describe(next.get()), "x");
  source_->SetExited(Exit(1, 1));
  EXPECT_EQ(Get(reader.get()), "end at 1 run 1");
}

TEST_F(OutputReaderTest, ADirectoryThatComesLaterIsFound) {
  const std::string path = log_.path() + "/later";
  source_ = std::make_shared<OutputSource>(
      service_.get(), path, OutputSource::State{1, true, false, nullptr});
  auto reader = Open();
  std::future<ItemOr> next = Next(reader.get());
  log_.Start();
  log_.Out("x");
  ASSERT_EQ(::mkdir(path.c_str(), 0700), 0);
  for (const char* name : {"log.0", "log.0.idx"}) {
    ASSERT_EQ(::rename(absl::StrCat(log_.path(), "/", name).c_str(),
                       absl::StrCat(path, "/", name).c_str()),
              0);
  }
  EXPECT_EQ(Describe(next.get()), "x");
}

TEST_F(OutputReaderTest, RemovalEndsTheStreamAfterWhatIsLeft) {
  log_.Start();
  log_.Out("x");
  OutputOptions options;
  options.end = OutputOptions::End::kRemoved;
  auto reader = Open(options);
  EXPECT_EQ(Get(reader.get()), "x");
  std::future<ItemOr> next = Next(reader.get());
  source_->SetExited(Exit(1, 1));
  source_->SetRunning(2);
  log_.Start(2);
  log_.Out("y");
  EXPECT_EQ(Describe(next.get()), "y");
  next = Next(reader.get());
  source_->SetExited(Exit(2, 2));
  source_->SetRemoved();
  EXPECT_EQ(Describe(next.get()), "end at 2 run 2 removed");
}

TEST_F(OutputReaderTest, CaughtUpMeansWhatWasThereAtFirst) {
  log_.Start();
  log_.Out("one");
  OutputOptions options;
  options.end = OutputOptions::End::kCaughtUp;
  auto reader = Open(options);
  ASSERT_THAT(Start(reader.get()), IsOk());
  log_.Out("two");
  EXPECT_EQ(Get(reader.get()), "one");
  EXPECT_EQ(Get(reader.get()), "end at 3 run 0");
  source_->SetExited(Exit(1, 6));
  reader = Open(options);
  EXPECT_EQ(Get(reader.get()), "onetwo");
  EXPECT_EQ(Get(reader.get()), "end at 6 run 1");
}

TEST_F(OutputReaderTest, StartTellsWhereItBegins) {
  log_.Start();
  log_.Out("one\ntwo\nthree");
  EXPECT_EQ(*Start(Open().get()), 0);
  EXPECT_EQ(*Start(Open(From(5)).get()), 5);
  EXPECT_EQ(*Start(Open(From(13)).get()), 13);
  OutputOptions now;
  now.from.kind = OutputFrom::Kind::kNow;
  EXPECT_EQ(*Start(Open(now).get()), 13);
  OutputOptions tail;
  tail.from.kind = OutputFrom::Kind::kTailLines;
  tail.from.tail_lines = 2;
  auto reader = Open(tail);
  EXPECT_EQ(*Start(reader.get()), 4);
  EXPECT_EQ(Get(reader.get()), "gap 0-4 tail only");
  EXPECT_EQ(Get(reader.get()), "two\nthree");
}

TEST_F(OutputReaderTest, AnOffsetBehindTheEndIsRefused) {
  log_.Start();
  log_.Out("one");
  for (const int64_t offset : {int64_t{4}, int64_t{-1}}) {
    auto reader = Open(From(offset));
    const absl::StatusOr<int64_t> start = Start(reader.get());
    EXPECT_THAT(start, StatusIs(absl::StatusCode::kOutOfRange));
    EXPECT_THAT(start, ReasonIs("OFFSET_BEYOND_END"));
    EXPECT_FALSE(Next(reader.get()).get().ok());
  }
  EXPECT_THAT(Next(Open(From(4)).get()).get(), ReasonIs("OFFSET_BEYOND_END"));
}

TEST_F(OutputReaderTest, UntilEndsAStreamThatIsSilent) {
  log_.Start();
  log_.Out("x\n", absl::ToUnixNanos(absl::Now()));
  OutputOptions options;
  options.until = absl::Now() + absl::Milliseconds(20);
  auto reader = Open(options);
  EXPECT_EQ(Get(reader.get()), "x\n");
  EXPECT_EQ(Get(reader.get()), "end at 2 run 0");
}

TEST_F(OutputReaderTest, CancelAnswersThePendingCall) {
  log_.Start();
  log_.Out("x");
  auto reader = Open();
  EXPECT_EQ(Get(reader.get()), "x");
  std::future<ItemOr> next = Next(reader.get());
  reader->Cancel();
  EXPECT_THAT(next.get(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(Next(reader.get()).get(), StatusIs(absl::StatusCode::kCancelled));
  auto dropped = Open();
  EXPECT_EQ(Get(dropped.get()), "x");
  next = Next(dropped.get());
  dropped.reset();
  EXPECT_THAT(next.get(), StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(OutputReaderTest, TheNamedReaderTellsWhatItConsumed) {
  log_.Start();
  log_.Out(std::string(600'000, 'x'));
  std::atomic<int64_t> told{0};
  OutputOptions options;
  options.on_position = [&](int64_t offset) {
    EXPECT_GT(offset, told);
    told = offset;
  };
  auto reader = Open(options);
  int64_t received = 0;
  while (received < 600'000) {
    ItemOr item = Next(reader.get()).get();
    ASSERT_THAT(item, IsOk());
    received = std::get<OutputChunk>(*item).offset +
               static_cast<int64_t>(std::get<OutputChunk>(*item).bytes.size());
    EXPECT_LT(told, received) << "only what was asked beyond is consumed";
    EXPECT_LT(received - told, 400'000);
  }
  std::future<ItemOr> next = Next(reader.get());
  source_->SetExited(Exit(1, 600'000));
  EXPECT_EQ(Describe(next.get()), "end at 600000 run 1");
  EXPECT_EQ(told, 600'000);
}

// Many readers with different options follow a writer that rotates; each gets
// the exact bytes of its streams and, at last, the end.
TEST_F(OutputReaderTest, ManyReadersFollowOneWriter) {
  constexpr int kReaders = 6;
  struct Result {
    std::string bytes;
    std::promise<std::string> end;
  };
  std::vector<Result> results(kReaders);
  std::vector<std::unique_ptr<OutputReader>> readers;
  std::function<void(int)> pump = [&](int i) {
    readers[i]->Next(100 * (i + 1), [&, i](ItemOr item) {
      if (item.ok() && std::holds_alternative<OutputChunk>(*item)) {
        results[i].bytes += std::get<OutputChunk>(*item).bytes;
        return pump(i);
      }
      results[i].end.set_value(Describe(item));
    });
  };
  for (int i = 0; i < kReaders; ++i) {
    OutputOptions options;
    options.want_stdout = i % 3 != 1;
    options.want_stderr = i % 3 != 2;
    readers.push_back(Open(options));
  }
  for (int i = 0; i < kReaders; ++i) pump(i);
  log_.Start(1, 5'000);
  std::mt19937 random(1);
  for (int i = 0; i < 500; ++i) {
    log_.Write(random() % 2 == 0 ? record::LogStream::kStdout
                                 : record::LogStream::kStderr,
               absl::StrCat("line ", i, random() % 3 == 0 ? "" : "\n"));
  }
  log_.Close();
  source_->SetExited(Exit(1, log_.end()));
  std::string of_stream[3] = {log_.output(), "", ""};
  for (size_t i = 0; i < log_.output().size(); ++i) {
    of_stream[log_.streams()[i] == 'e' ? 1 : 2] += log_.output()[i];
  }
  for (int i = 0; i < kReaders; ++i) {
    EXPECT_EQ(results[i].end.get_future().get(),
              absl::StrCat("end at ", log_.end(), " run 1"));
    EXPECT_EQ(results[i].bytes, of_stream[i % 3]) << i;
  }
}

}  // namespace
}  // namespace caisson::core
