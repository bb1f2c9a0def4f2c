// Requests that a daemon had begun when it was killed, and their retries, which
// the next daemon gets: each has one outcome, and one process.

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "runtime/base/file.h"
#include "server/core/testing/test_core.h"

namespace caisson::core {
namespace {

class RetryTest : public TestCore {
 protected:
  static shim::StateExec Running(uint32_t number) {
    shim::StateExec state = {};
    state.number = number;
    state.phase = shim::Phase::kRunning;
    state.pid = 4712;
    return state;
  }
  // A container that its Run removes at the exit; the daemon dies while it
  // runs.
  void LoseRun(const RequestKey& request) {
    args_ = {.spec = Spec("web"), .request = request, .on_disconnect = {}};
    args_.spec.delete_after_exit = absl::ZeroDuration();
    {
      const Started lost = RunNew(&shim_, args_);
      id_ = lost.container->id;
    }
    Close();
  }
  // It ends while there is no daemon.
  void EndAlone() {
    shim_->WriteRecord(shim_->RecordOf(5));
    shim_->Die();
    Open();
  }
  Started RetryRun() {
    Result<Started> retry;
    calls_.push_back(containers().Run(args_, retry.Take()));
    EXPECT_TRUE(retry.Get().ok()) << retry.Get().status().ToString();
    return *std::move(retry.Get());
  }
  // Deleted, with its output.
  void AwaitRemoval() {
    Result<WaitResult> deleted;
    calls_.push_back(containers().Wait(
        {.container = id_, .condition = WaitCondition::kDeleted, .run = {}},
        deleted.Take()));
    EXPECT_TRUE(deleted.Get().ok());
    EXPECT_FALSE(base::PathExists(Directory(id_)));
  }

  RunArgs args_;
  FakeShimPtr shim_;
  std::string id_;
  std::vector<CallPtr> calls_;
};

TEST_F(RetryTest, ARunThatEndedWithoutADaemonHasItsOutput) {
  LoseRun(Key("Run"));
  EndAlone();
  WaitExited(id_);
  Started retry = RetryRun();
  EXPECT_EQ(retry.container->status.exit->code, 5);
  EXPECT_FALSE(retry.session->output()->state().removed);
  EXPECT_TRUE(base::PathExists(Directory(id_)));
  retry.session->Leave(StreamEnd::kDelivered);
  AwaitRemoval();
}

TEST_F(RetryTest, ARunThatEndsUnderTheNextDaemonHasItsOutput) {
  LoseRun(Key("Run"));
  shim_->Listen(state_);
  Open();
  shim_->AcceptDaemon();
  shim_->SayState(shim::Phase::kRunning, 4711);
  shim_->ExitedWith(5);
  WaitExited(id_);
  Started retry = RetryRun();
  EXPECT_FALSE(retry.session->output()->state().removed);
  retry.session->Leave(StreamEnd::kDelivered);
  AwaitRemoval();
}

TEST_F(RetryTest, ARunThatHadEndedBeforeHasItsOutput) {
  LoseRun(Key("Run"));
  EndAlone();
  WaitExited(id_);
  Close();
  Open();
  Started retry = RetryRun();
  EXPECT_FALSE(retry.session->output()->state().removed);
  retry.session->Leave(StreamEnd::kDelivered);
  AwaitRemoval();
}

TEST_F(RetryTest, ARunThatNobodyCanRetryIsRemoved) {
  LoseRun({});
  EndAlone();
  AwaitRemoval();
}

TEST_F(RetryTest, InputGoesOnBehindWhatTheShimTook) {
  args_ = {.spec = Spec("web"), .request = Key("Run"), .on_disconnect = {}};
  args_.spec.process.stdin_mode = spec::StdinMode::kOpen;
  {
    const Started lost = RunNew(&shim_, args_);
    id_ = lost.container->id;
  }
  Close();
  shim_->Listen(state_);
  Open();
  shim_->AcceptDaemon();
  // 20 bytes wait in the shim for the process to read.
  shim_->SayState(shim::Phase::kRunning, 4711, {}, /*stdin_offset=*/1000,
                  /*stdin_taken=*/1020);
  Started retry = RetryRun();
  EXPECT_EQ(retry.stdin_offset, 1020);
  DoneResult written;
  retry.session->WriteStdin(std::nullopt, "new", written.Take());
  EXPECT_TRUE(written.Get().ok());
  EXPECT_EQ(shim_->Receive().type, shim::FrameType::kDisconnect);
  TestFrame frame = shim_->Receive();
  ASSERT_EQ(frame.type, shim::FrameType::kStdin);
  EXPECT_EQ(frame.As<shim::StdinBody>().offset, 1020);
  EXPECT_EQ(frame.body.substr(sizeof(shim::StdinBody)), "new");
  // What it took and has not written yet is not sent again either.
  DoneResult repeated;
  retry.session->WriteStdin(1010, "0123456789newer", repeated.Take());
  EXPECT_TRUE(repeated.Get().ok());
  frame = shim_->Receive();
  EXPECT_EQ(frame.As<shim::StdinBody>().offset, 1023);
  EXPECT_EQ(frame.body.substr(sizeof(shim::StdinBody)), "er");
}

// An Exec with an id that the daemon had asked its shim for when it was killed,
// and its retry, which the next daemon gets.
class ExecRetryTest : public RetryTest {
 protected:
  ExecRetryTest() {
    id_ = StartNew(&shim_)->id;
    {
      Result<Started> unanswered;
      calls_.push_back(execs().Exec(Args(), unanswered.Take()));
      EXPECT_EQ(shim_->Receive().type, shim::FrameType::kExec);
    }
    Close();
    shim_->Listen(state_);
    Open();
    shim_->AcceptDaemon();
    exec_ = catalog().AllExecs().front()->id;
  }

  ExecArgs Args() const {
    return {.container = id_, .spec = ExecSpec(), .request = Key("Exec")};
  }
  void SayPrepared() {
    shim::StateExec prepared = Running(1);
    prepared.phase = shim::Phase::kPrepared;
    shim_->SayState(shim::Phase::kRunning, 4711, {prepared});
  }
  // Until this daemon has heard the state.
  void AwaitAdoption() {
    Result<Started> attached;
    containers().Attach({.container = id_}, attached.Take());
    EXPECT_TRUE(attached.Get().ok());
  }
  void Retry() { calls_.push_back(execs().Exec(Args(), retry_.Take())); }
  // In all that the daemon said until its end.
  void ExpectNoExec() {
    retry_.Get()->session.reset();  // ends before its daemon
    Close();
    for (TestFrame frame = shim_->Receive(); frame.ok;
         frame = shim_->Receive()) {
      EXPECT_NE(frame.type, shim::FrameType::kExec);
    }
  }
  TestFrame NextExec() {
    TestFrame frame = shim_->Receive();
    while (frame.ok && frame.type != shim::FrameType::kExec) {
      frame = shim_->Receive();
    }
    return frame;
  }

  std::string exec_;
  Result<Started> retry_;
};

TEST_F(ExecRetryTest, WaitsForOneThatIsPreparedAndGetsIt) {
  SayPrepared();
  AwaitAdoption();
  Retry();
  shim_->Started(4715, 1);
  ASSERT_TRUE(retry_.Get().ok()) << retry_.Get().status().ToString();
  EXPECT_EQ(retry_.Get()->exec->id, exec_);
  EXPECT_EQ(retry_.Get()->pid, 4715);
  EXPECT_TRUE(retry_.Get()->replayed);
  ExpectNoExec();
}

TEST_F(ExecRetryTest, WaitsForOneThatIsPreparedAndStartsItWhenThatFails) {
  SayPrepared();
  AwaitAdoption();
  Retry();
  shim_->Failed(0, ENOENT, 1);
  const TestFrame frame = NextExec();
  ASSERT_TRUE(frame.ok);
  shim_->Started(4716, frame.target);
  ASSERT_TRUE(retry_.Get().ok()) << retry_.Get().status().ToString();
  EXPECT_NE(retry_.Get()->exec->id, exec_);
  EXPECT_EQ(catalog().AllExecs().size(), 1u);
}

TEST_F(ExecRetryTest, WaitsForOneThatIsPreparedUntilTheContainerEnds) {
  SayPrepared();
  AwaitAdoption();
  Retry();
  shim_->ExitedWith(0);
  EXPECT_EQ(ReasonOf(retry_.Get().status()), "WRONG_STATE");
  EXPECT_TRUE(catalog().AllExecs().empty());
}

TEST_F(ExecRetryTest, WaitsForOneThatIsPreparedUntilTheDaemonStops) {
  SayPrepared();
  AwaitAdoption();
  Retry();
  Close();
  EXPECT_EQ(ReasonOf(retry_.Get().status()), "SHUTTING_DOWN");
}

TEST_F(ExecRetryTest, StartsNothingWhileTheStoreRefusesToSayThatItRuns) {
  env().commit_retry = absl::Milliseconds(10);
  disk_.Fail(0, 1, SQLITE_FULL);
  shim_->SayState(shim::Phase::kRunning, 4711, {Running(1)});
  AwaitAdoption();
  Retry();
  ASSERT_TRUE(retry_.Get().ok()) << retry_.Get().status().ToString();
  EXPECT_EQ(retry_.Get()->exec->id, exec_);
  ExpectNoExec();
}

}  // namespace
}  // namespace caisson::core
