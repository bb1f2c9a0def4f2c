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

// Two steps: a mount of proc, then the program.
std::string TwoSteps() {
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
  plan::PlanHeader header = {};
  header.slot_count = plan::kFirstFreeSlot;
  header.join_pid_slot = plan::kNoSlot;
  return plan::EncodePlan(header, {mount, execute}, arena);
}

struct Failure {
  std::string reason;
  std::string message;
  std::map<std::string, std::string> metadata;
};

Failure Fail(uint32_t op, int32_t err, uint32_t signal = 0) {
  shim::FailedBody failed = {};
  failed.op = op;
  failed.err = err;
  failed.killed_by_signal = signal;
  const absl::Status status = StartFailure(TwoSteps(), failed);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  const base::ErrorDetail detail = base::DetailOf(status);
  return {detail.reason,
          std::string(status.message()),
          {detail.metadata.begin(), detail.metadata.end()}};
}

TEST(StartFailureTest, AStepIsNamedWithItsCallAndError) {
  Failure failure = Fail(0, EPERM);
  EXPECT_EQ(failure.reason, "START_FAILED");
  EXPECT_THAT(failure.message, HasSubstr("step 1 of 2"));
  EXPECT_EQ(failure.metadata["stage"], "CHILD");
  EXPECT_EQ(failure.metadata["errno"], "EPERM");
  EXPECT_EQ(failure.metadata["step"], "1 of 2");
}

TEST(StartFailureTest, AMissingProgramIsNotFound) {
  Failure failure = Fail(1, ENOENT);
  EXPECT_EQ(failure.reason, "COMMAND_NOT_FOUND");
  EXPECT_EQ(failure.metadata["path"], "/bin/nothing");
}

TEST(StartFailureTest, AProgramWithoutPermissionIsNotExecutable) {
  EXPECT_EQ(Fail(1, EACCES).reason, "COMMAND_NOT_EXECUTABLE");
  EXPECT_EQ(Fail(1, ENOEXEC).reason, "COMMAND_NOT_EXECUTABLE");
  EXPECT_EQ(Fail(1, ENOMEM).reason, "START_FAILED");
}

TEST(StartFailureTest, AFailedMountIsNoMissingProgram) {
  EXPECT_EQ(Fail(0, ENOENT).reason, "START_FAILED");
}

TEST(StartFailureTest, AFailedCloneAndAKilledChildSaySo) {
  EXPECT_EQ(Fail(0xffffffff, EAGAIN).metadata["stage"], "CLONE");
  Failure killed = Fail(1, 0, 31);
  EXPECT_EQ(killed.reason, "START_FAILED");
  EXPECT_EQ(killed.metadata["signal"], "SIGSYS");
}

}  // namespace
}  // namespace caisson::core
