#include "server/core/launch/exit_info.h"

#include <string.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace caisson::core {
namespace {

record::ExitRecord Record() {
  record::ExitRecord record = record::MakeExitRecord(3, 0);
  record.kind = record::ExitKind::kCode;
  record.code = 7;
  record.cause = record::ExitCause::kExited;
  record.stdout_bytes = 10;
  record.stderr_bytes = 5;
  record.end_offset = 15;
  record.start_time_ns = 1'000;
  record.exit_time_ns = 2'000;
  return record;
}

TEST(ExitInfoTest, AnOrdinaryExit) {
  const store::ExitInfo info = ExitInfoOf(Record());
  EXPECT_EQ(info.kind, store::ExitInfo::Kind::kCode);
  EXPECT_EQ(info.code, 7);
  EXPECT_EQ(info.run, 3);
  EXPECT_EQ(info.reason, store::ExitReason::kExited);
  EXPECT_EQ(info.completeness, store::Completeness::kComplete);
  EXPECT_EQ(info.end_offset, 15);
  EXPECT_FALSE(info.oom.has_value());
  EXPECT_EQ(info.exit_time, absl::FromUnixNanos(2'000));
}

TEST(ExitInfoTest, WhatTheHostCannotTellIsUnset) {
  const store::ExitInfo info = ExitInfoOf(Record());
  EXPECT_FALSE(info.usage.cpu.has_value());
  EXPECT_FALSE(info.usage.memory_peak_bytes.has_value());
  EXPECT_FALSE(info.cut_bytes.has_value());
}

TEST(ExitInfoTest, ASignalNamesItself) {
  record::ExitRecord record = Record();
  record.kind = record::ExitKind::kSignal;
  record.code = 9;
  record.cause = record::ExitCause::kSignaled;
  const store::ExitInfo info = ExitInfoOf(record);
  EXPECT_EQ(info.kind, store::ExitInfo::Kind::kSignal);
  EXPECT_THAT(info.message, testing::HasSubstr("SIGKILL"));
}

TEST(ExitInfoTest, OutOfMemoryOfAnExec) {
  record::ExitRecord record = Record();
  record.exec_number = 4;
  record.oom_kills = 2;
  record.oom_limit_bytes = 1 << 20;
  const store::ExitInfo info = ExitInfoOf(record);
  ASSERT_TRUE(info.oom.has_value());
  EXPECT_EQ(info.oom->level, "exec");
  EXPECT_EQ(info.oom->kills, 2);
  EXPECT_EQ(info.oom->limit_bytes, 1 << 20);
  EXPECT_FALSE(info.oom->peak_bytes.has_value());
}

TEST(ExitInfoTest, HoldersAndCutsAreCarriedOver) {
  record::ExitRecord record = Record();
  record.completeness = record::ExitCompleteness::kCut;
  record.cut_cause = record::CutCause::kDiskFull;
  record.cut_bytes = 99;
  record.held_by_count = 1;
  record.held_by[0].pid = 42;
  memset(record.held_by[0].name, 'x', sizeof(record.held_by[0].name));
  const store::ExitInfo info = ExitInfoOf(record);
  EXPECT_EQ(info.completeness, store::Completeness::kCut);
  EXPECT_EQ(info.cut_reason, "DISK_FULL");
  EXPECT_EQ(info.cut_bytes, 99);
  ASSERT_EQ(info.held_by.size(), 1u);
  EXPECT_EQ(info.held_by[0].name, std::string(20, 'x'));
}

TEST(ExitInfoTest, AnUnseenEndInventsNoStatus) {
  const store::ExitInfo info =
      UnknownExit(2, store::ExitReason::kHostReboot, "the host was restarted",
                  absl::InfinitePast(), absl::UnixEpoch());
  EXPECT_EQ(info.kind, store::ExitInfo::Kind::kUnknown);
  EXPECT_EQ(info.completeness, store::Completeness::kCut);
  EXPECT_FALSE(info.cut_bytes.has_value());
  EXPECT_FALSE(info.end_offset.has_value());
  EXPECT_EQ(info.cut_reason, "HOST_REBOOT");
}

}  // namespace
}  // namespace caisson::core
