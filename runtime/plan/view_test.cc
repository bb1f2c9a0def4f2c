#include <sched.h>
#include <stddef.h>
#include <stdint.h>
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

using ::testing::ElementsAre;

class ViewTest : public ::testing::Test {
 protected:
  ViewTest() {
    memset(&header_, 0, sizeof(header_));
    header_.slot_count = 20;
    header_.join_pid_slot = kNoSlot;
    memcpy(header_.policy.container_id, "abc", 4);
    Op op = MakeOp(OpKind::kNewMount, Executor::kPrepare);
    op.s1 = arena_.AddString("tmpfs");
    op.s2 = arena_.AddList({"mode", "0755", "flag", ""});
    op.out = 17;
    ops_.push_back(op);
    Op filter = MakeOp(OpKind::kSeccompFilter, Executor::kExec);
    filter.s1 = arena_.AddAligned(std::string(16, '\1'));
    ops_.push_back(filter);
  }

  std::string Encode() const { return EncodePlan(header_, ops_, arena_); }
  static bool Opens(const std::string& bytes) {
    PlanView view;
    return OpenPlan(bytes.data(), bytes.size(), &view);
  }
  // The plan with `change` made to its header or its first op.
  template <typename Change>
  bool OpensWithHeader(Change change) const {
    std::string bytes = Encode();
    PlanHeader header;
    memcpy(&header, bytes.data(), sizeof(header));
    change(&header);
    memcpy(bytes.data(), &header, sizeof(header));
    return Opens(bytes);
  }
  template <typename Change>
  bool OpensWithOp(Change change) {
    const Op saved = ops_[0];
    change(&ops_[0]);
    const bool opens = Opens(Encode());
    ops_[0] = saved;
    return opens;
  }

  PlanHeader header_;
  std::vector<Op> ops_;
  Arena arena_;
};

TEST_F(ViewTest, ReadsBackWhatWasWritten) {
  const std::string bytes = Encode();
  PlanView view;
  ASSERT_TRUE(OpenPlan(bytes.data(), bytes.size(), &view));
  ASSERT_EQ(view.header->op_count, 2u);
  EXPECT_STREQ(view.header->policy.container_id, "abc");
  EXPECT_EQ(view.ops[0].kind, OpKind::kNewMount);
  EXPECT_STREQ(view.Str(view.ops[0].s1), "tmpfs");
  std::vector<std::string> options;
  uint32_t cursor = 0;
  while (const char* text = NextString(view, view.ops[0].s2, &cursor)) {
    options.push_back(text);
  }
  EXPECT_THAT(options, ElementsAre("mode", "0755", "flag", ""));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(view.Str(view.ops[1].s1)) % 8, 0u);
  EXPECT_STREQ(view.Str(view.ops[0].s3), "");
}

TEST_F(ViewTest, SameInputGivesTheSameBytes) {
  EXPECT_EQ(Encode(), Encode());
}

TEST_F(ViewTest, RefusesEveryTruncationAndExtension) {
  const std::string bytes = Encode();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(Opens(bytes.substr(0, size))) << size;
  }
  EXPECT_FALSE(Opens(bytes + '\0'));
  PlanView view;
  EXPECT_FALSE(OpenPlan(nullptr, 0, &view));
}

TEST_F(ViewTest, RefusesUnalignedData) {
  const std::string bytes = " " + Encode();
  PlanView view;
  EXPECT_FALSE(OpenPlan(bytes.data() + 1, bytes.size() - 1, &view));
}

TEST_F(ViewTest, RefusesForeignAndDamagedHeaders) {
  EXPECT_TRUE(OpensWithHeader([](PlanHeader*) {}));
  EXPECT_FALSE(OpensWithHeader([](PlanHeader* h) { h->magic ^= 1; }));
  EXPECT_FALSE(OpensWithHeader([](PlanHeader* h) { ++h->version; }));
  EXPECT_FALSE(OpensWithHeader([](PlanHeader* h) { ++h->header_bytes; }));
  EXPECT_FALSE(OpensWithHeader([](PlanHeader* h) { ++h->op_count; }));
  EXPECT_FALSE(OpensWithHeader([](PlanHeader* h) { --h->arena_bytes; }));
  EXPECT_FALSE(
      OpensWithHeader([](PlanHeader* h) { h->slot_count = kMaxSlots + 1; }));
  EXPECT_FALSE(OpensWithHeader([](PlanHeader* h) { h->slot_count = 0; }));
  EXPECT_FALSE(OpensWithHeader([](PlanHeader* h) { h->join_pid_slot = 20; }));
  EXPECT_FALSE(OpensWithHeader(
      [](PlanHeader* h) { h->kind = static_cast<PlanKind>(2); }));
  EXPECT_FALSE(OpensWithHeader([](PlanHeader* h) {
    memset(h->policy.container_id, 'x', sizeof(h->policy.container_id));
  }));
  EXPECT_FALSE(OpensWithHeader(
      [](PlanHeader* h) { h->policy.stdin_mode = static_cast<StdinMode>(9); }));
  EXPECT_FALSE(OpensWithHeader(
      [](PlanHeader* h) { h->policy.cgroup_directories.size = 1u << 30; }));
}

TEST_F(ViewTest, OnlyANetworkOfItsOwnCanBeHandedOut) {
  EXPECT_FALSE(
      OpensWithHeader([](PlanHeader* h) { h->flags = kPlanNeedsNetwork; }));
  EXPECT_TRUE(OpensWithHeader([](PlanHeader* h) {
    h->flags = kPlanNeedsNetwork;
    h->clone_flags = CLONE_NEWNET;
  }));
}

TEST_F(ViewTest, RefusesOpsThatLeaveTheirBounds) {
  EXPECT_TRUE(OpensWithOp([](Op*) {}));
  EXPECT_FALSE(OpensWithOp([](Op* op) { op->kind = static_cast<OpKind>(0); }));
  EXPECT_FALSE(
      OpensWithOp([](Op* op) { op->kind = static_cast<OpKind>(127); }));
  EXPECT_FALSE(
      OpensWithOp([](Op* op) { op->executor = static_cast<Executor>(4); }));
  EXPECT_FALSE(OpensWithOp([](Op* op) { op->in = 20; }));
  EXPECT_FALSE(OpensWithOp([](Op* op) { op->out = 0xfffe; }));
  EXPECT_FALSE(OpensWithOp([](Op* op) { op->x = 20; }));
  EXPECT_FALSE(OpensWithOp([](Op* op) { op->s1.offset = 1u << 31; }));
  EXPECT_FALSE(OpensWithOp([](Op* op) { op->s1.size = 0xffffffff; }));
  EXPECT_FALSE(OpensWithOp([](Op* op) { ++op->s1.size; }))
      << "a string must end where its NUL is";
  EXPECT_FALSE(OpensWithOp([](Op* op) {
    op->kind = OpKind::kNewOverlay;
    op->b = 1000;
  }));
}

TEST_F(ViewTest, RefusesFiltersThatAreNotInstructions) {
  ops_[1].s1.size -= 1;
  EXPECT_FALSE(Opens(Encode()));
  ops_[1].s1.size += 1;
  ops_[1].s1.offset += 4;
  EXPECT_FALSE(Opens(Encode()));
}

// Every op whose output is written must name a slot.
TEST_F(ViewTest, RefusesAnOutputWithoutASlot) {
  ops_[0].out = kNoSlot;
  EXPECT_FALSE(Opens(Encode()));
}

}  // namespace
}  // namespace caisson::plan
