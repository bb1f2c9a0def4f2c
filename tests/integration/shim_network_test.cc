// A network that is configured between PREPARED and START: the shim hands the
// namespace to who asked for the container, and the program finds it as it was
// left.
#include <fcntl.h>
#include <linux/sockios.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/str_cat.h"
#include "runtime/base/unique_fd.h"
#include "runtime/plan/header.h"
#include "tests/integration/shim_fixture.h"
#include "tests/testing/environment.h"

namespace caisson::testing {
namespace {

namespace fs = std::filesystem;
using base::UniqueFd;
using shim::FrameType;
using ::testing::IsEmpty;

// "net:[4026531840]", as a link in /proc reads.
std::string NameOf(const UniqueFd& network) {
  struct stat info = {};
  if (::fstat(network.get(), &info) != 0) return "";
  return base::StrCat("net:[", info.st_ino, "]");
}

// 0 or errno. As the daemon: on a thread that may go into the namespace.
int AddBridge(const UniqueFd& network, const char* name) {
  int error = 0;
  std::thread thread([&] {
    if (::setns(network.get(), CLONE_NEWNET) != 0) {
      error = errno;
      return;
    }
    const UniqueFd control(::socket(AF_LOCAL, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::ioctl(control.get(), SIOCBRADDBR, name) != 0) error = errno;
  });
  thread.join();
  return error;
}

class RootShimNetworkTest : public ShimFixture {
 protected:
  // A container that shows its network once it runs.
  spec::ContainerSpec Attached() const {
    spec::ContainerSpec spec = driver_.Shell(
        "readlink /proc/self/ns/net; ls /sys/class/net; echo end; read line");
    spec.network.mode = spec::NetworkMode::kAttach;
    spec.network.networks.emplace_back();
    return spec;
  }

  void FillPool() {
    ASSERT_TRUE(PollUntil(absl::Seconds(20), [&] { return PoolIsFull(); }));
  }

  // The keeper gives none of its namespaces away.
  void DoWithoutPool() {
    driver_.EditPlans([](std::string* bytes) {
      plan::PlanHeader header;
      memcpy(&header, bytes->data(), sizeof(header));
      header.flags &= ~static_cast<uint32_t>(plan::kPlanFreshNetwork);
      memcpy(bytes->data(), &header, sizeof(header));
    });
  }

  // What the shim hands over, and whether its child was there by then.
  UniqueFd AwaitNetwork(TestContainer* container) {
    const std::optional<Frame> handed =
        container->shim->Await(FrameType::kNetwork);
    const std::optional<Frame> prepared =
        container->shim->Await(FrameType::kPrepared);
    if (!handed.has_value() || !prepared.has_value()) {
      ADD_FAILURE() << "nothing was handed over";
      return UniqueFd();
    }
    cloned_ = prepared->As<shim::PhasesBody>().clone_ns > 0;
    return container->shim->TakeFd();
  }

  // What is made in the namespace before START is there for the program.
  void ExpectTheProgramRunsInIt(const spec::ContainerSpec& spec) {
    TestContainer* container = Adopt(driver_.Spawn(spec));
    const UniqueFd network = AwaitNetwork(container);
    ASSERT_TRUE(network.is_valid());
    ASSERT_EQ(AddBridge(network, "eth7"), 0);
    container->shim->Send(FrameType::kStart);
    ASSERT_TRUE(container->shim->Await(FrameType::kStarted).has_value());
    AwaitOutput(container, "end\n");
    EXPECT_EQ(driver_.ReadOutput(*container).out,
              base::StrCat(NameOf(network), "\neth7\nlo\nend\n"));
  }

  bool cloned_ = false;  // before PREPARED
};

TEST_F(RootShimNetworkTest,
       OneThatWasMadeBeforeIsConfiguredWhileTheShimClones) {
  FillPool();
  ExpectTheProgramRunsInIt(Attached());
  EXPECT_FALSE(cloned_);
}

TEST_F(RootShimNetworkTest, OneThatTheCloneMakesIsConfiguredAfterIt) {
  DoWithoutPool();
  ExpectTheProgramRunsInIt(Attached());
  EXPECT_TRUE(cloned_);
}

TEST_F(RootShimNetworkTest, OneOfAUserNamespaceIsConfiguredFromOutside) {
  FillPool();
  spec::ContainerSpec spec = Attached();
  spec.user_namespace.explicit_maps =
      spec::IdMapping{{{0, 100000, 65536}}, {{0, 100000, 65536}}};
  ExpectTheProgramRunsInIt(spec);
  EXPECT_TRUE(cloned_) << "the container's user namespace owns it";
}

TEST_F(RootShimNetworkTest, NobodyElseGetsOne) {
  TestContainer* alone = Adopt(driver_.Spawn(driver_.Shell("true")));
  ASSERT_TRUE(alone->shim->Await(FrameType::kPrepared).has_value());
  EXPECT_FALSE(alone->shim->Has(FrameType::kNetwork));
  EXPECT_FALSE(alone->shim->TakeFd().is_valid());
  TestContainer* attached = Adopt(driver_.Spawn(Attached()));
  EXPECT_TRUE(AwaitNetwork(attached).is_valid());
  EXPECT_TRUE(fs::is_empty(driver_.state() + "/shims"))
      << "no other daemon can connect before START";
  alone->shim->Close();
  attached->shim->Close();
}

TEST_F(RootShimNetworkTest, CalledOffBeforeTheStartItLeavesNothing) {
  for (const bool pool : {true, false}) {
    if (pool) {
      FillPool();
    } else {
      DoWithoutPool();
    }
    TestContainer* container = Adopt(driver_.Spawn(Attached()));
    const UniqueFd network = AwaitNetwork(container);
    ASSERT_TRUE(network.is_valid());
    ASSERT_EQ(AddBridge(network, "eth7"), 0);
    container->shim->Close();
    EXPECT_TRUE(PollUntil(absl::Seconds(10),
                          [&] { return driver_.Processes().size() == 1; }));
    EXPECT_THAT(driver_.Cgroups(), IsEmpty());
    // Ours is the last descriptor: what was used does not go back to the pool.
    EXPECT_THAT(HeldNetworks(),
                ::testing::Not(::testing::Contains(NameOf(network))));
  }
}

TEST_F(RootShimNetworkTest, AContainerThatCannotBePreparedLeavesNone) {
  spec::ContainerSpec spec = Attached();
  spec.rootfs.host_directory = spec::HostDirectory{"/nonexistent", {}};
  TestContainer* container = Adopt(driver_.Spawn(spec));
  ASSERT_TRUE(container->shim->Await(FrameType::kFailed).has_value());
  EXPECT_FALSE(container->shim->Has(FrameType::kPrepared));
  // It was handed over before: ours is the last descriptor.
  const std::string name = NameOf(container->shim->TakeFd());
  EXPECT_THAT(HeldNetworks(), ::testing::Not(::testing::Contains(name)));
}

}  // namespace
}  // namespace caisson::testing
