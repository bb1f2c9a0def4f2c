#include "runtime/cgroup/layout.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/status_matchers.h"
#include "runtime/cgroup/cpu_values.h"
#include "runtime/cgroup/test_facts_test.h"

namespace caisson::cgroup {
namespace {

using base::ReasonIs;
using testing::Contains;
using testing::ElementsAre;
using testing::Not;
using testing::Optional;

// Steps as lines, so that a whole layout can be compared at a glance.
std::vector<std::string> Lines(const std::vector<CgroupStep>& steps) {
  std::vector<std::string> lines;
  for (const CgroupStep& step : steps) {
    switch (step.kind) {
      case StepKind::kMkdir:
        lines.push_back("mkdir " + step.path);
        break;
      case StepKind::kWrite:
        lines.push_back(step.path + " = " + step.value +
                        (step.optional ? " ?" : ""));
        break;
      case StepKind::kAttachDeviceBpf:
        lines.push_back("bpf " + step.path);
        break;
      case StepKind::kOpenTasks:
        lines.push_back("join " + step.path);
        break;
      case StepKind::kOpenDirForClone:
        lines.push_back("clone " + step.path);
        break;
    }
    EXPECT_FALSE(step.why.empty()) << lines.back();
  }
  return lines;
}

std::vector<std::string> Container(const Base& base,
                                   const ContainerLimits& limits) {
  absl::StatusOr<Layout> layout = BuildContainerLayout(base, "c", limits);
  EXPECT_THAT(layout, base::IsOk());
  return layout.ok() ? Lines(layout->steps) : std::vector<std::string>();
}

TEST(LayoutTest, V1InOrder) {
  ContainerLimits limits;
  limits.cpu.limit_millis = 1500;
  limits.cpu.weight = 100;
  limits.memory.limit_bytes = 1 << 20;
  limits.memory.swap_limit_bytes = 2 << 20;
  limits.pids_limit = 7;
  limits.devices = {{.type = 'c', .major = 1, .minor = 3, .access = "rw"},
                    {.type = 'b', .major = 8}};
  EXPECT_THAT(
      Container(HybridBase(), limits),
      ElementsAre(
          "mkdir /cg/unified/base/c", "mkdir /cg/unified/base/c/init",
          "clone /cg/unified/base/c/init", "mkdir /cg/pids/base/c",
          "/cg/pids/base/c/pids.max = 7", "mkdir /cg/pids/base/c/init",
          "join /cg/pids/base/c/init/tasks", "mkdir /cg/devices/base/c",
          "/cg/devices/base/c/devices.deny = a",
          "/cg/devices/base/c/devices.allow = c 1:3 rw",
          "/cg/devices/base/c/devices.allow = b 8:* rwm",
          "mkdir /cg/devices/base/c/init", "join /cg/devices/base/c/init/tasks",
          "mkdir /cg/memory/own/m/base/c",
          "/cg/memory/own/m/base/c/memory.limit_in_bytes = 1048576",
          "/cg/memory/own/m/base/c/memory.memsw.limit_in_bytes = 3145728",
          "mkdir /cg/memory/own/m/base/c/init",
          "join /cg/memory/own/m/base/c/init/tasks", "mkdir /cg/cpu/base/c",
          "/cg/cpu/base/c/cpu.shares = 2597",
          "/cg/cpu/base/c/cpu.cfs_period_us = 100000",
          "/cg/cpu/base/c/cpu.cfs_quota_us = 150000",
          "mkdir /cg/cpu/base/c/init",
          "/cg/cpu/base/c/init/cpu.cfs_period_us = 100000",
          "/cg/cpu/base/c/init/cpu.cfs_quota_us = 150000",
          "join /cg/cpu/base/c/init/tasks"));
}

TEST(LayoutTest, V1CpusetOnlyForThoseWhoAskAndFilledBeforeAnyoneJoins) {
  ContainerLimits limits;
  EXPECT_THAT(Container(HybridBase(), limits),
              Not(Contains(testing::HasSubstr("cpuset"))));
  limits.cpu.cpuset_cpus = "1";
  const std::vector<std::string> lines = Container(HybridBase(), limits);
  ASSERT_GE(lines.size(), 7u);
  EXPECT_THAT(std::vector<std::string>(lines.end() - 7, lines.end()),
              ElementsAre("mkdir /cg/cpuset/base/c",
                          "/cg/cpuset/base/c/cpuset.cpus = 1",
                          "/cg/cpuset/base/c/cpuset.mems = 0",
                          "mkdir /cg/cpuset/base/c/init",
                          "/cg/cpuset/base/c/init/cpuset.cpus = 1",
                          "/cg/cpuset/base/c/init/cpuset.mems = 0",
                          "join /cg/cpuset/base/c/init/tasks"));
}

TEST(LayoutTest, V2InOrder) {
  ContainerLimits limits;
  limits.cpu.quota_micros = 50000;
  limits.cpu.shares = 1024;
  limits.cpu.burst_micros = 1000;
  limits.cpu.cpuset_mems = "0";
  limits.memory.limit_bytes = 1 << 20;
  limits.memory.swap_limit_bytes = 0;
  limits.memory.high_bytes = 5;
  limits.memory.low_bytes = 4;
  limits.memory.min_bytes = 3;
  limits.pids_limit = 7;
  const std::string c = "/sys/fs/cgroup/base/c";
  EXPECT_THAT(
      Container(V2Base(), limits),
      ElementsAre(
          "mkdir " + c, c + "/cpu.weight = 39", c + "/cpu.max = 50000 100000",
          c + "/cpu.max.burst = 1000", c + "/cpuset.mems = 0",
          c + "/memory.min = 3", c + "/memory.low = 4", c + "/memory.high = 5",
          c + "/memory.max = 1048576", c + "/memory.swap.max = 0",
          c + "/memory.oom.group = 1 ?", c + "/pids.max = 7", "bpf " + c,
          c + "/cgroup.subtree_control = +cpu +cpuset +memory +pids",
          "mkdir " + c + "/init", c + "/init/cpu.max = 50000 100000",
          c + "/init/memory.max = 1048576", c + "/init/memory.oom.group = 1 ?",
          c + "/init/pids.max = 7", "clone " + c + "/init"));
}

TEST(LayoutTest, WithoutLimitsThereIsLittleToWrite) {
  ContainerLimits limits;
  limits.all_devices = true;
  limits.memory.kill_group = false;
  const std::string c = "/sys/fs/cgroup/base/c";
  EXPECT_THAT(
      Container(V2Base(), limits),
      ElementsAre("mkdir " + c, c + "/pids.max = max",
                  c + "/cgroup.subtree_control = +cpu +cpuset +memory +pids",
                  "mkdir " + c + "/init", "clone " + c + "/init"));
}

TEST(LayoutTest, IdleExcludesTheWeight) {
  ContainerLimits limits;
  limits.cpu.idle = true;
  EXPECT_THAT(Container(V2Base(), limits),
              Contains("/sys/fs/cgroup/base/c/cpu.idle = 1"));
  EXPECT_THAT(Container(HybridBase(), limits),
              Contains("/cg/cpu/base/c/cpu.idle = 1"));
}

TEST(LayoutTest, GroupsAreWhatWasMade) {
  CAISSON_ASSERT_OK_AND_ASSIGN(const Layout layout,
                               BuildContainerLayout(HybridBase(), "c", {}));
  EXPECT_EQ(layout.group.directories.size(), 5u);
  EXPECT_EQ(layout.group.directories.front(),
            (Directory{"unified", "/cg/unified/base/c"}));
  EXPECT_TRUE(layout.group.has_kill);
  EXPECT_EQ(layout.display_path, "/own/m/base/c");
}

TEST(LayoutTest, AnExecHasALeafInEachHierarchyOfItsContainer) {
  ContainerLimits limits;
  limits.cpu.cpuset_cpus = "0";
  CAISSON_ASSERT_OK_AND_ASSIGN(const Layout layout,
                               BuildExecLayout(HybridBase(), "c", 4, limits));
  EXPECT_THAT(
      Lines(layout.steps),
      ElementsAre(
          "mkdir /cg/unified/base/c/x4", "clone /cg/unified/base/c/x4",
          "mkdir /cg/pids/base/c/x4", "join /cg/pids/base/c/x4/tasks",
          "mkdir /cg/devices/base/c/x4", "join /cg/devices/base/c/x4/tasks",
          "mkdir /cg/memory/own/m/base/c/x4",
          "join /cg/memory/own/m/base/c/x4/tasks", "mkdir /cg/cpu/base/c/x4",
          "join /cg/cpu/base/c/x4/tasks", "mkdir /cg/cpuset/base/c/x4",
          "/cg/cpuset/base/c/x4/cpuset.cpus = 0",
          "/cg/cpuset/base/c/x4/cpuset.mems = 0",
          "join /cg/cpuset/base/c/x4/tasks"));
  EXPECT_EQ(layout.group.directories[1].path, "/cg/pids/base/c/x4");
  CAISSON_ASSERT_OK_AND_ASSIGN(const Layout v2,
                               BuildExecLayout(V2Base(), "c", 4, {}));
  EXPECT_THAT(Lines(v2.steps), ElementsAre("mkdir /sys/fs/cgroup/base/c/x4",
                                           "clone /sys/fs/cgroup/base/c/x4"));
}

TEST(LayoutTest, WhatTheHostCannotEnforceIsRefused) {
  ContainerLimits limits;
  limits.memory.high_bytes = 1;
  EXPECT_THAT(BuildContainerLayout(HybridBase(), "c", limits),
              ReasonIs("FEATURE_UNAVAILABLE"));
  limits = {};
  limits.memory.swap_limit_bytes = 1;
  EXPECT_THAT(BuildContainerLayout(HybridBase(), "c", limits),
              ReasonIs("FEATURE_UNAVAILABLE"));
  limits.memory.limit_bytes = 1 << 20;
  Base base = HybridBase();
  base.has_v1_swap = false;
  EXPECT_THAT(BuildContainerLayout(base, "c", limits),
              ReasonIs("FEATURE_UNAVAILABLE"));
  base = V2Base();
  base.unified_controllers = {"pids"};
  EXPECT_THAT(BuildContainerLayout(base, "c", limits),
              ReasonIs("FEATURE_UNAVAILABLE"));
  EXPECT_THAT(BuildContainerLayout(base, "c", {}), base::IsOk());
}

TEST(CpuValuesTest, WeightAndSharesAreTheSameScale) {
  EXPECT_THAT(WeightOf({.shares = 2}), Optional(1));
  EXPECT_THAT(WeightOf({.shares = 262144}), Optional(10000));
  EXPECT_THAT(WeightOf({.weight = 55}), Optional(55));
  EXPECT_THAT(SharesOf({.weight = 1}), Optional(2));
  EXPECT_THAT(SharesOf({.weight = 10000}), Optional(262144));
  EXPECT_EQ(SharesOf({}), std::nullopt);
  EXPECT_EQ(BandwidthOf({}).has_value(), false);
  EXPECT_THAT(
      BandwidthOf({.limit_millis = 250, .period_micros = 20000})->quota_micros,
      Optional(5000));
  EXPECT_EQ(BandwidthOf({.period_micros = 20000})->quota_micros, std::nullopt);
}

}  // namespace
}  // namespace caisson::cgroup
