#include "runtime/record/log_writer.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/base/file.h"
#include "runtime/base/remove_tree.h"
#include "runtime/record/log_tail.h"

namespace caisson::record {
namespace {

constexpr int64_t kTime = 1'700'000'000'123'456'789;

class LogWriterTest : public testing::Test {
 protected:
  LogWriterTest() {
    char name[] = "/tmp/log_writer_test.XXXXXX";
    path_ = ::mkdtemp(name);
    directory_ = base::UniqueFd(::open(path_.c_str(), O_DIRECTORY | O_CLOEXEC));
  }
  ~LogWriterTest() override { EXPECT_TRUE(base::RemoveTree(path_).ok()); }

  LogWriter::Options Options(uint64_t run = 1) const {
    return {.directory_fd = directory_.get(), .run = run};
  }

  std::string Segment(uint64_t sequence) const {
    char name[kLogNameBytes];
    LogSegmentName(sequence, name);
    auto text =
        base::ReadFileToStringAt(directory_.get(), name, size_t{1} << 30);
    return text.ok() ? *text : "missing";
  }

  static void AppendAll(LogWriter& writer, LogStream stream,
                        const std::string& text) {
    for (size_t at = 0; at < text.size();) {
      at += writer.Append(stream, text.data() + at, text.size() - at, kTime);
      ASSERT_EQ(writer.Flush(), 0);
    }
  }

  std::string path_;
  base::UniqueFd directory_;
};

// Rebuilds the bytes of each stream from the text of segments.
std::map<LogStream, std::string> Rebuild(const std::string& segment) {
  std::map<LogStream, std::string> streams;
  for (size_t at = 0; at < segment.size();) {
    LogPrefix prefix;
    EXPECT_TRUE(ParseLogPrefix(segment.data() + at, &prefix)) << at;
    const size_t text = at + kLogPrefixBytes;
    const size_t end = segment.find('\n', text);
    EXPECT_NE(end, std::string::npos);
    EXPECT_LE(end - text, kMaxLogText);
    EXPECT_TRUE(!prefix.partial || end > text) << "empty partial record";
    streams[prefix.stream] +=
        segment.substr(text, end - text) + (prefix.partial ? "" : "\n");
    at = end + 1;
  }
  return streams;
}

TEST_F(LogWriterTest, WritesTheFormatOfTheField) {
  LogWriter writer;
  ASSERT_EQ(writer.Open(Options()), 0);
  AppendAll(writer, LogStream::kStdout, "hello\nprompt> ");
  AppendAll(writer, LogStream::kStderr, "oops\n");
  EXPECT_EQ(Segment(0),
            "2023-11-14T22:13:20.123456789Z stdout F hello\n"
            "2023-11-14T22:13:20.123456789Z stdout P prompt> \n"
            "2023-11-14T22:13:20.123456789Z stderr F oops\n");
  EXPECT_EQ(writer.counters().offset, 19);
  EXPECT_EQ(writer.counters().stdout_bytes, 14);
  EXPECT_EQ(writer.counters().stderr_bytes, 5);
}

TEST_F(LogWriterTest, ASilentProcessLeavesNoFile) {
  LogWriter writer;
  ASSERT_EQ(writer.Open(Options()), 0);
  ASSERT_EQ(writer.Flush(), 0);
  writer.Close();
  EXPECT_EQ(Segment(0), "missing");
}

TEST_F(LogWriterTest, AnyBytesComeBackExactly) {
  std::mt19937 random(7);
  std::string sent[2];
  LogWriter writer;
  ASSERT_EQ(writer.Open(Options()), 0);
  for (int i = 0; i < 300; ++i) {
    std::string chunk(random() % 40'000, '\0');
    const unsigned newline_every = 1 + random() % 30'000;
    for (char& c : chunk) {
      c = random() % newline_every == 0 ? '\n' : static_cast<char>(random());
    }
    const auto stream = static_cast<LogStream>(random() % 2);
    sent[static_cast<int>(stream)] += chunk;
    AppendAll(writer, stream, chunk);
  }
  std::string all;
  for (uint64_t i = 0; Segment(i) != "missing"; ++i) all += Segment(i);
  const auto streams = Rebuild(all);
  EXPECT_TRUE(streams.at(LogStream::kStdout) == sent[0]);
  EXPECT_TRUE(streams.at(LogStream::kStderr) == sent[1]);
}

TEST_F(LogWriterTest, RotationNeverRenumbersAndKeepsMaxFiles) {
  LogWriter::Options options = Options();
  options.max_file_bytes = 1000;
  options.max_files = 2;
  LogWriter writer;
  ASSERT_EQ(writer.Open(options), 0);
  for (int i = 0; i < 5; ++i) {
    AppendAll(writer, LogStream::kStdout, std::string(1500, 'a') + "\n");
  }
  EXPECT_EQ(Segment(3), "missing");
  EXPECT_EQ(Segment(4).size(), kLogPrefixBytes + 1501);
  LogTail tail;
  ASSERT_EQ(FindLogTail(directory_.get(), &tail), 0);
  EXPECT_EQ(tail.first_sequence, 4u);
  EXPECT_EQ(tail.offset, 5 * 1501);
}

TEST_F(LogWriterTest, RotationWaitsForTheNamedReader) {
  LogWriter::Options options = Options();
  options.max_file_bytes = 1000;
  options.max_files = 2;
  LogWriter writer;
  ASSERT_EQ(writer.Open(options), 0);
  writer.SetReaderOffset(0);
  for (int i = 0; i < 5; ++i) {
    AppendAll(writer, LogStream::kStdout, std::string(1500, 'a') + "\n");
  }
  EXPECT_NE(Segment(0), "missing");
  // At once, not with the next rotation.
  writer.SetReaderOffset(3 * 1501);
  EXPECT_EQ(Segment(2), "missing");
  EXPECT_NE(Segment(3), "missing");
  writer.SetReaderOffset(-1);
  EXPECT_EQ(Segment(3), "missing");
  EXPECT_NE(Segment(4), "missing");
}

TEST_F(LogWriterTest, OneFileWithAReaderRotates) {
  LogWriter::Options options = Options();
  options.max_file_bytes = 1000;
  options.max_files = 1;
  LogWriter writer;
  ASSERT_EQ(writer.Open(options), 0);
  writer.SetReaderOffset(0);
  for (int i = 0; i < 5; ++i) {
    AppendAll(writer, LogStream::kStdout, std::string(1500, 'a') + "\n");
    // The reader is a piece behind, as it always is.
    writer.SetReaderOffset(i * 1501);
    EXPECT_EQ(Segment(i).size(), kLogPrefixBytes + 1501);
  }
  EXPECT_EQ(Segment(3), "missing");
}

TEST_F(LogWriterTest, TheNextRunGoesOnCounting) {
  {
    LogWriter writer;
    ASSERT_EQ(writer.Open(Options(1)), 0);
    AppendAll(writer, LogStream::kStdout, "one\ntwo");
    writer.Close();
  }
  LogWriter writer;
  ASSERT_EQ(writer.Open(Options(2)), 0);
  EXPECT_EQ(writer.counters().offset, 7);
  AppendAll(writer, LogStream::kStderr, "x\n");
  EXPECT_EQ(Rebuild(Segment(1)).at(LogStream::kStderr), "x\n");
  EXPECT_EQ(writer.counters().offset, 9);
}

TEST_F(LogWriterTest, AKilledWriterIsCountedFromItsRecords) {
  {
    LogWriter writer;
    ASSERT_EQ(writer.Open(Options(1)), 0);
    for (int i = 0; i < 50; ++i) {
      AppendAll(writer, LogStream::kStdout, std::string(9000, 'b') + "\n");
    }
  }  // no Close: no end mark
  // A torn record at the end does not count.
  const base::UniqueFd fd(
      ::openat(directory_.get(), "log.0", O_WRONLY | O_APPEND | O_CLOEXEC));
  const std::string torn = Segment(0).substr(0, 100);
  ASSERT_EQ(::write(fd.get(), torn.data(), torn.size()),
            static_cast<ssize_t>(torn.size()));
  LogTail tail;
  ASSERT_EQ(FindLogTail(directory_.get(), &tail), 0);
  EXPECT_EQ(tail.offset, 50 * 9001);
  EXPECT_EQ(tail.stdout_bytes, 50 * 9001);
  EXPECT_EQ(tail.stderr_bytes, 0);
}

TEST_F(LogWriterTest, SkippedOutputCountsAndIsMarked) {
  LogWriter writer;
  ASSERT_EQ(writer.Open(Options()), 0);
  AppendAll(writer, LogStream::kStdout, "a\n");
  writer.Skip(LogStream::kStderr, 100);
  AppendAll(writer, LogStream::kStdout, "b\n");
  writer.Close();
  auto index = base::ReadFileToStringAt(directory_.get(), "log.0.idx", 4096);
  ASSERT_TRUE(index.ok());
  LogIndexEntry entry;
  memcpy(&entry, index->data() + sizeof(LogIndexHeader), sizeof(entry));
  ASSERT_TRUE(CheckLogIndexEntry(entry));
  EXPECT_EQ(entry.kind, LogIndexKind::kGap);
  EXPECT_EQ(entry.offset, 102);
  EXPECT_EQ(entry.position, static_cast<int64_t>(kLogPrefixBytes) + 2);
  LogTail tail;
  ASSERT_EQ(FindLogTail(directory_.get(), &tail), 0);
  EXPECT_EQ(tail.offset, 104);
}

TEST(LogRecordTest, TimesRoundTripOverTwoCenturies) {
  for (int64_t seconds = 0; seconds < 9'200'000'000; seconds += 86'399 * 13) {
    LogPrefix prefix = {.time_ns = seconds * 1'000'000'000 + 987'654'321,
                        .stream = LogStream::kStderr,
                        .partial = seconds % 2 == 0};
    char text[kLogPrefixBytes];
    FormatLogPrefix(prefix, text);
    LogPrefix parsed;
    ASSERT_TRUE(ParseLogPrefix(text, &parsed)) << seconds;
    ASSERT_EQ(parsed.time_ns, prefix.time_ns);
    ASSERT_EQ(parsed.stream, prefix.stream);
    ASSERT_EQ(parsed.partial, prefix.partial);
  }
}

TEST(LogRecordTest, KnownDates) {
  char text[kLogPrefixBytes];
  FormatLogPrefix({.time_ns = 951'827'696'000'000'001}, text);
  EXPECT_EQ(std::string(text, sizeof(text)),
            "2000-02-29T12:34:56.000000001Z stdout F ");
}

TEST(LogRecordTest, WhatIsNotAPrefixIsRefused) {
  const std::string good = "2000-02-29T12:34:56.000000001Z stdout F ";
  LogPrefix prefix;
  ASSERT_TRUE(ParseLogPrefix(good.data(), &prefix));
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = '\x7f';
    EXPECT_FALSE(ParseLogPrefix(bad.data(), &prefix)) << bad;
  }
  for (const char* bad : {"2000-13-01T12:34:56.000000001Z stdout F ",
                          "2000-02-29T24:34:56.000000001Z stdout F ",
                          "1969-02-28T12:34:56.000000001Z stdout F ",
                          "2999-02-28T12:34:56.000000001Z stdout F "}) {
    EXPECT_FALSE(ParseLogPrefix(bad, &prefix)) << bad;
  }
}

TEST(LogRecordTest, SegmentNames) {
  char name[kLogNameBytes];
  LogSegmentName(18'446'744'073'709'551'615u, name);
  EXPECT_STREQ(name, "log.18446744073709551615");
  LogIndexName(0, name);
  EXPECT_STREQ(name, "log.0.idx");
  uint64_t sequence = 0;
  EXPECT_TRUE(ParseLogSegmentName("log.42", &sequence));
  EXPECT_EQ(sequence, 42u);
  for (const char* bad : {"log.", "log.01", "log.1.idx", "log.-1", "lo", "",
                          "log.18446744073709551616"}) {
    EXPECT_FALSE(ParseLogSegmentName(bad, &sequence)) << bad;
  }
}

}  // namespace
}  // namespace caisson::record
