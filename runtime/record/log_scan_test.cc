#include "runtime/record/log_scan.h"

#include <string>

#include "gtest/gtest.h"

namespace caisson::record {
namespace {

const std::string kPrefix = "2026-01-31T23:59:59.123456789Z stdout F ";

TEST(LogScanTest, AWholeRecordGivesItsOutput) {
  LogRecordView record;
  const std::string bytes = kPrefix + "hello\n" + kPrefix;
  ASSERT_EQ(ScanLogRecord(bytes, &record), LogScan::kRecord);
  EXPECT_EQ(record.output, "hello\n");
  EXPECT_EQ(record.size, kLogPrefixBytes + 6);
  EXPECT_EQ(record.prefix.stream, LogStream::kStdout);
  EXPECT_FALSE(record.prefix.partial);
}

TEST(LogScanTest, APartialRecordHasNoLineFeedOfItsOwn) {
  LogRecordView record;
  ASSERT_EQ(
      ScanLogRecord("2026-01-31T23:59:59.123456789Z stderr P hi\n", &record),
      LogScan::kRecord);
  EXPECT_EQ(record.output, "hi");
  EXPECT_EQ(record.prefix.stream, LogStream::kStderr);
}

TEST(LogScanTest, AnEmptyLineIsALineFeed) {
  LogRecordView record;
  const std::string bytes = kPrefix + "\n";
  ASSERT_EQ(ScanLogRecord(bytes, &record), LogScan::kRecord);
  EXPECT_EQ(record.output, "\n");
}

TEST(LogScanTest, EveryPrefixOfARecordIsIncomplete) {
  const std::string bytes = kPrefix + "hello\n";
  for (size_t size = 0; size < bytes.size(); ++size) {
    LogRecordView record;
    EXPECT_EQ(ScanLogRecord(bytes.substr(0, size), &record),
              LogScan::kIncomplete)
        << size;
  }
}

TEST(LogScanTest, TheLongestTextFitsAndALongerOneIsCorrupt) {
  LogRecordView record;
  const std::string longest = kPrefix + std::string(kMaxLogText, 'x');
  EXPECT_EQ(ScanLogRecord(longest, &record), LogScan::kIncomplete);
  EXPECT_EQ(ScanLogRecord(longest + "\n", &record), LogScan::kRecord);
  EXPECT_EQ(record.output.size(), kMaxLogText + 1);
  EXPECT_EQ(ScanLogRecord(longest + "x", &record), LogScan::kCorrupt);
  EXPECT_EQ(ScanLogRecord(longest + "x\n", &record), LogScan::kCorrupt);
}

TEST(LogScanTest, WhatCanBecomeNoRecordIsCorrupt) {
  LogRecordView record;
  EXPECT_EQ(ScanLogRecord("short\n", &record), LogScan::kCorrupt);
  EXPECT_EQ(ScanLogRecord(std::string(kLogPrefixBytes, ' '), &record),
            LogScan::kCorrupt);
  EXPECT_EQ(ScanLogRecord(std::string(100, '\0'), &record), LogScan::kCorrupt);
}

}  // namespace
}  // namespace caisson::record
