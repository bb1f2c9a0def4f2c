// The three kinds of hosts as text of procfs, for the tests of this folder.
//
// Process: unit tests. Thread: any.
#ifndef CAISSON_RUNTIME_CGROUP_TEST_FACTS_TEST_H_
#define CAISSON_RUNTIME_CGROUP_TEST_FACTS_TEST_H_

#include <string>

#include "gtest/gtest.h"

#include "runtime/cgroup/base.h"
#include "runtime/cgroup/facts.h"

namespace caisson::cgroup {

inline constexpr char kHybridMounts[] =
    "30 22 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
    "31 30 0:27 / /cg/cpu rw - cgroup cgroup rw,cpu\n"
    "32 30 0:28 / /cg/cpuacct rw - cgroup cgroup rw,cpuacct\n"
    "33 30 0:29 / /cg/cpuset rw - cgroup cgroup rw,cpuset\n"
    "34 30 0:30 / /cg/memory rw - cgroup cgroup rw,memory\n"
    "35 30 0:31 / /cg/devices rw - cgroup cgroup rw,devices\n"
    "36 30 0:32 / /cg/freezer rw - cgroup cgroup rw,freezer\n"
    "37 30 0:33 / /cg/blkio rw - cgroup cgroup rw,blkio\n"
    "38 30 0:34 / /cg/pids rw - cgroup cgroup rw,pids\n"
    "39 30 0:35 / /cg/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
    "40 30 0:36 / /cg/unified rw - cgroup2 cgroup2 rw\n";
inline constexpr char kHybridSelf[] =
    "9:name=systemd:/\n8:pids:/\n7:blkio:/\n6:freezer:/\n5:devices:/\n"
    "4:memory:/own/m\n3:cpuset:/\n2:cpuacct:/\n1:cpu:/\n0::/\n";

inline constexpr char kV2Mounts[] =
    "29 22 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
inline constexpr char kV2Self[] = "0::/system.slice/caissond.service\n";
inline constexpr char kV2Controllers[] = "cpuset cpu io memory pids\n";

inline Facts HybridFacts() {
  absl::StatusOr<Facts> facts = ParseFacts(kHybridMounts, kHybridSelf, "");
  EXPECT_TRUE(facts.ok()) << facts.status();
  facts->has_kill = facts->has_freeze = true;
  return *facts;
}

inline Facts V2Facts() {
  absl::StatusOr<Facts> facts = ParseFacts(kV2Mounts, kV2Self, kV2Controllers);
  EXPECT_TRUE(facts.ok()) << facts.status();
  facts->has_kill = facts->has_freeze = true;
  return *facts;
}

// As CreateBase leaves it.
inline Base HybridBase() {
  absl::StatusOr<Base> base = ResolveBase(HybridFacts(), "base");
  EXPECT_TRUE(base.ok()) << base.status();
  base->cpuset_cpus = "0-1";
  base->cpuset_mems = "0";
  base->has_v1_swap = true;
  return *base;
}

inline Base V2Base() {
  absl::StatusOr<Base> base = ResolveBase(V2Facts(), "base");
  EXPECT_TRUE(base.ok()) << base.status();
  base->unified_controllers = {"cpu", "cpuset", "memory", "pids"};
  return *base;
}

}  // namespace caisson::cgroup

#endif  // CAISSON_RUNTIME_CGROUP_TEST_FACTS_TEST_H_
