#include "runtime/record/log_reader.h"

#include <stdio.h>
#include <unistd.h>

#include <random>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/file.h"
#include "runtime/base/status_matchers.h"
#include "runtime/record/test_log.h"

namespace caisson::record {
namespace {

using base::IsOk;
using testing::ElementsAre;
using testing::IsEmpty;

class LogReaderTest : public testing::Test {
 protected:
  std::unique_ptr<LogReader> Open(int64_t offset = 0) {
    auto reader = std::make_unique<LogReader>(log_.OpenDirectory());
    EXPECT_THAT(reader->Seek(offset), IsOk());
    return reader;
  }

  LogRead Read(LogReader* reader, const LogReadOptions& options = {}) {
    absl::StatusOr<LogRead> read = reader->Read(options, &chunk_, &gap_);
    EXPECT_THAT(read, IsOk());
    return read.value_or(LogRead::kUntil);
  }

  // Reads all there is and checks every byte, offset and stream against the
  // model. Gaps are described as "reason from-to".
  std::vector<std::string> ReadAll(LogReader* reader,
                                   const LogReadOptions& options = {}) {
    static constexpr const char* kNames[] = {"rotated", "not kept",
                                             "disk full"};
    std::vector<std::string> gaps;
    int64_t at = reader->position();
    while (true) {
      const LogRead read = Read(reader, options);
      if (read == LogRead::kCaughtUp || read == LogRead::kUntil) return gaps;
      if (read == LogRead::kGap) {
        EXPECT_EQ(gap_.from_offset, at);
        gaps.push_back(absl::StrCat(kNames[static_cast<int>(gap_.reason)], " ",
                                    gap_.from_offset, "-", gap_.to_offset));
        at = gap_.to_offset;
      } else {
        EXPECT_GE(chunk_.offset, at);
        CheckChunk(options);
        at = chunk_.offset + static_cast<int64_t>(chunk_.bytes.size());
      }
      EXPECT_EQ(reader->position(), at);
    }
  }

  void CheckChunk(const LogReadOptions& options) {
    const auto offset = static_cast<size_t>(chunk_.offset);
    const size_t size = chunk_.bytes.size();
    ASSERT_GT(size, 0u);
    ASSERT_LE(size, options.max_bytes);
    ASSERT_LE(offset + size, log_.output().size());
    EXPECT_EQ(chunk_.bytes, log_.output().substr(offset, size));
    const char stream = chunk_.stream == LogStream::kStdout ? 'o' : 'e';
    EXPECT_EQ(log_.streams().substr(offset, size), std::string(size, stream));
    int64_t before = 0;
    for (size_t i = 0; i < offset; ++i) before += log_.streams()[i] == stream;
    EXPECT_EQ(chunk_.stream_offset, before);
    read_ += chunk_.bytes;
  }

  std::string PathOf(uint64_t sequence) {
    char name[kLogNameBytes];
    LogSegmentName(sequence, name);
    return absl::StrCat(log_.path(), "/", name);
  }

  void AppendRaw(const std::string& path, const std::string& bytes) {
    absl::StatusOr<base::UniqueFd> fd = base::Open(path, O_WRONLY | O_APPEND);
    ASSERT_THAT(fd, IsOk());
    ASSERT_THAT(base::WriteAll(fd->get(), bytes), IsOk());
  }

  TestLog log_;
  LogChunk chunk_;
  LogGap gap_;
  std::string read_;  // by ReadAll
};

TEST_F(LogReaderTest, ALogThatDoesNotExistYetIsCaughtUpWith) {
  auto reader = Open();
  EXPECT_EQ(Read(reader.get()), LogRead::kCaughtUp);
  EXPECT_EQ(reader->position(), 0);
  log_.Start();
  log_.Out("now\n");
  EXPECT_THAT(ReadAll(reader.get()), IsEmpty());
  EXPECT_EQ(read_, "now\n");
}

TEST_F(LogReaderTest, AdjacentRecordsOfAStreamAreOneChunk) {
  log_.Start();
  log_.Out("a\nb\nc");
  log_.Err("E");
  log_.Out("d\n");
  auto reader = Open();
  ASSERT_EQ(Read(reader.get()), LogRead::kChunk);
  EXPECT_EQ(chunk_.bytes, "a\nb\nc");
  EXPECT_TRUE(chunk_.partial);
  EXPECT_EQ(chunk_.run, 1u);
  EXPECT_EQ(chunk_.time_ns, 1'000'000'000);
  ASSERT_EQ(Read(reader.get()), LogRead::kChunk);
  EXPECT_EQ(chunk_.bytes, "E");
  EXPECT_EQ(chunk_.stream, LogStream::kStderr);
  ASSERT_EQ(Read(reader.get()), LogRead::kChunk);
  EXPECT_EQ(chunk_.bytes, "d\n");
  EXPECT_EQ(chunk_.stream_offset, 5);
  EXPECT_FALSE(chunk_.partial);
  EXPECT_EQ(Read(reader.get()), LogRead::kCaughtUp);
}

TEST_F(LogReaderTest, LinesComeOneByOne) {
  log_.Start();
  log_.Out("a\nbc", 5);
  log_.Out("d\n", 6);
  LogReadOptions options;
  options.lines = true;
  auto reader = Open();
  ASSERT_EQ(Read(reader.get(), options), LogRead::kChunk);
  EXPECT_EQ(chunk_.bytes, "a\n");
  ASSERT_EQ(Read(reader.get(), options), LogRead::kChunk);
  EXPECT_EQ(chunk_.bytes, "bc");
  EXPECT_TRUE(chunk_.partial);
  EXPECT_EQ(chunk_.time_ns, 5);
  ASSERT_EQ(Read(reader.get(), options), LogRead::kChunk);
  EXPECT_EQ(chunk_.bytes, "d\n");
  EXPECT_FALSE(chunk_.partial);
  EXPECT_EQ(chunk_.time_ns, 6);
}

TEST_F(LogReaderTest, OneStreamAloneSkipsTheOtherWithoutAGap) {
  log_.Start();
  log_.Out("one\n");
  log_.Err("two\n");
  log_.Out("three\n");
  LogReadOptions options;
  options.want_stdout = false;
  auto reader = Open();
  EXPECT_THAT(ReadAll(reader.get(), options), IsEmpty());
  EXPECT_EQ(read_, "two\n");
  EXPECT_EQ(reader->position(), log_.end()) << "skipped bytes count";
}

TEST_F(LogReaderTest, TimesSelect) {
  log_.Start();
  for (int i = 1; i <= 5; ++i) log_.Out(absl::StrCat(i, "\n"), i * 100);
  LogReadOptions options;
  options.since_ns = 200;
  options.until_ns = 400;
  auto reader = Open();
  ASSERT_EQ(Read(reader.get(), options), LogRead::kChunk);
  EXPECT_EQ(chunk_.bytes, "2\n3\n");
  EXPECT_EQ(Read(reader.get(), options), LogRead::kUntil);
  EXPECT_EQ(Read(reader.get(), options), LogRead::kUntil);
  EXPECT_EQ(reader->position(), 6);
}

TEST_F(LogReaderTest, PeekTimeDoesNotConsume) {
  log_.Start();
  log_.Err("no\n", 100);
  log_.Out("yes\n", 200);
  LogReadOptions options;
  options.want_stderr = false;
  auto reader = Open();
  for (int i = 0; i < 2; ++i) {
    absl::StatusOr<std::optional<int64_t>> time = reader->PeekTime(options);
    ASSERT_THAT(time, IsOk());
    EXPECT_EQ(*time, 200);
  }
  ASSERT_EQ(Read(reader.get(), options), LogRead::kChunk);
  EXPECT_EQ(chunk_.bytes, "yes\n");
  EXPECT_EQ(reader->PeekTime(options)->has_value(), false);
}

TEST_F(LogReaderTest, ATornRecordWaitsForItsEnd) {
  log_.Start();
  log_.Out("whole\n");
  const std::string record = "2026-01-31T23:59:59.123456789Z stdout F torn\n";
  auto reader = Open();
  EXPECT_THAT(ReadAll(reader.get()), IsEmpty());
  for (const char c : record) {
    EXPECT_EQ(Read(reader.get()), LogRead::kCaughtUp);
    AppendRaw(PathOf(0), std::string(1, c));
  }
  ASSERT_EQ(Read(reader.get()), LogRead::kChunk);
  EXPECT_EQ(chunk_.bytes, "torn\n");
}

TEST_F(LogReaderTest, DroppedOutputIsAGapAlsoAtTheEnd) {
  log_.Start();
  log_.Out("ab");
  log_.Drop(LogStream::kStdout, 10);
  log_.Out("cd\n");
  auto reader = Open();
  EXPECT_THAT(ReadAll(reader.get()), ElementsAre("disk full 2-12"));
  log_.Drop(LogStream::kStderr, 5);
  EXPECT_THAT(ReadAll(reader.get()), ElementsAre("disk full 15-20"));
  log_.Drop(LogStream::kStderr, 5);
  log_.Err("e\n");
  log_.Drop(LogStream::kStdout, 1);
  log_.Close();
  EXPECT_THAT(ReadAll(reader.get()),
              ElementsAre("disk full 20-25", "disk full 27-28"));
  EXPECT_EQ(reader->position(), log_.end());
  // From within a gap.
  auto second = Open(7);
  EXPECT_THAT(ReadAll(second.get()),
              ElementsAre("disk full 7-12", "disk full 15-20",
                          "disk full 20-25", "disk full 27-28"));
}

TEST_F(LogReaderTest, AReaderThatRotationOvertookIsTold) {
  log_.Start(1, 200, 2);
  auto slow = Open();
  log_.Out("first\n");
  ASSERT_EQ(Read(slow.get()), LogRead::kChunk);
  for (int i = 0; i < 40; ++i) log_.Out(absl::StrCat("line ", i, "\n"));
  // The open segment is still read to its end, then comes the gap.
  const std::vector<std::string> gaps = ReadAll(slow.get());
  ASSERT_EQ(gaps.size(), 1u);
  EXPECT_THAT(gaps[0], testing::StartsWith("rotated "));
  EXPECT_THAT(read_, testing::StartsWith("line 0\n"));
  EXPECT_THAT(read_, testing::EndsWith("line 39\n"));
  EXPECT_EQ(slow->position(), log_.end());
  // A new one from 0 gets the gap first.
  auto late = Open();
  EXPECT_EQ(Read(late.get()), LogRead::kGap);
  EXPECT_EQ(gap_.from_offset, 0);
  EXPECT_EQ(gap_.reason, LogGap::Reason::kRotated);
}

TEST_F(LogReaderTest, ARestartGoesOnInANewSegmentAndANewChunk) {
  log_.Start(1);
  log_.Out("first run");
  log_.Close();
  log_.Start(2);
  log_.Out("second run");
  auto reader = Open();
  ASSERT_EQ(Read(reader.get()), LogRead::kChunk);
  EXPECT_EQ(chunk_.bytes, "first run");
  EXPECT_EQ(chunk_.run, 1u);
  ASSERT_EQ(Read(reader.get()), LogRead::kChunk);
  EXPECT_EQ(chunk_.bytes, "second run");
  EXPECT_EQ(chunk_.run, 2u);
  EXPECT_EQ(chunk_.offset, 9);
}

TEST_F(LogReaderTest, AWriterThatWasKilledLeavesATornRecordBehind) {
  log_.Start(1);
  log_.Out("kept\n");
  AppendRaw(PathOf(0), "2026-01-31T23:59:59.123456789Z stdout F lo");
  auto reader = Open();
  EXPECT_THAT(ReadAll(reader.get()), IsEmpty());
  log_.Start(2);
  log_.Out("next\n");
  EXPECT_THAT(ReadAll(reader.get()), IsEmpty());
  EXPECT_EQ(read_, "kept\nnext\n");
}

TEST_F(LogReaderTest, DamageCostsNoMoreThanTheWayToTheNextIndexEntry) {
  log_.Start();
  const std::string line(1'000, 'x');
  for (int i = 0; i < 200; ++i) log_.Out(line + "\n");
  absl::StatusOr<base::UniqueFd> fd = base::Open(PathOf(0), O_WRONLY);
  ASSERT_THAT(fd, IsOk());
  ASSERT_THAT(base::PwriteAll(fd->get(), "!", 10 * 1'041 + 3), IsOk());
  auto reader = Open();
  const std::vector<std::string> gaps = ReadAll(reader.get());
  ASSERT_EQ(gaps.size(), 1u);
  EXPECT_THAT(gaps[0], testing::StartsWith("not kept 10010-"));
  EXPECT_EQ(reader->position(), log_.end());
  EXPECT_GT(read_.size(), 130'000u);
}

TEST_F(LogReaderTest, DamageAtTheLiveEndIsWaitedAt) {
  log_.Start();
  log_.Out("good\n");
  AppendRaw(PathOf(0), std::string(100, '!'));
  auto reader = Open();
  EXPECT_THAT(ReadAll(reader.get()), IsEmpty());
  EXPECT_EQ(read_, "good\n");
  EXPECT_EQ(Read(reader.get()), LogRead::kCaughtUp);
  log_.Start(2);
  log_.Out("more\n");
  EXPECT_THAT(ReadAll(reader.get()), IsEmpty());
  EXPECT_EQ(read_, "good\nmore\n");
}

TEST_F(LogReaderTest, ADamagedIndexOnlyMakesSeekingSlower) {
  log_.Start();
  const std::string line(1'000, 'x');
  for (int i = 0; i < 300; ++i) log_.Out(line + "\n");
  absl::StatusOr<base::UniqueFd> fd = base::Open(PathOf(0) + ".idx", O_WRONLY);
  ASSERT_THAT(fd, IsOk());
  ASSERT_THAT(base::PwriteAll(fd->get(), "garbage", 64 + 40 + 8), IsOk());
  for (const int64_t offset : {0, 70'000, 140'000, 299'000}) {
    auto reader = Open(offset);
    read_.clear();
    EXPECT_THAT(ReadAll(reader.get()), IsEmpty());
    EXPECT_EQ(static_cast<int64_t>(read_.size()), log_.end() - offset);
  }
}

TEST_F(LogReaderTest, SeekEndIsBehindTheLastByte) {
  auto empty = Open();
  ASSERT_THAT(empty->SeekEnd(), IsOk());
  EXPECT_EQ(empty->position(), 0);
  log_.Start(1, 300);
  for (int i = 0; i < 50; ++i) log_.Err(absl::StrCat("line ", i, "\n"));
  auto reader = Open();
  ASSERT_THAT(reader->SeekEnd(), IsOk());
  EXPECT_EQ(reader->position(), log_.end());
  EXPECT_EQ(Read(reader.get()), LogRead::kCaughtUp);
  log_.Err("new\n");
  ASSERT_EQ(Read(reader.get()), LogRead::kChunk);
  EXPECT_EQ(chunk_.bytes, "new\n");
  EXPECT_EQ(chunk_.stream_offset, log_.end() - 4);
}

TEST_F(LogReaderTest, SeekBehindTheEndWaitsThere) {
  log_.Start();
  log_.Out("12345");
  auto reader = Open(7);
  EXPECT_EQ(Read(reader.get()), LogRead::kCaughtUp);
  EXPECT_EQ(reader->position(), 7);
  log_.Out("6789\n");
  ASSERT_EQ(Read(reader.get()), LogRead::kChunk);
  EXPECT_EQ(chunk_.bytes, "89\n");
}

// What is read from the tail, with both streams wanted.
TEST_F(LogReaderTest, TheTailCountsLinesAndAPartialLastOne) {
  log_.Start(1, 150);
  log_.Out("one\ntwo\n");
  log_.Out("thr");
  log_.Out("ee\n");
  log_.Err("four\n");
  log_.Out("fi");
  log_.Out("ve");
  const auto tail = [&](int64_t lines, bool out = true, bool err = true) {
    auto reader = Open();
    EXPECT_THAT(reader->SeekTail(lines, out, err), IsOk());
    LogReadOptions options;
    options.want_stdout = out;
    options.want_stderr = err;
    read_.clear();
    EXPECT_THAT(ReadAll(reader.get(), options), IsEmpty());
    return read_;
  };
  EXPECT_EQ(tail(0), "");
  EXPECT_EQ(tail(1), "five");
  EXPECT_EQ(tail(2), "four\nfive");
  EXPECT_EQ(tail(3), "three\nfour\nfive");
  EXPECT_EQ(tail(4), "two\nthree\nfour\nfive");
  EXPECT_EQ(tail(5), "one\ntwo\nthree\nfour\nfive");
  EXPECT_EQ(tail(99), "one\ntwo\nthree\nfour\nfive");
  EXPECT_EQ(tail(2, true, false), "three\nfive");
  EXPECT_EQ(tail(1, false, true), "four\n");
}

TEST_F(LogReaderTest, TheTailIsFoundAcrossIndexBlocks) {
  log_.Start();
  std::string expected;
  for (int i = 0; i < 5'000; ++i) {
    const std::string line = absl::StrCat("line number ", i, "\n");
    if (i >= 2'000) expected += line;
    log_.Out(line);
  }
  auto reader = Open();
  ASSERT_THAT(reader->SeekTail(3'000, true, true), IsOk());
  std::string tail;
  while (Read(reader.get()) == LogRead::kChunk) tail += chunk_.bytes;
  EXPECT_EQ(tail, expected);
}

// Random output of both streams in random pieces over many segments and two
// runs; a live reader sees all of it, and a reader can begin anywhere.
class LogRoundTripTest : public LogReaderTest,
                         public testing::WithParamInterface<int> {
 protected:
  void WriteRandom(int pieces, LogReader* live) {
    std::uniform_int_distribution<int> size(1, 60);
    std::uniform_int_distribution<int> letter(0, 20);
    for (int i = 0; i < pieces; ++i) {
      std::string bytes(static_cast<size_t>(size(random_)), ' ');
      for (char& c : bytes) {
        const int value = letter(random_);
        c = value < 3 ? '\n' : static_cast<char>(random_());
      }
      log_.Write(random_() % 3 == 0 ? LogStream::kStderr : LogStream::kStdout,
                 bytes);
      if (random_() % 4 != 0) continue;
      EXPECT_THAT(ReadAll(live), IsEmpty());
    }
  }

  std::mt19937 random_{static_cast<unsigned>(GetParam())};
};

TEST_P(LogRoundTripTest, EveryByteComesBackFromAnyOffset) {
  auto live = Open();
  log_.Start(1, 700);
  WriteRandom(30, live.get());
  if (random_() % 2 == 0) log_.Close();
  log_.Start(2, 700);
  WriteRandom(30, live.get());
  EXPECT_THAT(ReadAll(live.get()), IsEmpty());
  EXPECT_EQ(read_, log_.output());
  for (int64_t offset = 0; offset <= log_.end();
       offset += 1 + static_cast<int64_t>(random_() % 40)) {
    auto reader = Open(offset);
    LogReadOptions options;
    options.max_bytes = 1 + random_() % 100;
    std::string rest;
    while (Read(reader.get(), options) == LogRead::kChunk) {
      ASSERT_EQ(chunk_.offset, offset + static_cast<int64_t>(rest.size()));
      rest += chunk_.bytes;
    }
    ASSERT_EQ(rest, log_.output().substr(static_cast<size_t>(offset)))
        << "from " << offset;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, LogRoundTripTest, testing::Range(0, 8));

}  // namespace
}  // namespace caisson::record
