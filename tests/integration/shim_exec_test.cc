// Execs in a running container, driven by frames.
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/file.h"
#include "runtime/base/str_cat.h"
#include "runtime/cgroup/driver.h"
#include "runtime/record/exit_record.h"
#include "tests/integration/shim_fixture.h"
#include "tests/testing/environment.h"

namespace caisson::testing {
namespace {

namespace fs = std::filesystem;
using record::ExitCause;
using record::ExitCompleteness;
using record::ExitKind;
using record::ExitRecord;
using shim::FrameType;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class RootShimExecTest : public ShimFixture {
 protected:
  void SetUp() override {
    ShimFixture::SetUp();
    container_ = Start("echo up; cat; exit 11");
    AwaitOutput(container_, "up\n");
  }
  void EndContainer() {
    container_->shim->Send(FrameType::kCloseStdin);
    EXPECT_EQ(driver_.Finish(container_).code, 11);
  }
  uint32_t StartExec(const spec::ExecSpec& spec) {
    const uint32_t exec = driver_.Exec(container_, spec);
    EXPECT_TRUE(container_->shim->Await(FrameType::kStarted, exec).has_value());
    return exec;
  }
  uint32_t StartExec(const std::string& script) {
    return StartExec(driver_.ShellExec(script));
  }
  std::string Out(uint32_t exec) {
    return driver_.ReadOutput(*container_, exec).out;
  }
  size_t ShimFds() const {
    const fs::path path = base::StrCat("/proc/", container_->shim_pid, "/fd");
    return static_cast<size_t>(
        std::distance(fs::directory_iterator(path), fs::directory_iterator()));
  }
  // What the shim says with one exec.
  struct StateOfOne {
    shim::StateBody container;
    shim::StateExec exec;
    shim::StateInput inputs[2];
  };
  std::optional<StateOfOne> AskState() {
    container_->shim->SendBody(FrameType::kHello, 0, shim::HelloBody{1, 1, 0});
    const auto frame = container_->shim->Await(FrameType::kState);
    StateOfOne state = {};
    if (!frame.has_value() || frame->body.size() != sizeof(state)) {
      return std::nullopt;
    }
    memcpy(&state, frame->body.data(), sizeof(state));
    return state;
  }
  // Of the only exec.
  int64_t EndOffset() {
    const std::optional<StateOfOne> state = AskState();
    return state.has_value() ? state->exec.output_end_offset : -1;
  }
  bool HasExecCgroup(uint32_t exec) const {
    const cgroup::Group group = driver_.base().Exec(container_->id, exec);
    return std::any_of(group.directories.begin(), group.directories.end(),
                       [](const cgroup::Directory& directory) {
                         return fs::exists(directory.path);
                       });
  }
  void Kill(uint32_t exec, int signal, shim::Scope scope) {
    container_->shim->SendBody(FrameType::kKill, exec,
                               shim::KillBody{signal, scope});
  }

  TestContainer* container_ = nullptr;
};

TEST_F(RootShimExecTest, RunsBesideTheContainerWithALogOfItsOwn) {
  const uint32_t exec =
      StartExec("readlink /proc/1/exe; echo err >&2; id -u; exit 3");
  const ExitRecord record = driver_.FinishExec(container_, exec);
  EXPECT_EQ(record.kind, ExitKind::kCode);
  EXPECT_EQ(record.code, 3);
  EXPECT_EQ(record.exec_number, exec);
  EXPECT_EQ(record.completeness, ExitCompleteness::kComplete);
  EXPECT_EQ(record.tree_running, 0u);
  EXPECT_GT(record.usage.cpu_ns, 0);
  const Output output = driver_.ReadOutput(*container_, exec);
  EXPECT_THAT(output.out, StartsWith("/bin/"));
  EXPECT_THAT(output.out, HasSubstr("\n0\n"));
  EXPECT_EQ(output.err, "err\n");
  EXPECT_EQ(driver_.ReadOutput(*container_).out, "up\n");
  EXPECT_TRUE(
      PollUntil(absl::Seconds(5), [&] { return !HasExecCgroup(exec); }));
  EndContainer();
}

TEST_F(RootShimExecTest, TakesStdinOfItsOwn) {
  const uint32_t exec = StartExec("cat; echo end");
  SendStdin(container_, 0, "to the exec\n", exec);
  container_->shim->Send(FrameType::kCloseStdin, exec);
  EXPECT_EQ(driver_.FinishExec(container_, exec).code, 0);
  EXPECT_EQ(Out(exec), "to the exec\nend\n");
  EndContainer();
}

TEST_F(RootShimExecTest, HasATerminalOfTheContainer) {
  spec::ExecSpec spec = driver_.ShellExec("tty; stty size");
  spec.process.tty = true;
  spec.process.terminal_size = spec::TerminalSize{.rows = 20, .cols = 60};
  const uint32_t exec = StartExec(spec);
  EXPECT_EQ(driver_.FinishExec(container_, exec).code, 0);
  EXPECT_EQ(Out(exec), "/dev/pts/0\r\n20 60\r\n");
  EndContainer();
}

TEST_F(RootShimExecTest, AProgramThatIsNotThereIsAFailure) {
  spec::ExecSpec spec = driver_.ShellExec("");
  spec.process.command = {"nothing"};
  const uint32_t exec = driver_.Exec(container_, spec);
  const auto failed = container_->shim->Await(FrameType::kFailed, exec);
  ASSERT_TRUE(failed.has_value());
  EXPECT_EQ(failed->As<shim::FailedBody>().err, ENOENT);
  EXPECT_FALSE(HasExecCgroup(exec));
  EndContainer();
}

TEST_F(RootShimExecTest, ATreeIsKilledThroughItsCgroup) {
  const uint32_t exec = StartExec("sleep 1000 & sleep 1000 & wait");
  Kill(exec, SIGKILL, shim::Scope::kTree);
  const ExitRecord record = driver_.FinishExec(container_, exec);
  EXPECT_EQ(record.cause, ExitCause::kKilled);
  EXPECT_EQ(record.completeness, ExitCompleteness::kComplete);
  EXPECT_EQ(record.tree_running, 0u);
  EndContainer();
}

TEST_F(RootShimExecTest, ADescendantThatHoldsThePipeDoesNotHoldUpTheEnd) {
  const uint32_t exec = StartExec("sleep 1000 & echo done; exit 4");
  const ExitRecord record = driver_.FinishExec(container_, exec);
  EXPECT_EQ(record.code, 4);
  EXPECT_EQ(record.completeness, ExitCompleteness::kHeldOpen);
  EXPECT_EQ(record.tree_running, 1u);
  ASSERT_EQ(record.held_by_count, 1u);
  EXPECT_STREQ(record.held_by[0].name, "sleep");
  EXPECT_EQ(Out(exec), "done\n");
  // It lives on, also when the daemon goes.
  EXPECT_TRUE(HasExecCgroup(exec));
  Kill(exec, SIGKILL, shim::Scope::kTree);
  EXPECT_TRUE(
      PollUntil(absl::Seconds(5), [&] { return !HasExecCgroup(exec); }));
  EndContainer();
}

// What outlives its exec in a session of its own frees the pid, and the next
// one may get it.
TEST_F(RootShimExecTest, APidThatIsGivenAgainIsTheNextExecs) {
  const auto started_pid = [&](uint32_t exec) -> pid_t {
    const auto started = container_->shim->Await(FrameType::kStarted, exec);
    return started ? started->As<shim::StartedBody>().pid : -1;
  };
  const auto is_given_again = [&](pid_t pid) {
    EXPECT_TRUE(
        base::WriteFile("/proc/sys/kernel/ns_last_pid", base::StrCat(pid - 1))
            .ok());
    const uint32_t exec = driver_.Exec(container_, driver_.ShellExec("exit 5"));
    const bool again = started_pid(exec) == pid;
    EXPECT_EQ(driver_.FinishExec(container_, exec).code, 5);
    return again;
  };
  bool again = false;
  // Any other process may be quicker, and keep the pid: then with another one.
  for (int round = 0; round < 20 && !again && !HasFailure(); ++round) {
    const uint32_t first = driver_.Exec(
        container_, driver_.ShellExec("setsid sleep 1000 & exit 0"));
    const pid_t pid = started_pid(first);
    ASSERT_GT(pid, 0);
    EXPECT_EQ(driver_.FinishExec(container_, first).completeness,
              ExitCompleteness::kHeldOpen);
    for (int attempt = 0; attempt < 50 && !again && !HasFailure(); ++attempt) {
      again = is_given_again(pid);
    }
    Kill(first, SIGKILL, shim::Scope::kTree);
  }
  EXPECT_TRUE(again);
  EndContainer();
}

TEST_F(RootShimExecTest, WhoWritesAfterTheEndGetsNoSignal) {
  const uint32_t exec = StartExec(
      "(sleep 0.3; echo late; echo late >&2; echo alive > /alive) & exit 0");
  EXPECT_EQ(driver_.FinishExec(container_, exec).completeness,
            ExitCompleteness::kHeldOpen);
  EXPECT_TRUE(PollUntil(absl::Seconds(10), [&] {
    return ReadFileOrEmpty(container_->directory + "/upper/alive") == "alive\n";
  }));
  EXPECT_EQ(Out(exec), "");
  EndContainer();
}

TEST_F(RootShimExecTest, DiesWithTheDaemonWhileTheContainerLivesOn) {
  const uint32_t exec = StartExec("sleep 1000");
  container_->shim->Close();
  EXPECT_TRUE(
      PollUntil(absl::Seconds(10), [&] { return !HasExecCgroup(exec); }));
  FrameSocket next = driver_.Reconnect(*container_);
  next.SendBody(FrameType::kHello, 0, shim::HelloBody{1, 1, 0});
  const auto state = next.Await(FrameType::kState);
  ASSERT_TRUE(state.has_value());
  EXPECT_EQ(state->As<shim::StateBody>().phase, shim::Phase::kRunning);
  EXPECT_EQ(state->As<shim::StateBody>().exec_count, 0u);
  next.Send(FrameType::kCloseStdin);
  EXPECT_TRUE(next.Await(FrameType::kExited).has_value());
}

TEST_F(RootShimExecTest, ADisconnectWithinItsGraceIsForgotten) {
  spec::ExecSpec spec = driver_.ShellExec("sleep 1000");
  spec.on_disconnect.grace = absl::Seconds(1000);
  const uint32_t exec = StartExec(spec);
  container_->shim->SendBody(FrameType::kDisconnect, exec,
                             shim::DisconnectBody{1, 0});
  container_->shim->SendBody(FrameType::kDisconnect, exec,
                             shim::DisconnectBody{0, 0});
  EXPECT_EQ(State(container_).exec_count, 1u);
  Kill(exec, SIGTERM, shim::Scope::kProcess);
  EXPECT_EQ(driver_.FinishExec(container_, exec).cause, ExitCause::kKilled);

  spec.on_disconnect.grace = absl::ZeroDuration();
  const uint32_t second = StartExec(spec);
  container_->shim->SendBody(FrameType::kDisconnect, second,
                             shim::DisconnectBody{1, 0});
  EXPECT_EQ(driver_.FinishExec(container_, second).cause,
            ExitCause::kDisconnected);
  EndContainer();
}

TEST_F(RootShimExecTest, EndsBeforeItsContainer) {
  const uint32_t exec = StartExec("sleep 1000");
  container_->shim->Send(FrameType::kCloseStdin);
  ASSERT_TRUE(container_->shim->Await(FrameType::kExited).has_value());
  // Received before the container's.
  EXPECT_TRUE(container_->shim->Has(FrameType::kExited, exec));
  const ExitRecord record = driver_.FinishExec(container_, exec);
  EXPECT_EQ(record.code, SIGKILL);
  EXPECT_EQ(record.kind, ExitKind::kSignal);
}

TEST_F(RootShimExecTest, KeepsItsLimits) {
  spec::ExecSpec spec = driver_.ShellExec("sleep 1000 & sleep 1000");
  spec.limits.wall_time = absl::Milliseconds(200);
  const uint32_t exec = StartExec(spec);
  const ExitRecord record = driver_.FinishExec(container_, exec);
  EXPECT_EQ(record.cause, ExitCause::kWallTime);
  EXPECT_EQ(record.completeness, ExitCompleteness::kComplete);
  EndContainer();
}

TEST_F(RootShimExecTest, AStormLeavesNothingBehind) {
  size_t fds_before = 0;
  constexpr int kRounds = 5;
  constexpr int kAtOnce = 40;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<uint32_t> execs;
    for (int i = 0; i < kAtOnce; ++i) {
      execs.push_back(
          driver_.Exec(container_, driver_.ShellExec("echo x; exit 7")));
    }
    for (const uint32_t exec : execs) {
      const ExitRecord record = driver_.FinishExec(container_, exec);
      EXPECT_EQ(record.code, 7) << exec;
      EXPECT_EQ(Out(exec), "x\n") << exec;
    }
    EXPECT_TRUE(PollUntil(absl::Seconds(10),
                          [&] { return State(container_).exec_count == 0; }));
    // What the container itself needs is open by now.
    if (round == 0) fds_before = ShimFds();
  }
  EXPECT_EQ(ShimFds(), fds_before);
  EndContainer();
}

TEST_F(RootShimExecTest, MoreThanThereIsRoomForIsRefused) {
  std::vector<uint32_t> execs;
  for (int i = 0; i < shim::kMaxExecs; ++i) {
    execs.push_back(driver_.Exec(container_, driver_.ShellExec("exec cat")));
  }
  const uint32_t refused =
      driver_.Exec(container_, driver_.ShellExec("exec cat"));
  const auto failed = container_->shim->Await(FrameType::kFailed, refused);
  ASSERT_TRUE(failed.has_value());
  EXPECT_EQ(failed->As<shim::FailedBody>().err, EAGAIN);
  for (const uint32_t exec : execs) {
    EXPECT_TRUE(container_->shim->Await(FrameType::kStarted, exec).has_value());
  }
  EndContainer();
  for (const uint32_t exec : execs) {
    EXPECT_TRUE(container_->shim->Has(FrameType::kExited, exec));
  }
}

TEST_F(RootShimExecTest, ANumberThatIsHeldOpenIsRefused) {
  const uint32_t exec = StartExec("sleep 1000 & exit 0");
  EXPECT_EQ(driver_.FinishExec(container_, exec).completeness,
            ExitCompleteness::kHeldOpen);
  container_->next_exec = exec;
  driver_.Exec(container_, driver_.ShellExec("exit 0"));
  const auto failed = container_->shim->Await(FrameType::kFailed, exec);
  ASSERT_TRUE(failed.has_value());
  EXPECT_EQ(failed->As<shim::FailedBody>().err, EEXIST);
  const uint32_t next = StartExec("exit 5");
  EXPECT_EQ(driver_.FinishExec(container_, next).code, 5);
  EndContainer();
}

TEST_F(RootShimExecTest, InputThatWaitsForTheProcessIsTold) {
  spec::ExecSpec spec = driver_.ShellExec("sleep 1000");
  spec.process.stdin_mode = spec::StdinMode::kOpen;
  const uint32_t exec = StartExec(spec);
  const std::string block(shim::kMaxStdinBytes, 'x');
  const int64_t size = shim::kMaxStdinBytes;
  SendStdin(container_, 0, block, exec);
  SendStdin(container_, size, block, exec);
  const std::optional<StateOfOne> state = AskState();
  ASSERT_TRUE(state.has_value());
  EXPECT_LT(state->exec.stdin_offset, 2 * size);
  EXPECT_EQ(state->inputs[1].taken, 2 * size);
  EXPECT_EQ(state->inputs[0].taken, 0);
  Kill(exec, SIGKILL, shim::Scope::kTree);
  driver_.FinishExec(container_, exec);
  EndContainer();
}

TEST_F(RootShimExecTest, ANamedReaderHoldsItBack) {
  driver_.exec_context().named_reader = true;
  const uint32_t exec = StartExec("yes 0123456 | head -c 5000000");
  driver_.exec_context().named_reader = false;
  // As far as the window, and not a byte further.
  for (int64_t read = 0; read < 4 * shim::kReaderWindowBytes;
       read += shim::kReaderWindowBytes) {
    container_->shim->SendBody(FrameType::kReader, exec,
                               shim::ReaderBody{read});
    ASSERT_TRUE(PollUntil(absl::Seconds(20), [&] {
      return EndOffset() == read + shim::kReaderWindowBytes;
    })) << EndOffset();
  }
  container_->shim->SendBody(FrameType::kReader, exec,
                             shim::ReaderBody{shim::kNoReader});
  EXPECT_EQ(driver_.FinishExec(container_, exec).stdout_bytes, 5'000'000);
  EndContainer();
}

}  // namespace
}  // namespace caisson::testing
