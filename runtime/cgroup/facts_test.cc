#include "runtime/cgroup/facts.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/status_matchers.h"
#include "runtime/cgroup/test_facts_test.h"

namespace caisson::cgroup {
namespace {

using base::StatusIs;
using testing::ElementsAre;

TEST(FactsTest, HybridHost) {
  const Facts facts = HybridFacts();
  EXPECT_EQ(facts.Mode(), "hybrid");
  EXPECT_EQ(facts.LimitsVersion(), Version::kV1);
  ASSERT_NE(facts.Find("memory"), nullptr);
  EXPECT_EQ(facts.Find("memory")->mount_point, "/cg/memory");
  EXPECT_EQ(facts.Find("memory")->own_path, "/own/m");
  ASSERT_NE(facts.Unified(), nullptr);
  EXPECT_EQ(facts.Unified()->mount_point, "/cg/unified");
  EXPECT_FALSE(facts.HasController("hugetlb"));
  // The named hierarchy has no controller.
  EXPECT_THAT(facts.Controllers(),
              ElementsAre("blkio", "cpu", "cpuacct", "cpuset", "devices",
                          "freezer", "memory", "pids"));
}

TEST(FactsTest, PureV2Host) {
  const Facts facts = V2Facts();
  EXPECT_EQ(facts.Mode(), "v2");
  EXPECT_EQ(facts.Find("memory")->version, Version::kV2);
  EXPECT_EQ(facts.Unified()->own_path, "/system.slice/caissond.service");
  EXPECT_FALSE(facts.HasController("devices"));
}

TEST(FactsTest, PureV1HostWithControllersMountedTogether) {
  CAISSON_ASSERT_OK_AND_ASSIGN(
      const Facts facts,
      ParseFacts("31 30 0:27 / /cg/cpu,cpuacct rw - cgroup x rw,cpu,cpuacct\n"
                 "34 30 0:30 / /cg/memory rw shared:9 - cgroup x rw,memory\n",
                 "2:cpu,cpuacct:/a\n1:memory:/b\n", ""));
  EXPECT_EQ(facts.Mode(), "v1");
  EXPECT_EQ(facts.Unified(), nullptr);
  EXPECT_EQ(facts.Find("cpu"), facts.Find("cpuacct"));
  EXPECT_EQ(facts.Find("cpuacct")->own_path, "/a");
}

TEST(FactsTest, AControllerOfTheHybridTreeIsFoundThere) {
  CAISSON_ASSERT_OK_AND_ASSIGN(
      const Facts facts, ParseFacts(kHybridMounts, kHybridSelf, "hugetlb\n"));
  EXPECT_EQ(facts.Find("hugetlb")->version, Version::kV2);
  EXPECT_EQ(facts.Mode(), "hybrid");
}

TEST(FactsTest, PathsAreRelativeToWhatIsMounted) {
  CAISSON_ASSERT_OK_AND_ASSIGN(
      Facts facts, ParseFacts("1 1 0:1 /docker/x /cg rw - cgroup2 x rw\n",
                              "0::/docker/x/init\n", "memory"));
  EXPECT_EQ(facts.Unified()->own_path, "/init");
  // Not below: a cgroup namespace that was entered from outside.
  CAISSON_ASSERT_OK_AND_ASSIGN(
      facts, ParseFacts("1 1 0:1 /docker/x /cg rw - cgroup2 x rw\n",
                        "0::/docker/xyz\n", "memory"));
  EXPECT_EQ(facts.Unified()->own_path, "/");
}

TEST(FactsTest, RefusesWhatIsNoHost) {
  EXPECT_THAT(ParseFacts("", kHybridSelf, ""),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(ParseFacts("x\n", kHybridSelf, ""),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ParseFacts(kV2Mounts, "x\n", ""),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(FactsTest, DetectsThisHost) {
  const absl::StatusOr<Facts> facts = Detect();
  // A sandbox without cgroups is no failure of ours.
  if (!facts.ok()) {
    EXPECT_THAT(facts, StatusIs(absl::StatusCode::kFailedPrecondition));
    return;
  }
  EXPECT_FALSE(facts->hierarchies.empty());
}

}  // namespace
}  // namespace caisson::cgroup
