#include "runtime/linux/host_facts.h"

#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/status_matchers.h"

namespace caisson::linux_ {
namespace {

TEST(HostFactsTest, ParsesReleases) {
  int major = 0;
  int minor = 0;
  EXPECT_TRUE(ParseKernelRelease("6.1.0-18-amd64", &major, &minor));
  EXPECT_EQ(major, 6);
  EXPECT_EQ(minor, 1);
  EXPECT_TRUE(ParseKernelRelease("10.20", &major, &minor));
  EXPECT_EQ(minor, 20);
  for (const char* bad : {"", "6", "6.", ".1", "x.y", "6-1"}) {
    EXPECT_FALSE(ParseKernelRelease(bad, &major, &minor)) << bad;
  }
}

TEST(HostFactsTest, ComparesVersions) {
  HostFacts facts;
  facts.kernel_major = 5;
  facts.kernel_minor = 12;
  EXPECT_TRUE(facts.KernelAtLeast(5, 12));
  EXPECT_TRUE(facts.KernelAtLeast(4, 99));
  EXPECT_FALSE(facts.KernelAtLeast(5, 13));
  EXPECT_FALSE(facts.KernelAtLeast(6, 0));
}

TEST(HostFactsTest, EveryFeatureIsReportedWithAReasonWhenMissing) {
  CAISSON_ASSERT_OK_AND_ASSIGN(const HostFacts facts, DetectHostFacts());
  std::set<std::string> names;
  for (const Feature& feature : facts.features) {
    EXPECT_TRUE(names.insert(feature.name).second) << feature.name;
    EXPECT_EQ(feature.available, feature.reason.empty()) << feature.name;
    EXPECT_EQ(facts.Has(feature.name), feature.available);
  }
  for (const std::string_view name :
       {kFeatureOverlay, kFeatureOverlayVolatile, kFeatureOverlayIdmap,
        kFeatureIdmappedMounts, kFeatureUserNamespace, kFeatureTimeNamespace,
        kFeatureCgroupNamespace, kFeatureSeccomp, kFeatureCloneIntoCgroup,
        kFeatureMountSetattr, kFeatureMqueue}) {
    EXPECT_TRUE(names.contains(std::string(name))) << name;
  }
  EXPECT_EQ(facts.FindFeature("nope"), nullptr);
  EXPECT_FALSE(facts.Has("nope"));
}

TEST(HostFactsTest, ThisHostMakesSense) {
  CAISSON_ASSERT_OK_AND_ASSIGN(const HostFacts facts, DetectHostFacts());
  EXPECT_GE(facts.kernel_major, 5);
  EXPECT_GE(facts.last_capability, 37);
  EXPECT_GT(facts.memory_bytes, 64 << 20);
  EXPECT_GE(facts.online_cpus, 1);
  EXPECT_GE(facts.nr_open, 1024u);
  EXPECT_EQ(facts.boot_id.size(), 36u);
  EXPECT_LE(facts.oom_score_adj_min, facts.oom_score_adj);
  EXPECT_GE(facts.rlimits[RLIMIT_NOFILE].rlim_max,
            facts.rlimits[RLIMIT_NOFILE].rlim_cur);
}

}  // namespace
}  // namespace caisson::linux_
