// A shim, driven by frames: the life of a container from kSpawn to kExited.
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/file.h"
#include "runtime/base/str_cat.h"
#include "runtime/base/unique_fd.h"
#include "runtime/linux/memfd.h"
#include "runtime/plan/ops.h"
#include "runtime/record/exit_record.h"
#include "runtime/shim/network_pool.h"
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
using ::testing::IsEmpty;
using ::testing::SizeIs;

class RootShimTest : public ShimFixture {
 protected:
  std::vector<std::string> SocketNames() const {
    std::vector<std::string> names;
    for (const auto& entry :
         fs::directory_iterator(driver_.state() + "/shims")) {
      names.push_back(entry.path().filename());
    }
    return names;
  }
};

TEST_F(RootShimTest, RunsAProgramAndRecordsItsExit) {
  TestContainer* container = Start("echo out; echo err >&2; exit 7");
  const ExitRecord record = driver_.Finish(container);
  EXPECT_EQ(record.run, 1u);
  EXPECT_EQ(record.kind, ExitKind::kCode);
  EXPECT_EQ(record.code, 7);
  EXPECT_EQ(record.cause, ExitCause::kExited);
  EXPECT_EQ(record.completeness, ExitCompleteness::kComplete);
  EXPECT_EQ(record.stdout_bytes, 4);
  EXPECT_EQ(record.stderr_bytes, 4);
  EXPECT_EQ(record.end_offset, 8);
  EXPECT_GT(record.exit_time_ns, record.start_time_ns);
  EXPECT_GT(record.usage.cpu_ns, 0);
  EXPECT_GT(record.usage.wall_ns, 0);
  const Output output = driver_.ReadOutput(*container);
  EXPECT_EQ(output.out, "out\n");
  EXPECT_EQ(output.err, "err\n");
  const ExitRecord stored = driver_.ReadRecord(*container);
  EXPECT_EQ(stored.code, 7);
  EXPECT_EQ(stored.end_offset, 8);
}

TEST_F(RootShimTest, TheEndOfTheConnectionMakesRoomForTheNextRun) {
  for (int i = 0; i < 20; ++i) {
    TestContainer* container = Start("true");
    const base::UniqueFd lock(
        ::open((container->directory + "/lock").c_str(), O_RDWR | O_CLOEXEC));
    ASSERT_TRUE(container->shim->AwaitEnd());
    EXPECT_EQ(::flock(lock.get(), LOCK_EX | LOCK_NB), 0) << i;
    EXPECT_THAT(SocketNames(), IsEmpty());
  }
}

TEST_F(RootShimTest, TellsWhenAProgramCannotBeExecuted) {
  spec::ContainerSpec spec = driver_.Shell("true");
  spec.process.command = {"/bin/nothing"};
  TestContainer* container = Adopt(driver_.Start(spec));
  const auto failed = container->shim->Await(FrameType::kFailed);
  ASSERT_TRUE(failed.has_value());
  const auto body = failed->As<shim::FailedBody>();
  EXPECT_EQ(body.err, ENOENT);
  EXPECT_EQ(body.stage, static_cast<uint32_t>(plan::Executor::kExec));
  EXPECT_TRUE(container->shim->AwaitEnd());
  // The shim removed what it had made.
  EXPECT_THAT(driver_.Cgroups(), IsEmpty());
  EXPECT_EQ(driver_.ReadRecord(*container).run, 0u);
}

TEST_F(RootShimTest, DiesWithTheDaemonBeforeTheStart) {
  TestContainer* container = Adopt(driver_.Spawn(driver_.Shell("true")));
  ASSERT_TRUE(container->shim->Await(FrameType::kPrepared).has_value());
  EXPECT_THAT(driver_.Cgroups(), SizeIs(1));
  container->shim->Close();
  EXPECT_TRUE(PollUntil(absl::Seconds(10),
                        [&] { return driver_.Processes().size() == 1; }));
  EXPECT_THAT(driver_.Cgroups(), IsEmpty());
}

TEST_F(RootShimTest, ContainersTakeNetworksThatWereMadeBefore) {
  const pid_t keeper = driver_.keeper_pid();
  ASSERT_TRUE(PollUntil(absl::Seconds(20), [&] { return PoolIsFull(); }));
  const std::string host = fs::read_symlink("/proc/self/ns/net").string();
  std::set<std::string> networks = {host};
  // One more than there are: whoever comes to an empty pool gets a new one.
  for (int i = 0; i <= shim::NetworkPool::kSize; ++i) {
    TestContainer* container =
        Start("cat /sys/class/net/lo/flags; ls /sys/class/net; read line");
    AwaitOutput(container, "0x9\nlo\n");
    networks.insert(fs::read_symlink(
                        base::StrCat("/proc/", State(container).pid, "/ns/net"))
                        .string());
  }
  EXPECT_THAT(networks, SizeIs(2 + shim::NetworkPool::kSize));
  EXPECT_TRUE(PollUntil(absl::Seconds(20), [&] { return PoolIsFull(); }));
  // It stands in the last one a moment longer than it takes to open it.
  EXPECT_TRUE(PollUntil(absl::Seconds(20), [&] {
    return fs::read_symlink(base::StrCat("/proc/", keeper, "/ns/net")) == host;
  }));
}

TEST_F(RootShimTest, AContainerOnTheHostsNetworkTakesNone) {
  ASSERT_TRUE(PollUntil(absl::Seconds(20), [&] { return PoolIsFull(); }));
  spec::ContainerSpec spec = driver_.Shell("read line");
  spec.network.mode = spec::NetworkMode::kHost;
  TestContainer* container = Start(spec);
  EXPECT_TRUE(PoolIsFull());
  EXPECT_EQ(
      fs::read_symlink(base::StrCat("/proc/", State(container).pid, "/ns/net")),
      fs::read_symlink("/proc/self/ns/net"));
}

TEST_F(RootShimTest, GoesOnWithoutTheDaemonAndFindsTheNextOne) {
  TestContainer* container =
      Start("echo one; cat >/dev/null; echo two; exit 3");
  AwaitOutput(container, "one\n");
  container->shim->Close();
  FrameSocket next = driver_.Reconnect(*container);
  next.SendBody(FrameType::kHello, 0, shim::HelloBody{1, 1, 0});
  const auto state = next.Await(FrameType::kState);
  ASSERT_TRUE(state.has_value());
  const auto body = state->As<shim::StateBody>();
  EXPECT_EQ(body.phase, shim::Phase::kRunning);
  EXPECT_EQ(body.shim_pid, container->shim_pid);
  EXPECT_EQ(body.output_end_offset, 4);
  EXPECT_EQ(body.stdin_closed, 0u);
  next.Send(FrameType::kCloseStdin);
  const auto exited = next.Await(FrameType::kExited);
  ASSERT_TRUE(exited.has_value());
  EXPECT_EQ(exited->As<shim::ExitedBody>().record.code, 3);
  EXPECT_EQ(driver_.ReadOutput(*container).out, "one\ntwo\n");
}

TEST_F(RootShimTest, RecordsAnExitThatNobodySees) {
  TestContainer* container = Start("read line; echo $line; exit 9");
  SendStdin(container, 0, "last words\n");
  container->shim->Close();
  EXPECT_TRUE(PollUntil(absl::Seconds(20), [&] {
    return driver_.ReadRecord(*container).run == 1;
  }));
  EXPECT_EQ(driver_.ReadRecord(*container).code, 9);
  EXPECT_EQ(driver_.ReadOutput(*container).out, "last words\n");
}

TEST_F(RootShimTest, StdinIsAcknowledgedResumedAndClosed) {
  TestContainer* container = Start("cat");
  SendStdin(container, 0, "hello ");
  auto progress = container->shim->Await(FrameType::kStdinProgress);
  ASSERT_TRUE(progress.has_value());
  EXPECT_EQ(progress->As<shim::StdinProgressBody>().offset, 6);
  // Repeated from the start: only what is new counts.
  SendStdin(container, 0, "hello again\n");
  progress = container->shim->Await(FrameType::kStdinProgress);
  ASSERT_TRUE(progress.has_value());
  EXPECT_EQ(progress->As<shim::StdinProgressBody>().offset, 12);
  // Behind a hole: refused, with the offset to go on from.
  SendStdin(container, 100, "lost");
  progress = container->shim->Await(FrameType::kStdinProgress);
  ASSERT_TRUE(progress.has_value());
  EXPECT_EQ(progress->As<shim::StdinProgressBody>().offset, 12);
  container->shim->Send(FrameType::kCloseStdin);
  progress = container->shim->Await(FrameType::kStdinProgress);
  ASSERT_TRUE(progress.has_value());
  EXPECT_EQ(progress->As<shim::StdinProgressBody>().closed, 1u);
  EXPECT_EQ(driver_.Finish(container).code, 0);
  EXPECT_EQ(driver_.ReadOutput(*container).out, "hello again\n");
}

TEST_F(RootShimTest, StdinThatIsNotReadWaitsInAWindow) {
  TestContainer* container = Start("exec sleep 1000");
  const std::string block(shim::kMaxStdinBytes, 'x');
  int64_t sent = 0;
  int64_t taken = 0;
  // Sends until the window is full: nothing is read yet.
  while (sent < 8 * static_cast<int64_t>(block.size())) {
    SendStdin(container, sent, block);
    sent += static_cast<int64_t>(block.size());
  }
  taken = State(container).stdin_offset;
  EXPECT_LT(taken, sent);
  EXPECT_GT(taken, 0);
  EXPECT_EQ(container->shim->Send(FrameType::kCloseStdin), 0);
  container->shim->SendBody(FrameType::kKill, 0,
                            shim::KillBody{SIGKILL, shim::Scope::kProcess});
  EXPECT_EQ(driver_.Finish(container).cause, ExitCause::kKilled);
}

TEST_F(RootShimTest, KillsAndSaysByWhat) {
  TestContainer* container = Start("trap 'exit 5' TERM; echo up; read x");
  AwaitOutput(container, "up\n");
  container->shim->SendBody(FrameType::kKill, 0,
                            shim::KillBody{SIGTERM, shim::Scope::kProcess});
  EXPECT_EQ(driver_.Finish(container).code, 5);

  container = Start("sleep 1000 & wait");
  container->shim->SendBody(FrameType::kKill, 0,
                            shim::KillBody{SIGKILL, shim::Scope::kTree});
  const ExitRecord record = driver_.Finish(container);
  EXPECT_EQ(record.kind, ExitKind::kSignal);
  EXPECT_EQ(record.code, SIGKILL);
  EXPECT_EQ(record.cause, ExitCause::kKilled);
  EXPECT_EQ(record.completeness, ExitCompleteness::kComplete);
}

TEST_F(RootShimTest, StopsGentlyThenHard) {
  // Process 1 without a handler is not even reached by SIGTERM.
  TestContainer* container = Start("echo up; sleep 1000");
  AwaitOutput(container, "up\n");
  container->shim->SendBody(FrameType::kStop, 0,
                            shim::StopBody{0, 0, 200'000'000});
  const ExitRecord record = driver_.Finish(container);
  EXPECT_EQ(record.cause, ExitCause::kStopped);
  EXPECT_EQ(record.code, SIGKILL);
  EXPECT_GE(record.usage.wall_ns, 200'000'000);

  container = Start("trap 'echo bye; exit 0' TERM; echo up; read x");
  AwaitOutput(container, "up\n");
  container->shim->SendBody(FrameType::kStop, 0, shim::StopBody{0, 0, -1});
  EXPECT_EQ(driver_.Finish(container).code, 0);
  EXPECT_EQ(driver_.ReadOutput(*container).out, "up\nbye\n");
}

TEST_F(RootShimTest, HoldsLimitsByItself) {
  spec::ContainerSpec spec = driver_.Shell("sleep 1000");
  spec.limits.wall_time = absl::Milliseconds(300);
  TestContainer* container = Start(spec);
  container->shim->Close();
  EXPECT_TRUE(PollUntil(absl::Seconds(20), [&] {
    return driver_.ReadRecord(*container).run == 1;
  }));
  EXPECT_EQ(driver_.ReadRecord(*container).cause, ExitCause::kWallTime);

  spec = driver_.Shell("while :; do :; done");
  spec.limits.cpu_time = absl::Milliseconds(200);
  container = Start(spec);
  const ExitRecord record = driver_.Finish(container);
  EXPECT_EQ(record.cause, ExitCause::kCpuTime);
  EXPECT_GE(record.usage.cpu_ns, 200'000'000);
  EXPECT_LT(record.usage.cpu_ns, 2'000'000'000);
}

TEST_F(RootShimTest, CutsOutputAtItsLimit) {
  spec::ContainerSpec spec = driver_.Shell("yes 0123456");
  spec.limits.output_bytes = 100'000;
  TestContainer* container = Start(spec);
  ExitRecord record = driver_.Finish(container);
  EXPECT_EQ(record.cause, ExitCause::kOutputLimit);
  EXPECT_EQ(record.completeness, ExitCompleteness::kCut);
  EXPECT_EQ(record.cut_cause, record::CutCause::kOutputLimit);
  EXPECT_EQ(record.end_offset, 100'000);
  EXPECT_GT(record.cut_bytes, 0);
  EXPECT_THAT(driver_.ReadOutput(*container).out, SizeIs(100'000));

  spec = driver_.Shell("dd if=/dev/zero bs=1000 count=300; exit 4");
  spec.limits.output_bytes = 100'000;
  spec.limits.output_action = spec::OutputAction::kDiscard;
  container = Start(spec);
  record = driver_.Finish(container);
  EXPECT_EQ(record.code, 4);
  EXPECT_EQ(record.end_offset, 100'000);
  EXPECT_GT(record.cut_bytes, 200'000);
}

TEST_F(RootShimTest, OutputIsByteExact) {
  TestContainer* container = Start(
      "head -c 3000000 /dev/urandom | tee /copy; head -c 100000 /dev/urandom"
      " | tee /copy2 >&2");
  const ExitRecord record = driver_.Finish(container);
  EXPECT_EQ(record.code, 0);
  const Output output = driver_.ReadOutput(*container);
  EXPECT_TRUE(output.out ==
              ReadFileOrEmpty(container->directory + "/upper/copy"));
  EXPECT_TRUE(output.err ==
              ReadFileOrEmpty(container->directory + "/upper/copy2"));
  EXPECT_EQ(record.stdout_bytes, 3'000'000);
}

TEST_F(RootShimTest, CountsOnOverRunsInNewSegments) {
  TestContainer* container = Start("echo run; exit 1");
  EXPECT_EQ(driver_.Finish(container).end_offset, 4);
  driver_.SpawnAgain(container);
  ASSERT_TRUE(container->shim->Await(FrameType::kPrepared).has_value());
  container->shim->Send(FrameType::kStart);
  const auto started = container->shim->Await(FrameType::kStarted);
  ASSERT_TRUE(started.has_value());
  EXPECT_EQ(started->As<shim::StartedBody>().output_offset, 4);
  const ExitRecord record = driver_.Finish(container);
  EXPECT_EQ(record.run, 2u);
  EXPECT_EQ(record.end_offset, 8);
  EXPECT_EQ(driver_.ReadOutput(*container).out, "run\nrun\n");
  EXPECT_TRUE(fs::exists(container->directory + "/log.1.idx"));
}

TEST_F(RootShimTest, ANamedReaderHoldsTheProcessBack) {
  driver_.context().named_reader = true;
  TestContainer* container = Start("yes 0123456");
  driver_.context().named_reader = false;
  const auto end = [&] { return State(container).output_end_offset; };
  EXPECT_TRUE(PollUntil(absl::Seconds(20), [&] {
    return end() == shim::kReaderWindowBytes;
  })) << end();
  container->shim->SendBody(FrameType::kReader, 0, shim::ReaderBody{500'000});
  EXPECT_TRUE(PollUntil(absl::Seconds(20), [&] {
    return end() == shim::kReaderWindowBytes + 500'000;
  })) << end();
  container->shim->SendBody(FrameType::kReader, 0,
                            shim::ReaderBody{shim::kNoReader});
  EXPECT_TRUE(PollUntil(absl::Seconds(20), [&] {
    return end() > 3 * shim::kReaderWindowBytes;
  })) << end();
  container->shim->SendBody(FrameType::kKill, 0,
                            shim::KillBody{SIGKILL, shim::Scope::kProcess});
  driver_.Finish(container);
}

TEST_F(RootShimTest, ATerminalHasASizeEchoesAndEnds) {
  spec::ContainerSpec spec =
      driver_.Shell("stty size; read line; echo got $line; cat; tty");
  spec.process.tty = true;
  spec.process.terminal_size = spec::TerminalSize{.rows = 33, .cols = 77};
  TestContainer* container = Start(spec);
  AwaitOutput(container, "33 77\r\n");
  SendStdin(container, 0, "word\n");
  AwaitOutput(container, "word\r\ngot word\r\n");
  container->shim->Send(FrameType::kCloseStdin);
  EXPECT_EQ(driver_.Finish(container).code, 0);
  const Output output = driver_.ReadOutput(*container);
  EXPECT_THAT(output.out, HasSubstr("/dev/"));
  EXPECT_EQ(output.err, "");
}

TEST_F(RootShimTest, ATerminalCanBeResized) {
  spec::ContainerSpec spec =
      driver_.Shell("trap 'stty size; exit 6' WINCH; echo up; read a; read b");
  spec.process.tty = true;
  TestContainer* container = Start(spec);
  AwaitOutput(container, "up");
  container->shim->SendBody(FrameType::kResize, 0,
                            shim::ResizeBody{40, 120, 0});
  EXPECT_EQ(driver_.Finish(container).code, 6);
  EXPECT_THAT(driver_.ReadOutput(*container).out, HasSubstr("40 120"));
}

TEST_F(RootShimTest, NoticesOutOfMemory) {
  spec::ContainerSpec spec =
      driver_.Shell("tail /dev/zero; echo survived; read x; exit 2");
  spec.resources.memory.limit_bytes = 16 << 20;
  spec.resources.memory.kill_group = false;
  TestContainer* container = Start(spec);
  const auto oom = container->shim->Await(FrameType::kOom);
  ASSERT_TRUE(oom.has_value());
  EXPECT_GE(oom->As<shim::OomBody>().kills, 1);
  AwaitOutput(container, "survived\n");
  container->shim->Send(FrameType::kCloseStdin);
  const ExitRecord record = driver_.Finish(container);
  EXPECT_EQ(record.code, 2);
  EXPECT_GE(record.oom_kills, 1);
  EXPECT_EQ(record.oom_limit_bytes, 16 << 20);
}

TEST_F(RootShimTest, OutOfMemoryEndsTheWholeContainer) {
  spec::ContainerSpec spec =
      driver_.Shell("tail /dev/zero; echo survived; read x; exit 2");
  spec.resources.memory.limit_bytes = 16 << 20;
  TestContainer* container = Start(spec);
  const ExitRecord record = driver_.Finish(container);
  EXPECT_EQ(record.kind, record::ExitKind::kSignal);
  EXPECT_EQ(record.code, SIGKILL);
  EXPECT_EQ(record.cause, record::ExitCause::kOomKilled);
  EXPECT_GE(record.oom_kills, 1);
}

TEST_F(RootShimTest, TheContainerHasNoDescriptorOfTheShim) {
  TestContainer* container = Start("ls /proc/self/fd | wc -l");
  driver_.Finish(container);
  // 0, 1, 2 and the directory that ls reads.
  EXPECT_EQ(driver_.ReadOutput(*container).out, "4\n");
}

TEST_F(RootShimTest, TheContainerOutlivesItsKeeper) {
  TestContainer* container = Start("read x; echo $x");
  driver_.KillKeeper();
  driver_.StartKeeper();
  SendStdin(container, 0, "still here\n");
  EXPECT_EQ(driver_.Finish(container).code, 0);
  EXPECT_EQ(driver_.ReadOutput(*container).out, "still here\n");
}

TEST_F(RootShimTest, TheKeeperCountsShimsAndStopsOnlyWithoutThem) {
  TestContainer* container = Start("cat");
  FrameSocket keeper = driver_.ConnectKeeper();
  keeper.Send(FrameType::kKeeperStop);
  const auto state = keeper.Await(FrameType::kKeeperState);
  ASSERT_TRUE(state.has_value());
  EXPECT_EQ(state->As<shim::KeeperStateBody>().shims, 1);
  EXPECT_EQ(state->As<shim::KeeperStateBody>().pid, driver_.keeper_pid());
  container->shim->Send(FrameType::kCloseStdin);
  driver_.Finish(container);
}

TEST_F(RootShimTest, AShimCanBeOfAnotherRelease) {
  const auto program = base::Open(ProgramPath("caisson-shim"), O_RDONLY);
  ASSERT_TRUE(program.ok());
  auto image = linux_::CopyToSealedMemfd("newer", program->get());
  ASSERT_TRUE(image.ok());
  driver_.SetImage(*std::move(image));
  TestContainer* container = Start("cat; exit 17");
  EXPECT_THAT(ReadFileOrEmpty("/proc/" + std::to_string(container->shim_pid) +
                              "/cmdline"),
              HasSubstr("--shim"));
  SendStdin(container, 0, "through it\n");
  container->shim->Send(FrameType::kCloseStdin);
  EXPECT_EQ(driver_.Finish(container).code, 17);
  EXPECT_EQ(driver_.ReadOutput(*container).out, "through it\n");
}

TEST_F(RootShimTest, WhatRunsIsASealedCopy) {
  TestContainer* container = Start("cat");
  for (const pid_t pid : {driver_.keeper_pid(), container->shim_pid}) {
    const fs::path image =
        fs::read_symlink("/proc/" + std::to_string(pid) + "/exe");
    EXPECT_THAT(image.string(), HasSubstr("memfd:caisson-shim"));
  }
  container->shim->Send(FrameType::kCloseStdin);
  driver_.Finish(container);
}

}  // namespace
}  // namespace caisson::testing
