#include "runtime/linux/seccomp/oci_profile.h"

#include <linux/seccomp.h>

#include <cerrno>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/status_matchers.h"
#include "runtime/linux/seccomp/filter.h"
#include "runtime/linux/seccomp/simulator.h"

namespace caisson::linux_ {
namespace {

using base::StatusIs;
using testing::HasSubstr;

uint32_t Answer(const SeccompFilter& filter, const std::string& name,
                std::vector<uint64_t> args = {}) {
  seccomp_data data = {};
  data.nr = SyscallNumber(name);
  data.arch = NativeAuditArch();
  for (size_t i = 0; i < args.size(); ++i) data.args[i] = args[i];
  return Simulate(filter.program, data)->action;
}

TEST(OciProfileTest, CompilesAnAllowList) {
  CAISSON_ASSERT_OK_AND_ASSIGN(const SeccompFilterPtr filter,
                               OciSeccompFilter(R"({
    "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 13,
    "flags": ["SECCOMP_FILTER_FLAG_LOG"],
    "syscalls": [
      {"names": ["read", "write", "no_such_call"], "action": "SCMP_ACT_ALLOW"},
      {"names": ["socket"], "action": "SCMP_ACT_ALLOW",
       "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]},
      {"names": ["clone"], "action": "SCMP_ACT_ALLOW",
       "args": [{"index": 0, "value": 2114060288, "valueTwo": 0,
                 "op": "SCMP_CMP_MASKED_EQ"}]},
      {"names": ["kill"], "action": "SCMP_ACT_KILL_PROCESS"},
      {"names": ["tkill"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}]})"));
  EXPECT_EQ(filter->flags, SECCOMP_FILTER_FLAG_LOG);
  EXPECT_THAT(filter->unknown_names, testing::ElementsAre("no_such_call"));
  constexpr uint32_t kDefault = SECCOMP_RET_ERRNO | EACCES;
  EXPECT_EQ(Answer(*filter, "read"), SECCOMP_RET_ALLOW);
  EXPECT_EQ(Answer(*filter, "mmap"), kDefault);
  EXPECT_EQ(Answer(*filter, "socket", {1}), SECCOMP_RET_ALLOW);
  EXPECT_EQ(Answer(*filter, "socket", {2}), kDefault);
  EXPECT_EQ(Answer(*filter, "clone", {17}), SECCOMP_RET_ALLOW);
  EXPECT_EQ(Answer(*filter, "clone", {0x10000000}), kDefault);
  EXPECT_EQ(Answer(*filter, "kill"), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(Answer(*filter, "tkill"), SECCOMP_RET_ERRNO | ENOSYS);
}

TEST(OciProfileTest, AnUnconditionalRuleReplacesOthers) {
  CAISSON_ASSERT_OK_AND_ASSIGN(const SeccompFilterPtr filter,
                               OciSeccompFilter(R"({
    "defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [
      {"names": ["kill"], "action": "SCMP_ACT_TRAP",
       "args": [{"index": 1, "value": 9, "op": "SCMP_CMP_EQ"}]},
      {"names": ["kill"], "action": "SCMP_ACT_ERRNO"}]})"));
  EXPECT_EQ(Answer(*filter, "kill", {1, 9}), SECCOMP_RET_ERRNO | EPERM);
  EXPECT_EQ(Answer(*filter, "read"), SECCOMP_RET_ALLOW);
}

TEST(OciProfileTest, OtherListedArchitecturesGetADefaultThatDenies) {
#if defined(__x86_64__)
  uint32_t flags = 0;
  CAISSON_ASSERT_OK_AND_ASSIGN(
      SeccompProfile profile,
      ParseOciProfile(R"({"defaultAction": "SCMP_ACT_ERRNO",
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]})",
                      &flags));
  EXPECT_EQ(profile.bad_arch_action, SECCOMP_RET_ERRNO | EPERM);
  CAISSON_ASSERT_OK_AND_ASSIGN(
      profile, ParseOciProfile(R"({"defaultAction": "SCMP_ACT_ALLOW",
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]})",
                               &flags));
  EXPECT_EQ(profile.bad_arch_action, SECCOMP_RET_KILL_PROCESS);
#endif
}

TEST(OciProfileTest, SaysWhereTheProblemIs) {
  const struct {
    const char* json;
    const char* problem;
  } cases[] = {
      {"", "is not JSON"},
      {"[]", "must be an object"},
      {"{}", "defaultAction"},
      {R"({"defaultAction": 1})", "defaultAction: must be a string"},
      {R"({"defaultAction": "SCMP_ACT_NOTIFY"})", "not a known action"},
      {R"({"defaultAction": "SCMP_ACT_ALLOW", "x": 1})", "seccomp.x"},
      {R"({"defaultAction": "SCMP_ACT_ALLOW", "flags": ["X"]})", "flags"},
      {R"({"defaultAction": "SCMP_ACT_ALLOW",
           "architectures": ["SCMP_ARCH_MIPS"]})",
       "architectures"},
      {R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": {}})",
       "must be an array"},
      {R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{}]})",
       "syscalls[0].names"},
      {R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
           {"names": ["read"], "action": "SCMP_ACT_ERRNO",
            "errnoRet": 5000}]})",
       "syscalls[0].errnoRet"},
      {R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
           {"names": ["read"], "action": "SCMP_ACT_ERRNO",
            "includes": {}}]})",
       "syscalls[0].includes"},
      {R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
           {"names": ["read"], "action": "SCMP_ACT_ERRNO",
            "args": [{"index": 6, "op": "SCMP_CMP_EQ"}]}]})",
       "syscalls[0].args[0].index"},
      {R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
           {"names": ["read"], "action": "SCMP_ACT_ERRNO",
            "args": [{"index": 0, "value": -1, "op": "SCMP_CMP_EQ"}]}]})",
       "args[0].value"},
      {R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
           {"names": ["read"], "action": "SCMP_ACT_ERRNO",
            "args": [{"index": 0, "op": "=="}]}]})",
       "args[0].op"},
  };
  for (const auto& [json, problem] : cases) {
    EXPECT_THAT(
        OciSeccompFilter(json),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(problem)))
        << json;
  }
}

}  // namespace
}  // namespace caisson::linux_
