// The daemon dies and comes back: containers do not notice, and the new daemon
// tells the truth.
#include <signal.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/leakcheck/proc.h"
#include "tests/testing/children.h"
#include "tests/testing/daemon_fixture.h"

namespace caisson::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

class RecoveryTest : public DaemonTest {
 protected:
  void TearDown() override {
    if (!IsSkipped()) {
      // Whatever happened, the next test has a daemon and no containers.
      if (!daemon().running()) {
        EXPECT_TRUE(daemon().Restart());
      }
      DeleteAll();
      ReapAdopted();
    }
    DaemonTest::TearDown();
  }
  // Writes numbers until it is told to stop, then exits with 23.
  static v1::ContainerSpec Counter() {
    return ShSpec(
        "trap 'stop=1' TERM; i=0; while [ -z \"$stop\" ]; do "
        "i=$((i+1)); echo $i; sleep 0.05; done; echo last; exit 23");
  }
  // "1\n2\n..." without a hole, then perhaps "last\n".
  static void ExpectCounts(const std::string& text) {
    std::string expected;
    for (int i = 1; expected.size() < text.size(); ++i) {
      const std::string line = absl::StrCat(i, "\n");
      if (text.compare(expected.size(), line.size(), line) != 0) break;
      expected += line;
    }
    EXPECT_TRUE(text == expected || text == expected + "last\n") << text;
  }
  static bool WaitForOutput(const std::string& id, size_t bytes) {
    return PollUntil(absl::Seconds(20),
                     [&] { return Logs(id).size() >= bytes; });
  }
};

TEST_F(RecoveryTest, ContainerOutlivesKillOfTheDaemon) {
  const v1::Container container = CreateAndStart(Counter());
  ASSERT_TRUE(WaitForOutput(container.id(), 10));
  daemon().Kill9();
  // It goes on, and writes, without a daemon.
  const std::string stat =
      absl::StrCat("/proc/", container.status().pid(), "/stat");
  EXPECT_EQ(leakcheck::ParseStat(leakcheck::ReadText(stat)).pid,
            container.status().pid());
  ASSERT_TRUE(daemon().Restart()) << daemon().log();
  const v1::Container after = Get(container.id());
  EXPECT_EQ(after.status().state(), v1::CONTAINER_STATE_RUNNING);
  EXPECT_EQ(after.status().pid(), container.status().pid());
  EXPECT_EQ(after.status().run(), 1);
  const size_t before = Logs(container.id()).size();
  ASSERT_TRUE(WaitForOutput(container.id(), before + 10));
  v1::KillContainerRequest request;
  request.set_container(container.id());
  request.set_signal("TERM");
  v1::KillContainerResponse response;
  EXPECT_THAT(
      Call(stubs().containers, &v1::ContainerService::Stub::KillContainer,
           request, &response),
      IsOk());
  EXPECT_EQ(Wait(container.id()).exit_code(), 23);
  const std::string logs = Logs(container.id());
  EXPECT_THAT(logs, HasSubstr("last\n"));
  ExpectCounts(logs);
}

TEST_F(RecoveryTest, ExitWithoutADaemonIsRecorded) {
  const v1::Container container = CreateAndStart(Counter());
  ASSERT_TRUE(WaitForOutput(container.id(), 4));
  daemon().Kill9();
  ASSERT_EQ(::kill(container.status().pid(), SIGTERM), 0);
  // The shim drains, records and ends.
  const std::string stat =
      absl::StrCat("/proc/", container.status().pid(), "/stat");
  ASSERT_TRUE(PollUntil(absl::Seconds(20), [&] {
    return leakcheck::ParseStat(leakcheck::ReadText(stat)).pid < 0;
  }));
  ASSERT_TRUE(daemon().Restart()) << daemon().log();
  const v1::Exited exit = Wait(container.id());
  EXPECT_EQ(exit.exit_code(), 23);
  EXPECT_EQ(exit.completeness(), v1::COMPLETENESS_COMPLETE);
  const std::string logs = Logs(container.id());
  ExpectCounts(logs);
  EXPECT_THAT(logs, HasSubstr("last\n"));
  EXPECT_EQ(exit.end_offset(), static_cast<int64_t>(logs.size()));
}

TEST_F(RecoveryTest, ManyContainersComeBack) {
  std::vector<v1::Container> containers;
  for (int i = 0; i < 10; ++i) {
    containers.push_back(CreateAndStart(WaitingSpec()));
  }
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(daemon().Restart()) << daemon().log();
    for (const v1::Container& container : containers) {
      const v1::Container after = Get(container.id());
      EXPECT_EQ(after.status().state(), v1::CONTAINER_STATE_RUNNING);
      EXPECT_EQ(after.status().pid(), container.status().pid());
    }
  }
  // And they can be entered and stopped.
  EXPECT_EQ(
      ExecToEnd(stubs(), containers[0].id(), ShExec("exit 3")).shell_status(),
      3);
}

TEST_F(RecoveryTest, SigtermLeavesContainersRunning) {
  const v1::Container container = CreateAndStart(WaitingSpec());
  EXPECT_EQ(daemon().Stop(), 0) << daemon().log();
  EXPECT_EQ(::kill(container.status().pid(), 0), 0);
  ASSERT_TRUE(daemon().Start()) << daemon().log();
  EXPECT_EQ(Get(container.id()).status().state(), v1::CONTAINER_STATE_RUNNING);
}

TEST_F(RecoveryTest, RunIsResumedByItsRequestId) {
  v1::RunStart start;
  *start.mutable_spec() = Counter();
  start.set_request_id(NewRequestId());
  std::string seen;
  int64_t offset = 0;
  {
    auto talk = StartRun(stubs(), start);
    ASSERT_TRUE(talk->ReadUntil(
        [](const Delivered& d) { return d.merged.size() > 10; }));
    daemon().Kill9();
    const Delivered& cut = talk->Rest();
    EXPECT_FALSE(cut.status.ok());
    seen = cut.merged;
    offset = cut.next_offset;
  }
  ASSERT_TRUE(daemon().Restart()) << daemon().log();
  start.mutable_output()->set_offset(offset);
  auto talk = StartRun(stubs(), start);
  ASSERT_TRUE(talk->ReadUntilStarted());
  EXPECT_TRUE(talk->delivered().start.replayed());
  ASSERT_TRUE(
      talk->ReadUntil([](const Delivered& d) { return d.merged.size() > 10; }));
  ASSERT_TRUE(talk->SendKill("TERM"));
  const Delivered& rest = talk->Rest();
  EXPECT_EQ(rest.shell_status(), 23);
  ExpectCounts(seen + rest.merged);
  EXPECT_THAT(Ids(), SizeIs(1));
}

TEST_F(RecoveryTest, InputStaysOpenWithoutADaemon) {
  v1::ContainerSpec spec = ShSpec("cat; exit 5");
  spec.mutable_process()->set_stdin(v1::STDIN_MODE_OPEN);
  auto talk = StartRun(stubs(), spec);
  ASSERT_TRUE(talk->SendInput("before\n"));
  ASSERT_TRUE(talk->ReadUntilOutput("before"));
  const std::string id = talk->delivered().start.container().id();
  daemon().Kill9();
  talk->Rest();
  ASSERT_TRUE(daemon().Restart()) << daemon().log();
  auto attach = StartAttach(stubs(), id);
  ASSERT_TRUE(attach->ReadUntilStarted());
  ASSERT_TRUE(attach->SendInput("after\n"));
  ASSERT_TRUE(attach->ReadUntilOutput("after"));
  ASSERT_TRUE(attach->SendCloseStdin());
  EXPECT_EQ(attach->Rest().shell_status(), 5);
  EXPECT_EQ(Logs(id), "before\nafter\n");
}

TEST_F(RecoveryTest, ExecsAreKilledWithTheirClientsDaemon) {
  const v1::Container container = CreateAndStart(WaitingSpec());
  auto talk = StartExec(stubs(), container.id(), ProbeExec({"pause"}));
  ASSERT_TRUE(talk->ReadUntilOutput("ready"));
  const pid_t pid = talk->delivered().start.pid();
  const std::string id = talk->delivered().start.exec().id();
  daemon().Kill9();
  const std::string stat = absl::StrCat("/proc/", pid, "/stat");
  EXPECT_TRUE(PollUntil(absl::Seconds(20), [&] {
    return leakcheck::ParseStat(leakcheck::ReadText(stat)).pid < 0;
  }));
  ASSERT_TRUE(daemon().Restart()) << daemon().log();
  v1::WaitExecRequest request;
  request.set_exec(id);
  v1::WaitExecResponse response;
  EXPECT_THAT(
      Call(stubs().execs, &v1::ExecService::Stub::WaitExec, request, &response),
      IsOk());
  EXPECT_EQ(response.exit().signal(), "SIGKILL");
  EXPECT_EQ(response.exit().reason(), v1::EXIT_REASON_DISCONNECTED);
  EXPECT_EQ(Get(container.id()).status().state(), v1::CONTAINER_STATE_RUNNING);
}

TEST_F(RecoveryTest, RevisionsGoOnAndEventsTellTheExit) {
  const v1::Container container = CreateAndStart(WaitingSpec());
  ASSERT_TRUE(daemon().Restart()) << daemon().log();
  const v1::Container later = Create(ShSpec("true"));
  EXPECT_GT(later.revision(), container.revision());
}

TEST_F(RecoveryTest, DeathOfTheShimIsNoticedAndSaid) {
  const v1::Container container = CreateAndStart(WaitingSpec());
  // The shim is the parent of the container's first process.
  const leakcheck::ProcessStat stat = leakcheck::ParseStat(leakcheck::ReadText(
      absl::StrCat("/proc/", container.status().pid(), "/stat")));
  ASSERT_EQ(::kill(stat.parent, SIGKILL), 0);
  const v1::Exited exit = Wait(container.id());
  EXPECT_TRUE(exit.unknown());
  EXPECT_EQ(exit.reason(), v1::EXIT_REASON_SHIM_LOST);
  EXPECT_FALSE(exit.has_status());
  EXPECT_TRUE(PollUntil(absl::Seconds(20), [&] {
    ReapAdopted();
    return ::kill(container.status().pid(), 0) < 0;
  }));
  EXPECT_THAT(Delete(container.id(), false), IsOk());
}

TEST_F(RecoveryTest, DeathOfTheKeeperLeavesContainersRunning) {
  const v1::Container container = CreateAndStart(WaitingSpec());
  const pid_t keeper = daemon().KeeperPid();
  ASSERT_GT(keeper, 0);
  ASSERT_EQ(::kill(keeper, SIGKILL), 0);
  EXPECT_EQ(Get(container.id()).status().state(), v1::CONTAINER_STATE_RUNNING);
  // Another keeper takes over; until then creates may say so.
  Delivered delivered;
  EXPECT_TRUE(PollUntil(absl::Seconds(20), [&] {
    ReapAdopted();
    delivered = RunToEnd(stubs(), ShSpec("exit 6"));
    return delivered.shell_status() == 6;
  })) << Describe(delivered.status);
  EXPECT_EQ(ExecToEnd(stubs(), container.id(), ShExec("exit 2")).shell_status(),
            2);
}

}  // namespace
}  // namespace caisson::testing
