#include "runtime/linux/seccomp/compiler.h"

#include <linux/audit.h>
#include <linux/seccomp.h>

#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/status_matchers.h"
#include "runtime/linux/seccomp/simulator.h"

namespace caisson::linux_ {
namespace {

using base::StatusIs;

constexpr uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr uint32_t kDeny = SECCOMP_RET_ERRNO | 1;
constexpr uint32_t kNewer = SECCOMP_RET_ERRNO | 38;
constexpr uint32_t kKill = SECCOMP_RET_KILL_PROCESS;

SeccompProfile EmptyProfile() {
  SeccompProfile profile;
  profile.arch = AUDIT_ARCH_X86_64;
  profile.bad_arch_action = kKill;
  profile.default_action = kDeny;
  profile.newer_action = kNewer;
  return profile;
}

uint32_t Answer(const std::vector<sock_filter>& program, int nr,
                std::vector<uint64_t> args = {},
                uint32_t arch = AUDIT_ARCH_X86_64) {
  seccomp_data data = {};
  data.nr = nr;
  data.arch = arch;
  for (size_t i = 0; i < args.size(); ++i) data.args[i] = args[i];
  const std::optional<Verdict> verdict = Simulate(program, data);
  EXPECT_TRUE(verdict.has_value()) << "the program is broken for " << nr;
  return verdict.has_value() ? verdict->action : 0;
}

std::vector<sock_filter> Compile(const SeccompProfile& profile) {
  absl::StatusOr<std::vector<sock_filter>> program = CompileProfile(profile);
  EXPECT_THAT(program, base::IsOk());
  return program.ok() ? *program : std::vector<sock_filter>();
}

TEST(SeccompCompilerTest, AnswersEachRangeAndWhatIsBetweenAndAbove) {
  SeccompProfile profile = EmptyProfile();
  for (uint32_t nr : {3u, 4u, 5u, 9u}) profile.rules[nr] = {{{}, kAllow}};
  const std::vector<sock_filter> program = Compile(profile);
  for (int nr = 0; nr < 20; ++nr) {
    const bool listed = nr == 9 || (nr >= 3 && nr <= 5);
    const uint32_t expected = listed ? kAllow : nr > 9 ? kNewer : kDeny;
    EXPECT_EQ(Answer(program, nr), expected) << nr;
  }
}

TEST(SeccompCompilerTest, X32NumbersAreNewer) {
  SeccompProfile profile = EmptyProfile();
  profile.rules[0] = {{{}, kAllow}};
  EXPECT_EQ(Answer(Compile(profile), 0x40000000), kNewer);
}

TEST(SeccompCompilerTest, OtherArchitecturesGetTheirOwnAnswer) {
  SeccompProfile profile = EmptyProfile();
  profile.rules[0] = {{{}, kAllow}};
  EXPECT_EQ(Answer(Compile(profile), 0, {}, AUDIT_ARCH_I386), kKill);
}

TEST(SeccompCompilerTest, NeighboursWithTheSameAnswerBecomeOneRange) {
  SeccompProfile few = EmptyProfile();
  few.rules[0] = {{{}, kAllow}};
  SeccompProfile many = EmptyProfile();
  for (uint32_t nr = 0; nr < 300; ++nr) many.rules[nr] = {{{}, kAllow}};
  EXPECT_EQ(Compile(many).size(), Compile(few).size());
}

bool Holds(Compare compare, uint64_t argument, uint64_t value, uint64_t mask) {
  switch (compare) {
    case Compare::kEqual:
      return argument == value;
    case Compare::kNotEqual:
      return argument != value;
    case Compare::kLess:
      return argument < value;
    case Compare::kLessEqual:
      return argument <= value;
    case Compare::kGreater:
      return argument > value;
    case Compare::kGreaterEqual:
      return argument >= value;
    case Compare::kMaskedEqual:
      return (argument & mask) == value;
  }
  return false;
}

constexpr Compare kAllCompares[] = {
    Compare::kEqual,      Compare::kNotEqual, Compare::kLess,
    Compare::kLessEqual,  Compare::kGreater,  Compare::kGreaterEqual,
    Compare::kMaskedEqual};

// Values around the border of the two halves, where 32-bit code goes wrong.
constexpr uint64_t kValues[] = {0,
                                1,
                                2,
                                0x7fffffff,
                                0xfffffffe,
                                0xffffffff,
                                0x100000000,
                                0x100000001,
                                0x1ffffffff,
                                0x200000000,
                                0xfffffffeffffffff,
                                0xffffffff00000000,
                                0xfffffffffffffffe,
                                0xffffffffffffffff};

TEST(SeccompCompilerTest, ComparesAll64BitsOfAnArgument) {
  for (const Compare compare : kAllCompares) {
    for (const uint64_t value : kValues) {
      const uint64_t mask = 0xffff0000ffff00ff;
      const uint64_t wanted =
          compare == Compare::kMaskedEqual ? value & mask : value;
      SeccompProfile profile = EmptyProfile();
      profile.rules[7] = {
          {{{.index = 2, .compare = compare, .value = wanted, .mask = mask}},
           kAllow}};
      const std::vector<sock_filter> program = Compile(profile);
      for (const uint64_t argument : kValues) {
        EXPECT_EQ(Answer(program, 7, {9, 9, argument}),
                  Holds(compare, argument, wanted, mask) ? kAllow : kDeny)
            << static_cast<int>(compare) << " " << argument << " " << wanted;
      }
    }
  }
}

TEST(SeccompCompilerTest, AMaskedOutHalfIsNotLookedAt) {
  SeccompProfile profile = EmptyProfile();
  profile.rules[7] = {{{{.index = 0,
                         .compare = Compare::kMaskedEqual,
                         .value = 5,
                         .mask = 0xffffffff}},
                       kAllow}};
  const std::vector<sock_filter> program = Compile(profile);
  EXPECT_EQ(Answer(program, 7, {0xabcdef0000000005}), kAllow);
  EXPECT_EQ(Answer(program, 7, {6}), kDeny);
}

TEST(SeccompCompilerTest, AllTestsOfARuleMustHoldAndTheFirstRuleWins) {
  constexpr uint32_t kTrap = SECCOMP_RET_TRAP;
  SeccompProfile profile = EmptyProfile();
  profile.rules[7] = {
      {{{.index = 0, .value = 1}, {.index = 1, .value = 2}}, kTrap},
      {{{.index = 0, .value = 1}}, kAllow}};
  const std::vector<sock_filter> program = Compile(profile);
  EXPECT_EQ(Answer(program, 7, {1, 2}), kTrap);
  EXPECT_EQ(Answer(program, 7, {1, 3}), kAllow);
  EXPECT_EQ(Answer(program, 7, {0, 2}), kDeny);
}

TEST(SeccompCompilerTest, JumpsFurtherThanAByte) {
  SeccompProfile profile = EmptyProfile();
  std::mt19937 random(1);  // NOLINT: the same numbers in every run
  for (uint32_t nr = 0; nr < 400; nr += 2) {
    std::vector<ArgTest> tests(1 + random() % 3);
    for (ArgTest& test : tests) test = {.index = 0, .value = nr};
    profile.rules[nr] = {{tests, kAllow}};
  }
  const std::vector<sock_filter> program = Compile(profile);
  EXPECT_GT(program.size(), 1000u);
  for (int nr = 0; nr < 400; ++nr) {
    const uint64_t argument = static_cast<uint64_t>(nr);
    EXPECT_EQ(Answer(program, nr, {argument}), nr % 2 == 0 ? kAllow
                                               : nr < 399  ? kDeny
                                                           : kNewer)
        << nr;
    EXPECT_EQ(Answer(program, nr, {argument + 1}), nr < 399 ? kDeny : kNewer);
  }
}

TEST(SeccompCompilerTest, RefusesWhatTheKernelWouldNotTake) {
  SeccompProfile profile = EmptyProfile();
  profile.rules[1] = {{{{.index = 6}}, kAllow}};
  EXPECT_THAT(CompileProfile(profile),
              StatusIs(absl::StatusCode::kInvalidArgument));
  profile = EmptyProfile();
  for (uint32_t i = 0; i < 1500; ++i) {
    profile.rules[1].push_back({{{.index = 0, .value = i}}, kAllow});
  }
  EXPECT_THAT(CompileProfile(profile),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace caisson::linux_
