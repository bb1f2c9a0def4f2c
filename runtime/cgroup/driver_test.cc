// The driver on directories that look like cgroups. What only the kernel can
// do (kill, freeze, count) is tested as root on real ones.
#include "runtime/cgroup/driver.h"

#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/file.h"
#include "runtime/base/remove_tree.h"
#include "runtime/base/status_matchers.h"
#include "runtime/cgroup/layout.h"

namespace caisson::cgroup {
namespace {

using base::IsOk;
using base::IsOkAndHolds;
using base::StatusIs;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Optional;

class CgroupDriverTest : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/caisson_cgroup_test.XXXXXX";
    ASSERT_NE(::mkdtemp(path), nullptr);
    root_ = path;
  }
  void TearDown() override { EXPECT_THAT(base::RemoveTree(root_), IsOk()); }

  void Make(const std::string& path) {
    ASSERT_THAT(base::MakeDirectories(root_ + path, 0755), IsOk());
  }
  void Put(const std::string& path, const std::string& text) {
    ASSERT_THAT(base::WriteFileAtomic(root_ + path, text, 0600, false), IsOk());
  }
  std::string Get(const std::string& path) {
    return base::ReadFileToString(root_ + path, 1000).value_or("?");
  }
  Group V2() { return {{{"unified", root_ + "/c"}}, false}; }

  std::string root_;
};

TEST_F(CgroupDriverTest, ListsPidsOfTheWholeTreeOnce) {
  Make("/c/init/deep");
  Put("/c/cgroup.procs", "");
  Put("/c/init/cgroup.procs", "12\n0\n7\n");
  Put("/c/init/deep/cgroup.procs", "7\n100\n");
  EXPECT_THAT(ListPids(V2()), IsOkAndHolds(ElementsAre(7, 12, 100)));
  EXPECT_THAT(ListPids({}), IsOkAndHolds(IsEmpty()));
}

TEST_F(CgroupDriverTest, V2KnowsWhetherItIsPopulated) {
  Make("/c");
  Put("/c/cgroup.events", "populated 1\nfrozen 0\n");
  EXPECT_THAT(Populated(V2()), IsOkAndHolds(true));
  EXPECT_THAT(WaitEmpty(V2(), absl::ZeroDuration()),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  Put("/c/cgroup.events", "populated 0\nfrozen 0\n");
  EXPECT_THAT(Populated(V2()), IsOkAndHolds(false));
  EXPECT_THAT(WaitEmpty(V2(), absl::ZeroDuration()), IsOk());
}

TEST_F(CgroupDriverTest, WhatIsGoneIsEmptyKilledThawedAndRemoved) {
  const Group v1 = {{{"freezer", root_ + "/f"}}, false};
  Group kill = V2();
  kill.has_kill = true;
  for (const Group& group : {V2(), v1, kill}) {
    EXPECT_THAT(Populated(group), IsOkAndHolds(false));
    EXPECT_THAT(ListPids(group), IsOkAndHolds(IsEmpty()));
    EXPECT_THAT(Kill(group), IsOk());
    EXPECT_THAT(Freeze(group, absl::ZeroDuration()), IsOk());
    EXPECT_THAT(Thaw(group), IsOk());
    EXPECT_THAT(Remove(group), IsOk());
    EXPECT_THAT(ReadUsage(group), IsOk());
  }
}

TEST_F(CgroupDriverTest, KillIsOneWriteWhereTheKernelCan) {
  Make("/c");
  Put("/c/cgroup.kill", "");
  Group group = V2();
  group.has_kill = true;
  EXPECT_THAT(Kill(group), IsOk());
  EXPECT_EQ(Get("/c/cgroup.kill"), "1");
}

TEST_F(CgroupDriverTest, FreezesWithV2) {
  Make("/c");
  Put("/c/cgroup.freeze", "0");
  Put("/c/cgroup.events", "populated 1\nfrozen 1\n");
  EXPECT_THAT(Freeze(V2(), absl::ZeroDuration()), IsOk());
  EXPECT_EQ(Get("/c/cgroup.freeze"), "1");
  EXPECT_THAT(Thaw(V2()), IsOk());
  EXPECT_EQ(Get("/c/cgroup.freeze"), "0");
}

TEST_F(CgroupDriverTest, AFreezeThatDoesNotComeIsUndone) {
  Make("/c");
  Put("/c/cgroup.freeze", "0");
  Put("/c/cgroup.events", "populated 1\nfrozen 0\n");
  EXPECT_THAT(Freeze(V2(), absl::ZeroDuration()),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_EQ(Get("/c/cgroup.freeze"), "0");
}

TEST_F(CgroupDriverTest, PrefersTheV1FreezerWhereTheGroupHasOne) {
  Make("/f");
  Put("/f/freezer.state", "THAWED\n");
  const Group group = {{{"freezer", root_ + "/f"}}, false};
  EXPECT_THAT(Freeze(group, absl::ZeroDuration()), IsOk());
  EXPECT_EQ(Get("/f/freezer.state"), "FROZEN\n");
}

TEST_F(CgroupDriverTest, WhatEveryContainerHasIsMadeBefore) {
  Base base;
  for (const char* what : {"memory", "cpuset", "devices", "unified"}) {
    Make(std::string("/") + what);
    base.group.directories.push_back({what, root_ + "/" + what});
  }
  const mode_t umask = ::umask(077);
  for (int i = 0; i < 2; ++i) {
    CreateContainerDirectories(base, "c");
    for (const char* path : {"/memory/c", "/memory/c/init"}) {
      struct stat info = {};
      ASSERT_EQ(::stat((root_ + path).c_str(), &info), 0);
      EXPECT_EQ(info.st_mode & 0777, 0755u) << "others may pass " << path;
    }
    EXPECT_TRUE(base::PathExists(root_ + "/memory/c/init"));
    EXPECT_TRUE(base::PathExists(root_ + "/unified/c/init"));
    EXPECT_TRUE(base::PathExists(root_ + "/devices/c"));
    EXPECT_FALSE(base::PathExists(root_ + "/devices/c/init"))
        << "its list of devices comes first";
    EXPECT_FALSE(base::PathExists(root_ + "/cpuset/c"))
        << "for those who ask for it";
  }
  ::umask(umask);
}

TEST_F(CgroupDriverTest, UsageOfV2) {
  Make("/c/init");
  Put("/c/cpu.stat",
      "usage_usec 3000\nuser_usec 2000\nsystem_usec 1000\n"
      "nr_throttled 1\nthrottled_usec 50\n");
  Put("/c/memory.current", "4096\n");
  Put("/c/memory.peak", "8192\n");
  Put("/c/memory.max", "max\n");
  Put("/c/memory.events", "low 0\noom 2\noom_kill 3\noom_group_kill 0\n");
  Put("/c/pids.current", "2\n");
  CAISSON_ASSERT_OK_AND_ASSIGN(const Usage usage, ReadUsage(V2()));
  EXPECT_THAT(usage.cpu, Optional(absl::Milliseconds(3)));
  EXPECT_THAT(usage.user_cpu, Optional(absl::Milliseconds(2)));
  EXPECT_THAT(usage.system_cpu, Optional(absl::Milliseconds(1)));
  EXPECT_THAT(usage.throttled, Optional(absl::Microseconds(50)));
  EXPECT_THAT(usage.memory_current_bytes, Optional(4096));
  EXPECT_THAT(usage.memory_peak_bytes, Optional(8192));
  EXPECT_EQ(usage.memory_limit_bytes, std::nullopt);
  EXPECT_THAT(usage.pids_current, Optional(2));
  EXPECT_EQ(usage.pids_peak, std::nullopt);
  EXPECT_EQ(usage.oom_kills, 3);
}

TEST_F(CgroupDriverTest, UsageOfV1SumsTheVictimsOfTheLeaves) {
  for (const char* leaf : {"/m/init", "/m/x1", "/cpu/init", "/a"}) Make(leaf);
  Put("/m/memory.usage_in_bytes", "1\n");
  Put("/m/memory.max_usage_in_bytes", "9\n");
  Put("/m/memory.limit_in_bytes", "9223372036854771712\n");
  const std::string none = "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n";
  Put("/m/memory.oom_control", none);
  Put("/m/init/memory.oom_control", "oom_kill 2\n");
  Put("/m/x1/memory.oom_control", "oom_kill 1\n");
  Put("/cpu/cpu.stat", "nr_periods 1\nthrottled_time 5\n");
  Put("/cpu/init/cpu.stat", "nr_periods 1\nthrottled_time 7\n");
  Put("/a/cpuacct.usage", "100\n");
  Put("/a/cpuacct.usage_user", "60\n");
  Put("/a/cpuacct.usage_sys", "40\n");
  const Group group = {{{"memory", root_ + "/m"},
                        {"cpu", root_ + "/cpu"},
                        {"cpuacct", root_ + "/a"}},
                       false};
  CAISSON_ASSERT_OK_AND_ASSIGN(const Usage usage, ReadUsage(group));
  EXPECT_EQ(usage.oom_kills, 3);
  EXPECT_THAT(usage.memory_peak_bytes, Optional(9));
  EXPECT_EQ(usage.memory_limit_bytes, std::nullopt);
  EXPECT_THAT(usage.throttled, Optional(absl::Nanoseconds(12)));
  EXPECT_THAT(usage.cpu, Optional(absl::Nanoseconds(100)));
  EXPECT_THAT(usage.user_cpu, Optional(absl::Nanoseconds(60)));
}

TEST_F(CgroupDriverTest, RemovesTreesOfEveryHierarchyTwice) {
  Make("/a/c/init/deep");
  Make("/a/c/x1");
  Make("/b/c");
  const Group group = {{{"a", root_ + "/a/c"}, {"b", root_ + "/b/c"}}, false};
  EXPECT_THAT(Remove(group), IsOk());
  EXPECT_FALSE(base::PathExists(root_ + "/a/c"));
  EXPECT_FALSE(base::PathExists(root_ + "/b/c"));
  EXPECT_TRUE(base::PathExists(root_ + "/a"));
  EXPECT_THAT(Remove(group), IsOk());
}

TEST_F(CgroupDriverTest, RemoveGoesOnPastABusyHierarchyAndSaysSo) {
  Make("/a/c");
  Put("/a/c/file", "");  // a directory that rmdir refuses
  Make("/b/c");
  const Group group = {{{"a", root_ + "/a/c"}, {"b", root_ + "/b/c"}}, false};
  EXPECT_THAT(Remove(group, absl::ZeroDuration()), base::ErrnoIs(ENOTEMPTY));
  EXPECT_FALSE(base::PathExists(root_ + "/b/c"));
}

TEST_F(CgroupDriverTest, OomEventsNeedAMemoryController) {
  EXPECT_THAT(OpenOomEvents({}), StatusIs(absl::StatusCode::kNotFound));
  Make("/c");
  Put("/c/memory.events", "oom 0\n");
  EXPECT_THAT(OpenOomEvents(V2()), IsOk());
}

}  // namespace
}  // namespace caisson::cgroup
