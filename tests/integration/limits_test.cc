// What cgroups, rlimits and the limits of time and output enforce.
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/leakcheck/proc.h"
#include "tests/leakcheck/snapshot.h"
#include "tests/testing/daemon_fixture.h"

namespace caisson::testing {
namespace {

using ::testing::AnyOf;
using ::testing::SizeIs;

constexpr int64_t kMiB = 1 << 20;

class LimitsTest : public DaemonTest {
 protected:
  // The first of the files that some cgroup of the container has.
  static std::string CgroupValue(const std::string& id,
                                 const std::vector<std::string>& names) {
    for (const std::string& base :
         leakcheck::FindCgroups(daemon().sandbox().cgroup_base)) {
      for (const std::string& name : names) {
        std::string text =
            leakcheck::ReadText(absl::StrCat(base, "/", id, "/", name));
        if (!text.empty()) return text.substr(0, text.find('\n'));
      }
    }
    return "";
  }
};

TEST_F(LimitsTest, MemoryEndsTheContainer) {
  v1::ContainerSpec spec = ProbeSpec({"eat", absl::StrCat(256 * kMiB)});
  spec.mutable_resources()->mutable_memory()->set_limit_bytes(64 * kMiB);
  spec.mutable_resources()->mutable_memory()->set_swap_limit_bytes(0);
  const Delivered delivered = RunToEnd(stubs(), spec);
  EXPECT_EQ(delivered.shell_status(), 137) << Describe(delivered.status);
  EXPECT_EQ(delivered.exit.reason(), v1::EXIT_REASON_OOM_KILLED);
  ASSERT_TRUE(delivered.exit.has_oom());
  EXPECT_EQ(delivered.exit.oom().level(), "container");
  EXPECT_GE(delivered.exit.oom().kills(), 1);
  EXPECT_EQ(delivered.out, "");
}

TEST_F(LimitsTest, MemoryOfAChildIsSeenToo) {
  // Only the child dies; the shell tells and goes on.
  v1::ContainerSpec spec = ShSpec(absl::StrCat("caisson-probe eat ", 256 * kMiB,
                                               " exit; echo child $?; exit 3"));
  spec.mutable_resources()->mutable_memory()->set_limit_bytes(64 * kMiB);
  spec.mutable_resources()->mutable_memory()->set_swap_limit_bytes(0);
  spec.mutable_resources()->mutable_memory()->set_kill_group(false);
  const Delivered delivered = RunToEnd(stubs(), spec);
  EXPECT_EQ(delivered.out, "child 137\n");
  EXPECT_EQ(delivered.shell_status(), 3);
  EXPECT_TRUE(delivered.exit.has_oom());
}

TEST_F(LimitsTest, MemoryOfAChildEndsTheContainerByDefault) {
  v1::ContainerSpec spec = ShSpec(
      absl::StrCat("caisson-probe eat ", 256 * kMiB, " exit; sleep 3600"));
  spec.mutable_resources()->mutable_memory()->set_limit_bytes(64 * kMiB);
  spec.mutable_resources()->mutable_memory()->set_swap_limit_bytes(0);
  const Delivered delivered = RunToEnd(stubs(), spec);
  EXPECT_EQ(delivered.shell_status(), 137) << Describe(delivered.status);
  EXPECT_EQ(delivered.exit.reason(), v1::EXIT_REASON_OOM_KILLED);
  EXPECT_TRUE(delivered.exit.has_oom());
}

TEST_F(LimitsTest, MemoryOfAnExecIsSeen) {
  v1::ContainerSpec spec = WaitingSpec();
  spec.mutable_resources()->mutable_memory()->set_limit_bytes(64 * kMiB);
  spec.mutable_resources()->mutable_memory()->set_swap_limit_bytes(0);
  spec.mutable_resources()->mutable_memory()->set_kill_group(false);
  const v1::Container container = CreateAndStart(spec);
  const Delivered delivered = ExecToEnd(
      stubs(), container.id(), ProbeExec({"eat", absl::StrCat(256 * kMiB)}));
  EXPECT_EQ(delivered.shell_status(), 137);
  EXPECT_TRUE(delivered.exit.has_oom());
  EXPECT_EQ(Get(container.id()).status().state(), v1::CONTAINER_STATE_RUNNING);
}

TEST_F(LimitsTest, BelowTheLimitNothingHappens) {
  v1::ContainerSpec spec = ProbeSpec({"eat", absl::StrCat(32 * kMiB), "exit"});
  spec.mutable_resources()->mutable_memory()->set_limit_bytes(128 * kMiB);
  const Delivered delivered = RunToEnd(stubs(), spec);
  EXPECT_EQ(delivered.out, "ate\n");
  EXPECT_EQ(delivered.shell_status(), 0);
  EXPECT_FALSE(delivered.exit.has_oom());
}

TEST_F(LimitsTest, ProcessesAreCounted) {
  v1::ContainerSpec spec = ProbeSpec({"fork", "1000"});
  spec.mutable_resources()->set_pids_limit(64);
  const ProbeFacts facts(RunToEnd(stubs(), spec).out);
  EXPECT_EQ(facts.Get("errno"), "EAGAIN");
  int forked = 0;
  ASSERT_TRUE(absl::SimpleAtoi(facts.Get("forked"), &forked));
  EXPECT_LE(forked, 63);
  EXPECT_GE(forked, 60);
}

TEST_F(LimitsTest, ServiceAnswersDuringAForkBomb) {
  v1::ContainerSpec spec = ShSpec("b() { b | b & }; b; sleep 3600");
  spec.mutable_resources()->set_pids_limit(200);
  const v1::Container container = CreateAndStart(spec);
  EXPECT_EQ(RunToEnd(stubs(), ShSpec("exit 4")).shell_status(), 4);
  EXPECT_THAT(Ids(), SizeIs(::testing::Ge(1)));
  EXPECT_THAT(Delete(container.id()), IsOk());
}

TEST_F(LimitsTest, ProcessorsAreChosen) {
  v1::ContainerSpec spec = ProbeSpec({"facts", "status"});
  spec.mutable_resources()->mutable_cpu()->set_cpuset_cpus("0");
  const ProbeFacts facts(RunToEnd(stubs(), spec).out);
  EXPECT_EQ(facts.Get("status.Cpus_allowed_list"), "0");
}

TEST_F(LimitsTest, ProcessorTimeIsShared) {
  // Two on one processor with weights of 1 to 4 for the same time.
  const auto spin = [](int64_t shares) {
    v1::ContainerSpec spec = ProbeSpec({"spin", "4"});
    spec.mutable_resources()->mutable_cpu()->set_shares(shares);
    spec.mutable_resources()->mutable_cpu()->set_cpuset_cpus("0");
    return spec;
  };
  Delivered small;
  std::thread other([&] { small = RunToEnd(stubs(), spin(256)); });
  const Delivered large = RunToEnd(stubs(), spin(1024));
  other.join();
  const auto seconds = [](const Delivered& delivered) {
    const auto& cpu = delivered.exit.usage().cpu();
    return static_cast<double>(cpu.seconds()) + cpu.nanos() / 1e9;
  };
  // Other work on the host takes from both; the order is sure.
  EXPECT_GT(seconds(large), 1.5 * seconds(small));
  EXPECT_GT(seconds(small), 0);
}

TEST_F(LimitsTest, ProcessorTimeIsCapped) {
  v1::ContainerSpec spec = ProbeSpec({"spin", "2"});
  spec.mutable_resources()->mutable_cpu()->set_limit_millis(200);
  const Delivered delivered = RunToEnd(stubs(), spec);
  const auto& cpu = delivered.exit.usage().cpu();
  EXPECT_LT(static_cast<double>(cpu.seconds()) + cpu.nanos() / 1e9, 1.5);
}

TEST_F(LimitsTest, ValuesAreInTheCgroup) {
  v1::ContainerSpec spec = WaitingSpec();
  v1::Resources* resources = spec.mutable_resources();
  resources->mutable_memory()->set_limit_bytes(96 * kMiB);
  resources->mutable_cpu()->set_quota_micros(50000);
  resources->mutable_cpu()->set_period_micros(200000);
  resources->set_pids_limit(77);
  const v1::Container container = CreateAndStart(spec);
  EXPECT_EQ(
      CgroupValue(container.id(), {"memory.max", "memory.limit_in_bytes"}),
      absl::StrCat(96 * kMiB));
  EXPECT_EQ(CgroupValue(container.id(), {"pids.max"}), "77");
  EXPECT_THAT(CgroupValue(container.id(), {"cpu.max", "cpu.cfs_quota_us"}),
              AnyOf("50000 200000", "50000"));
  EXPECT_THAT(Delete(container.id()), IsOk());
}

TEST_F(LimitsTest, CgroupIsGoneAfterTheExit) {
  const v1::Container container = CreateAndStart(ShSpec("true"));
  Wait(container.id());
  EXPECT_TRUE(PollUntil(absl::Seconds(20), [&] {
    leakcheck::Snapshot snapshot;
    leakcheck::AddCgroups(daemon().sandbox().cgroup_base, &snapshot);
    return leakcheck::ToText(snapshot).find(container.id()) ==
           std::string::npos;
  }));
}

TEST_F(LimitsTest, WallTimeEndsTheRun) {
  v1::ContainerSpec spec = ProbeSpec({"trap"});
  spec.mutable_limits()->mutable_wall_time()->set_nanos(500000000);
  const Delivered delivered = RunToEnd(stubs(), spec);
  EXPECT_EQ(delivered.exit.reason(), v1::EXIT_REASON_WALL_TIME);
  EXPECT_EQ(delivered.exit.signal(), "SIGKILL");
}

TEST_F(LimitsTest, GraceComesBeforeTheKill) {
  v1::ContainerSpec spec = ProbeSpec({"trap", "exit=12"});
  spec.mutable_limits()->mutable_wall_time()->set_seconds(1);
  spec.mutable_limits()->mutable_grace()->set_seconds(3600);
  const Delivered delivered = RunToEnd(stubs(), spec);
  EXPECT_EQ(delivered.exit.exit_code(), 12);
  EXPECT_EQ(delivered.exit.reason(), v1::EXIT_REASON_WALL_TIME);
  EXPECT_EQ(delivered.out, "ready\nsignal=SIGTERM\n");
}

TEST_F(LimitsTest, ProcessorTimeLimitEndsTheRun) {
  v1::ContainerSpec spec = ProbeSpec({"spin", "3600"});
  spec.mutable_limits()->mutable_cpu_time()->set_nanos(300000000);
  EXPECT_EQ(RunToEnd(stubs(), spec).exit.reason(), v1::EXIT_REASON_CPU_TIME);
}

TEST_F(LimitsTest, OutputLimitKillsOrDiscards) {
  v1::ContainerSpec spec = ProbeSpec({"write", "1000000"});
  spec.mutable_limits()->set_output_bytes(5000);
  const Delivered killed = RunToEnd(stubs(), spec);
  EXPECT_EQ(killed.exit.reason(), v1::EXIT_REASON_OUTPUT_LIMIT);
  EXPECT_EQ(killed.exit.completeness(), v1::COMPLETENESS_CUT);
  EXPECT_THAT(killed.out, SizeIs(5000));
  spec.mutable_limits()->set_output_action(v1::OUTPUT_ACTION_DISCARD);
  const Delivered discarded = RunToEnd(stubs(), spec);
  EXPECT_EQ(discarded.exit.exit_code(), 0);
  EXPECT_EQ(discarded.exit.completeness(), v1::COMPLETENESS_CUT);
  EXPECT_EQ(discarded.exit.cut_bytes(), 995000);
  EXPECT_THAT(discarded.out, SizeIs(5000));
}

TEST_F(LimitsTest, OrphansOfTheShellAreReaped) {
  const Delivered delivered =
      RunToEnd(stubs(), ShSpec("caisson-probe orphans 100; exit $?"));
  EXPECT_EQ(ProbeFacts(delivered.out).Get("zombies"), "0");
}

TEST_F(LimitsTest, MemoryLimitIsSeenInside) {
  // Asked for by name, and what a container has where nobody asks.
  v1::ContainerSpec spec = ShSpec("cat /sys/fs/cgroup/memory.max");
  spec.mutable_resources()->mutable_memory()->set_limit_bytes(64 * kMiB);
  v1::ContainerSpec asked = spec;
  v1::Mount* mount = asked.add_mounts();
  mount->set_target("/sys/fs/cgroup");
  mount->set_special("cgroup");
  if (HasCgroupV2Limits()) {
    EXPECT_EQ(RunToEnd(stubs(), spec).out, absl::StrCat(64 * kMiB, "\n"));
    EXPECT_EQ(RunToEnd(stubs(), asked).out, absl::StrCat(64 * kMiB, "\n"));
    return;
  }
  // The v1 hierarchies stay outside: a mount of one shows the whole host.
  const grpc::Status status = RunToEnd(stubs(), asked).status;
  EXPECT_THAT(status, FailsWith(grpc::StatusCode::UNIMPLEMENTED,
                                "FEATURE_UNAVAILABLE"));
  EXPECT_EQ(FactsOf(status).metadata.at("feature"), "cgroup_v2");
}

}  // namespace
}  // namespace caisson::testing
