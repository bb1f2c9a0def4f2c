#include "runtime/base/file.h"

#include <sys/stat.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/scratch_test.h"
#include "runtime/base/status_matchers.h"

namespace caisson::base {
namespace {

using testing::ElementsAre;

class FileTest : public ScratchTest {};

TEST_F(FileTest, ReadsUpToTheCap) {
  for (const size_t size : {0u, 1u, 4095u, 4096u, 4097u, 100000u}) {
    const std::string text(size, 'x');
    Put("f", text);
    EXPECT_THAT(ReadFileToString(At("f"), size), IsOkAndHolds(text)) << size;
    EXPECT_THAT(ReadFileToString(At("f"), size + 1), IsOkAndHolds(text));
    if (size > 0) {
      EXPECT_THAT(ReadFileToString(At("f"), size - 1),
                  StatusIs(absl::StatusCode::kOutOfRange))
          << size;
    }
  }
  EXPECT_THAT(ReadFileToString(At("none"), 1), ErrnoIs(ENOENT));
  EXPECT_THAT(ReadFileToString(std::string("/tmp\0x", 6), 1), ErrnoIs(EINVAL));
  // A file that says it has no size.
  EXPECT_THAT(ReadFileToString("/proc/self/status", 1 << 20),
              IsOkAndHolds(testing::StartsWith("Name:")));
}

TEST_F(FileTest, AtomicReplacementKeepsModeAndLeavesNothing) {
  Put("f", "old");
  const mode_t old_mask = ::umask(0077);
  EXPECT_THAT(WriteFileAtomic(At("f"), "new", 0644), IsOk());
  ::umask(old_mask);
  EXPECT_THAT(ReadFileToString(At("f"), 9), IsOkAndHolds("new"));
  struct stat info = {};
  ASSERT_EQ(::stat(At("f").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0644u);
  EXPECT_THAT(WriteFileAtomic(At("none/f"), "x", 0600), ErrnoIs(ENOENT));
  // A directory in the way: the new file is not left behind.
  ASSERT_EQ(::mkdir(At("d").c_str(), 0700), 0);
  EXPECT_THAT(WriteFileAtomic(At("d"), "x", 0600), ErrnoIs(EISDIR));
  EXPECT_THAT(ListDirectory(root_), IsOkAndHolds(ElementsAre("d", "f")));
}

TEST_F(FileTest, WriteFileNeedsAFile) {
  EXPECT_THAT(WriteFile(At("f"), "x"), ErrnoIs(ENOENT));
  Put("f", "abc");
  EXPECT_THAT(WriteFileAt(root_fd_.get(), "f", "x"), IsOk());
  EXPECT_THAT(ReadFileToStringAt(root_fd_.get(), "f", 9), IsOkAndHolds("xbc"));
}

TEST_F(FileTest, ReadsAndWritesAtOffsets) {
  Put("f", "0123456789");
  CAISSON_ASSERT_OK_AND_ASSIGN(const UniqueFd fd, Open(At("f"), O_RDWR));
  EXPECT_THAT(PwriteAll(fd.get(), "ab", 3), IsOk());
  char buffer[20];
  EXPECT_THAT(PreadAll(fd.get(), buffer, 4, 2), IsOkAndHolds(4u));
  EXPECT_EQ(std::string(buffer, 4), "2ab5");
  EXPECT_THAT(PreadAll(fd.get(), buffer, 20, 5), IsOkAndHolds(5u));
  EXPECT_THAT(ReadAll(fd.get(), buffer, 20), IsOkAndHolds(10u));
}

TEST_F(FileTest, MakesDirectoriesWithTheirParents) {
  EXPECT_THAT(MakeDirectories(At("a/b/c"), 0700), IsOk());
  EXPECT_THAT(MakeDirectories(At("a/b/c"), 0700), IsOk());
  EXPECT_TRUE(PathExists(At("a/b/c")));
  Put("f", "");
  EXPECT_THAT(MakeDirectories(At("f/x"), 0700), ErrnoIs(EEXIST));
  EXPECT_THAT(MakeDirectories(At("f"), 0700), ErrnoIs(EEXIST));
}

TEST_F(FileTest, ListsTwiceFromOneDescriptor) {
  Put("b", "");
  Put("a", "");
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(ListDirectory(root_fd_.get()),
                IsOkAndHolds(ElementsAre("a", "b")));
  }
  EXPECT_THAT(ListDirectory(At("none")), ErrnoIs(ENOENT));
}

TEST_F(FileTest, EverythingIsCloseOnExec) {
  Put("f", "");
  CAISSON_ASSERT_OK_AND_ASSIGN(const UniqueFd fd, Open(At("f"), O_RDONLY));
  EXPECT_EQ(::fcntl(fd.get(), F_GETFD), FD_CLOEXEC);
  CAISSON_ASSERT_OK_AND_ASSIGN(const UniqueFd copy, Duplicate(fd.get()));
  EXPECT_EQ(::fcntl(copy.get(), F_GETFD), FD_CLOEXEC);
  EXPECT_THAT(SetCloseOnExec(copy.get(), false), IsOk());
  EXPECT_EQ(::fcntl(copy.get(), F_GETFD), 0);
  EXPECT_THAT(Duplicate(-1), ErrnoIs(EBADF));
}

TEST_F(FileTest, ALinkThatLeadsNowhereExists) {
  Link("/none", "l");
  EXPECT_TRUE(PathExists(At("l")));
  EXPECT_FALSE(PathExists(At("m")));
}

}  // namespace
}  // namespace caisson::base
