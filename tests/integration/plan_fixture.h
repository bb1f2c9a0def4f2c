// The fixture of tests that execute plans as the shim does.
#ifndef CAISSON_TESTS_INTEGRATION_PLAN_FIXTURE_H_
#define CAISSON_TESTS_INTEGRATION_PLAN_FIXTURE_H_

#include <unistd.h>

#include <fstream>
#include <string>

#include "gtest/gtest.h"

#include "runtime/base/str_cat.h"
#include "tests/integration/plan_runner.h"

namespace caisson::testing {

inline std::string Describe(const PlanResult& result) {
  return base::StrCat("step ", result.failure.op, " errno ", result.failure.err,
                      " exit ", result.exit_code, " signal ", result.signal,
                      " stderr ", result.err);
}

class RootLaunchPlanTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(::geteuid(), 0u) << "needs root"; }

  std::string Output(const std::string& script) {
    return Output(runner_.Shell(script));
  }
  std::string Output(const spec::ContainerSpec& spec) {
    runner_.ResetLayer();
    const PlanResult result = runner_.Run(spec);
    EXPECT_TRUE(result.started) << Describe(result);
    EXPECT_EQ(result.exit_code, 0) << Describe(result);
    return result.out;
  }
  PlanResult Failing(const spec::ContainerSpec& spec) {
    runner_.ResetLayer();
    PlanResult result = runner_.Run(spec);
    EXPECT_FALSE(result.started) << Describe(result);
    return result;
  }

  // What the daemon writes for a container with networks: files "hosts",
  // "resolv.conf" and "hostname" in the runner's directory.
  void WriteNameFiles() {
    const std::string& directory = runner_.directory();
    runner_.context().hosts_path = directory + "/hosts";
    runner_.context().resolv_conf_path = directory + "/resolv.conf";
    runner_.context().hostname_path = directory + "/hostname";
    std::ofstream(directory + "/hosts") << "our hosts\n";
    std::ofstream(directory + "/resolv.conf") << "our resolv.conf\n";
    std::ofstream(directory + "/hostname") << "our hostname\n";
  }

  PlanRunner runner_;
};

}  // namespace caisson::testing

#endif  // CAISSON_TESTS_INTEGRATION_PLAN_FIXTURE_H_
