// Runs the command line against the daemon under test.
#ifndef CAISSON_TESTS_INTEGRATION_CLI_FIXTURE_H_
#define CAISSON_TESTS_INTEGRATION_CLI_FIXTURE_H_

#include <memory>
#include <string>
#include <vector>

#include "tests/testing/daemon_fixture.h"
#include "tests/testing/process.h"

namespace caisson::testing {

class CliTest : public DaemonTest {
 protected:
  static void SetUpTestSuite() {
    DaemonTest::SetUpTestSuite();
    if (!WhyNot().empty() || HasFatalFailure()) return;
    // The default network is made with its first container, and stays.
    const ProcessResult result = Run({"--rm", "true"});
    ASSERT_EQ(result.status, 0) << result.err;
    TakeBaseline();
  }
  void TearDown() override {
    if (!IsSkipped() && !HasFatalFailure()) DeleteAll();
    DaemonTest::TearDown();
  }

  static ProcessOptions Command(const std::vector<std::string>& words) {
    ProcessOptions options;
    options.argv = {ProgramPath("caisson")};
    options.argv.insert(options.argv.end(), words.begin(), words.end());
    options.env = {"CAISSON_ADDRESS=" + daemon().address()};
    return options;
  }
  static ProcessResult Cli(const std::vector<std::string>& words,
                           const std::string& input = "") {
    ProcessOptions options = Command(words);
    options.input = input;
    return RunProgram(options);
  }
  // `caisson run --rootfs <shared> ...`.
  static std::vector<std::string> RunWords(
      const std::vector<std::string>& words) {
    std::vector<std::string> all = {"run", "--rootfs", SharedRootfs()};
    all.insert(all.end(), words.begin(), words.end());
    return all;
  }
  static ProcessResult Run(const std::vector<std::string>& words,
                           const std::string& input = "") {
    return Cli(RunWords(words), input);
  }
  // Starts one in the background; its id.
  static std::string RunDetached(const std::vector<std::string>& words) {
    std::vector<std::string> all = {"-d"};
    all.insert(all.end(), words.begin(), words.end());
    const ProcessResult result = Run(all);
    EXPECT_EQ(result.status, 0) << result.err;
    return result.out.substr(0, result.out.find('\n'));
  }
};

}  // namespace caisson::testing

#endif  // CAISSON_TESTS_INTEGRATION_CLI_FIXTURE_H_
