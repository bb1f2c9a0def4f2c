#include "runtime/cgroup/base.h"

#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/file.h"
#include "runtime/base/remove_tree.h"
#include "runtime/base/status_matchers.h"
#include "runtime/cgroup/test_facts_test.h"

namespace caisson::cgroup {
namespace {

using base::IsOk;
using base::IsOkAndHolds;
using base::ReasonIs;
using base::StatusIs;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(ResolveBaseTest, HybridHostsUseWhatEachHierarchyIsNeededFor) {
  EXPECT_THAT(HybridBase().group.directories,
              ElementsAre(Directory{"unified", "/cg/unified/base"},
                          Directory{"pids", "/cg/pids/base"},
                          Directory{"devices", "/cg/devices/base"},
                          Directory{"memory", "/cg/memory/own/m/base"},
                          Directory{"cpu", "/cg/cpu/base"},
                          Directory{"cpuset", "/cg/cpuset/base"}));
  EXPECT_TRUE(HybridBase().group.has_kill);
}

TEST(ResolveBaseTest, WithoutAModernV2TreeTheV1FreezerIsNeeded) {
  Facts facts = HybridFacts();
  facts.has_kill = false;
  CAISSON_ASSERT_OK_AND_ASSIGN(Base base, ResolveBase(facts, "base"));
  ASSERT_NE(base.group.Find("freezer"), nullptr);
  EXPECT_EQ(base.group.Find("freezer")->path, "/cg/freezer/base");
  std::erase_if(facts.hierarchies, [](const Hierarchy& hierarchy) {
    return hierarchy.version == Version::kV2;
  });
  CAISSON_ASSERT_OK_AND_ASSIGN(base, ResolveBase(facts, "base"));
  EXPECT_EQ(base.group.Find("cpuacct")->path, "/cg/cpuacct/base");
  EXPECT_EQ(base.group.Unified(), nullptr);
}

TEST(ResolveBaseTest, AbsoluteAndRelativePaths) {
  CAISSON_ASSERT_OK_AND_ASSIGN(Base base, ResolveBase(HybridFacts(), "/a//b/"));
  EXPECT_EQ(base.group.Find("memory")->path, "/cg/memory/a/b");
  CAISSON_ASSERT_OK_AND_ASSIGN(base, ResolveBase(HybridFacts(), ""));
  EXPECT_EQ(base.group.Find("memory")->path, "/cg/memory/own/m/caisson");
  // Where this process is on v2 there can be no children with controllers.
  EXPECT_THAT(V2Base().group.directories,
              ElementsAre(Directory{"unified", "/sys/fs/cgroup/base"}));
  for (const char* bad : {"/", ".", "a/../b", ".."}) {
    EXPECT_THAT(ResolveBase(HybridFacts(), bad),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << bad;
  }
}

TEST(BaseTest, GroupsOfContainersAndExecs) {
  const Base base = HybridBase();
  EXPECT_EQ(base.Container("c").Find("memory")->path,
            "/cg/memory/own/m/base/c");
  EXPECT_EQ(base.Exec("c", 3).Unified()->path, "/cg/unified/base/c/x3");
  EXPECT_EQ(base.Exec("c", 3).has_kill, true);
  EXPECT_EQ(base.DisplayPath("c"), "/own/m/base/c");
  EXPECT_EQ(V2Base().DisplayPath("c"), "/base/c");
}

// A directory in the place of a v2 tree, and one of a v1 memory hierarchy.
class CreateBaseTest : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/caisson_base_test.XXXXXX";
    ASSERT_NE(::mkdtemp(path), nullptr);
    root_ = path;
    for (const char* name : {"/memory", "/unified"}) {
      ASSERT_EQ(::mkdir((root_ + name).c_str(), 0755), 0);
    }
    Facts facts;
    facts.hierarchies = {{Version::kV1, root_ + "/memory", "/", {"memory"}},
                         {Version::kV2, root_ + "/unified", "/", {}}};
    absl::StatusOr<Base> base = ResolveBase(facts, "a/base");
    ASSERT_THAT(base, IsOk());
    base_ = *base;
  }
  void TearDown() override { EXPECT_THAT(base::RemoveTree(root_), IsOk()); }

  bool Exists(const std::string& path) {
    return base::PathExists(root_ + path);
  }
  void Make(const std::string& path) {
    ASSERT_EQ(::mkdir((root_ + path).c_str(), 0755), 0);
  }

  std::string root_;
  Base base_;
};

TEST_F(CreateBaseTest, MakesBaseKeeperAndMarkAndRemovesThem) {
  EXPECT_THAT(CreateBase("me", &base_), IsOk());
  for (const char* hierarchy : {"/memory", "/unified"}) {
    EXPECT_TRUE(Exists(std::string(hierarchy) + "/a/base/keeper"));
  }
  EXPECT_TRUE(Exists("/unified/a/base/owner-me"));
  EXPECT_FALSE(base_.has_v1_swap);
  // Again, as after a restart.
  EXPECT_THAT(CreateBase("me", &base_), IsOk());
  EXPECT_THAT(ListContainers(base_), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(RemoveBase(base_), IsOk());
  EXPECT_FALSE(Exists("/unified/a/base"));
  EXPECT_TRUE(Exists("/unified/a"));
  EXPECT_THAT(RemoveBase(base_), IsOk());
}

TEST_F(CreateBaseTest, OthersMayPassWhateverTheUmaskIs) {
  const mode_t umask = ::umask(077);
  EXPECT_THAT(CreateBase("me", &base_), IsOk());
  ::umask(umask);
  for (const char* path : {"/unified/a", "/unified/a/base", "/memory/a/base"}) {
    struct stat info = {};
    ASSERT_EQ(::stat((root_ + path).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0755u) << path;
  }
}

TEST_F(CreateBaseTest, ABaseWithAKeeperIsNotRemoved) {
  ASSERT_THAT(CreateBase("me", &base_), IsOk());
  Make("/unified/a/base/keeper/busy");
  EXPECT_FALSE(RemoveBase(base_).ok());
  EXPECT_TRUE(Exists("/unified/a/base/owner-me"));
  EXPECT_TRUE(Exists("/unified/a/base/keeper/busy"));
}

TEST_F(CreateBaseTest, RefusesABaseWithContainersOfAnotherOwner) {
  ASSERT_THAT(CreateBase("other", &base_), IsOk());
  Make("/memory/a/base/c1");
  EXPECT_THAT(CreateBase("me", &base_), ReasonIs("IN_USE"));
  EXPECT_THAT(CreateBase("other", &base_), IsOk());
  ASSERT_EQ(::rmdir((root_ + "/memory/a/base/c1").c_str()), 0);
  EXPECT_THAT(CreateBase("me", &base_), IsOk());
  EXPECT_FALSE(Exists("/unified/a/base/owner-other"));
}

TEST_F(CreateBaseTest, ListsContainersOfEveryHierarchyOnce) {
  ASSERT_THAT(CreateBase("me", &base_), IsOk());
  Make("/memory/a/base/c1");
  Make("/unified/a/base/c1");
  Make("/unified/a/base/c0");
  EXPECT_THAT(ListContainers(base_), IsOkAndHolds(ElementsAre("c0", "c1")));
}

TEST_F(CreateBaseTest, SeesSwapAccounting) {
  ASSERT_THAT(CreateKeeperGroup(&base_), IsOk());
  ASSERT_THAT(
      base::WriteFileAtomic(
          root_ + "/memory/a/base/memory.memsw.limit_in_bytes", "0", 0600,
          /*sync=*/false),
      IsOk());
  EXPECT_THAT(CreateBase("me", &base_), IsOk());
  EXPECT_TRUE(base_.has_v1_swap);
}

TEST_F(CreateBaseTest, TheKeeperJoinsEveryHierarchy) {
  ASSERT_THAT(CreateKeeperGroup(&base_), IsOk());
  const std::string tasks = root_ + "/memory/a/base/keeper/tasks";
  const std::string procs = root_ + "/unified/a/base/keeper/cgroup.procs";
  for (const std::string& file : {tasks, procs}) {
    ASSERT_THAT(base::WriteFileAtomic(file, "", 0600, false), IsOk());
  }
  EXPECT_THAT(JoinKeeperGroup(base_), IsOk());
  EXPECT_THAT(base::ReadFileToString(tasks, 9), IsOkAndHolds("0"));
  EXPECT_THAT(base::ReadFileToString(procs, 9), IsOkAndHolds("0"));
}

}  // namespace
}  // namespace caisson::cgroup
