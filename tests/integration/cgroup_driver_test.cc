// The cgroup driver on the cgroups of this host: the same tests whether v1 or
// v2 enforces the limits. Everything is below a base of its own.
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/file.h"
#include "runtime/base/status_matchers.h"
#include "runtime/base/str_cat.h"
#include "runtime/cgroup/base.h"
#include "runtime/cgroup/driver.h"
#include "runtime/cgroup/layout.h"
#include "tests/integration/cgroup_member.h"
#include "tests/testing/environment.h"

namespace caisson::testing {
namespace {

using base::IsOk;
using base::IsOkAndHolds;
using base::ReasonIs;
using cgroup::Base;
using cgroup::ContainerLimits;
using cgroup::Group;
using cgroup::Layout;
using ::testing::IsEmpty;

constexpr char kId[] = "0123456789abcdef0123456789abcdef";
constexpr absl::Duration kLong = absl::Seconds(20);

int PauseForEver() {
  while (true) ::pause();
}

// Memory that a child shares with the test.
class SharedCounter {
 public:
  SharedCounter()
      : value_(static_cast<std::atomic<uint64_t>*>(::mmap(
            nullptr, sizeof(std::atomic<uint64_t>), PROT_READ | PROT_WRITE,
            MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {}
  ~SharedCounter() { ::munmap(value_, sizeof(*value_)); }
  std::atomic<uint64_t>& operator*() { return *value_; }

 private:
  std::atomic<uint64_t>* value_;
};

class RootCgroupDriverTest : public ::testing::Test {
 protected:
  void SetUp() override {
    static int count = 0;
    ASSERT_EQ(::geteuid(), 0u) << "run it as root";
    CAISSON_ASSERT_OK_AND_ASSIGN(facts_, cgroup::Detect());
    UseBase(base::StrCat("caisson-test-", ::getpid(), "-", ++count));
  }
  void TearDown() override {
    if (base_.group.directories.empty()) return;
    const Group container = base_.Container(kId);
    EXPECT_THAT(cgroup::Kill(container), IsOk());
    EXPECT_THAT(cgroup::WaitEmpty(container, Scaled(kLong)), IsOk());
    EXPECT_THAT(cgroup::Remove(container, Scaled(kLong)), IsOk());
    EXPECT_THAT(cgroup::ListContainers(base_), IsOkAndHolds(IsEmpty()));
    EXPECT_THAT(cgroup::RemoveBase(base_), IsOk());
    for (const cgroup::Directory& directory : base_.group.directories) {
      EXPECT_FALSE(base::PathExists(directory.path)) << directory.path;
    }
  }

  void UseBase(const std::string& name) {
    name_ = name;
    CAISSON_ASSERT_OK_AND_ASSIGN(base_, cgroup::ResolveBase(facts_, name_));
    ASSERT_THAT(cgroup::CreateBase("test", &base_), IsOk());
  }

  // Makes the container's cgroups.
  void Create(ContainerLimits limits = {}) {
    if (limits.devices.empty()) limits.all_devices = true;
    limits_ = limits;
    CAISSON_ASSERT_OK_AND_ASSIGN(
        Layout layout, cgroup::BuildContainerLayout(base_, kId, limits_));
    group_ = layout.group;
    ASSERT_THAT(ApplySteps(layout.steps, &opened_), IsOk());
  }

  // Waits for the exit code of `body` in the container; 128 + n for a signal.
  int RunInside(const std::function<int()>& body) {
    CgroupMember member(opened_, body);
    const int status = member.Wait();
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }

  bool IsV2() const { return facts_.LimitsVersion() == cgroup::Version::kV2; }
  std::string ReadLeaf(const std::string& controller, const std::string& file) {
    const cgroup::Directory* directory = group_.Find(controller);
    return ReadFileOrEmpty(base::StrCat(directory->path, "/init/", file));
  }

  cgroup::Facts facts_;
  std::string name_;
  Base base_;
  ContainerLimits limits_;
  Group group_;
  OpenedLayout opened_;
};

TEST_F(RootCgroupDriverTest, AProcessIsInTheLeafOfEveryHierarchy) {
  Create();
  CgroupMember member(opened_, PauseForEver);
  const auto own = [&] {
    return ReadFileOrEmpty(base::StrCat("/proc/", member.pid(), "/cgroup"));
  };
  const auto leaves = [&] {
    size_t found = 0;
    const std::string leaf = base::StrCat(name_, "/", kId, "/init\n");
    const std::string text = own();
    for (size_t at = text.find(leaf); at != std::string::npos;
         at = text.find(leaf, at + 1)) {
      ++found;
    }
    return found;
  };
  EXPECT_TRUE(PollUntil(kLong, [&] {
    return leaves() == group_.directories.size();
  })) << own();
  EXPECT_THAT(cgroup::ListPids(group_),
              IsOkAndHolds(::testing::ElementsAre(member.pid())));
  EXPECT_THAT(cgroup::Populated(group_), IsOkAndHolds(true));
}

// Makes processes as fast as it can; each of them does, up to a depth.
int ForkWildly() {
  for (int i = 0; i < 40; ++i) {
    if (::fork() == 0) {
      ::fork();
      ::fork();
      PauseForEver();
    }
  }
  return PauseForEver();
}

TEST_F(RootCgroupDriverTest, KillLeavesNobody) {
  Create();
  CgroupMember member(opened_, ForkWildly);
  ASSERT_THAT(cgroup::Kill(group_), IsOk());
  EXPECT_THAT(cgroup::WaitEmpty(group_, Scaled(kLong)), IsOk());
  EXPECT_EQ(WTERMSIG(member.Wait()), SIGKILL);
  EXPECT_THAT(cgroup::ListPids(group_), IsOkAndHolds(IsEmpty()));
}

// What kernels before 5.14 and hosts without a v2 tree do.
TEST_F(RootCgroupDriverTest, KillByFreezingLeavesNobody) {
  EXPECT_THAT(cgroup::RemoveBase(base_), IsOk());
  facts_.has_kill = false;
  UseBase(name_ + "-frozen");
  Create();
  ASSERT_EQ(group_.has_kill, false);
  ASSERT_NE(group_.Find("freezer"), nullptr);
  CgroupMember member(opened_, ForkWildly);
  EXPECT_THAT(cgroup::Kill(group_, Scaled(kLong)), IsOk());
  EXPECT_THAT(cgroup::Populated(group_), IsOkAndHolds(false));
  EXPECT_EQ(WTERMSIG(member.Wait()), SIGKILL);
}

TEST_F(RootCgroupDriverTest, SignalAllReachesAllOnce) {
  Create();
  CgroupMember first(opened_, PauseForEver);
  CgroupMember second(opened_, PauseForEver);
  ASSERT_TRUE(PollUntil(kLong, [&] {
    return cgroup::ListPids(group_).value_or(std::vector<pid_t>()).size() == 2;
  }));
  EXPECT_THAT(cgroup::SignalAll(group_, SIGTERM), IsOk());
  EXPECT_EQ(WTERMSIG(first.Wait()), SIGTERM);
  EXPECT_EQ(WTERMSIG(second.Wait()), SIGTERM);
}

TEST_F(RootCgroupDriverTest, FrozenProcessesStandStill) {
  Create();
  SharedCounter counter;
  CgroupMember member(opened_, [&]() -> int {
    while (true) ++*counter;
  });
  ASSERT_TRUE(PollUntil(kLong, [&] { return (*counter).load() > 0; }));
  ASSERT_THAT(cgroup::Freeze(group_, Scaled(kLong)), IsOk());
  const uint64_t before = (*counter).load();
  EXPECT_FALSE(PollUntil(absl::Milliseconds(20),
                         [&] { return (*counter).load() != before; }));
  ASSERT_THAT(cgroup::Thaw(group_), IsOk());
  EXPECT_TRUE(PollUntil(kLong, [&] { return (*counter).load() != before; }));
}

TEST_F(RootCgroupDriverTest, PidsLimitHolds) {
  ContainerLimits limits;
  limits.pids_limit = 5;
  Create(limits);
  const int made = RunInside([] {
    int count = 1;
    for (int i = 0; i < 10; ++i) {
      const pid_t child = ::fork();
      if (child == 0) PauseForEver();
      if (child > 0) ++count;
    }
    return count;
  });
  EXPECT_EQ(made, 5);
  CAISSON_ASSERT_OK_AND_ASSIGN(const cgroup::Usage usage,
                               cgroup::ReadUsage(group_));
  EXPECT_THAT(usage.pids_current, ::testing::Optional(4));
}

// One victim. With memory.oom.group the kernel kills, and counts, the one that
// it chose and then every process of the group, that one included
// (oom_kill_process in mm/oom_kill.c).
const auto kOneVictim = ::testing::AnyOf(1, 2);

// Touches memory until somebody stops it.
int EatMemory() {
  constexpr size_t kStep = 1 << 20;
  for (int i = 0; i < 256; ++i) {
    void* data = ::mmap(nullptr, kStep, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) return 1;
    std::memset(data, 1, kStep);
  }
  return 0;
}

TEST_F(RootCgroupDriverTest, MemoryLimitKillsIsNoticedAndCounted) {
  ContainerLimits limits;
  limits.memory.limit_bytes = 24 << 20;
  // Where swap is not counted, there is none on the hosts of these tests.
  if (IsV2() || base_.has_v1_swap) limits.memory.swap_limit_bytes = 0;
  Create(limits);
  CAISSON_ASSERT_OK_AND_ASSIGN(const base::UniqueFd events,
                               cgroup::OpenOomEvents(group_));
  EXPECT_EQ(RunInside(EatMemory), 128 + SIGKILL);
  pollfd event = {.fd = events.get(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&event, 1,
                   static_cast<int>(absl::ToInt64Milliseconds(Scaled(kLong)))),
            1);
  CAISSON_ASSERT_OK_AND_ASSIGN(const cgroup::Usage usage,
                               cgroup::ReadUsage(group_));
  EXPECT_THAT(usage.oom_kills, kOneVictim);
  EXPECT_THAT(usage.memory_limit_bytes, ::testing::Optional(24 << 20));
  EXPECT_THAT(usage.memory_peak_bytes,
              ::testing::Optional(::testing::Gt(20 << 20)));
}

TEST_F(RootCgroupDriverTest, AVictimInAnExecCountsForTheContainer) {
  ContainerLimits limits;
  limits.memory.limit_bytes = 24 << 20;
  if (IsV2() || base_.has_v1_swap) limits.memory.swap_limit_bytes = 0;
  Create(limits);
  CAISSON_ASSERT_OK_AND_ASSIGN(const Layout exec,
                               cgroup::BuildExecLayout(base_, kId, 1, limits_));
  OpenedLayout opened;
  ASSERT_THAT(ApplySteps(exec.steps, &opened), IsOk());
  CgroupMember member(opened, EatMemory);
  EXPECT_EQ(WTERMSIG(member.Wait()), SIGKILL);
  CAISSON_ASSERT_OK_AND_ASSIGN(const cgroup::Usage of_exec,
                               cgroup::ReadUsage(exec.group));
  CAISSON_ASSERT_OK_AND_ASSIGN(const cgroup::Usage of_container,
                               cgroup::ReadUsage(group_));
  EXPECT_THAT(of_exec.oom_kills, kOneVictim);
  EXPECT_EQ(of_container.oom_kills, of_exec.oom_kills);
  EXPECT_THAT(cgroup::Remove(exec.group, Scaled(kLong)), IsOk());
  EXPECT_TRUE(base::PathExists(group_.directories.front().path));
}

TEST_F(RootCgroupDriverTest, ProcessorTimeIsCountedAndItsLimitSeenInside) {
  ContainerLimits limits;
  limits.cpu.limit_millis = 500;
  limits.cpu.weight = 50;
  Create(limits);
  const std::string seen =
      IsV2() ? ReadLeaf("cpu", "cpu.max") : ReadLeaf("cpu", "cpu.cfs_quota_us");
  EXPECT_EQ(seen, IsV2() ? "50000 100000\n" : "50000\n");
  CgroupMember member(opened_, [&]() -> int {
    while (true) {
    }
  });
  const auto used = [&] {
    const absl::StatusOr<cgroup::Usage> usage = cgroup::ReadUsage(group_);
    return usage.ok() ? usage->cpu.value_or(absl::ZeroDuration())
                      : absl::ZeroDuration();
  };
  EXPECT_TRUE(PollUntil(kLong, [&] { return used() > absl::Milliseconds(5); }));
}

TEST_F(RootCgroupDriverTest, CpusetNamesTheProcessors) {
  ContainerLimits limits;
  limits.cpu.cpuset_cpus = "0";
  Create(limits);
  EXPECT_EQ(RunInside([] {
              cpu_set_t set;
              CPU_ZERO(&set);
              if (::sched_getaffinity(0, sizeof(set), &set) != 0) return 90;
              return CPU_ISSET(0, &set) ? CPU_COUNT(&set) : 91;
            }),
            1);
}

TEST_F(RootCgroupDriverTest, OnlyListedDevicesOpen) {
  ContainerLimits limits;
  limits.devices = {{.type = 'c', .major = 1, .minor = 5, .access = "r"}};
  Create(limits);
  const auto open = [this](const char* path, int flags) {
    return RunInside([path, flags] {
      return ::open(path, flags | O_CLOEXEC) >= 0 ? 0 : errno;
    });
  };
  EXPECT_EQ(open("/dev/zero", O_RDONLY), 0);
  EXPECT_EQ(open("/dev/zero", O_RDWR), EPERM);
  EXPECT_EQ(open("/dev/null", O_RDONLY), EPERM);
}

TEST_F(RootCgroupDriverTest, RemoveTakesWhatProgramsMadeInside) {
  Create();
  for (const cgroup::Directory& directory : group_.directories) {
    ASSERT_THAT(base::MakeDirectories(directory.path + "/init/own/deep", 0755),
                IsOk());
  }
  EXPECT_THAT(cgroup::ListContainers(base_),
              IsOkAndHolds(::testing::ElementsAre(kId)));
  EXPECT_THAT(cgroup::Remove(group_), IsOk());
  EXPECT_THAT(cgroup::Remove(group_), IsOk());
}

TEST_F(RootCgroupDriverTest, RemoveWaitsForTheDying) {
  Create();
  CgroupMember member(opened_, PauseForEver);
  ASSERT_THAT(cgroup::Kill(group_), IsOk());
  EXPECT_THAT(cgroup::Remove(group_, Scaled(kLong)), IsOk());
}

TEST_F(RootCgroupDriverTest, ABaseWithAnotherOwnerIsRefused) {
  Create();
  Base other;
  CAISSON_ASSERT_OK_AND_ASSIGN(other, cgroup::ResolveBase(facts_, name_));
  EXPECT_THAT(cgroup::CreateBase("other", &other), ReasonIs("IN_USE"));
  EXPECT_THAT(cgroup::CreateBase("test", &other), IsOk());
}

TEST_F(RootCgroupDriverTest, TheKeeperMovesIntoItsOwnLeaf) {
  const pid_t child = ::fork();
  if (child == 0) {
    const bool ok = cgroup::JoinKeeperGroup(base_).ok();
    const std::string own = ReadFileOrEmpty("/proc/self/cgroup");
    const bool moved = own.find(name_ + "/keeper\n") != std::string::npos;
    ::_exit(ok && moved ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace caisson::testing
