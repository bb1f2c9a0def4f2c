// The Python example: stock stubs, no code of ours.
#include <unistd.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/inside/sha256.h"
#include "tests/testing/daemon_fixture.h"
#include "tests/testing/process.h"

namespace caisson::testing {
namespace {

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

}  // namespace
}  // namespace caisson::testing
