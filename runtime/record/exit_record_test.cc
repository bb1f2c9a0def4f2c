#include "runtime/record/exit_record.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/base/remove_tree.h"
#include "runtime/base/unique_fd.h"

namespace caisson::record {
namespace {

class ExitRecordTest : public testing::Test {
 protected:
  ExitRecordTest() {
    char name[] = "/tmp/exit_record_test.XXXXXX";
    path_ = ::mkdtemp(name);
    directory_ = base::UniqueFd(::open(path_.c_str(), O_DIRECTORY | O_CLOEXEC));
    EXPECT_EQ(CreateExitFile(directory_.get()), 0);
    file_ = base::UniqueFd(
        ::openat(directory_.get(), kExitFileName, O_RDWR | O_CLOEXEC));
  }
  ~ExitRecordTest() override { EXPECT_TRUE(base::RemoveTree(path_).ok()); }

  static ExitRecord RecordOf(uint64_t run, int32_t code) {
    ExitRecord record = MakeExitRecord(run, 0);
    record.kind = ExitKind::kCode;
    record.code = code;
    return record;
  }

  std::string path_;
  base::UniqueFd directory_;
  base::UniqueFd file_;
};

TEST_F(ExitRecordTest, BothSlotsAreAllocatedBeforeTheStart) {
  struct stat info = {};
  ASSERT_EQ(::fstat(file_.get(), &info), 0);
  EXPECT_EQ(info.st_size, static_cast<off_t>(kExitFileBytes));
  EXPECT_GE(info.st_blocks * 512, static_cast<off_t>(kExitFileBytes));
}

TEST_F(ExitRecordTest, NoRecordIsNotAnExitCode) {
  ExitRecord record;
  EXPECT_EQ(ReadExitRecord(file_.get(), 1, &record), ENOENT);
  EXPECT_EQ(ReadNewestExitRecord(file_.get(), &record), ENOENT);
}

TEST_F(ExitRecordTest, RecordsOfTwoRunsStandSideBySide) {
  ASSERT_EQ(WriteExitRecord(file_.get(), RecordOf(1, 7), true), 0);
  ASSERT_EQ(WriteExitRecord(file_.get(), RecordOf(2, 8), true), 0);
  ExitRecord record;
  ASSERT_EQ(ReadExitRecord(file_.get(), 1, &record), 0);
  EXPECT_EQ(record.code, 7);
  ASSERT_EQ(ReadNewestExitRecord(file_.get(), &record), 0);
  EXPECT_EQ(record.run, 2u);
  EXPECT_EQ(record.code, 8);
}

TEST_F(ExitRecordTest, ThirdRunReplacesTheFirst) {
  for (int run = 1; run <= 3; ++run) {
    ASSERT_EQ(WriteExitRecord(file_.get(),
                              RecordOf(static_cast<uint64_t>(run), run), false),
              0);
  }
  ExitRecord record;
  EXPECT_EQ(ReadExitRecord(file_.get(), 1, &record), ENOENT);
  ASSERT_EQ(ReadNewestExitRecord(file_.get(), &record), 0);
  EXPECT_EQ(record.run, 3u);
}

TEST_F(ExitRecordTest, ATornWriteLeavesTheOtherRun) {
  ASSERT_EQ(WriteExitRecord(file_.get(), RecordOf(1, 7), true), 0);
  ASSERT_EQ(WriteExitRecord(file_.get(), RecordOf(2, 8), true), 0);
  // Every prefix length of a write of run 2 over zeros, in steps of a word.
  char slot[sizeof(ExitRecord)];
  ASSERT_EQ(::pread(file_.get(), slot, sizeof(slot), 0),
            static_cast<ssize_t>(sizeof(slot)));
  for (size_t torn = 0; torn < sizeof(ExitRecord); torn += 8) {
    std::string bytes(kExitSlotBytes, '\0');
    bytes.replace(0, torn, slot, torn);
    ASSERT_EQ(::pwrite(file_.get(), bytes.data(), bytes.size(), 0),
              static_cast<ssize_t>(bytes.size()));
    ExitRecord record;
    const int error = ReadExitRecord(file_.get(), 2, &record);
    // Only trailing zeros may be missing from a whole record.
    if (error == 0) {
      EXPECT_EQ(record.code, 8);
    }
    ASSERT_EQ(ReadExitRecord(file_.get(), 1, &record), 0) << torn;
    EXPECT_EQ(record.code, 7);
  }
}

TEST_F(ExitRecordTest, EveryFlippedBitIsNoticed) {
  ExitRecord record = RecordOf(4, 1);
  SealExitRecord(&record);
  ASSERT_TRUE(CheckExitRecord(record));
  auto* bytes = reinterpret_cast<unsigned char*>(&record);
  for (size_t bit = 0; bit < sizeof(record) * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<unsigned char>(1u << (bit % 8));
    EXPECT_FALSE(CheckExitRecord(record)) << bit;
    bytes[bit / 8] ^= static_cast<unsigned char>(1u << (bit % 8));
  }
}

TEST_F(ExitRecordTest, AnExistingFileIsKept) {
  ASSERT_EQ(WriteExitRecord(file_.get(), RecordOf(1, 7), false), 0);
  ASSERT_EQ(CreateExitFile(directory_.get()), 0);
  ExitRecord record;
  ASSERT_EQ(ReadExitRecord(file_.get(), 1, &record), 0);
  EXPECT_EQ(record.code, 7);
}

}  // namespace
}  // namespace caisson::record
