#include "server/core/launch/start_failure.h"

#include <errno.h>

#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/base/error_detail.h"
#include "runtime/plan/codec.h"

namespace caisson::core {
namespace {

using ::testing::HasSubstr;

// Three steps: a bind mount, a mount of proc, the program.
std::string ThreeSteps() {
  plan::Arena arena;
  plan::Op mount =
      plan::MakeOp(plan::OpKind::kNewMount, plan::Executor::kChild);
  mount.s1 = arena.AddString("proc");
  mount.s2 = arena.AddList({});
  mount.out = plan::kSlotProc;
  plan::Op execute =
      plan::MakeOp(plan::OpKind::kExecute, plan::Executor::kExec);
  execute.s1 = arena.AddList({"/bin/nothing"});
  execute.a = 1;
  execute.s2 = arena.AddList({});
  execute.s3 = arena.AddString("/bin");
  plan::Op clone =
      plan::MakeOp(plan::OpKind::kCloneTree, plan::Executor::kPrepare);
  clone.s1 = arena.AddString("/no/such");
  clone.out = plan::kSlotRoot;
  clone.flags = plan::kOpSpecPath;
  plan::PlanHeader header = {};
  header.slot_count = plan::kFirstFreeSlot;
  header.join_pid_slot = plan::kNoSlot;
  return plan::EncodePlan(header, {clone, mount, execute}, arena);
}

struct Failure {
  absl::StatusCode code;
  std::string reason;
  std::string message;
  std::map<std::string, std::string> metadata;
};

Failure Fail(uint32_t op, int32_t err, uint32_t signal = 0) {
  shim::FailedBody failed = {};
  failed.op = op;
  failed.err = err;
  failed.killed_by_signal = signal;
  const absl::Status status = StartFailure(ThreeSteps(), failed);
  const base::ErrorDetail detail = base::DetailOf(status);
  return {status.code(),
          detail.reason,
          std::string(status.message()),
          {detail.metadata.begin(), detail.metadata.end()}};
}

TEST(StartFailureTest, AStepIsNamedWithItsCallAndError) {
  Failure failure = Fail(1, EPERM);
  EXPECT_EQ(failure.code, absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(failure.reason, "START_FAILED");
  EXPECT_THAT(failure.message, HasSubstr("step 2 of 3"));
  EXPECT_EQ(failure.metadata["stage"], "CHILD");
  EXPECT_EQ(failure.metadata["errno"], "EPERM");
  EXPECT_EQ(failure.metadata["step"], "2 of 3");
}

TEST(StartFailureTest, AMissingProgramIsNotFound) {
  Failure failure = Fail(2, ENOENT);
  EXPECT_EQ(failure.reason, "COMMAND_NOT_FOUND");
  EXPECT_THAT(failure.message,
              HasSubstr("'/bin/nothing', or its interpreter, does not exist"));
  EXPECT_EQ(failure.metadata["path"], "/bin/nothing");
}

TEST(StartFailureTest, AProgramWithoutPermissionIsNotExecutable) {
  EXPECT_EQ(Fail(2, EACCES).reason, "COMMAND_NOT_EXECUTABLE");
  EXPECT_EQ(Fail(2, ENOEXEC).reason, "COMMAND_NOT_EXECUTABLE");
  EXPECT_EQ(Fail(2, ENOMEM).reason, "START_FAILED");
}

TEST(StartFailureTest, APathThatTheHostLacksIsNotFound) {
  Failure failure = Fail(0, ENOENT);
  EXPECT_EQ(failure.code, absl::StatusCode::kNotFound);
  EXPECT_EQ(failure.reason, "PATH_NOT_FOUND");
  EXPECT_THAT(failure.message, HasSubstr("the host has no '/no/such'"));
  EXPECT_EQ(failure.metadata["path"], "/no/such");
  EXPECT_EQ(Fail(0, EACCES).reason, "START_FAILED");
}

TEST(StartFailureTest, AFailedMountIsNoMissingProgram) {
  EXPECT_EQ(Fail(1, ENOENT).reason, "START_FAILED");
}

TEST(StartFailureTest, AFailedCloneAndAKilledChildSaySo) {
  EXPECT_EQ(Fail(0xffffffff, EAGAIN).metadata["stage"], "CLONE");
  Failure killed = Fail(2, 0, 31);
  EXPECT_EQ(killed.reason, "START_FAILED");
  EXPECT_EQ(killed.metadata["signal"], "SIGSYS");
}

}  // namespace
}  // namespace caisson::core
