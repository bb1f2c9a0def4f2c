#include "runtime/linux/proc.h"

#include <unistd.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/status_matchers.h"
#include "runtime/linux/mountinfo.h"
#include "runtime/linux/namespaces.h"

namespace caisson::linux_ {
namespace {

using base::ErrnoIs;
using base::IsOkAndHolds;
using base::StatusIs;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

constexpr char kStat[] =
    "4711 (a) b (c) S 17 1 1 0 -1 4194560 1 2 3 4 50 60 7 8 20 0 1 0 123456 "
    "9000 321 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 0 0 0\n";

TEST(ProcessStatTest, NamesMayHoldParentheses) {
  CAISSON_ASSERT_OK_AND_ASSIGN(const ProcessStat stat, ParseProcessStat(kStat));
  EXPECT_EQ(stat.pid, 4711);
  EXPECT_EQ(stat.comm, "a) b (c");
  EXPECT_EQ(stat.state, 'S');
  EXPECT_EQ(stat.parent_pid, 17);
  EXPECT_EQ(stat.user_ticks, 50u);
  EXPECT_EQ(stat.system_ticks, 60u);
  EXPECT_EQ(stat.start_ticks, 123456u);
  EXPECT_EQ(stat.resident_pages, 321u);
}

TEST(ProcessStatTest, RefusesOtherText) {
  for (const char* bad :
       {"", "1", "1 (a", "1 a) S", ")(", "x (a) S 1", "1 (a) S 1 2 3"}) {
    EXPECT_THAT(ParseProcessStat(bad),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << bad;
  }
}

TEST(ProcessStatTest, ReadsThisProcess) {
  CAISSON_ASSERT_OK_AND_ASSIGN(const ProcessStat stat,
                               ReadProcessStat(::getpid()));
  EXPECT_EQ(stat.pid, ::getpid());
  EXPECT_EQ(stat.parent_pid, ::getppid());
  EXPECT_GT(stat.start_ticks, 0u);
  EXPECT_THAT(ReadProcessArguments(::getpid(), 4096),
              IsOkAndHolds(Not(IsEmpty())));
}

TEST(ProcessStatusTest, TakesWhatItNeeds) {
  CAISSON_ASSERT_OK_AND_ASSIGN(
      const ProcessStatus status,
      ParseProcessStatus("Name:\tinit\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\n"
                         "NSpid:\t100\t1\nCapEff:\t00000000000000ff\n"
                         "CapBnd:\t000001ffffffffff\nSeccomp:\t2\n"));
  EXPECT_EQ(status.name, "init");
  EXPECT_EQ(status.uid, 2u);
  EXPECT_EQ(status.gid, 6u);
  EXPECT_THAT(status.namespace_pids, ElementsAre(100, 1));
  EXPECT_EQ(status.effective_capabilities, 0xffu);
  EXPECT_EQ(status.bounding_capabilities, 0x1ffffffffffu);
  for (const char* bad :
       {"", "Name:\tx\n", "Uid:\t1\n", "Uid:\tx\tx\tx\tx\n",
        "Uid:\t1\t2\t3\t4\nCapEff:\tz\n", "Uid:\t1\t2\t3\t4\nNSpid:\tz\n"}) {
    EXPECT_THAT(ParseProcessStatus(bad),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << bad;
  }
}

TEST(MountInfoTest, UnescapesAndFindsTags) {
  CAISSON_ASSERT_OK_AND_ASSIGN(
      const std::vector<MountInfo> mounts,
      ParseMountInfo("36 35 98:0 /a\\040b /m\\134n rw,noatime master:1 "
                     "shared:2 - ext3 /dev/root rw,errors=continue\n"
                     "37 36 0:5 / / ro - tmpfs tmpfs rw\n"));
  ASSERT_EQ(mounts.size(), 2u);
  EXPECT_EQ(mounts[0].id, 36);
  EXPECT_EQ(mounts[0].parent_id, 35);
  EXPECT_EQ(mounts[0].root, "/a b");
  EXPECT_EQ(mounts[0].mount_point, "/m\\n");
  EXPECT_TRUE(mounts[0].shared);
  EXPECT_EQ(mounts[0].type, "ext3");
  EXPECT_EQ(mounts[0].source, "/dev/root");
  EXPECT_FALSE(mounts[1].shared);
  EXPECT_TRUE(HasMountOption(mounts[0].options, "noatime"));
  EXPECT_FALSE(HasMountOption(mounts[0].options, "atime"));
  for (const char* bad :
       {"x", "1 2 3:4 / / rw - ext4 a", "1 2 3:4 / / rw ext4 a rw",
        "a 2 3:4 / / rw - e a r"}) {
    EXPECT_THAT(ParseMountInfo(bad),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << bad;
  }
  EXPECT_THAT(ReadMountInfo(), IsOkAndHolds(Not(IsEmpty())));
}

TEST(NamespacesTest, TheSameNamespaceHasTheSameInode) {
  CAISSON_ASSERT_OK_AND_ASSIGN(const uint64_t own,
                               NamespaceInode(::getpid(), "mnt"));
  CAISSON_ASSERT_OK_AND_ASSIGN(const base::UniqueFd fd,
                               OpenNamespace(::getpid(), "mnt"));
  EXPECT_THAT(NamespaceInode(fd.get()), IsOkAndHolds(own));
  EXPECT_THAT(NamespaceInode(::getpid(), "none"), ErrnoIs(ENOENT));
}

TEST(BootIdTest, StaysTheSame) {
  CAISSON_ASSERT_OK_AND_ASSIGN(const std::string first, ReadBootId());
  EXPECT_EQ(first.size(), 36u);
  EXPECT_THAT(ReadBootId(), IsOkAndHolds(first));
}

}  // namespace
}  // namespace caisson::linux_
