// The stream contract: every byte, in order, once; Exited last.
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/inside/sha256.h"
#include "tests/testing/daemon_fixture.h"

namespace caisson::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr int64_t kMiB = 1 << 20;

class StreamsTest : public DaemonTest {
 protected:
  static v1::ContainerSpec WithStdin(v1::ContainerSpec spec) {
    spec.mutable_process()->set_stdin(v1::STDIN_MODE_OPEN);
    return spec;
  }
  static v1::ContainerSpec WithTerminal(v1::ContainerSpec spec, int rows,
                                        int cols) {
    spec = WithStdin(std::move(spec));
    spec.mutable_process()->set_tty(true);
    spec.mutable_process()->mutable_terminal_size()->set_rows(rows);
    spec.mutable_process()->mutable_terminal_size()->set_cols(cols);
    return spec;
  }
  static std::string RandomBytes(uint64_t seed, size_t size) {
    std::string bytes(size, '\0');
    inside::FillRandom(seed, 0, bytes.data(), size);
    return bytes;
  }
  // How much is sent through each pipe: 64 MiB, less on emulated machines.
  static int64_t BulkBytes() { return ScaledCount(64, 4) * kMiB; }
};

TEST_F(StreamsTest, OutputErrorAndStatusArrive) {
  const Delivered delivered =
      RunToEnd(stubs(), ShSpec("echo out; echo err >&2; exit 42"));
  EXPECT_THAT(delivered.status, IsOk());
  EXPECT_EQ(delivered.violations, "");
  EXPECT_EQ(delivered.out, "out\n");
  EXPECT_EQ(delivered.err, "err\n");
  ASSERT_TRUE(delivered.exited);
  EXPECT_EQ(delivered.exit.exit_code(), 42);
  EXPECT_EQ(delivered.exit.status(), 42);
  EXPECT_EQ(delivered.exit.reason(), v1::EXIT_REASON_EXITED);
  EXPECT_EQ(delivered.exit.completeness(), v1::COMPLETENESS_COMPLETE);
  EXPECT_EQ(delivered.exit.stdout_bytes(), 4);
  EXPECT_EQ(delivered.exit.stderr_bytes(), 4);
  EXPECT_EQ(delivered.exit.end_offset(), 8);
  EXPECT_EQ(delivered.exit.run(), 1);
  EXPECT_GT(delivered.exit.usage().wall().nanos() +
                delivered.exit.usage().wall().seconds(),
            0);
}

TEST_F(StreamsTest, StatusZeroIsSaid) {
  const Delivered delivered = RunToEnd(stubs(), ShSpec("true"));
  EXPECT_TRUE(delivered.exit.has_exit_code());
  EXPECT_EQ(delivered.exit.exit_code(), 0);
  EXPECT_TRUE(delivered.exit.has_status());
}

TEST_F(StreamsTest, SignalIsNamed) {
  // The first process of a pid namespace does not die of its own signals.
  const Delivered delivered =
      RunToEnd(stubs(), ShSpec("sh -c 'kill -SEGV $$'; exit $?"));
  EXPECT_EQ(delivered.shell_status(), 139);
  auto talk = StartRun(stubs(), ProbeSpec({"pause"}));
  ASSERT_TRUE(talk->ReadUntilOutput("ready"));
  EXPECT_TRUE(talk->SendKill("SIGKILL"));
  const Delivered& killed = talk->Rest();
  EXPECT_EQ(killed.exit.signal(), "SIGKILL");
  EXPECT_EQ(killed.exit.status(), 137);
  EXPECT_EQ(killed.exit.reason(), v1::EXIT_REASON_KILLED);
}

TEST_F(StreamsTest, BulkOfBytesThroughStdout) {
  const int64_t size = BulkBytes();
  const Delivered delivered =
      RunToEnd(stubs(), ProbeSpec({"write", absl::StrCat(size), "11"}));
  ASSERT_EQ(delivered.out.size(), static_cast<size_t>(size));
  EXPECT_EQ(inside::Sha256Of(delivered.out),
            inside::Sha256Of(RandomBytes(11, static_cast<size_t>(size))));
  EXPECT_EQ(delivered.violations, "");
  EXPECT_THAT(delivered.gaps, IsEmpty());
  EXPECT_EQ(delivered.exit.stdout_bytes(), size);
}

TEST_F(StreamsTest, BulkOfBytesThroughStdin) {
  const std::string input = RandomBytes(12, static_cast<size_t>(BulkBytes()));
  const Delivered delivered =
      RunToEnd(stubs(), WithStdin(ProbeSpec({"read"})), input);
  const ProbeFacts facts(delivered.out);
  EXPECT_EQ(facts.Get("bytes"), absl::StrCat(input.size()));
  EXPECT_EQ(facts.Get("sha256"), inside::Sha256Of(input));
  EXPECT_EQ(delivered.shell_status(), 0);
}

TEST_F(StreamsTest, BulkOfBytesThroughExecBothWays) {
  const v1::Container container = CreateAndStart(WaitingSpec());
  const std::string input = RandomBytes(13, static_cast<size_t>(BulkBytes()));
  v1::ExecSpec spec = ProbeExec({"echo"});
  spec.mutable_process()->set_stdin(v1::STDIN_MODE_OPEN);
  const Delivered delivered = ExecToEnd(stubs(), container.id(), spec, input);
  ASSERT_EQ(delivered.out.size(), input.size());
  EXPECT_EQ(inside::Sha256Of(delivered.out), inside::Sha256Of(input));
  EXPECT_EQ(delivered.shell_status(), 0);
  EXPECT_EQ(delivered.violations, "");
  EXPECT_THAT(Delete(container.id()), IsOk());
}

TEST_F(StreamsTest, SlowReaderHoldsTheProcessAndLosesNothing) {
  // Far more than the log keeps: it may not be rotated away meanwhile.
  // And more than the transport takes by itself.
  const auto size = static_cast<size_t>(ScaledCount(64, 32) * kMiB);
  v1::ContainerSpec spec = ProbeSpec({"write", absl::StrCat(size), "14"});
  spec.mutable_log()->set_max_file_bytes(65536);
  spec.mutable_log()->set_max_files(2);
  auto talk = StartRun(stubs(), spec);
  ASSERT_TRUE(talk->ReadUntilStarted());
  // Nothing is read for a while; the container cannot have ended.
  const std::string id = talk->delivered().start.container().id();
  EXPECT_FALSE(PollUntil(absl::Seconds(1) / TimeoutScale(), [&] {
    return Get(id).status().state() == v1::CONTAINER_STATE_EXITED;
  }));
  const Delivered& delivered = talk->Rest();
  ASSERT_THAT(delivered.out, SizeIs(size));
  EXPECT_EQ(inside::Sha256Of(delivered.out),
            inside::Sha256Of(RandomBytes(14, size)));
  EXPECT_THAT(delivered.gaps, IsEmpty());
  EXPECT_EQ(delivered.violations, "");
}

TEST_F(StreamsTest, HalfCloseIsEndOfInput) {
  auto talk = StartRun(stubs(), WithStdin(ShSpec("cat; echo end; exit 3")));
  ASSERT_TRUE(talk->SendInput("one "));
  ASSERT_TRUE(talk->SendInput("two "));
  ASSERT_TRUE(talk->HalfClose());
  const Delivered& delivered = talk->Rest();
  EXPECT_EQ(delivered.out, "one two end\n");
  EXPECT_EQ(delivered.shell_status(), 3);
}

TEST_F(StreamsTest, CloseStdinLeavesTheControlOpen) {
  auto talk =
      StartRun(stubs(), WithStdin(ShSpec("cat; trap 'exit 9' USR1; echo waits; "
                                         "while :; do sleep 0.05; done")));
  ASSERT_TRUE(talk->SendInput("x"));
  ASSERT_TRUE(talk->SendCloseStdin());
  ASSERT_TRUE(talk->ReadUntilOutput("waits"));
  ASSERT_TRUE(talk->SendKill("USR1"));
  EXPECT_EQ(talk->Rest().shell_status(), 9);
}

TEST_F(StreamsTest, InputWithoutStdinIsRefused) {
  auto talk = StartRun(stubs(), ShSpec("cat; exit 4"));
  talk->SendInput("x");
  const Delivered& delivered = talk->Rest();
  // In-band, or as the end of the stream; never as input.
  if (!delivered.status.ok()) {
    EXPECT_THAT(
        delivered.status,
        FailsWith(grpc::StatusCode::FAILED_PRECONDITION, "STDIN_CLOSED"));
  } else {
    EXPECT_EQ(delivered.shell_status(), 4);
  }
  DeleteAll();
}

TEST_F(StreamsTest, InputIsAcknowledged) {
  auto talk = StartRun(stubs(), WithStdin(ShSpec("cat >/dev/null")));
  ASSERT_TRUE(talk->SendInput("12345"));
  EXPECT_TRUE(talk->ReadUntil(
      [](const Delivered& d) { return d.progress.offset() == 5; }));
  ASSERT_TRUE(talk->SendCloseStdin());
  EXPECT_EQ(talk->Rest().shell_status(), 0);
}

TEST_F(StreamsTest, InputAtAnOffsetThatWasTakenIsSkipped) {
  auto talk = StartRun(stubs(), WithStdin(ShSpec("cat")));
  v1::RunRequest request;
  request.mutable_stdin()->set_data("abcdef");
  request.mutable_stdin()->set_offset(0);
  ASSERT_TRUE(talk->Send(request));
  // As a client does that does not know how much of it arrived.
  request.mutable_stdin()->set_data("defghi");
  request.mutable_stdin()->set_offset(3);
  ASSERT_TRUE(talk->Send(request));
  ASSERT_TRUE(talk->HalfClose());
  EXPECT_EQ(talk->Rest().out, "abcdefghi");
}

TEST_F(StreamsTest, ProcessThatDoesNotReadDoesNotBlockSignals) {
  auto talk = StartRun(stubs(), WithStdin(ProbeSpec({"pause"})));
  ASSERT_TRUE(talk->ReadUntilOutput("ready"));
  // A pipe's worth of it; then the control message.
  ASSERT_TRUE(talk->SendInput(std::string(200000, 'x')));
  ASSERT_TRUE(talk->SendKill("SIGKILL"));
  EXPECT_EQ(talk->Rest().exit.signal(), "SIGKILL");
}

TEST_F(StreamsTest, TerminalHasItsSizeBeforeTheProcessRuns) {
  const Delivered delivered = RunToEnd(
      stubs(), WithTerminal(ProbeSpec({"facts", "terminal"}), 33, 101));
  const ProbeFacts facts(delivered.out);
  EXPECT_EQ(facts.Get("rows"), "33");
  EXPECT_EQ(facts.Get("cols"), "101");
  for (const char* name : {"tty.0", "tty.1", "tty.2"}) {
    EXPECT_EQ(facts.Get(name), "yes") << name;
  }
  EXPECT_EQ(delivered.err, "");
}

TEST_F(StreamsTest, TerminalIsResized) {
  auto talk = StartRun(stubs(), WithTerminal(ProbeSpec({"winsize"}), 24, 80));
  ASSERT_TRUE(talk->ReadUntilOutput("size=24x80"));
  ASSERT_TRUE(talk->SendResize(50, 132));
  ASSERT_TRUE(talk->ReadUntilOutput("size=50x132"));
  ASSERT_TRUE(talk->SendCloseStdin());
  EXPECT_EQ(talk->Rest().shell_status(), 0);
}

TEST_F(StreamsTest, TerminalIsControlling) {
  // The interrupt character reaches the process as a signal.
  auto talk = StartRun(
      stubs(), WithTerminal(ShSpec("trap 'echo got it; exit 8' INT; echo up; "
                                   "while :; do sleep 0.05; done"),
                            24, 80));
  ASSERT_TRUE(talk->ReadUntilOutput("up"));
  ASSERT_TRUE(talk->SendInput("\x03"));
  const Delivered& delivered = talk->Rest();
  EXPECT_THAT(delivered.out, HasSubstr("got it"));
  EXPECT_EQ(delivered.shell_status(), 8);
}

TEST_F(StreamsTest, ResizeWithoutTerminalIsRefusedOrIgnored) {
  auto talk = StartRun(stubs(), WithStdin(ShSpec("cat; exit 6")));
  ASSERT_TRUE(talk->ReadUntilStarted());
  talk->SendResize(10, 10);
  talk->HalfClose();
  const Delivered& delivered = talk->Rest();
  EXPECT_TRUE(delivered.shell_status() == 6 ||
              FactsOf(delivered.status).reason == "NOT_A_TTY")
      << Describe(delivered.status);
  DeleteAll();
}

TEST_F(StreamsTest, AttachDeliversFromAnyOffset) {
  const v1::Container container = Create(ProbeSpec({"lines", "1000"}));
  Start(container.id());
  Wait(container.id());
  v1::AttachStart start;
  start.set_container(container.id());
  start.mutable_output()->set_offset(0);
  const Delivered whole = StartAttach(stubs(), start)->Rest();
  EXPECT_THAT(whole.status, IsOk());
  EXPECT_EQ(whole.violations, "");
  EXPECT_EQ(whole.exit.end_offset(), static_cast<int64_t>(whole.merged.size()));
  const auto total = static_cast<int64_t>(whole.merged.size());
  for (const int64_t offset : {int64_t{1}, total / 3, total - 1, total}) {
    start.mutable_output()->set_offset(offset);
    const Delivered rest = StartAttach(stubs(), start)->Rest();
    EXPECT_EQ(rest.merged, whole.merged.substr(static_cast<size_t>(offset)))
        << offset;
    EXPECT_TRUE(rest.exited);
  }
  start.mutable_output()->set_offset(total + 1);
  EXPECT_THAT(StartAttach(stubs(), start)->Rest().status,
              FailsWith(grpc::StatusCode::OUT_OF_RANGE, "OFFSET_BEYOND_END"));
}

TEST_F(StreamsTest, AttachSeesWhatIsNewAndTheEnd) {
  auto run = StartRun(stubs(), WithStdin(ShSpec("echo old; cat; exit 5")));
  ASSERT_TRUE(run->ReadUntilOutput("old"));
  auto attach = StartAttach(stubs(), run->delivered().start.container().id());
  ASSERT_TRUE(attach->ReadUntilStarted());
  ASSERT_TRUE(attach->SendInput("from the second\n"));
  ASSERT_TRUE(attach->ReadUntilOutput("from the second"));
  ASSERT_TRUE(run->HalfClose());
  const Delivered& joined = attach->Rest();
  EXPECT_EQ(joined.out, "from the second\n");
  EXPECT_EQ(joined.shell_status(), 5);
  EXPECT_EQ(run->Rest().out, "old\nfrom the second\n");
}

TEST_F(StreamsTest, AttachThatLeavesChangesNothing) {
  auto run = StartRun(stubs(), WithStdin(ShSpec("cat; exit 2")));
  ASSERT_TRUE(run->ReadUntilStarted());
  {
    auto attach = StartAttach(stubs(), run->delivered().start.container().id());
    ASSERT_TRUE(attach->ReadUntilStarted());
    ASSERT_TRUE(attach->HalfClose());
  }
  ASSERT_TRUE(run->SendInput("still open"));
  ASSERT_TRUE(run->HalfClose());
  EXPECT_EQ(run->Rest().out, "still open");
}

TEST_F(StreamsTest, OneStreamCanBeSelected) {
  const v1::Container container = CreateAndStart(ProbeSpec({"lines", "10"}));
  Wait(container.id());
  v1::AttachStart start;
  start.set_container(container.id());
  start.mutable_output()->set_offset(0);
  start.mutable_output()->add_streams(v1::STD_STREAM_STDERR);
  const Delivered delivered = StartAttach(stubs(), start)->Rest();
  EXPECT_EQ(delivered.out, "");
  EXPECT_THAT(delivered.err, StartsWith("line 2\nline 4\n"));
}

TEST_F(StreamsTest, TailLinesAndStopAtEnd) {
  auto run = StartRun(stubs(), ShSpec("seq 1 9; sleep 3600"));
  ASSERT_TRUE(run->ReadUntilOutput("9\n"));
  v1::AttachStart start;
  start.set_container(run->delivered().start.container().id());
  start.mutable_output()->set_tail_lines(2);
  start.mutable_output()->set_stop_at_end(true);
  const Delivered tail = StartAttach(stubs(), start)->Rest();
  EXPECT_THAT(tail.status, IsOk());
  EXPECT_EQ(tail.out, "8\n9\n");
  EXPECT_FALSE(tail.exited);
  run->SendKill("SIGKILL");
  run->Rest();
}

TEST_F(StreamsTest, RotatedOutputIsAGapForLateReaders) {
  v1::ContainerSpec spec = ProbeSpec({"write", absl::StrCat(2 * kMiB), "15"});
  spec.mutable_log()->set_max_file_bytes(65536);
  spec.mutable_log()->set_max_files(2);
  const v1::Container container = CreateAndStart(spec);
  Wait(container.id());
  v1::AttachStart start;
  start.set_container(container.id());
  start.mutable_output()->set_offset(0);
  const Delivered delivered = StartAttach(stubs(), start)->Rest();
  ASSERT_THAT(delivered.gaps, SizeIs(1));
  EXPECT_EQ(delivered.gaps[0].reason(), v1::GAP_REASON_ROTATED);
  EXPECT_EQ(delivered.gaps[0].from_offset(), 0);
  const auto from = static_cast<size_t>(delivered.gaps[0].to_offset());
  EXPECT_EQ(delivered.out, RandomBytes(15, 2 * kMiB).substr(from));
  EXPECT_EQ(delivered.exit.end_offset(), 2 * kMiB);
}

TEST_F(StreamsTest, ExecWhoseChildHoldsTheOutputEndsAsHeldOpen) {
  const v1::Container container = CreateAndStart(WaitingSpec());
  auto talk = StartExec(stubs(), container.id(), ProbeExec({"hold", "3600"}));
  const Delivered& delivered = talk->Rest();
  EXPECT_THAT(delivered.status, IsOk());
  EXPECT_EQ(delivered.out, "holding\n");
  EXPECT_EQ(delivered.exit.completeness(), v1::COMPLETENESS_HELD_OPEN);
  ASSERT_GT(delivered.exit.held_by_size(), 0);
  EXPECT_EQ(delivered.exit.held_by(0).name(), "caisson-probe");
  EXPECT_TRUE(delivered.exit.tree_running());
  EXPECT_THAT(Delete(container.id()), IsOk());
}

TEST_F(StreamsTest, ContainersOwnRunIsComplete) {
  // What its first process leaves behind dies with the pid namespace.
  const Delivered delivered = RunToEnd(stubs(), ProbeSpec({"hold", "3600"}));
  EXPECT_EQ(delivered.exit.completeness(), v1::COMPLETENESS_COMPLETE);
  EXPECT_EQ(delivered.out, "holding\n");
}

TEST_F(StreamsTest, TextIsCutBetweenCharacters) {
  v1::RunStart start;
  *start.mutable_spec() = ShSpec(
      "printf '\\342\\202'; sleep 0.2; printf '\\254'; "
      "printf 'x\\377y'");
  start.mutable_output()->set_text(true);
  const Delivered delivered = StartRun(stubs(), start)->Rest();
  EXPECT_EQ(delivered.out,
            "\xe2\x82\xac"
            "x\xef\xbf\xbd"
            "y");
  EXPECT_EQ(delivered.next_offset, 6);
}

TEST_F(StreamsTest, HeartbeatsComeWhenNothingElseDoes) {
  v1::RunStart start;
  *start.mutable_spec() = ShSpec("sleep 3600");
  start.mutable_output()->mutable_heartbeat_interval()->set_seconds(1);
  auto talk = StartRun(stubs(), start);
  EXPECT_TRUE(
      talk->ReadUntil([](const Delivered& d) { return d.heartbeats >= 2; }));
  talk->SendKill("SIGKILL");
  talk->Rest();
}

TEST_F(StreamsTest, LogsAreTheSameBytes) {
  const v1::Container container =
      CreateAndStart(ShSpec("printf 'no newline'; echo err >&2; seq 1 100"));
  Wait(container.id());
  v1::AttachStart start;
  start.set_container(container.id());
  start.mutable_output()->set_offset(0);
  EXPECT_EQ(Logs(container.id()), StartAttach(stubs(), start)->Rest().merged);
}

TEST_F(StreamsTest, FollowedLogsEndWithTheContainer) {
  const v1::Container container =
      Create(ShSpec("for i in 1 2 3; do echo $i; sleep 0.1; done; exit 4"));
  grpc::ClientContext context;
  v1::StreamLogsRequest request;
  request.mutable_filter()->add_containers(container.id());
  request.set_follow(true);
  request.set_lines(true);
  const auto reader = stubs().containers->StreamLogs(&context, request);
  Start(container.id());
  std::vector<std::string> lines;
  v1::StreamLogsResponse response;
  while (lines.size() < 3 && reader->Read(&response)) {
    for (const v1::LogEntry& entry : response.batch().entries()) {
      lines.push_back(entry.data());
      EXPECT_FALSE(entry.partial());
    }
  }
  EXPECT_THAT(lines, ::testing::ElementsAre("1", "2", "3"));
  EXPECT_THAT(Delete(container.id()), IsOk());
  bool ended = false;
  while (!ended && reader->Read(&response))
    ended = response.has_container_end();
  EXPECT_TRUE(ended);
  context.TryCancel();
  reader->Finish();
}

TEST_F(StreamsTest, ManyStreamsAtOnce) {
  const v1::Container container =
      CreateAndStart(WithStdin(ShSpec("while read line; do echo $line; done")));
  std::vector<std::unique_ptr<AttachConversation>> readers;
  for (int i = 0; i < 20; ++i) {
    readers.push_back(StartAttach(stubs(), container.id()));
    ASSERT_TRUE(readers.back()->ReadUntilStarted());
  }
  ASSERT_TRUE(readers[0]->SendInput("to everybody\n"));
  for (auto& reader : readers) {
    EXPECT_TRUE(reader->ReadUntilOutput("to everybody\n"));
  }
  EXPECT_THAT(Delete(container.id()), IsOk());
  for (auto& reader : readers) EXPECT_TRUE(reader->Rest().exited);
}

}  // namespace
}  // namespace caisson::testing
