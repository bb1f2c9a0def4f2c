#include "server/core/manager/execs.h"

#include <cerrno>
#include <csignal>
#include <map>
#include <string>
#include <utility>

#include "gtest/gtest.h"

#include "runtime/base/file.h"
#include "server/core/testing/test_core.h"

namespace caisson::core {
namespace {

using shim::FrameType;

class ExecsTest : public TestCore {
 protected:
  ExecsTest() { id_ = StartNew(&shim_)->id; }

  Result<Started> Exec(const RequestKey& key = {},
                       spec::StdinMode mode = spec::StdinMode::kNone) {
    Result<Started> started;
    spec::ExecSpec spec = ExecSpec();
    spec.process.stdin_mode = mode;
    calls_.push_back(execs().Exec(
        {.container = "web", .spec = std::move(spec), .request = key},
        started.Take()));
    return started;
  }
  Result<WaitExecResult> Wait(const std::string& exec) {
    Result<WaitExecResult> result;
    calls_.push_back(execs().Wait(exec, result.Take()));
    return result;
  }
  absl::Status Kill(const std::string& exec, const std::string& signal = "") {
    DoneResult killed;
    execs().Kill({.exec = exec,
                  .signal = {.signal = signal, .scope = {}},
                  .request = {}},
                 killed.Take());
    return killed.Get();
  }

  FakeShimPtr shim_;
  std::string id_;
  std::vector<CallPtr> calls_;
};

TEST_F(ExecsTest, RunsAndEndsAndIsKept) {
  const Started started = ExecNew(shim_.get(), "web");
  EXPECT_EQ(started.pid, 4712);
  EXPECT_EQ(started.exec->state, store::ExecState::kRunning);
  Result<WaitExecResult> ended = Wait(started.exec->id);
  shim_->ExecExitedWith(1, 3);
  ASSERT_TRUE(ended.Get().ok());
  EXPECT_EQ(ended.Get()->exit->code, 3);
  const ExecPtr kept = catalog().ExecById(started.exec->id);
  ASSERT_NE(kept, nullptr);
  EXPECT_EQ(kept->state, store::ExecState::kExited);
  EXPECT_EQ(Wait(started.exec->id).Get()->exit->code, 3);
}

TEST_F(ExecsTest, AnExitThatTheStoreRefusedIsToldWithTheContainers) {
  const Started started = ExecNew(shim_.get(), "web");
  disk_.Fail(0, 1, SQLITE_FULL);
  shim_->ExecExitedWith(1, 3);
  shim_->ExitedWith(0);
  WaitExited(id_);
  const ExecPtr kept = catalog().ExecById(started.exec->id);
  ASSERT_NE(kept, nullptr);
  EXPECT_EQ(kept->state, store::ExecState::kExited);
  ASSERT_TRUE(kept->exit.has_value());
  EXPECT_EQ(kept->exit->code, 3);
  EXPECT_EQ(Wait(started.exec->id).Get()->exit->code, 3);
}

TEST_F(ExecsTest, AnExitIsNotToldBeforeItIsInTheStore) {
  const Started started = ExecNew(shim_.get(), "web");
  Result<WaitExecResult> ended = Wait(started.exec->id);
  disk_.Fail(0, 1, SQLITE_FULL);
  shim_->ExecExitedWith(1, 3);
  // By the next try, or with the container's.
  ASSERT_TRUE(ended.Get().ok());
  EXPECT_EQ(ended.Get()->exec->state, store::ExecState::kExited);
}

TEST_F(ExecsTest, TheFrameCarriesPlanAndDirectory) {
  Result<Started> started = Exec();
  const TestFrame frame = shim_->Receive();
  ASSERT_EQ(frame.type, FrameType::kExec);
  ASSERT_EQ(frame.fds.size(), 2u);
  EXPECT_TRUE(base::PathExists(Directory(id_) + "/x/1/exit"));
  shim_->Started(4712, frame.target);
  EXPECT_TRUE(started.Get().ok());
}

TEST_F(ExecsTest, AFailureLeavesNothing) {
  Result<Started> started = Exec();
  const TestFrame frame = shim_->Receive();
  shim_->Failed(0, ENOENT, frame.target);
  EXPECT_EQ(ReasonOf(started.Get().status()), "START_FAILED");
  EXPECT_TRUE(catalog().AllExecs().empty());
  EXPECT_FALSE(base::PathExists(Directory(id_) + "/x/1"));
  const Started next = ExecNew(shim_.get(), "web", 2);  // and this one works
  EXPECT_EQ(next.pid, 4712);
}

TEST_F(ExecsTest, NeedsARunningContainer) {
  Create("idle");
  Result<Started> started;
  execs().Exec({.container = "idle", .spec = ExecSpec(), .request = {}},
               started.Take());
  EXPECT_EQ(ReasonOf(started.Get().status()), "WRONG_STATE");
  Result<Started> missing;
  execs().Exec({.container = "nobody", .spec = ExecSpec(), .request = {}},
               missing.Take());
  EXPECT_EQ(ReasonOf(missing.Get().status()), "CONTAINER_NOT_FOUND");
}

TEST_F(ExecsTest, KillGoesToItsOwnTarget) {
  const Started started = ExecNew(shim_.get(), "web");
  ASSERT_TRUE(Kill(started.exec->id, "HUP").ok());
  const TestFrame frame = shim_->Receive();
  EXPECT_EQ(frame.type, FrameType::kKill);
  EXPECT_EQ(frame.target, 1u);
  EXPECT_EQ(frame.As<shim::KillBody>().signal, SIGHUP);
  shim_->ExecExitedWith(1, 0);
  ASSERT_TRUE(Wait(started.exec->id).Get().ok());
  EXPECT_EQ(ReasonOf(Kill(started.exec->id)), "WRONG_STATE");
  EXPECT_EQ(ReasonOf(Kill("nobody")), "EXEC_NOT_FOUND");
}

TEST_F(ExecsTest, OneThatNobodyKnowsOfIsKilled) {
  shim_->Started(4712, 7);
  const TestFrame frame = shim_->Receive();
  EXPECT_EQ(frame.type, FrameType::kKill);
  EXPECT_EQ(frame.target, 7u);
  EXPECT_EQ(frame.As<shim::KillBody>().signal, SIGKILL);
}

TEST_F(ExecsTest, EndsWithItsContainer) {
  const Started started = ExecNew(shim_.get(), "web");
  Result<WaitExecResult> ended = Wait(started.exec->id);
  Result<Started> starting = Exec();
  EXPECT_EQ(shim_->Receive().type, FrameType::kExec);
  shim_->ExitedWith(0);
  ASSERT_TRUE(ended.Get().ok());
  EXPECT_EQ(ended.Get()->exit->kind, store::ExitInfo::Kind::kUnknown);
  EXPECT_EQ(ReasonOf(starting.Get().status()), "WRONG_STATE");
}

TEST_F(ExecsTest, DeleteAfterExitWaitsForItsStreams) {
  RunArgs args = {.spec = Spec("once"), .request = {}, .on_disconnect = {}};
  args.spec.delete_after_exit = absl::ZeroDuration();
  FakeShimPtr shim;
  Started run = RunNew(&shim, std::move(args));
  Started exec = ExecNew(shim.get(), "once");
  shim->ExitedWith(0);
  WaitExited("once");
  run.session->Leave(StreamEnd::kDelivered);
  Result<WaitResult> deleted;
  calls_.push_back(containers().Wait(
      {.container = "once", .condition = WaitCondition::kDeleted, .run = {}},
      deleted.Take()));
  EXPECT_NE(catalog().Find("once"), nullptr);
  exec.session->Leave(StreamEnd::kDelivered);
  EXPECT_TRUE(deleted.Get().ok());
}

TEST_F(ExecsTest, ARetryJoinsTheSameExec) {
  Result<Started> first = Exec(Key("Exec"));
  Result<Started> joined = Exec(Key("Exec"));
  const TestFrame frame = shim_->Receive();
  shim_->Started(4712, frame.target);
  ASSERT_TRUE(first.Get().ok());
  ASSERT_TRUE(joined.Get().ok());
  Result<Started> replayed = Exec(Key("Exec"));
  ASSERT_TRUE(replayed.Get().ok());
  EXPECT_TRUE(replayed.Get()->replayed);
  EXPECT_EQ(replayed.Get()->exec->id, first.Get()->exec->id);
  EXPECT_EQ(joined.Get()->exec->id, first.Get()->exec->id);
  EXPECT_EQ(catalog().AllExecs().size(), 1u);
}

TEST_F(ExecsTest, LosingTheOwnerRunsThePolicyAndAReturnCancelsIt) {
  Result<Started> started = Exec(Key("Exec"));
  shim_->Started(4712, shim_->Receive().target);
  ASSERT_TRUE(started.Get().ok());
  started.Get()->session->Leave(StreamEnd::kDisconnected);
  TestFrame frame = shim_->Receive();
  EXPECT_EQ(frame.type, FrameType::kReader);
  EXPECT_EQ(frame.As<shim::ReaderBody>().offset, shim::kNoReader);
  frame = shim_->Receive();
  ASSERT_EQ(frame.type, FrameType::kDisconnect);
  EXPECT_EQ(frame.As<shim::DisconnectBody>().disconnected, 1u);
  Result<Started> back = Exec(Key("Exec"));
  ASSERT_TRUE(back.Get().ok());
  frame = shim_->Receive();
  ASSERT_EQ(frame.type, FrameType::kDisconnect);
  EXPECT_EQ(frame.As<shim::DisconnectBody>().disconnected, 0u);
}

TEST_F(ExecsTest, ACallerThatLeftBeforeTheStartEndsIt) {
  Result<Started> started = Exec();
  const TestFrame frame = shim_->Receive();
  calls_.back()->Cancel();
  shim_->Started(4712, frame.target);
  EXPECT_TRUE(absl::IsCancelled(started.Get().status()));
  EXPECT_EQ(shim_->Receive().type, FrameType::kReader);
  EXPECT_EQ(shim_->Receive().type, FrameType::kDisconnect);
}

// More than waits for a shim that does not read: nothing is lost, and the end
// of each input comes behind it.
TEST_F(ExecsTest, InputWaitsForAShimThatDoesNotRead) {
  constexpr uint32_t kExecs = 8;
  const std::string input(shim::kStdinWindowBytes, 'x');
  std::vector<Started> started;
  for (uint32_t number = 1; number <= kExecs; ++number) {
    Result<Started> result = Exec({}, spec::StdinMode::kOpen);
    shim_->Started(4712, shim_->Receive().target);
    ASSERT_TRUE(result.Get().ok());
    started.push_back(*std::move(result.Get()));
  }
  std::vector<DoneResult> taken(kExecs);
  for (uint32_t i = 0; i < kExecs; ++i) {
    started[i].session->WriteStdin({}, input, taken[i].Take());
    started[i].session->CloseStdin();
  }
  EXPECT_TRUE(taken[0].Get().ok());
  DoneResult asked;  // behind the writes on the queue
  started[0].session->Resize({.rows = 1, .cols = 1}, asked.Take());
  EXPECT_EQ(ReasonOf(asked.Get()), "NOT_A_TTY");
  EXPECT_FALSE(taken[kExecs - 1].IsReady());

  std::map<uint32_t, size_t> received;
  for (uint32_t closed = 0; closed < kExecs;) {
    const TestFrame frame = shim_->Receive();
    size_t& bytes = received[frame.target];
    if (frame.type == FrameType::kCloseStdin) {
      EXPECT_EQ(bytes, input.size()) << frame.target;
      ++closed;
      continue;
    }
    ASSERT_EQ(frame.type, FrameType::kStdin);
    EXPECT_EQ(frame.As<shim::StdinBody>().offset, static_cast<int64_t>(bytes));
    bytes += frame.body.size() - sizeof(shim::StdinBody);
  }
  EXPECT_EQ(received.size(), kExecs);
  for (DoneResult& one : taken) EXPECT_TRUE(one.Get().ok());
}

// What the process cannot read yet is lost with a connection.
TEST_F(ExecsTest, InputIsSentAgainOverTheNextConnection) {
  shim_->Listen(state_);
  Result<Started> started = Exec({}, spec::StdinMode::kOpen);
  shim_->Started(4712, shim_->Receive().target);
  ASSERT_TRUE(started.Get().ok());
  Session& session = *started.Get()->session;
  DoneResult first;
  session.WriteStdin({}, "hello", first.Take());
  ASSERT_TRUE(first.Get().ok());
  session.CloseStdin();
  EXPECT_EQ(shim_->Receive().type, FrameType::kStdin);
  EXPECT_EQ(shim_->Receive().type, FrameType::kCloseStdin);
  shim_->Disconnect();
  shim_->AcceptDaemon();
  shim::StateExec state = {};
  state.number = 1;
  state.phase = shim::Phase::kRunning;
  state.stdin_offset = 3;
  shim_->SayState(shim::Phase::kRunning, 4711, {state});
  EXPECT_EQ(shim_->Receive().type, FrameType::kDisconnect);
  const TestFrame frame = shim_->Receive();
  ASSERT_EQ(frame.type, FrameType::kStdin);
  EXPECT_EQ(frame.As<shim::StdinBody>().offset, 3);
  EXPECT_EQ(frame.body.substr(sizeof(shim::StdinBody)), "lo");
  EXPECT_EQ(shim_->Receive().type, FrameType::kCloseStdin);
}

TEST_F(ExecsTest, OnlySoManyFinishedOnesAreKept) {
  std::string first;
  for (uint32_t i = 1; i <= kMaxFinishedExecs + 1; ++i) {
    Started started = ExecNew(shim_.get(), "web", i);
    if (first.empty()) first = started.exec->id;
    started.session->Leave(StreamEnd::kDetached);
    EXPECT_EQ(shim_->Receive().type, FrameType::kReader);
    Result<WaitExecResult> ended = Wait(started.exec->id);
    shim_->ExecExitedWith(i, 0);
    ASSERT_TRUE(ended.Get().ok());
  }
  // Removal comes right after the callbacks of the last exit: one more trip
  // through the queue.
  Result<Started> after = Exec();
  shim_->Receive();
  EXPECT_EQ(catalog().ExecById(first), nullptr);
}

}  // namespace
}  // namespace caisson::core
