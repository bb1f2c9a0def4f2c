#include "runtime/plan/describe.h"

#include <errno.h>
#include <string.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/plan/codec.h"
#include "runtime/plan/header.h"
#include "runtime/plan/ops.h"

namespace caisson::plan {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class DescribeTest : public ::testing::Test {
 protected:
  void Add(Op op) { ops_.push_back(op); }
  const PlanView& View() {
    PlanHeader header;
    memset(&header, 0, sizeof(header));
    header.slot_count = kFirstFreeSlot + 8;
    header.join_pid_slot = kNoSlot;
    bytes_ = EncodePlan(header, ops_, arena_);
    EXPECT_TRUE(OpenPlan(bytes_.data(), bytes_.size(), &view_));
    return view_;
  }

  Arena arena_;
  std::vector<Op> ops_;
  std::string bytes_;
  PlanView view_;
};

TEST_F(DescribeTest, MountNamesTheFinalPlace) {
  Op mount = MakeOp(OpKind::kNewMount, Executor::kPrepare);
  mount.s1 = arena_.AddString("tmpfs");
  mount.s2 = arena_.AddList({"size", "64m", "nr_inodes", "1", "noswap", ""});
  mount.a = 2 | 8;
  mount.out = kFirstFreeSlot;
  Add(mount);
  Op attach = MakeOp(OpKind::kAttach, Executor::kChild);
  attach.in = kFirstFreeSlot;
  attach.s1 = arena_.AddString("dev/shm");
  Add(attach);
  const StepText made = DescribeOp(View(), 0);
  EXPECT_EQ(made.stage, "PREPARE");
  EXPECT_EQ(made.op, "new_mount");
  EXPECT_EQ(made.target, "/dev/shm");
  EXPECT_EQ(made.text,
            "mount tmpfs on /dev/shm (options size=64m,nr_inodes=1,noswap, "
            "attributes nosuid,noexec)");
  EXPECT_EQ(DescribeOp(view_, 1).text, "attach tmpfs on /dev/shm");
}

TEST_F(DescribeTest, FailureNamesStepCallAndPath) {
  Op op = MakeOp(OpKind::kReadOnlyPath, Executor::kChild);
  op.s1 = arena_.AddString("/proc/sys");
  Add(op);
  const FailureText failure = DescribeFailure(View(), 0, EINVAL);
  EXPECT_EQ(failure.stage, "CHILD");
  EXPECT_EQ(failure.step, "1 of 1");
  EXPECT_EQ(failure.syscall, "mount_setattr");
  EXPECT_EQ(failure.error, "EINVAL");
  EXPECT_EQ(failure.path, "/proc/sys");
  EXPECT_EQ(failure.text, "step 1 of 1: make read-only /proc/sys: EINVAL");
}

TEST_F(DescribeTest, OurOwnErrorsAreExplained) {
  Op op = MakeOp(OpKind::kResolveUser, Executor::kExec);
  op.s1 = arena_.AddString("bob");
  Add(op);
  EXPECT_EQ(DescribeFailure(View(), 0, ESRCH).text,
            "step 1 of 1: look up user bob: ESRCH (no such user in the "
            "container)");
}

TEST_F(DescribeTest, FailedCloneIsNoStep) {
  const FailureText failure = DescribeFailure(View(), 0xffffffff, ENOSPC);
  EXPECT_EQ(failure.stage, "CLONE");
  EXPECT_EQ(failure.step, "");
  EXPECT_EQ(failure.error, "ENOSPC");
}

TEST_F(DescribeTest, EnvironmentValuesAreNotShown) {
  Op op = MakeOp(OpKind::kExecute, Executor::kExec);
  op.s1 = arena_.AddList({"/bin/app", "two words"});
  op.s2 = arena_.AddList({"PASSWORD=secret"});
  op.b = 1;
  Add(op);
  const StepText step = DescribeOp(View(), 0);
  EXPECT_EQ(step.target, "/bin/app");
  EXPECT_THAT(step.text, HasSubstr("two words"));
  for (const auto& [key, value] : step.detail) {
    EXPECT_THAT(value, Not(HasSubstr("secret"))) << key;
  }
  EXPECT_THAT(step.text, Not(HasSubstr("secret")));
}

TEST_F(DescribeTest, TextIsOneLineWhateverTheStringsAre) {
  Op op = MakeOp(OpKind::kSetHostname, Executor::kChild);
  op.s1 = arena_.AddString("a\nb\x1b[31m");
  Add(op);
  EXPECT_EQ(DescribeOp(View(), 0).text, "set hostname a b [31m");
}

TEST_F(DescribeTest, ErrnoNames) {
  EXPECT_EQ(ErrnoName(ENOENT), "ENOENT");
  EXPECT_EQ(ErrnoName(4000), "E4000");
}

}  // namespace
}  // namespace caisson::plan
