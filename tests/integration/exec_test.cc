// Execs: processes in a running container.
#include <signal.h>

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/leakcheck/proc.h"
#include "tests/leakcheck/snapshot.h"
#include "tests/testing/daemon_fixture.h"

namespace caisson::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ExecTest : public DaemonTest {
 protected:
  void SetUp() override {
    DaemonTest::SetUp();
    if (HasFatalFailure() || IsSkipped()) return;
    container_ = CreateAndStart(WaitingSpec());
  }
  void TearDown() override {
    if (!container_.id().empty()) {
      EXPECT_THAT(Delete(container_.id()), IsOk());
    }
    DaemonTest::TearDown();
  }
  v1::Exec GetExec(const std::string& id) const {
    v1::GetExecRequest request;
    request.set_exec(id);
    v1::GetExecResponse response;
    EXPECT_THAT(Call(stubs().execs, &v1::ExecService::Stub::GetExec, request,
                     &response),
                IsOk());
    return response.exec();
  }

  v1::Container container_;
};

TEST_F(ExecTest, OutputAndStatusArrive) {
  const Delivered delivered =
      ExecToEnd(stubs(), container_.id(), ShExec("echo o; echo e >&2; exit 7"));
  EXPECT_THAT(delivered.status, IsOk());
  EXPECT_EQ(delivered.violations, "");
  EXPECT_EQ(delivered.out, "o\n");
  EXPECT_EQ(delivered.err, "e\n");
  EXPECT_EQ(delivered.shell_status(), 7);
  EXPECT_EQ(delivered.exit.completeness(), v1::COMPLETENESS_COMPLETE);
}

TEST_F(ExecTest, IsInAllNamespacesOfTheContainer) {
  const ProbeFacts facts(
      ExecToEnd(stubs(), container_.id(), ProbeExec({"facts", "ns"})).out);
  for (const char* name :
       {"cgroup", "ipc", "mnt", "net", "pid", "uts", "user", "time"}) {
    EXPECT_EQ(facts.Get(absl::StrCat("ns.", name)),
              leakcheck::LinkTarget(absl::StrCat(
                  "/proc/", container_.status().pid(), "/ns/", name)))
        << name;
  }
}

TEST_F(ExecTest, HasTheSameConfinementAsTheContainer) {
  const ProbeFacts facts(
      ExecToEnd(stubs(), container_.id(), ProbeExec({"facts"})).out);
  const std::string status = leakcheck::ReadText(
      absl::StrCat("/proc/", container_.status().pid(), "/status"));
  for (const char* name : {"CapEff", "CapBnd", "CapPrm", "CapInh", "CapAmb",
                           "NoNewPrivs", "Seccomp", "SigBlk"}) {
    EXPECT_THAT(status, HasSubstr(absl::StrCat(
                            name, ":\t",
                            facts.Get(absl::StrCat("status.", name)), "\n")))
        << name;
  }
  EXPECT_THAT(facts.Names("fd."), SizeIs(3));
  EXPECT_EQ(facts.Get("cwd"), "/");
  EXPECT_EQ(facts.Get("umask"), "0022");
}

TEST_F(ExecTest, IsInACgroupOfItsOwnBelowTheContainer) {
  auto talk = StartExec(stubs(), container_.id(), ProbeExec({"pause"}));
  ASSERT_TRUE(talk->ReadUntilOutput("ready"));
  const pid_t pid = talk->delivered().start.pid();
  const std::string cgroups =
      leakcheck::ReadText(absl::StrCat("/proc/", pid, "/cgroup"));
  EXPECT_THAT(cgroups, HasSubstr(daemon().sandbox().cgroup_base));
  EXPECT_THAT(cgroups, HasSubstr(container_.id()));
  EXPECT_NE(cgroups, leakcheck::ReadText(absl::StrCat(
                         "/proc/", container_.status().pid(), "/cgroup")));
  talk->SendKill("SIGKILL");
  talk->Rest();
}

TEST_F(ExecTest, EnvironmentUserAndDirectoryCanBeChosen) {
  v1::ExecSpec spec = ProbeExec({"facts", "ids", "env", "place"});
  spec.mutable_process()->set_user("user");
  spec.mutable_process()->set_working_dir("/tmp");
  (*spec.mutable_process()->mutable_env())["X"] = "y";
  const ProbeFacts facts(ExecToEnd(stubs(), container_.id(), spec).out);
  EXPECT_EQ(facts.Get("uid"), "1000 1000 1000");
  EXPECT_EQ(facts.Get("env.X"), "y");
  EXPECT_EQ(facts.Get("env.HOME"), "/home/user");
  EXPECT_EQ(facts.Get("cwd"), "/tmp");
}

TEST_F(ExecTest, CommandsThatCannotRunSayWhy) {
  EXPECT_THAT(
      ExecToEnd(stubs(), container_.id(), ExecOf({"no-such-command"})).status,
      FailsWith(grpc::StatusCode::FAILED_PRECONDITION, "COMMAND_NOT_FOUND"));
  EXPECT_THAT(
      ExecToEnd(stubs(), container_.id(), ExecOf({"/bin/not-executable"}))
          .status,
      FailsWith(grpc::StatusCode::FAILED_PRECONDITION,
                "COMMAND_NOT_EXECUTABLE"));
  v1::ExecSpec spec = ShExec("true");
  spec.mutable_process()->set_working_dir("/no/such");
  EXPECT_THAT(ExecToEnd(stubs(), container_.id(), spec).status,
              FailsWith(grpc::StatusCode::FAILED_PRECONDITION, "START_FAILED"));
}

TEST_F(ExecTest, NeedsARunningContainer) {
  const v1::Container created = Create(ShSpec("true"));
  EXPECT_THAT(ExecToEnd(stubs(), created.id(), ShExec("true")).status,
              FailsWith(grpc::StatusCode::FAILED_PRECONDITION, "WRONG_STATE"));
  EXPECT_THAT(ExecToEnd(stubs(), "no-such", ShExec("true")).status,
              FailsWith(grpc::StatusCode::NOT_FOUND, "CONTAINER_NOT_FOUND"));
}

TEST_F(ExecTest, TerminalWorks) {
  v1::ExecSpec spec = ProbeExec({"winsize"});
  spec.mutable_process()->set_tty(true);
  spec.mutable_process()->set_stdin(v1::STDIN_MODE_OPEN);
  spec.mutable_process()->mutable_terminal_size()->set_rows(11);
  spec.mutable_process()->mutable_terminal_size()->set_cols(22);
  auto talk = StartExec(stubs(), container_.id(), spec);
  ASSERT_TRUE(talk->ReadUntilOutput("size=11x22"));
  ASSERT_TRUE(talk->SendResize(12, 23));
  ASSERT_TRUE(talk->ReadUntilOutput("size=12x23"));
  talk->HalfClose();
  EXPECT_EQ(talk->Rest().shell_status(), 0);
}

TEST_F(ExecTest, DisconnectKillsTheWholeTree) {
  pid_t pid = 0;
  {
    auto talk = StartExec(stubs(), container_.id(),
                          ShExec("sleep 3600 & echo up; wait"));
    ASSERT_TRUE(talk->ReadUntilOutput("up"));
    pid = talk->delivered().start.pid();
    talk->Cancel();
  }
  EXPECT_TRUE(PollUntil(absl::Seconds(20), [&] {
    v1::ListProcessesRequest request;
    request.set_container(container_.id());
    v1::ListProcessesResponse response;
    EXPECT_THAT(
        Call(stubs().containers, &v1::ContainerService::Stub::ListProcesses,
             request, &response),
        IsOk());
    for (const v1::ProcessInfo& process : response.processes()) {
      if (!process.exec().empty()) return false;
    }
    return ::kill(pid, 0) < 0;
  }));
}

TEST_F(ExecTest, ResultIsKeptAfterTheExit) {
  const Delivered delivered =
      ExecToEnd(stubs(), container_.id(), ShExec("exit 33"));
  const std::string id = delivered.start.exec().id();
  ASSERT_THAT(id, SizeIs(32));
  const v1::Exec exec = GetExec(id);
  EXPECT_EQ(exec.state(), v1::EXEC_STATE_EXITED);
  EXPECT_EQ(exec.exit().exit_code(), 33);
  EXPECT_EQ(exec.container(), container_.id());
  v1::WaitExecRequest request;
  request.set_exec(id);
  v1::WaitExecResponse response;
  EXPECT_THAT(
      Call(stubs().execs, &v1::ExecService::Stub::WaitExec, request, &response),
      IsOk());
  EXPECT_EQ(response.exit().exit_code(), 33);
  v1::ListExecsRequest list;
  list.mutable_filter()->add_containers(container_.id());
  v1::ListExecsResponse listed;
  EXPECT_THAT(
      Call(stubs().execs, &v1::ExecService::Stub::ListExecs, list, &listed),
      IsOk());
  EXPECT_THAT(listed.execs(), SizeIs(1));
}

TEST_F(ExecTest, KillReachesTheProcessOrTheTree) {
  auto talk =
      StartExec(stubs(), container_.id(), ProbeExec({"trap", "exit=4"}));
  ASSERT_TRUE(talk->ReadUntilOutput("ready"));
  v1::KillExecRequest request;
  request.set_exec(talk->delivered().start.exec().id());
  request.set_signal("USR2");
  v1::KillExecResponse response;
  EXPECT_THAT(
      Call(stubs().execs, &v1::ExecService::Stub::KillExec, request, &response),
      IsOk());
  const Delivered& delivered = talk->Rest();
  EXPECT_THAT(delivered.out, HasSubstr("signal=SIGUSR2"));
  EXPECT_EQ(delivered.shell_status(), 4);
}

TEST_F(ExecTest, SyncReturnsBothOutputsAndTheStatus) {
  v1::ExecSyncRequest request;
  request.set_container(container_.id());
  *request.mutable_spec() = ShExec("cat; echo err >&2; exit 5");
  request.set_stdin_text("input");
  request.set_text(true);
  v1::ExecSyncResponse response;
  EXPECT_THAT(
      Call(stubs().execs, &v1::ExecService::Stub::ExecSync, request, &response),
      IsOk());
  EXPECT_EQ(response.stdout_text(), "input");
  EXPECT_EQ(response.stderr_text(), "err\n");
  EXPECT_EQ(response.exit().exit_code(), 5);
  EXPECT_FALSE(response.truncated());
  EXPECT_THAT(response.exec_id(), SizeIs(32));
}

TEST_F(ExecTest, SyncCutsWhatIsTooMuch) {
  v1::ExecSyncRequest request;
  request.set_container(container_.id());
  *request.mutable_spec() = ProbeExec({"write", "100000"});
  request.set_max_output_bytes(1000);
  v1::ExecSyncResponse response;
  EXPECT_THAT(
      Call(stubs().execs, &v1::ExecService::Stub::ExecSync, request, &response),
      IsOk());
  EXPECT_THAT(response.stdout(), SizeIs(1000));
  EXPECT_TRUE(response.truncated());
  EXPECT_EQ(response.exit().exit_code(), 0);
}

TEST_F(ExecTest, SyncIsKilledByItsDeadline) {
  v1::ExecSyncRequest request;
  request.set_container(container_.id());
  *request.mutable_spec() = ShExec("sleep 3600");
  v1::ExecSyncResponse response;
  EXPECT_EQ(Call(stubs().execs, &v1::ExecService::Stub::ExecSync, request,
                 &response, absl::Seconds(1))
                .error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_TRUE(PollUntil(absl::Seconds(20), [&] {
    v1::ListExecsRequest list;
    list.mutable_filter()->add_containers(container_.id());
    list.add_states(v1::EXEC_STATE_RUNNING);
    v1::ListExecsResponse listed;
    return Call(stubs().execs, &v1::ExecService::Stub::ListExecs, list, &listed)
               .ok() &&
           listed.execs().empty();
  }));
}

TEST_F(ExecTest, WallTimeEndsIt) {
  v1::ExecSpec spec = ShExec("sleep 3600");
  spec.mutable_limits()->mutable_wall_time()->set_nanos(300000000);
  const Delivered delivered = ExecToEnd(stubs(), container_.id(), spec);
  EXPECT_EQ(delivered.exit.reason(), v1::EXIT_REASON_WALL_TIME);
  EXPECT_EQ(delivered.exit.signal(), "SIGKILL");
}

TEST_F(ExecTest, OutputLimitEndsIt) {
  v1::ExecSpec spec = ShExec("yes");
  spec.mutable_limits()->set_output_bytes(100000);
  const Delivered delivered = ExecToEnd(stubs(), container_.id(), spec);
  EXPECT_EQ(delivered.exit.reason(), v1::EXIT_REASON_OUTPUT_LIMIT);
  EXPECT_EQ(delivered.exit.completeness(), v1::COMPLETENESS_CUT);
  EXPECT_EQ(delivered.exit.cut_reason(), "OUTPUT_LIMIT");
  EXPECT_THAT(delivered.out, SizeIs(100000));
}

TEST_F(ExecTest, ManyAtOnce) {
  constexpr int kExecs = 24;
  std::vector<Delivered> delivered(kExecs);
  std::vector<std::thread> threads;
  for (int i = 0; i < kExecs; ++i) {
    threads.emplace_back([&, i] {
      delivered[static_cast<size_t>(i)] =
          ExecToEnd(stubs(), container_.id(),
                    ShExec(absl::StrCat("echo ", i, "; exit ", i)));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < kExecs; ++i) {
    const Delivered& one = delivered[static_cast<size_t>(i)];
    EXPECT_EQ(one.out, absl::StrCat(i, "\n"));
    EXPECT_EQ(one.shell_status(), i) << Describe(one.status);
  }
}

TEST_F(ExecTest, EndsWithTheContainer) {
  const v1::Container container = CreateAndStart(ProbeSpec({"pause"}));
  auto talk = StartExec(stubs(), container.id(), ProbeExec({"pause"}));
  ASSERT_TRUE(talk->ReadUntilOutput("ready"));
  EXPECT_THAT(Delete(container.id()), IsOk());
  const Delivered& delivered = talk->Rest();
  EXPECT_TRUE(delivered.exited) << Describe(delivered.status);
  EXPECT_EQ(delivered.exit.signal(), "SIGKILL");
}

TEST_F(ExecTest, OrphansOfAnExecAreReaped) {
  // The container's first process is a shell, which reaps what it is given.
  const Delivered delivered =
      ExecToEnd(stubs(), container_.id(), ProbeExec({"orphans", "100"}));
  EXPECT_EQ(ProbeFacts(delivered.out).Get("zombies"), "0");
}

}  // namespace
}  // namespace caisson::testing
