// The fixture of tests that drive shims with frames.
#ifndef CAISSON_TESTS_INTEGRATION_SHIM_FIXTURE_H_
#define CAISSON_TESTS_INTEGRATION_SHIM_FIXTURE_H_

#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/str_cat.h"
#include "runtime/shim/network_pool.h"
#include "tests/integration/shim_driver.h"
#include "tests/testing/environment.h"

namespace caisson::testing {

class ShimFixture : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(::geteuid(), 0u) << "needs root"; }

  // Nothing may be left but the keeper.
  void TearDown() override {
    for (const auto& container : containers_) driver_.Remove(container.get());
    EXPECT_TRUE(PollUntil(absl::Seconds(5),
                          [&] { return driver_.Processes().size() == 1; }));
    EXPECT_THAT(driver_.Cgroups(), ::testing::IsEmpty());
    EXPECT_TRUE(std::filesystem::is_empty(driver_.state() + "/shims"));
  }

  TestContainer* Adopt(std::unique_ptr<TestContainer> container) {
    containers_.push_back(std::move(container));
    return containers_.back().get();
  }
  TestContainer* Start(const std::string& script) {
    return Start(driver_.Shell(script));
  }
  TestContainer* Start(const spec::ContainerSpec& spec) {
    TestContainer* container = Adopt(driver_.Start(spec));
    EXPECT_TRUE(container->shim->Await(shim::FrameType::kStarted).has_value());
    return container;
  }
  void SendStdin(TestContainer* container, int64_t offset,
                 const std::string& text, uint32_t target = 0) {
    container->shim->SendBody(shim::FrameType::kStdin, target,
                              shim::StdinBody{offset}, text);
  }
  shim::StateBody State(TestContainer* container) {
    container->shim->SendBody(shim::FrameType::kHello, 0,
                              shim::HelloBody{1, 1, 0});
    const auto state = container->shim->Await(shim::FrameType::kState);
    EXPECT_TRUE(state.has_value());
    return state.has_value() ? state->As<shim::StateBody>() : shim::StateBody();
  }
  void AwaitOutput(TestContainer* container, const std::string& text,
                   uint32_t exec = 0) {
    EXPECT_TRUE(PollUntil(absl::Seconds(20), [&] {
      return driver_.ReadOutput(*container, exec).out.find(text) !=
             std::string::npos;
    })) << driver_.ReadOutput(*container, exec).out;
  }

  // The namespaces that the keeper holds by descriptors, as "net:[4711]".
  std::vector<std::string> HeldNetworks() const {
    std::vector<std::string> names;
    std::error_code gone;
    const std::string directory =
        base::StrCat("/proc/", driver_.keeper_pid(), "/fd");
    for (const std::filesystem::directory_entry& entry :
         std::filesystem::directory_iterator(directory, gone)) {
      std::string name =
          std::filesystem::read_symlink(entry.path(), gone).string();
      if (name.starts_with("net:[")) names.push_back(std::move(name));
    }
    return names;
  }
  // The keeper's own, and those that wait for a container.
  bool PoolIsFull() const {
    return HeldNetworks().size() == 1 + shim::NetworkPool::kSize;
  }

  ShimDriver driver_;
  std::vector<std::unique_ptr<TestContainer>> containers_;
};

}  // namespace caisson::testing

#endif  // CAISSON_TESTS_INTEGRATION_SHIM_FIXTURE_H_
