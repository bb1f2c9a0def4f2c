// What goes wrong around a shim: plans that fail, processes that are killed,
// peers that misbehave. Nothing may be left behind.
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/str_cat.h"
#include "runtime/init/run_plan.h"
#include "runtime/plan/header.h"
#include "runtime/plan/ops.h"
#include "runtime/record/exit_record.h"
#include "tests/integration/shim_fixture.h"
#include "tests/testing/environment.h"

namespace caisson::testing {
namespace {

namespace fs = std::filesystem;
using record::ExitCause;
using shim::FrameType;
using ::testing::IsEmpty;

plan::Op* OpAt(std::string* bytes, uint32_t index) {
  return reinterpret_cast<plan::Op*>(bytes->data() + sizeof(plan::PlanHeader)) +
         index;
}

uint32_t OpCount(const std::string& bytes) {
  plan::PlanHeader header;
  memcpy(&header, bytes.data(), sizeof(header));
  return header.op_count;
}

// Always fails, with EBADF, wherever it is executed.
void BreakOp(std::string* bytes, uint32_t index) {
  plan::Op* op = OpAt(bytes, index);
  op->kind = plan::OpKind::kJoinCgroup;
  op->in = plan::kNoSlot;
  op->flags = 0;
}

class RootShimFaultTest : public ShimFixture {
 protected:
  std::optional<shim::FailedBody> AwaitFailure(TestContainer* container,
                                               uint32_t target = 0) {
    const auto failed = container->shim->Await(FrameType::kFailed, target);
    if (!failed.has_value()) return std::nullopt;
    return failed->As<shim::FailedBody>();
  }
};

TEST_F(RootShimFaultTest, EveryStepOfALaunchCanFail) {
  uint32_t count = 0;
  driver_.EditPlans([&](std::string* bytes) { count = OpCount(*bytes); });
  spec::ContainerSpec spec = driver_.Shell("exit 0");
  spec.process.tty = true;
  driver_.Finish(Start(spec));
  driver_.Remove(containers_.back().get());
  const std::string mounts = ReadFileOrEmpty("/proc/self/mountinfo");
  for (uint32_t op = 0; op < count; ++op) {
    driver_.EditPlans([&](std::string* bytes) { BreakOp(bytes, op); });
    auto container = driver_.Spawn(spec);
    // Not received when the shim has failed already.
    container->shim->Send(FrameType::kStart);
    const auto failure = AwaitFailure(container.get());
    ASSERT_TRUE(failure.has_value()) << op;
    EXPECT_EQ(failure->op, op);
    EXPECT_EQ(failure->err, EBADF) << op;
    EXPECT_TRUE(container->shim->AwaitEnd()) << op;
    ASSERT_THAT(driver_.Cgroups(), IsEmpty()) << op;
  }
  EXPECT_EQ(ReadFileOrEmpty("/proc/self/mountinfo"), mounts);
}

TEST_F(RootShimFaultTest, EveryStepOfAnExecCanFail) {
  TestContainer* container = Start("cat; exit 12");
  uint32_t count = 0;
  driver_.EditPlans([&](std::string* bytes) { count = OpCount(*bytes); });
  const spec::ExecSpec spec = driver_.ShellExec("exit 0");
  driver_.FinishExec(container, driver_.Exec(container, spec));
  for (uint32_t op = 0; op < count; ++op) {
    driver_.EditPlans([&](std::string* bytes) { BreakOp(bytes, op); });
    const uint32_t exec = driver_.Exec(container, spec);
    const auto failure = AwaitFailure(container, exec);
    ASSERT_TRUE(failure.has_value()) << op;
    EXPECT_EQ(failure->op, op);
    EXPECT_EQ(failure->err, EBADF) << op;
  }
  EXPECT_EQ(State(container).exec_count, 0u);
  container->shim->Send(FrameType::kCloseStdin);
  EXPECT_EQ(driver_.Finish(container).code, 12);
}

// The kernel gives the pidfd out before it looks at the cgroup, which the
// daemon may have removed by then; the number is no descriptor any more.
TEST_F(RootShimFaultTest, ACloneThatFailsLateLeavesNothing) {
  driver_.EditPlans([&](std::string* bytes) {
    for (uint32_t i = 0; i < OpCount(*bytes); ++i) {
      plan::Op* op = OpAt(bytes, i);
      if (op->kind != plan::OpKind::kMatchDirectory) continue;
      // The lower directory, which is no cgroup.
      op->kind = plan::OpKind::kOpenPath;
      op->a = O_PATH | O_DIRECTORY;
      op->out = plan::kSlotCgroup;
    }
  });
  auto container = driver_.Spawn(driver_.Shell("exit 0"));
  const auto failure = AwaitFailure(container.get());
  ASSERT_TRUE(failure.has_value());
  EXPECT_EQ(failure->op, init::kFailedSpawn);
  EXPECT_EQ(failure->err, EBADF);
  EXPECT_TRUE(container->shim->AwaitEnd());
  EXPECT_THAT(driver_.Cgroups(), IsEmpty());
}

// The end of the error pipe looks as after a successful execve.
TEST_F(RootShimFaultTest, AChildThatItsOwnFilterKillsHasNotStarted) {
  driver_.EditPlans([&](std::string* bytes) {
    plan::PlanView view;
    ASSERT_TRUE(plan::OpenPlan(bytes->data(), bytes->size(), &view));
    for (uint32_t i = 0; i < view.header->op_count; ++i) {
      if (view.ops[i].kind != plan::OpKind::kSeccompFilter) continue;
      const sock_filter kill = {.code = BPF_RET | BPF_K,
                                .jt = 0,
                                .jf = 0,
                                .k = SECCOMP_RET_KILL_PROCESS};
      memcpy(const_cast<char*>(view.Str(view.ops[i].s1)), &kill, sizeof(kill));
    }
  });
  auto container = driver_.Start(driver_.Shell("exit 0"));
  const auto failure = AwaitFailure(container.get());
  ASSERT_TRUE(failure.has_value());
  EXPECT_EQ(failure->killed_by_signal, static_cast<uint32_t>(SIGSYS));
  EXPECT_EQ(failure->err, 0);
  EXPECT_TRUE(container->shim->AwaitEnd());
}

TEST_F(RootShimFaultTest, APlanThatIsNoneOrOfAnotherIsRefused) {
  for (const bool other : {false, true}) {
    driver_.EditPlans([&](std::string* bytes) {
      if (other) {
        plan::PlanHeader header;
        memcpy(&header, bytes->data(), sizeof(header));
        ++header.policy.run;
        memcpy(bytes->data(), &header, sizeof(header));
      } else {
        (*bytes)[0] ^= 1;
      }
    });
    auto container = driver_.Spawn(driver_.Shell("exit 0"));
    const auto failure = AwaitFailure(container.get());
    ASSERT_TRUE(failure.has_value());
    EXPECT_EQ(failure->err, EBADMSG);
    EXPECT_TRUE(container->shim->AwaitEnd());
  }
}

TEST_F(RootShimFaultTest, AShimThatIsToldToEndStopsItsContainer) {
  TestContainer* container = Start("trap 'exit 21' TERM; echo up; read x");
  AwaitOutput(container, "up\n");
  ASSERT_EQ(::kill(container->shim_pid, SIGTERM), 0);
  const record::ExitRecord record = driver_.Finish(container);
  EXPECT_EQ(record.code, 21);
  EXPECT_EQ(record.cause, ExitCause::kStopped);
}

TEST_F(RootShimFaultTest, AContainerDiesWithItsShim) {
  TestContainer* container = Start("sleep 1000");
  const pid_t init = State(container).pid;
  ASSERT_EQ(::kill(container->shim_pid, SIGKILL), 0);
  EXPECT_TRUE(container->shim->AwaitEnd());
  EXPECT_TRUE(PollUntil(absl::Seconds(10), [&] {
    return ::kill(init, 0) != 0 && errno == ESRCH;
  }));
  // The socket stays for whoever removes what is left.
  fs::remove(base::StrCat(driver_.state(), "/shims/", container->id, ".sock"));
}

TEST_F(RootShimFaultTest, AContainerWithThePolicyDiesWithTheDaemon) {
  driver_.context().on_disconnect.action = spec::DisconnectAction::kKill;
  TestContainer* container = Start("sleep 1000");
  driver_.context().on_disconnect = {};
  container->shim->Close();
  EXPECT_TRUE(PollUntil(absl::Seconds(10), [&] {
    return driver_.ReadRecord(*container).run == 1;
  }));
  EXPECT_EQ(driver_.ReadRecord(*container).cause, ExitCause::kDisconnected);
}

TEST_F(RootShimFaultTest, AnExitFileThatIsMissingIsMade) {
  TestContainer* container = Start("read x; exit 8");
  fs::remove(container->directory + "/exit");
  container->shim->Send(FrameType::kCloseStdin);
  EXPECT_EQ(driver_.Finish(container).code, 8);
  EXPECT_EQ(driver_.ReadRecord(*container).code, 8);
}

TEST_F(RootShimFaultTest, FramesThatMakeNoSenseEndTheConnectionOnly) {
  TestContainer* container = Start("cat");
  FrameSocket other = driver_.Reconnect(*container);
  ASSERT_EQ(::send(other.fd(), "nonsense", 8, MSG_NOSIGNAL), 8);
  EXPECT_TRUE(other.AwaitEnd());
  // To no one, for no one, and of the wrong direction.
  container->shim->SendBody(FrameType::kKill, 99,
                            shim::KillBody{9, shim::Scope::kTree});
  container->shim->SendBody(FrameType::kKill, 0,
                            shim::KillBody{999, shim::Scope::kProcess});
  container->shim->SendBody(FrameType::kOom, 0, shim::OomBody{5});
  container->shim->Send(FrameType::kStart);
  container->shim->Send(FrameType::kExec, 0);
  container->shim->Send(FrameType::kExec, 5);
  EXPECT_TRUE(container->shim->Await(FrameType::kFailed, 5).has_value());
  EXPECT_EQ(State(container).phase, shim::Phase::kRunning);
  container->shim->Send(FrameType::kCloseStdin);
  EXPECT_EQ(driver_.Finish(container).code, 0);
}

TEST_F(RootShimFaultTest, ADaemonThatDoesNotReadIsDroppedNotWaitedFor) {
  TestContainer* container = Start("cat > /dev/null; exit 6");
  FrameSocket deaf = driver_.Reconnect(*container);
  const std::string byte = "x";
  // Each is acknowledged to both.
  for (int i = 0; i < 20'000; ++i) {
    SendStdin(container, i, byte);
    if (i % 100 == 0) container->shim->Has(FrameType::kOom);
  }
  container->shim->Send(FrameType::kCloseStdin);
  EXPECT_EQ(driver_.Finish(container).code, 6);
  // It was let go long before the end.
  EXPECT_FALSE(deaf.Await(FrameType::kExited).has_value());
}

}  // namespace
}  // namespace caisson::testing
