// Daemons that were killed at every interesting moment, and what the next one
// makes of what they left.

#include "server/core/manager/recovery.h"

#include <cerrno>
#include <csignal>
#include <string>
#include <utility>

#include "gtest/gtest.h"

#include "runtime/base/file.h"
#include "server/core/testing/test_core.h"

namespace caisson::core {
namespace {

using store::ContainerState;

class RecoveryTest : public TestCore {
 protected:
  // What a daemon that is killed leaves: nothing is said to anybody.
  void Restart() {
    Close();
    Open();
  }
  Result<WaitResult> Await(const std::string& container,
                           WaitCondition condition) {
    Result<WaitResult> result;
    calls_.push_back(containers().Wait(
        {.container = container, .condition = condition, .run = {}},
        result.Take()));
    return result;
  }
  static shim::StateExec Running(uint32_t number) {
    shim::StateExec state = {};
    state.number = number;
    state.phase = shim::Phase::kRunning;
    state.pid = 4712;
    return state;
  }
  std::vector<CallPtr> calls_;
};

TEST_F(RecoveryTest, WhatIsNotRunningIsAsItWas) {
  const ContainerPtr created = Create("a");
  FakeShimPtr shim;
  const std::string exited = StartNew(&shim, "b")->id;
  shim->ExitedWith(3);
  WaitExited(exited);
  Restart();
  EXPECT_EQ(catalog().Find("a")->status.state, ContainerState::kCreated);
  EXPECT_EQ(catalog().Find("b")->status.exit->code, 3);
  EXPECT_TRUE(base::PathExists(Directory(created->id)));
}

TEST_F(RecoveryTest, ARunningContainerIsAdopted) {
  FakeShimPtr shim;
  const std::string id = StartNew(&shim)->id;
  Close();
  EXPECT_FALSE(shim->Receive().ok);
  shim->Listen(state_);
  Open();
  shim->AcceptDaemon();
  shim->SayState(shim::Phase::kRunning, 4711);
  shim->ExitedWith(6);
  EXPECT_EQ(WaitExited(id)->status.exit->code, 6);
}

TEST_F(RecoveryTest, AShimThatDoesNotListenYetIsWaitedFor) {
  FakeShimPtr shim;
  const std::string id = StartNew(&shim)->id;
  Restart();  // the lock is held, so it lives
  EXPECT_EQ(catalog().Find(id)->status.state, ContainerState::kRunning);
  shim->Listen(state_);
  shim->AcceptDaemon();
  shim->SayState(shim::Phase::kRunning, 4711);
  shim->ExitedWith(1);
  EXPECT_EQ(WaitExited(id)->status.exit->code, 1);
}

TEST_F(RecoveryTest, AShimThatDoesNotAnswerHoldsNoKillUp) {
  FakeShimPtr shim;
  const std::string id = StartNew(&shim)->id;
  Restart();
  DoneResult killed;
  containers().Kill({.container = id,
                     .signal = {.signal = "KILL", .scope = {}},
                     .request = {}},
                    killed.Take());
  EXPECT_TRUE(killed.Get().ok()) << killed.Get().ToString();
  shim->Listen(state_);
  shim->AcceptDaemon();
  shim->SayState(shim::Phase::kRunning, 4711);
  record::ExitRecord record = shim->RecordOf(SIGKILL);
  record.kind = record::ExitKind::kSignal;
  record.cause = record::ExitCause::kSignaled;
  shim->Exited(record);
  shim->Die();
  EXPECT_EQ(WaitExited(id)->status.exit->reason, store::ExitReason::kKilled);
}

TEST_F(RecoveryTest, AnExitWithoutADaemonIsReadFromItsRecord) {
  FakeShimPtr shim;
  const std::string id = StartNew(&shim)->id;
  Close();
  shim->WriteRecord(shim->RecordOf(8));
  shim->Die();
  Open();
  const ContainerPtr exited = WaitExited(id);
  EXPECT_EQ(exited->status.exit->code, 8);
  EXPECT_EQ(exited->status.exit->reason, store::ExitReason::kExited);
}

TEST_F(RecoveryTest, AShimThatDiedWithoutARecordIsLost) {
  FakeShimPtr shim;
  const std::string id = StartNew(&shim)->id;
  Close();
  shim->Die();
  Open();
  EXPECT_EQ(WaitExited(id)->status.exit->reason, store::ExitReason::kShimLost);
}

TEST_F(RecoveryTest, AfterARebootNothingRuns) {
  FakeShimPtr shim;
  const std::string id = StartNew(&shim)->id;
  Close();
  shim->Die();
  Open(/*same_boot=*/false);
  EXPECT_EQ(WaitExited(id)->status.exit->reason,
            store::ExitReason::kHostReboot);
}

TEST_F(RecoveryTest, AStartThatNobodyCommittedIsUndone) {
  Create();
  Result<StartResult> started;
  containers().Start({.container = "web", .request = {}}, started.Take());
  FakeShimPtr shim = keeper_.NextShim();
  Close();
  shim->Die();  // it saw the daemon leave before START
  Open();
  Result<ContainerPtr> stopped;  // waits until it has settled
  containers().Stop(
      {.container = "web", .signal = "", .timeout = {}, .request_id = ""},
      stopped.Take());
  ASSERT_TRUE(stopped.Get().ok());
  const ContainerPtr row = catalog().Find("web");
  EXPECT_EQ(row->status.state, ContainerState::kCreated);
  EXPECT_EQ(row->intent, store::Intent::kNone);
}

TEST_F(RecoveryTest, AStartThatTheDaemonDidNotSeeIsAdopted) {
  const std::string id = Create()->id;
  Result<StartResult> started;
  containers().Start({.container = "web", .request = {}}, started.Take());
  FakeShimPtr shim = keeper_.NextShim();
  ASSERT_TRUE(shim->Prepare());
  Close();
  shim->Listen(state_);
  Open();
  Result<WaitResult> running = Await(id, WaitCondition::kRunning);
  shim->AcceptDaemon();
  shim->SayState(shim::Phase::kRunning, 4713);
  ASSERT_TRUE(running.Get().ok());
  EXPECT_EQ(running.Get()->container->status.pid, 4713);
  EXPECT_EQ(running.Get()->container->status.run, 1);
}

TEST_F(RecoveryTest, ARetryOfAStartThatRanMeanwhileStartsNothing) {
  const std::string id = Create()->id;
  const StartArgs args = {.container = id, .request = Key("Start")};
  Result<StartResult> started;
  containers().Start(args, started.Take());
  FakeShimPtr shim = keeper_.NextShim();
  ASSERT_TRUE(shim->Prepare());
  Close();
  shim->WriteRecord(shim->RecordOf(5));  // it ran and ended meanwhile
  shim->Die();
  Open();
  EXPECT_EQ(WaitExited(id)->status.exit->code, 5);
  Result<StartResult> retry;
  containers().Start(args, retry.Take());
  ASSERT_TRUE(retry.Get().ok()) << retry.Get().status().ToString();
  EXPECT_TRUE(retry.Get()->replayed);
  EXPECT_EQ(retry.Get()->container->status.run, 1);
}

TEST_F(RecoveryTest, ARetryWaitsUntilItIsKnownWhatBecameOfTheStart) {
  const std::string id = Create()->id;
  const StartArgs args = {.container = id, .request = Key("Start")};
  Result<StartResult> started;
  containers().Start(args, started.Take());
  FakeShimPtr shim = keeper_.NextShim();
  ASSERT_TRUE(shim->Prepare());
  Restart();  // its lock is held: it is looked for
  Result<StartResult> retry;
  containers().Start(args, retry.Take());
  shim->WriteRecord(shim->RecordOf(5));
  shim->Die();
  ASSERT_TRUE(retry.Get().ok()) << retry.Get().status().ToString();
  EXPECT_TRUE(retry.Get()->replayed);
  EXPECT_EQ(WaitExited(id)->status.run, 1);
}

TEST_F(RecoveryTest, ARetryOfAStartThatCameToNothingStarts) {
  const std::string id = Create()->id;
  const StartArgs args = {.container = id, .request = Key("Start")};
  Result<StartResult> started;
  containers().Start(args, started.Take());
  FakeShimPtr shim = keeper_.NextShim();
  Close();
  shim->Die();  // it saw the daemon leave before START
  Open();
  Result<StartResult> retry;
  containers().Start(args, retry.Take());
  FakeShimPtr again = keeper_.NextShim();
  ASSERT_TRUE(again->Prepare());
  again->Started();
  ASSERT_TRUE(retry.Get().ok()) << retry.Get().status().ToString();
  EXPECT_FALSE(retry.Get()->replayed);
  EXPECT_TRUE(catalog().ContainerById(id)->start_request.empty());
}

TEST_F(RecoveryTest, AStartThatCameToNothingLeavesNoRequest) {
  Create();
  const RequestKey key = Key("Start");
  Result<StartResult> started;
  containers().Start({.container = "web", .request = key}, started.Take());
  FakeShimPtr shim = keeper_.NextShim();
  Close();
  shim->Die();
  Open();
  Result<ContainerPtr> stopped;  // waits until it has settled
  containers().Stop(
      {.container = "web", .signal = "", .timeout = {}, .request_id = ""},
      stopped.Take());
  ASSERT_TRUE(stopped.Get().ok());
  EXPECT_EQ(catalog().Request(key.id), nullptr);
}

TEST_F(RecoveryTest, ARetryOfARunWaitsUntilItIsKnownWhatBecameOfIt) {
  const RunArgs args = {
      .spec = Spec("web"), .request = Key("Run"), .on_disconnect = {}};
  Result<Started> started;
  containers().Run(args, started.Take());
  FakeShimPtr shim = keeper_.NextShim();
  ASSERT_TRUE(shim->Prepare());
  Restart();  // its lock is held: it is looked for
  Result<Started> retry;
  calls_.push_back(containers().Run(args, retry.Take()));
  shim->Listen(state_);
  shim->AcceptDaemon();
  shim->SayState(shim::Phase::kRunning, 4711);
  ASSERT_TRUE(retry.Get().ok()) << retry.Get().status().ToString();
  EXPECT_TRUE(retry.Get()->replayed);
  EXPECT_EQ(retry.Get()->container->id, shim->id);
}

TEST_F(RecoveryTest, ARetryOfARunThatCameToNothingRuns) {
  const RunArgs args = {
      .spec = Spec("web"), .request = Key("Run"), .on_disconnect = {}};
  Result<Started> started;
  containers().Run(args, started.Take());
  FakeShimPtr shim = keeper_.NextShim();
  Restart();  // its lock is held: it is looked for
  Result<Started> retry;
  calls_.push_back(containers().Run(args, retry.Take()));
  shim->Die();
  FakeShimPtr again = keeper_.NextShim();
  ASSERT_TRUE(again->Prepare());
  again->Started();
  ASSERT_TRUE(retry.Get().ok()) << retry.Get().status().ToString();
  EXPECT_FALSE(retry.Get()->replayed);
  EXPECT_NE(retry.Get()->container->id, shim->id);
}

TEST_F(RecoveryTest, ARunWithoutAnIdIsUndone) {
  Result<Started> started;
  containers().Run({.spec = Spec("web"), .request = {}, .on_disconnect = {}},
                   started.Take());
  FakeShimPtr shim = keeper_.NextShim();
  ASSERT_TRUE(shim->Prepare());
  Close();
  shim->Listen(state_);
  Open();
  shim->AcceptDaemon();
  shim->SayState(shim::Phase::kRunning, 4711);
  const TestFrame frame = shim->Receive();
  EXPECT_EQ(frame.type, shim::FrameType::kKill);
  shim->ExitedWith(0);
  WaitForgotten(shim->id);
  EXPECT_TRUE(catalog().AllContainers().empty());
  EXPECT_FALSE(base::PathExists(Directory(shim->id)));
}

TEST_F(RecoveryTest, ARunWithAnIdIsThereForTheRetry) {
  const RunArgs args = {
      .spec = Spec("web"), .request = Key("Run"), .on_disconnect = {}};
  Result<Started> started;
  containers().Run(args, started.Take());
  FakeShimPtr shim = keeper_.NextShim();
  ASSERT_TRUE(shim->Prepare());
  Close();
  shim->WriteRecord(shim->RecordOf(5));  // it ran and ended meanwhile
  shim->Die();
  Open();
  Result<WaitResult> exited = Await(shim->id, WaitCondition::kExited);
  while (!exited.Get().ok()) {  // hidden until it is adopted
    exited = Await(shim->id, WaitCondition::kExited);
  }
  EXPECT_EQ(exited.Get()->exit->code, 5);
  Result<Started> retry;
  containers().Run(args, retry.Take());
  ASSERT_TRUE(retry.Get().ok()) << retry.Get().status().ToString();
  EXPECT_EQ(retry.Get()->container->id, shim->id);
}

TEST_F(RecoveryTest, AForcedDeleteGoesOn) {
  FakeShimPtr shim;
  const std::string id = StartNew(&shim)->id;
  Result<ContainerPtr> deleted;
  containers().Delete({.container = "web",
                       .force = true,
                       .expected_revision = {},
                       .request = {}},
                      deleted.Take());
  EXPECT_EQ(shim->Receive().type, shim::FrameType::kKill);
  Close();
  shim->WriteRecord(shim->RecordOf(0));
  shim->Die();
  Open();
  WaitForgotten(id);
  EXPECT_EQ(catalog().ContainerById(id), nullptr);
  EXPECT_NE(catalog().Tombstone(id), nullptr);
}

TEST_F(RecoveryTest, ADirectoryWithoutARowIsRemoved) {
  const std::string orphan = Directory("00000000000000000000000000000abc");
  ASSERT_TRUE(base::MakeDirectories(orphan, 0700).ok());
  Restart();
  EXPECT_FALSE(base::PathExists(orphan));
}

TEST_F(RecoveryTest, RunningExecsAreAdoptedAndEndedOnesAreRead) {
  FakeShimPtr shim;
  const std::string id = StartNew(&shim)->id;
  std::string first;
  std::string second;
  {
    // Held while the shim is told of execs: it is also told when a stream ends.
    const Started one = ExecNew(shim.get(), id, 1);
    const Started two = ExecNew(shim.get(), id, 2);
    first = one.exec->id;
    second = two.exec->id;
  }
  Close();
  shim->Listen(state_);
  Open();
  shim->AcceptDaemon();
  shim->SayState(shim::Phase::kRunning, 4711, {Running(2)});
  Result<WaitExecResult> ended;
  calls_.push_back(execs().Wait(first, ended.Take()));
  ASSERT_TRUE(ended.Get().ok());
  EXPECT_EQ(ended.Get()->exit->reason, store::ExitReason::kShimLost);
  Result<WaitExecResult> later;
  calls_.push_back(execs().Wait(second, later.Take()));
  shim->ExecExitedWith(2, 9);
  EXPECT_EQ(later.Get()->exit->code, 9);
}

// What the shim made of the loss of the connection is called off.
TEST_F(RecoveryTest, ARunThatIsTakenUpAgainIsNotEnded) {
  const RunArgs args = {
      .spec = Spec("web"), .request = Key("Run"), .on_disconnect = {}};
  FakeShimPtr shim;
  { const Started lost = RunNew(&shim, args); }
  Close();
  shim->Listen(state_);
  Open();
  shim->AcceptDaemon();
  Result<Started> back;
  containers().Run(args, back.Take());
  shim->SayState(shim::Phase::kRunning, 4711);
  ASSERT_TRUE(back.Get().ok());
  EXPECT_TRUE(back.Get()->replayed);
  const TestFrame frame = shim->Receive();
  ASSERT_EQ(frame.type, shim::FrameType::kDisconnect);
  EXPECT_EQ(frame.As<shim::DisconnectBody>().disconnected, 0u);
}

TEST_F(RecoveryTest, InputGoesOnWhereTheShimSays) {
  RunArgs args = {
      .spec = Spec("web"), .request = Key("Run"), .on_disconnect = {}};
  args.spec.process.stdin_mode = spec::StdinMode::kOpen;
  FakeShimPtr shim;
  std::string id;
  {
    const Started lost = RunNew(&shim, args);
    id = lost.container->id;
  }
  Close();
  shim->Listen(state_);
  Open();
  shim->AcceptDaemon();
  Result<Started> back;
  containers().Run(args, back.Take());
  Result<WaitResult> asked = Await(id, WaitCondition::kRunning);
  ASSERT_TRUE(asked.Get().ok());  // behind it on the queue
  EXPECT_FALSE(back.IsReady());
  shim->SayState(shim::Phase::kRunning, 4711, {}, /*stdin_offset=*/1000);
  ASSERT_TRUE(back.Get().ok());
  EXPECT_EQ(back.Get()->stdin_offset, 1000);
  DoneResult written;
  back.Get()->session->WriteStdin(998, "no more", written.Take());
  EXPECT_TRUE(written.Get().ok());
  EXPECT_EQ(shim->Receive().type, shim::FrameType::kDisconnect);
  const TestFrame frame = shim->Receive();
  ASSERT_EQ(frame.type, shim::FrameType::kStdin);
  EXPECT_EQ(frame.As<shim::StdinBody>().offset, 1000);
  EXPECT_EQ(frame.body.substr(sizeof(shim::StdinBody)), " more");
}

TEST_F(RecoveryTest, AnExecThatIsTakenUpAgainIsNotEnded) {
  FakeShimPtr shim;
  const std::string id = StartNew(&shim)->id;
  const ExecArgs args = {
      .container = id, .spec = ExecSpec(), .request = Key("Exec")};
  {
    Result<Started> lost;
    calls_.push_back(execs().Exec(args, lost.Take()));
    shim->Started(4712, shim->Receive().target);
    ASSERT_TRUE(lost.Get().ok());
  }
  Close();
  shim->Listen(state_);
  Open();
  shim->AcceptDaemon();
  shim->SayState(shim::Phase::kRunning, 4711, {Running(1)});
  Result<Started> back;
  calls_.push_back(execs().Exec(args, back.Take()));
  ASSERT_TRUE(back.Get().ok());
  const TestFrame frame = shim->Receive();
  ASSERT_EQ(frame.type, shim::FrameType::kDisconnect);
  EXPECT_EQ(frame.target, 1u);
  EXPECT_EQ(frame.As<shim::DisconnectBody>().disconnected, 0u);
}

TEST_F(RecoveryTest, AnOwnerThatIsStillThereOutlivesALostConnection) {
  FakeShimPtr shim;
  const Started started =
      RunNew(&shim, {.spec = Spec("web"), .request = {}, .on_disconnect = {}});
  shim->Listen(state_);
  shim->Disconnect();
  shim->AcceptDaemon();
  shim->SayState(shim::Phase::kRunning, 4711);
  const TestFrame frame = shim->Receive();
  ASSERT_EQ(frame.type, shim::FrameType::kDisconnect);
  EXPECT_EQ(frame.As<shim::DisconnectBody>().disconnected, 0u);
}

TEST_F(RecoveryTest, AnExecBeforeTheShimSaidItsStateWaits) {
  FakeShimPtr shim;
  const std::string id = StartNew(&shim)->id;
  std::string kept;
  {
    const Started exec = ExecNew(shim.get(), id);
    kept = exec.exec->id;
  }
  Close();
  shim->Listen(state_);
  Open();
  shim->AcceptDaemon();
  Result<Started> early;
  calls_.push_back(execs().Exec(
      {.container = id, .spec = ExecSpec(), .request = {}}, early.Take()));
  Result<WaitResult> asked = Await(id, WaitCondition::kRunning);
  ASSERT_TRUE(asked.Get().ok());  // behind it on the queue
  EXPECT_FALSE(early.IsReady());
  shim->SayState(shim::Phase::kRunning, 4711);
  const TestFrame frame = shim->Receive();
  EXPECT_EQ(frame.type, shim::FrameType::kExec);
  EXPECT_EQ(frame.target, 2u);
  shim->Started(4713, 2);
  ASSERT_TRUE(early.Get().ok()) << early.Get().status().ToString();
  EXPECT_EQ(early.Get()->pid, 4713);
  EXPECT_EQ(catalog().ExecById(kept)->state, store::ExecState::kExited);
}

TEST_F(RecoveryTest, AnExecThatWaitsForTheShimEndsWithTheDaemon) {
  FakeShimPtr shim;
  const std::string id = StartNew(&shim)->id;
  Restart();
  Result<Started> early;
  calls_.push_back(execs().Exec(
      {.container = id, .spec = ExecSpec(), .request = {}}, early.Take()));
  Close();
  ASSERT_TRUE(early.IsReady());
  EXPECT_EQ(ReasonOf(early.Get().status()), "SHUTTING_DOWN");
}

TEST_F(RecoveryTest, AnExecWhileAConnectionIsMadeAnewIsRefused) {
  FakeShimPtr shim;
  const std::string id = StartNew(&shim)->id;
  shim->Listen(state_);
  shim->Disconnect();
  shim->AcceptDaemon();
  Result<Started> early;
  calls_.push_back(execs().Exec(
      {.container = id, .spec = ExecSpec(), .request = {}}, early.Take()));
  EXPECT_EQ(ReasonOf(early.Get().status()), "SHIM_NOT_ANSWERING");
}

TEST_F(RecoveryTest, TheNumberOfAnExecThatIsHeldOpenIsNotGivenAgain) {
  FakeShimPtr shim;
  const std::string id = StartNew(&shim)->id;
  std::string kept;
  {
    const Started exec = ExecNew(shim.get(), id);
    kept = exec.exec->id;
  }
  Close();
  shim->Listen(state_);
  Open();
  shim->AcceptDaemon();
  shim::StateExec held = Running(5);  // its row has expired
  held.phase = shim::Phase::kExited;
  shim->SayState(shim::Phase::kRunning, 4711, {held});
  Result<WaitExecResult> adopted;
  calls_.push_back(execs().Wait(kept, adopted.Take()));
  ASSERT_TRUE(adopted.Get().ok());
  const Started next = ExecNew(shim.get(), id, 6);
  EXPECT_EQ(next.exec->number, 6);
}

// A connection that drops while an exec starts.
class ExecStartTest : public RecoveryTest {
 protected:
  ExecStartTest() {
    id_ = StartNew(&shim_)->id;
    shim_->Listen(state_);
    calls_.push_back(execs().Exec(
        {.container = id_, .spec = ExecSpec(), .request = {}}, exec_.Take()));
    TestFrame frame = shim_->Receive();
    EXPECT_EQ(frame.type, shim::FrameType::kExec);
    exec_directory_ = std::move(frame.fds[1]);
    shim_->Disconnect();
    shim_->AcceptDaemon();
  }
  FakeShimPtr shim_;
  std::string id_;
  base::UniqueFd exec_directory_;
  Result<Started> exec_;
};

TEST_F(ExecStartTest, OneThatRunsIsAnswered) {
  shim_->SayState(shim::Phase::kRunning, 4711, {Running(1)});
  ASSERT_TRUE(exec_.Get().ok()) << exec_.Get().status().ToString();
  EXPECT_EQ(exec_.Get()->pid, 4712);
  EXPECT_EQ(exec_.Get()->exec->state, store::ExecState::kRunning);
  const TestFrame frame = shim_->Receive();  // its client is still there
  ASSERT_EQ(frame.type, shim::FrameType::kDisconnect);
  EXPECT_EQ(frame.As<shim::DisconnectBody>().disconnected, 0u);
}

TEST_F(ExecStartTest, OneThatTheShimDoesNotHaveIsRefused) {
  shim_->SayState(shim::Phase::kRunning, 4711);
  EXPECT_EQ(ReasonOf(exec_.Get().status()), "SHIM_NOT_ANSWERING");
  EXPECT_TRUE(catalog().AllExecs().empty());
}

TEST_F(ExecStartTest, OneThatIsOnItsWayIsWaitedFor) {
  shim::StateExec prepared = Running(1);
  prepared.phase = shim::Phase::kPrepared;
  shim_->SayState(shim::Phase::kRunning, 4711, {prepared});
  shim_->Started(4715, 1);
  ASSERT_TRUE(exec_.Get().ok()) << exec_.Get().status().ToString();
  EXPECT_EQ(exec_.Get()->pid, 4715);
}

TEST_F(ExecStartTest, OneThatEndedMeanwhileIsToldWithItsExit) {
  shim_->WriteRecord(shim_->RecordOf(3, 1), exec_directory_.get());
  shim_->SayState(shim::Phase::kRunning, 4711);
  ASSERT_TRUE(exec_.Get().ok()) << exec_.Get().status().ToString();
  Result<WaitExecResult> ended;
  calls_.push_back(execs().Wait(exec_.Get()->exec->id, ended.Take()));
  ASSERT_TRUE(ended.Get().ok());
  EXPECT_EQ(ended.Get()->exit->code, 3);
}

TEST_F(RecoveryTest, AnExecThatIsOnItsWayIsTakenOver) {
  FakeShimPtr shim;
  const std::string id = StartNew(&shim)->id;
  const ExecArgs args = {
      .container = id, .spec = ExecSpec(), .request = Key("Exec")};
  {
    Result<Started> unanswered;
    calls_.push_back(execs().Exec(args, unanswered.Take()));
    EXPECT_EQ(shim->Receive().type, shim::FrameType::kExec);
  }
  Close();
  shim->Listen(state_);
  Open();
  shim->AcceptDaemon();
  const std::string exec = catalog().AllExecs().front()->id;
  shim::StateExec prepared = Running(1);
  prepared.phase = shim::Phase::kPrepared;
  shim->SayState(shim::Phase::kRunning, 4711, {prepared});
  shim->Started(4715, 1);
  Result<WaitExecResult> ended;
  calls_.push_back(execs().Wait(exec, ended.Take()));
  shim->ExecExitedWith(1, 4);
  ASSERT_TRUE(ended.Get().ok());
  EXPECT_EQ(ended.Get()->exit->code, 4);
  EXPECT_EQ(ended.Get()->exec->intent, store::Intent::kNone);
  Result<Started> retry;
  calls_.push_back(execs().Exec(args, retry.Take()));
  ASSERT_TRUE(retry.Get().ok());
  EXPECT_EQ(retry.Get()->exec->id, exec);
}

TEST_F(RecoveryTest, AnExecThatFailsOnItsWayLeavesNothing) {
  FakeShimPtr shim;
  const std::string id = StartNew(&shim)->id;
  const ExecArgs args = {
      .container = id, .spec = ExecSpec(), .request = Key("Exec")};
  {
    Result<Started> unanswered;
    calls_.push_back(execs().Exec(args, unanswered.Take()));
    EXPECT_EQ(shim->Receive().type, shim::FrameType::kExec);
  }
  Close();
  shim->Listen(state_);
  Open();
  shim->AcceptDaemon();
  Result<WaitExecResult> ended;
  calls_.push_back(
      execs().Wait(catalog().AllExecs().front()->id, ended.Take()));
  shim::StateExec prepared = Running(1);
  prepared.phase = shim::Phase::kPrepared;
  shim->SayState(shim::Phase::kRunning, 4711, {prepared});
  shim->Failed(0, ENOENT, 1);
  EXPECT_EQ(ReasonOf(ended.Get().status()), "EXEC_NOT_FOUND");
  EXPECT_TRUE(catalog().AllExecs().empty());
  Result<Started> retry;
  calls_.push_back(execs().Exec(args, retry.Take()));
  shim->Started(4712, shim->Receive().target);
  EXPECT_TRUE(retry.Get().ok()) << retry.Get().status().ToString();
}

TEST_F(RecoveryTest, ARetryOfAnExecThatRanMeanwhileStartsNothing) {
  FakeShimPtr shim;
  const std::string id = StartNew(&shim)->id;
  const auto args = [&id] {
    return ExecArgs{
        .container = id, .spec = ExecSpec(), .request = Key("Exec")};
  };
  Result<Started> started;
  calls_.push_back(execs().Exec(args(), started.Take()));
  TestFrame frame = shim->Receive();
  ASSERT_EQ(frame.type, shim::FrameType::kExec);
  Close();
  // It ran and ended meanwhile.
  shim->WriteRecord(shim->RecordOf(7, 1), frame.fds.at(1).get());
  shim->Listen(state_);
  Open();
  const ExecPtr row = catalog().ExecsOf(id).at(0);
  shim->AcceptDaemon();
  Result<WaitExecResult> ended;
  calls_.push_back(execs().Wait(row->id, ended.Take()));
  shim->SayState(shim::Phase::kRunning, 4711);
  ASSERT_TRUE(ended.Get().ok());
  EXPECT_EQ(ended.Get()->exit->code, 7);
  Result<Started> retry;
  calls_.push_back(execs().Exec(args(), retry.Take()));
  ASSERT_TRUE(retry.Get().ok()) << retry.Get().status().ToString();
  EXPECT_TRUE(retry.Get()->replayed);
  EXPECT_EQ(retry.Get()->exec->id, row->id);
}

TEST_F(RecoveryTest, ExecsOfAContainerThatHasEndedEnd) {
  FakeShimPtr shim;
  const std::string id = StartNew(&shim)->id;
  std::string running;
  {
    const Started one = ExecNew(shim.get(), id, 1);
    running = one.exec->id;
  }
  store::Transaction as_it_was;
  as_it_was.put_execs.push_back(*catalog().ExecById(running));
  // Of one whose start nobody came to tell of, and that was never made.
  store::ExecRecord starting = *catalog().ExecById(running);
  starting.id = "00000000000000000000000000000abc";
  starting.number = 2;
  starting.intent = store::Intent::kStart;
  starting.request_id = Key("Exec").id;
  as_it_was.put_execs.push_back(starting);
  as_it_was.put_requests.push_back(
      {.id = starting.request_id, .method = "Exec", .fingerprint = "same"});
  shim->ExitedWith(4);
  WaitExited(id);
  // As if the daemon had died before it could say so.
  ASSERT_TRUE(env().store->Commit(std::move(as_it_was)).ok());
  Restart();
  Result<WaitExecResult> ended;
  calls_.push_back(execs().Wait(running, ended.Take()));
  ASSERT_TRUE(ended.Get().ok());
  EXPECT_EQ(ended.Get()->exit->kind, store::ExitInfo::Kind::kUnknown);
  EXPECT_EQ(catalog().ExecById(running)->state, store::ExecState::kExited);
  EXPECT_EQ(catalog().ExecById(starting.id), nullptr);
  EXPECT_EQ(catalog().Request(starting.request_id), nullptr);
}

TEST(StateOfTest, EveryRowHasOneState) {
  using store::Intent;
  const struct {
    Intent intent;
    ContainerState state;
    int64_t run;
    State expected;
  } rows[] = {
      {Intent::kNone, ContainerState::kCreated, 0, State::kCreated},
      {Intent::kNone, ContainerState::kRunning, 1, State::kRunning},
      {Intent::kNone, ContainerState::kExited, 1, State::kExited},
      {Intent::kCreate, ContainerState::kCreated, 0, State::kCreating},
      {Intent::kCreate, ContainerState::kCreated, 1, State::kLaunching},
      {Intent::kStart, ContainerState::kCreated, 0, State::kStarting},
      {Intent::kStart, ContainerState::kExited, 1, State::kStartingAgain},
      {Intent::kDelete, ContainerState::kRunning, 1, State::kKilling},
      {Intent::kDelete, ContainerState::kExited, 1, State::kDeleting},
      {Intent::kDelete, ContainerState::kCreated, 0, State::kDeleting},
  };
  for (const auto& row : rows) {
    store::ContainerRecord record;
    record.intent = row.intent;
    record.status.state = row.state;
    record.status.run = row.run;
    EXPECT_EQ(StateOf(record), row.expected);
  }
}

}  // namespace
}  // namespace caisson::core
