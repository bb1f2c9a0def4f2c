#include "tests/leakcheck/snapshot.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/leakcheck/proc.h"

namespace caisson::leakcheck {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST(DiffTest, NamesWhatAppearedVanishedAndMultiplied) {
  const Snapshot before = {{"fd d pipe:[*]", 2}, {"file /a", 1}};
  const Snapshot after = {{"fd d pipe:[*]", 5}, {"file /b", 1}};
  EXPECT_THAT(Diff(before, after),
              ElementsAre("fd d pipe:[*]: 2 -> 5", "file /a: 1 -> 0",
                          "file /b: 0 -> 1"));
  EXPECT_THAT(Diff(before, before), IsEmpty());
}

TEST(AddedTest, LeavesOutWhatVanished) {
  const Snapshot before = {{"a", 1}, {"b", 3}, {"c", 1}};
  const Snapshot after = {{"b", 1}, {"c", 2}, {"d", 1}};
  EXPECT_THAT(Added(before, after), ElementsAre("c: 1 -> 2", "d: 0 -> 1"));
}

TEST(TextTest, IsReadBackAsItWas) {
  const Snapshot snapshot = {{"file /a b/ c", 1}, {"fd d x", 12}};
  EXPECT_EQ(FromText(ToText(snapshot)), snapshot);
  EXPECT_THAT(FromText(""), IsEmpty());
}

TEST(ReadTextTest, IsEmptyWhenTheReadFails) {
  // It can be opened, and nothing is at its beginning: as with a process that
  // ends between the two.
  EXPECT_EQ(ReadText("/proc/self/mem"), "");
}

TEST(ParseStatTest, TakesNamesWithParentheses) {
  const ProcessStat stat = ParseStat("12 (a) (b c) Z 7 12 12 0");
  EXPECT_EQ(stat.pid, 12);
  EXPECT_EQ(stat.parent, 7);
  EXPECT_EQ(stat.state, 'Z');
  EXPECT_EQ(stat.name, "a) (b c");
  EXPECT_EQ(ParseStat("").pid, -1);
  EXPECT_EQ(ParseStat("12 (a").pid, -1);
}

TEST(ParseMountinfoTest, SkipsOptionalFields) {
  const std::vector<MountLine> mounts = ParseMountinfo(
      "22 27 0:21 / /proc rw shared:1 master:2 - proc proc rw\n"
      "23 27 0:22 /sub /m rw - overlay none rw,upperdir=/r/u\n");
  ASSERT_EQ(mounts.size(), 2u);
  EXPECT_EQ(mounts[0].target, "/proc");
  EXPECT_EQ(mounts[0].type, "proc");
  EXPECT_EQ(mounts[1].root, "/sub");
  EXPECT_EQ(mounts[1].super_options, "rw,upperdir=/r/u");
}

TEST(AddMountsTest, KeepsOnlyThoseThatConcernTheDirectories) {
  const std::string mountinfo =
      "1 0 0:1 / /r rw - tmpfs a rw\n"
      "2 0 0:2 / /rest rw - tmpfs b rw\n"
      "3 0 0:3 / /m rw - overlay none rw,lowerdir=/l,upperdir=/r/u\n";
  Snapshot snapshot;
  AddMounts("host", mountinfo, {"/r"}, &snapshot);
  EXPECT_EQ(snapshot, (Snapshot{{"mount host /m overlay none", 1},
                                {"mount host /r tmpfs a", 1}}));
}

class TakeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "leakcheck.XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    scope_.ancestor = ::getpid();
    scope_.watched = {{"self", ::getpid()}};
    scope_.directories = {directory_};
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string directory_;
  Scope scope_;
};

TEST_F(TakeTest, CountsWhatIsInStock) {
  const std::string stock = directory_ + "/root/stock/";
  std::filesystem::create_directories(stock + "1/work");
  std::filesystem::create_directories(stock + "2/work");
  const Snapshot before = Take(scope_);
  EXPECT_EQ(before.at("file " + stock + "*/work"), 2);
  std::filesystem::remove_all(stock + "1");
  std::filesystem::create_directories(stock + "17/work");
  EXPECT_THAT(Diff(before, Take(scope_)), IsEmpty());
  std::filesystem::create_directories(stock + "18");
  EXPECT_THAT(Added(before, Take(scope_)),
              ElementsAre("file " + stock + "*: 2 -> 3"));
}

TEST_F(TakeTest, SeesFilesAndDescriptors) {
  const Snapshot before = Take(scope_);
  EXPECT_THAT(Diff(before, Take(scope_)), IsEmpty());
  std::ofstream(directory_ + "/left") << "x";
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const std::vector<std::string> lines = Diff(before, Take(scope_));
  EXPECT_THAT(lines, Contains("file " + directory_ + "/left: 0 -> 1"));
  EXPECT_THAT(lines, Contains(HasSubstr("fd self pipe:[*]")));
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(TakeTest, SeesChildrenAndZombies) {
  const Snapshot before = Take(scope_);
  int gate[2];
  ASSERT_EQ(::pipe2(gate, O_CLOEXEC), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    char byte;
    ::close(gate[1]);
    ::_exit(::read(gate[0], &byte, 1) == 0 ? 0 : 1);
  }
  const std::string name = std::to_string(child);
  EXPECT_THAT(Diff(before, Take(scope_)),
              Contains(HasSubstr("process " + name)));
  ::close(gate[0]);
  ::close(gate[1]);
  // Ended but not reaped: a zombie.
  siginfo_t info = {};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT),
            0);
  EXPECT_THAT(Diff(before, Take(scope_)),
              Contains(HasSubstr("zombie " + name)));
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_THAT(Diff(before, Take(scope_)), Not(Contains(HasSubstr(name))));
}

}  // namespace
}  // namespace caisson::leakcheck
