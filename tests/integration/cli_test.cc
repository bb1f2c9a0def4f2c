// The command line, verb by verb.
#include <signal.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/inside/sha256.h"
#include "tests/integration/cli_fixture.h"
#include "tests/testing/temp_dir.h"

namespace caisson::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

TEST_F(CliTest, RunGivesOutputErrorAndStatus) {
  const ProcessResult result =
      Run({"--rm", "sh", "-c", "echo out; echo err >&2; exit 42"});
  EXPECT_EQ(result.status, 42);
  EXPECT_EQ(result.out, "out\n");
  EXPECT_EQ(result.err, "err\n");
  EXPECT_TRUE(PollUntil(absl::Seconds(10), [] { return List().empty(); }));
}

TEST_F(CliTest, StatusesAreThoseOfShells) {
  EXPECT_EQ(Run({"--rm", "true"}).status, 0);
  EXPECT_EQ(Run({"--rm", "no-such-command"}).status, 127);
  EXPECT_EQ(Run({"--rm", "/bin/not-executable"}).status, 126);
  EXPECT_EQ(Run({"--rm", "sh", "-c", "kill -TERM $$; exit 3"}).status, 3);
  // More than one command, or the outer shell would become the inner one.
  EXPECT_EQ(Run({"--rm", "sh", "-c", "sh -c 'kill -KILL $$'; exit $?"}).status,
            137);
  EXPECT_EQ(Run({"--rm", "--memory", "lots", "true"}).status, 125);
  EXPECT_EQ(Run({"--rm", "--no-such-flag", "true"}).status, 125);
  EXPECT_EQ(Cli({"run", "--rm", "--rootfs", "/no/such", "true"}).status, 125);
  EXPECT_EQ(Cli({"bogus"}).status, 125);
}

TEST_F(CliTest, ErrorsAreOneLineWithTheCause) {
  const ProcessResult missing = Cli({"rm", "no-such"});
  EXPECT_EQ(missing.status, 1);
  EXPECT_THAT(missing.err, MatchesRegex("caisson: remove no-such: [^\n]+\n"));
  const ProcessResult root =
      Cli({"run", "--rm", "--rootfs", "/no/such", "true"});
  EXPECT_THAT(root.err,
              AllOf(StartsWith("caisson: run: "), HasSubstr("/no/such")));
  ProcessOptions nobody = Command({"ps"});
  nobody.env = {"CAISSON_ADDRESS=unix:///no/such/socket"};
  const ProcessResult result = RunProgram(nobody);
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("does not answer at unix:///no/such"));
}

TEST_F(CliTest, CommandsThatCannotRunAreNamed) {
  EXPECT_THAT(Run({"--rm", "no-such"}).err,
              StartsWith("caisson: run: the command 'no-such' is not in PATH"));
  EXPECT_THAT(Run({"--rm", "/bin/not-executable"}).err,
              HasSubstr("'/bin/not-executable' cannot be executed"));
  EXPECT_THAT(Cli({"run", "--rootfs", "/no/such", "true"}).err,
              StartsWith("caisson: run: the host has no '/no/such'"));
}

TEST_F(CliTest, WrongWordsAreUsageErrors) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"rm", "web", "--bogus"},
                                             {"ps", "bogus"},
                                             {"ps", "--format", "xml"},
                                             {"system"},
                                             {"system", "bogus"},
                                             {"exec", "web"},
                                             {"logs"},
                                             {}}) {
    const ProcessResult result = Cli(words);
    EXPECT_EQ(result.status, 125) << ::testing::PrintToString(words);
    EXPECT_EQ(result.out, "") << ::testing::PrintToString(words);
    EXPECT_NE(result.err, "") << ::testing::PrintToString(words);
  }
  // Behind the mark they are words.
  EXPECT_THAT(Cli({"rm", "--", "--bogus"}).err, StartsWith("caisson: remove "));
}

TEST_F(CliTest, HelpIsThereForEveryVerb) {
  EXPECT_THAT(Cli({"help"}).out, HasSubstr("system audit"));
  EXPECT_EQ(Cli({"help", "exec"}).out, Cli({"exec", "--help"}).out);
  EXPECT_THAT(Cli({"system", "info", "--help"}).out,
              StartsWith("Usage: caisson system info"));
  EXPECT_THAT(Cli({"system", "--help"}).out, HasSubstr("audit"));
}

TEST_F(CliTest, AddressIsTakenFromTheFlag) {
  ProcessOptions options = Command({"--address=" + daemon().address(), "ps"});
  options.env = {"CAISSON_ADDRESS=unix:///no/such"};
  EXPECT_EQ(RunProgram(options).status, 0);
}

TEST_F(CliTest, RelativePathsBeginHere) {
  TempDir directory;
  WriteFileOrDie(directory.File("data"), "here\n");
  std::filesystem::create_directory_symlink(SharedRootfs(),
                                            directory.File("root"));
  std::filesystem::create_directory(directory.File("sub"));
  ProcessOptions options = Command({});
  options.argv = {"/bin/sh",
                  "-c",
                  "cd \"$1/sub\" && exec \"$2\" run --rm --rootfs ../root "
                  "-v ../data:/data cat /data",
                  "sh",
                  directory.path(),
                  ProgramPath("caisson")};
  const ProcessResult result = RunProgram(options);
  EXPECT_EQ(result.out, "here\n") << result.err;
}

TEST_F(CliTest, NameIsFreeWhenARunHasEnded) {
  for (int i = 0; i < 20; ++i) {
    const ProcessResult result = Run({"--rm", "--name", "again", "true"});
    ASSERT_EQ(result.status, 0) << result.err;
  }
  EXPECT_THAT(Ids(), SizeIs(0));
}

TEST_F(CliTest, StartAttachedMissesNothingOfWhatVanishes) {
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(Cli({"create", "--rm", "--rootfs", SharedRootfs(), "--name",
                   "short", "sh", "-c", "echo all; exit 3"})
                  .status,
              0);
    const ProcessResult result = Cli({"start", "-a", "short"});
    EXPECT_EQ(result.out, "all\n") << result.err;
    EXPECT_EQ(result.status, 3);
    EXPECT_TRUE(PollUntil(absl::Seconds(20), [] { return Ids().empty(); }));
  }
}

TEST_F(CliTest, StartAttachedShowsOneRunAtATime) {
  Cli({"create", "--rootfs", SharedRootfs(), "--name", "twice", "sh", "-c",
       "echo once; exit 4"});
  for (int i = 0; i < 2; ++i) {
    const ProcessResult result = Cli({"start", "-a", "twice"});
    EXPECT_EQ(result.out, "once\n") << result.err;
    EXPECT_EQ(result.status, 4);
  }
  EXPECT_EQ(Cli({"logs", "twice"}).out, "once\nonce\n");
  // A program that cannot run.
  Cli({"create", "--rootfs", SharedRootfs(), "--name", "none", "no-such"});
  EXPECT_EQ(Cli({"start", "-a", "none"}).status, 127);
}

TEST_F(CliTest, StartOfOneThatRunsIsNoError) {
  const std::string id = RunDetached({"sleep", "3600"});
  const ProcessResult result = Cli({"start", id});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, id + "\n");
  EXPECT_EQ(Get(id).status().run(), 1);
}

TEST_F(CliTest, ManyAreStoppedTogether) {
  std::vector<std::string> words = {"stop", "-t", "2"};
  std::string ids;
  for (int i = 0; i < 6; ++i) {
    // It does not care for SIGTERM.
    words.push_back(RunDetached({"sleep", "3600"}));
    ids += words.back() + "\n";
  }
  const absl::Time begin = absl::Now();
  const ProcessResult result = Cli(words);
  EXPECT_EQ(result.out, ids) << result.err;
  EXPECT_LT(absl::Now() - begin, absl::Seconds(10));
}

TEST_F(CliTest, RunConnectsStdin) {
  EXPECT_EQ(Run({"--rm", "-i", "cat"}, "some\ninput").out, "some\ninput");
  // Without -i there is none.
  EXPECT_EQ(Run({"--rm", "cat"}, "some\ninput").out, "");
}

TEST_F(CliTest, BulkThroughBothPipes) {
  std::string input(static_cast<size_t>(ScaledCount(16, 2)) << 20, '\0');
  inside::FillRandom(21, 0, input.data(), input.size());
  const ProcessResult result = Run({"--rm", "-i", "cat"}, input);
  EXPECT_EQ(result.status, 0) << result.err;
  ASSERT_THAT(result.out, SizeIs(input.size()));
  EXPECT_EQ(inside::Sha256Of(result.out), inside::Sha256Of(input));
}

TEST_F(CliTest, FlagsReachTheContainer) {
  TempDir directory;
  WriteFileOrDie(directory.File("vars"), "# comment\nFROM_FILE=1\n");
  WriteFileOrDie(directory.File("data"), "data\n");
  const ProcessResult result =
      Run({"--rm",
           "-e",
           "A=b c",
           "--env-file",
           directory.File("vars"),
           "-u",
           "1000:1000",
           "-w",
           "/tmp",
           "-h",
           "chamber",
           "--ulimit",
           "nofile=77:88",
           "-v",
           directory.File("data") + ":/data:ro",
           "--tmpfs",
           "/t:size=1m",
           "--umask",
           "0077",
           "--label",
           "x=y",
           "sh",
           "-c",
           "echo $A $FROM_FILE; id -u; pwd; hostname; ulimit -n; cat /data; "
           "umask; grep -c ' /t ' /proc/self/mountinfo"});
  EXPECT_EQ(result.out, "b c 1\n1000\n/tmp\nchamber\n77\ndata\n0077\n1\n")
      << result.err;
}

TEST_F(CliTest, LimitsReachTheContainer) {
  EXPECT_EQ(Run({"--rm", "-m", "32m", "--memory-swap", "32m", "caisson-probe",
                 "eat", "200000000"})
                .status,
            137);
  EXPECT_THAT(
      Run({"--rm", "--pids-limit", "20", "caisson-probe", "fork", "99"}).out,
      HasSubstr("errno=EAGAIN"));
  EXPECT_EQ(Run({"--rm", "--timeout", "500ms", "sleep", "3600"}).status, 137);
}

TEST_F(CliTest, SecurityFlagsReachTheContainer) {
  const std::vector<std::string> facts = {"caisson-probe", "facts", "status"};
  const auto with = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "--rm");
    words.insert(words.end(), facts.begin(), facts.end());
    return ProbeFacts(Run(words).out);
  };
  EXPECT_EQ(with({"--cap-drop", "ALL"}).Get("status.CapEff"),
            "0000000000000000");
  EXPECT_EQ(
      with({"--security-opt", "seccomp=unconfined"}).Get("status.Seccomp"),
      "0");
  EXPECT_EQ(with({"--privileged"}).Get("status.Seccomp"), "0");
}

TEST_F(CliTest, DetachedLifeWithEveryVerb) {
  const std::string id = RunDetached(
      {"--name", "web", "sh", "-c",
       "trap 'exit 5' TERM; echo hello; while :; do sleep 0.1; done"});
  ASSERT_THAT(id, SizeIs(32));
  EXPECT_TRUE(PollUntil(absl::Seconds(20), [] {
    return Cli({"logs", "web"}).out == "hello\n";
  }));
  EXPECT_THAT(Cli({"ps"}).out, AllOf(HasSubstr(id.substr(0, 12)),
                                     HasSubstr("web"), HasSubstr("Up ")));
  EXPECT_EQ(Cli({"ps", "-q"}).out, id.substr(0, 12) + "\n");
  EXPECT_THAT(Cli({"top", "web"}).out, HasSubstr("sleep"));
  EXPECT_THAT(Cli({"inspect", "web"}).out,
              AllOf(StartsWith("[\n"), HasSubstr(id)));
  EXPECT_THAT(Cli({"explain", "web"}).out, HasSubstr("change the root"));
  EXPECT_EQ(Cli({"exec", "web", "sh", "-c", "echo in; exit 6"}).out, "in\n");
  EXPECT_EQ(Cli({"exec", "web", "sh", "-c", "exit 6"}).status, 6);
  EXPECT_EQ(Cli({"exec", "-i", "web", "cat"}, "through").out, "through");
  EXPECT_EQ(Cli({"exec", "web", "no-such"}).status, 127);
  EXPECT_EQ(Cli({"stop", "web"}).out, "web\n");
  EXPECT_EQ(Cli({"wait", "web"}).out, "5\n");
  EXPECT_EQ(Cli({"ps"}).out.find("web"), std::string::npos);
  EXPECT_THAT(Cli({"ps", "-a"}).out, HasSubstr("Exited (5, STOPPED)"));
  EXPECT_EQ(Cli({"start", "web"}).out, "web\n");
  EXPECT_EQ(Cli({"kill", "-s", "KILL", "web"}).out, "web\n");
  EXPECT_EQ(Cli({"wait", "web"}).out, "137\n");
  EXPECT_EQ(Cli({"rm", "web"}).out, "web\n");
  EXPECT_EQ(Cli({"inspect", "web"}).status, 1);
}

TEST_F(CliTest, CreateStartAttachedAndRemoveMany) {
  const ProcessResult created =
      Cli({"create", "--rootfs", SharedRootfs(), "--name", "one", "sh", "-c",
           "echo ran; exit 3"});
  EXPECT_THAT(created.out, SizeIs(33));
  const ProcessResult started = Cli({"start", "-a", "one"});
  EXPECT_EQ(started.out, "ran\n");
  EXPECT_EQ(started.status, 3);
  const std::string two = RunDetached({"sleep", "3600"});
  const ProcessResult removed = Cli({"rm", "-f", "one", two.substr(0, 8)});
  EXPECT_EQ(removed.status, 0) << removed.err;
  EXPECT_EQ(removed.out, absl::StrCat("one\n", two.substr(0, 8), "\n"));
  EXPECT_THAT(Ids(), SizeIs(0));
  EXPECT_EQ(Cli({"rm", "-f", "one"}).status, 0);
  EXPECT_EQ(Cli({"rm", "one"}).status, 1);
}

TEST_F(CliTest, BeginningsOfIdsAreEnough) {
  const std::string id = RunDetached({"sleep", "3600"});
  const std::string prefix = id.substr(0, 6);
  EXPECT_EQ(Cli({"exec", prefix, "echo", "found"}).out, "found\n");
  EXPECT_EQ(Cli({"stop", "-t", "0", prefix}).status, 0);
  EXPECT_EQ(Cli({"wait", prefix}).out, "137\n");
  EXPECT_EQ(Cli({"rm", prefix}).status, 0);
}

TEST_F(CliTest, LogsSelectAndFollow) {
  const std::string id =
      RunDetached({"sh", "-c", "seq 1 20; echo err >&2; sleep 1; echo late"});
  Interactive follow(Command({"logs", "-f", id}), Interactive::Stdio::kPipes);
  EXPECT_TRUE(follow.WaitFor("late\n"));
  Cli({"wait", id});
  EXPECT_EQ(Cli({"logs", "--tail", "2", id}).out, "late\n");
  EXPECT_EQ(Cli({"logs", "--tail", "2", id}).err, "err\n");
  EXPECT_EQ(Cli({"logs", "--stream", "stderr", id}).err, "err\n");
  EXPECT_EQ(Cli({"logs", "--stream", "stderr", id}).out, "");
  EXPECT_THAT(Cli({"logs", "-t", "--tail", "1", id}).out,
              MatchesRegex("20..-..-..T..:..:..[.0-9]+Z late\n"));
}

TEST_F(CliTest, FollowedLogsEndWithAContainerThatIsRemoved) {
  RunDetached({"--rm", "--name", "short", "sh", "-c",
               "trap 'echo two; exit 0' TERM; echo one; while :; do sleep 0.1; "
               "done"});
  Interactive follow(Command({"logs", "-f", "short"}),
                     Interactive::Stdio::kPipes);
  EXPECT_TRUE(follow.WaitFor("one\n"));
  EXPECT_EQ(Cli({"kill", "-s", "TERM", "short"}).status, 0);
  EXPECT_TRUE(follow.WaitFor("two\n"));
  EXPECT_EQ(follow.Wait(), 0);
  EXPECT_EQ(Cli({"ps", "-a", "-q"}).out, "");
}

TEST_F(CliTest, EventsTellWhatHappened) {
  RunDetached({"--name", "short", "true"});
  Cli({"wait", "short"});
  const ProcessResult events =
      Cli({"events", "--after", "0", "--until-now", "--type", "container.*",
           "--container", "short"});
  EXPECT_EQ(events.status, 0) << events.err;
  EXPECT_THAT(events.out, AllOf(HasSubstr("container.created"),
                                HasSubstr("container.started"),
                                HasSubstr("container.exited")));
  EXPECT_THAT(
      Cli({"events", "--after", "0", "--until-now", "--format", "json"}).out,
      StartsWith("{\"revision\":"));
}

TEST_F(CliTest, SystemVerbs) {
  EXPECT_THAT(Cli({"system", "info"}).out, HasSubstr("version"));
  EXPECT_THAT(Cli({"system", "info", "--format", "json"}).out,
              HasSubstr("\"storeId\""));
  const ProcessResult audit = Cli({"system", "audit"});
  EXPECT_EQ(audit.status, 0);
  EXPECT_EQ(audit.out, "");
  EXPECT_EQ(Cli({"system", "repair", "--dry-run"}).out, "");
  EXPECT_THAT(Cli({"version"}).out, HasSubstr("service "));
  EXPECT_THAT(Cli({"version", "--format", "json"}).out,
              HasSubstr("\"service\": {"));
  EXPECT_THAT(Cli({"version", "--client"}).out, Not(HasSubstr("service ")));
}

TEST_F(CliTest, ExplainIsForPeople) {
  const ProcessResult result =
      Cli({"explain", "--rootfs", SharedRootfs(), "-m", "64m", "true"});
  EXPECT_EQ(result.status, 0) << result.err;
  for (const char* word : {"PREPARE", "CHILD", "EXEC", "overlay", "/proc",
                           "change the root", "plan "}) {
    EXPECT_THAT(result.out, HasSubstr(word));
  }
  // No colours where nobody looks.
  EXPECT_THAT(result.out, Not(HasSubstr("\x1b")));
}

TEST_F(CliTest, CidfileHoldsTheId) {
  TempDir directory;
  const std::string path = directory.File("cid");
  EXPECT_EQ(Run({"--cidfile", path, "--name", "noted", "true"}).status, 0);
  EXPECT_EQ(ReadFileOrEmpty(path), Get("noted").id());
  EXPECT_EQ(Run({"--rm", "--cidfile", path, "true"}).status, 125);
  const std::string failed = directory.File("failed");
  EXPECT_EQ(Run({"--rm", "--cidfile", failed, "no-such"}).status, 127);
  EXPECT_FALSE(std::filesystem::exists(failed));
}

TEST_F(CliTest, SignalsArePassedOn) {
  Interactive run(
      Command(RunWords({"--rm", "caisson-probe", "trap", "exit=9"})),
      Interactive::Stdio::kPipes);
  ASSERT_TRUE(run.WaitFor("ready"));
  run.Signal(SIGTERM);
  EXPECT_EQ(run.Wait(), 9);
  EXPECT_THAT(run.output(), HasSubstr("signal=SIGTERM"));
}

TEST_F(CliTest, WhoInsistsOnLeavingLeaves) {
  Interactive run(
      Command(RunWords({"--name", "deaf", "caisson-probe", "pause"})),
      Interactive::Stdio::kPipes);
  ASSERT_TRUE(run.WaitFor("ready"));
  EXPECT_TRUE(PollUntil(absl::Seconds(20), [&] {
    run.Signal(SIGINT);
    return run.Wait(absl::Milliseconds(20)) != -1;
  }));
  EXPECT_EQ(Get("deaf").status().state(), v1::CONTAINER_STATE_RUNNING);
}

TEST_F(CliTest, AttachJoinsInputAndOutput) {
  const std::string id = RunDetached({"-i", "sh", "-c", "cat; exit 4"});
  Interactive attach(Command({"attach", id}), Interactive::Stdio::kPipes);
  ASSERT_TRUE(attach.Write("hello\n"));
  ASSERT_TRUE(attach.WaitFor("hello"));
  attach.CloseInput();
  EXPECT_EQ(attach.Wait(), 4);
}

// The terminal of the test is the terminal of the command line.
class CliTerminalTest : public CliTest {};

TEST_F(CliTerminalTest, ShellWorksAndModesComeBack) {
  Interactive run(Command(RunWords({"--rm", "-it", "sh"})),
                  Interactive::Stdio::kTerminal);
  const std::string before = run.TerminalModes();
  run.Resize(30, 100);
  ASSERT_TRUE(run.WaitFor("# "));
  EXPECT_NE(run.TerminalModes(), before);
  ASSERT_TRUE(run.Write("tty; stty size\n"));
  EXPECT_TRUE(run.WaitFor("/dev/pts/0"));
  EXPECT_TRUE(run.WaitFor("30 100"));
  run.Resize(40, 120);
  EXPECT_TRUE(PollUntil(absl::Seconds(20), [&] {
    run.Write("stty size\n");
    return run.WaitFor("40 120", absl::Milliseconds(200));
  })) << run.output();
  ASSERT_TRUE(run.Write("exit 7\n"));
  EXPECT_EQ(run.Wait(), 7);
  EXPECT_EQ(run.TerminalModes(), before);
}

TEST_F(CliTerminalTest, InterruptReachesTheProcessInside) {
  Interactive run(
      Command(RunWords({"--rm", "-it", "caisson-probe", "trap", "exit=3"})),
      Interactive::Stdio::kTerminal);
  ASSERT_TRUE(run.WaitFor("ready"));
  ASSERT_TRUE(run.Write("\x03"));
  EXPECT_EQ(run.Wait(), 3);
  EXPECT_THAT(run.output(), HasSubstr("signal=SIGINT"));
}

TEST_F(CliTerminalTest, ModesComeBackWhenTheDaemonDies) {
  Interactive run(Command(RunWords({"-it", "--name", "left", "sh"})),
                  Interactive::Stdio::kTerminal);
  const std::string before = run.TerminalModes();
  ASSERT_TRUE(run.WaitFor("# "));
  daemon().Kill9();
  EXPECT_EQ(run.Wait(), 125);
  EXPECT_EQ(run.TerminalModes(), before);
  ASSERT_TRUE(daemon().Restart()) << daemon().log();
}

TEST_F(CliTerminalTest, DetachKeysLeaveTheContainerRunning) {
  Interactive run(Command(RunWords({"-it", "--name", "left", "sh"})),
                  Interactive::Stdio::kTerminal);
  const std::string before = run.TerminalModes();
  ASSERT_TRUE(run.WaitFor("# "));
  ASSERT_TRUE(run.Write("\x10\x11"));
  EXPECT_EQ(run.Wait(), 0);
  EXPECT_EQ(run.TerminalModes(), before);
  Interactive attach(Command({"attach", "left"}),
                     Interactive::Stdio::kTerminal);
  ASSERT_TRUE(attach.Write("exit 5\n"));
  EXPECT_EQ(attach.Wait(), 5);
}

TEST_F(CliTerminalTest, SignalsEndTheClientAndNotTheProcess) {
  for (const int number : {SIGTERM, SIGHUP}) {
    const std::string name = absl::StrCat("left", number);
    Interactive run(Command(RunWords({"-it", "--name", name, "sh"})),
                    Interactive::Stdio::kTerminal);
    const std::string before = run.TerminalModes();
    ASSERT_TRUE(run.WaitFor("# "));
    EXPECT_NE(run.TerminalModes(), before);
    run.Signal(number);
    EXPECT_EQ(run.Wait(), 128 + number);
    EXPECT_EQ(run.TerminalModes(), before);
    EXPECT_EQ(Get(name).status().state(), v1::CONTAINER_STATE_RUNNING);
  }
}

TEST_F(CliTerminalTest, DetachKeysCanBeChosen) {
  Interactive run(Command(RunWords({"-it", "--name", "left", "--detach-keys",
                                    "ctrl-x,d", "sh"})),
                  Interactive::Stdio::kTerminal);
  ASSERT_TRUE(run.WaitFor("# "));
  ASSERT_TRUE(
      run.Write("\x18"
                "d"));
  EXPECT_EQ(run.Wait(), 0);
  EXPECT_EQ(Get("left").status().state(), v1::CONTAINER_STATE_RUNNING);
  EXPECT_EQ(Run({"--detach-keys", "alt-x", "true"}).status, 125);
}

TEST_F(CliTerminalTest, ExecIsNotLeftByKeysBecauseItWouldEnd) {
  const std::string id = RunDetached({"sleep", "3600"});
  Interactive exec(Command({"exec", "-it", id, "sh"}),
                   Interactive::Stdio::kTerminal);
  ASSERT_TRUE(exec.WaitFor("# "));
  ASSERT_TRUE(exec.Write("\x10\x11"));
  ASSERT_TRUE(exec.Write("\nexit 8\n"));
  EXPECT_EQ(exec.Wait(), 8);
}

TEST_F(CliTerminalTest, ExecHasATerminal) {
  const std::string id = RunDetached({"sleep", "3600"});
  Interactive exec(Command({"exec", "-it", id, "sh"}),
                   Interactive::Stdio::kTerminal);
  ASSERT_TRUE(exec.WaitFor("# "));
  ASSERT_TRUE(exec.Write("tty && exit 8\n"));
  EXPECT_EQ(exec.Wait(), 8);
  EXPECT_THAT(exec.output(), HasSubstr("/dev/pts/"));
}

}  // namespace
}  // namespace caisson::testing
