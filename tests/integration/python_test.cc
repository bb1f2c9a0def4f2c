// The Python examples: stock stubs or none, no code of ours.
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/inside/sha256.h"
#include "tests/testing/daemon_fixture.h"
#include "tests/testing/process.h"

namespace caisson::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kPython[] = "/usr/bin/python3";

class PythonTest : public DaemonTest {
 protected:
  void SetUp() override {
    DaemonTest::SetUp();
    if (HasFatalFailure() || IsSkipped()) return;
    ProcessOptions options;
    options.argv = {kPython, "-c", "import grpc, google.protobuf"};
    if (::access(kPython, X_OK) < 0 || RunProgram(options).status != 0) {
      GTEST_SKIP() << "python3-grpcio is not installed";
    }
  }
  // Calls a method by reflection alone: no stub is where it runs.
  static ProcessResult CallByReflection(const std::vector<std::string>& words) {
    const std::string script = ProgramPath("python-alone/without_proto.py");
    EXPECT_NE(script, "");
    ProcessOptions options;
    options.argv = {kPython, script, daemon().address()};
    options.argv.insert(options.argv.end(), words.begin(), words.end());
    return RunProgram(options);
  }
  static ProcessResult RunExample(const std::vector<std::string>& command,
                                  const std::string& input) {
    // Laid beside this program by the build: the example and its stubs.
    const std::string script = ProgramPath("python/run.py");
    EXPECT_NE(script, "");
    ProcessOptions options;
    options.argv = {kPython, script, daemon().address(), SharedRootfs()};
    options.argv.insert(options.argv.end(), command.begin(), command.end());
    options.input = input;
    return RunProgram(options);
  }
};

TEST_F(PythonTest, EveryByteAndTheStatusArrive) {
  std::string input(3 << 20, '\0');
  inside::FillRandom(31, 0, input.data(), input.size());
  const ProcessResult result =
      RunExample({"/bin/sh", "-c", "cat; echo err >&2; exit 7"}, input);
  EXPECT_EQ(result.status, 7) << result.err;
  EXPECT_EQ(result.err, "err\n");
  ASSERT_EQ(result.out.size(), input.size());
  EXPECT_EQ(inside::Sha256Of(result.out), inside::Sha256Of(input));
}

TEST_F(PythonTest, EndOfInputIsSeenAtOnce) {
  const ProcessResult result = RunExample({"/bin/cat"}, "");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "");
}

TEST_F(PythonTest, WholeLifeWithoutAProto) {
  const ProcessResult listed = CallByReflection({"list"});
  for (const char* service :
       {"caisson.v1.ContainerService", "caisson.v1.ExecService",
        "caisson.v1.EventService", "caisson.v1.NetworkService",
        "caisson.v1.SystemService", "grpc.health.v1.Health"}) {
    EXPECT_THAT(listed.out, HasSubstr(service)) << listed.err;
  }
  const std::string containers = "caisson.v1.ContainerService/";
  const std::string spec = absl::StrCat(
      R"({"spec":{"name":"plain","rootfs":{"hostDirectory":{"path":")",
      SharedRootfs(),
      R"("}},"process":{"args":["sh","-c","echo hello; exec sleep 3600"]}}})");
  const ProcessResult created =
      CallByReflection({containers + "CreateContainer", spec});
  EXPECT_EQ(created.status, 0) << created.err;
  const std::string container = R"({"container":"plain"})";
  EXPECT_THAT(CallByReflection({containers + "StartContainer", container}).out,
              HasSubstr("CONTAINER_STATE_RUNNING"));
  EXPECT_TRUE(PollUntil(absl::Seconds(20), [&] {
    const ProcessResult logs = CallByReflection(
        {containers + "StreamLogs",
         R"({"filter":{"containers":["plain"]},"text":true})"});
    return logs.out.find(R"("text": "hello\n")") != std::string::npos;
  }));
  const ProcessResult exec = CallByReflection(
      {"caisson.v1.ExecService/ExecSync",
       R"({"container":"plain","text":true,"stdinText":"given",)"
       R"("spec":{"process":{"args":["sh","-c","cat; exit 5"]}}})"});
  EXPECT_THAT(exec.out, AllOf(HasSubstr(R"("stdoutText": "given")"),
                              HasSubstr(R"("exitCode": 5)")))
      << exec.err;
  EXPECT_EQ(CallByReflection({containers + "DeleteContainer",
                              R"({"container":"plain","force":true})"})
                .status,
            0);
  const ProcessResult gone =
      CallByReflection({containers + "GetContainer", container});
  EXPECT_EQ(gone.status, 1);
  EXPECT_THAT(gone.err, StartsWith("NOT_FOUND: "));
}

TEST_F(PythonTest, BidiStreamWithoutAProto) {
  const ProcessResult run = CallByReflection(
      {"caisson.v1.ContainerService/Run",
       absl::StrCat(
           R"({"start":{"spec":{"rootfs":{"hostDirectory":{"path":")",
           SharedRootfs(),
           R"("}},"process":{"args":["cat"],"stdin":"STDIN_MODE_OPEN"},)"
           R"("deleteAfterExit":"0s"},"output":{"text":true}}})"),
       R"({"stdin":{"text":"both ways"}})"});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_THAT(run.out, AllOf(HasSubstr(R"("text": "both ways")"),
                             HasSubstr(R"("exitCode": 0)")));
}

}  // namespace
}  // namespace caisson::testing
