#include "runtime/cgroup/v2/devices.h"

#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

#include "gtest/gtest.h"

namespace caisson::cgroup::v2 {
namespace {

constexpr uint32_t kRead = BPF_DEVCG_ACC_READ;
constexpr uint32_t kWrite = BPF_DEVCG_ACC_WRITE;
constexpr uint32_t kMknod = BPF_DEVCG_ACC_MKNOD;
constexpr uint32_t kChar = BPF_DEVCG_DEV_CHAR;
constexpr uint32_t kBlock = BPF_DEVCG_DEV_BLOCK;

// The few instructions that the program has, as the kernel's verifier and
// interpreter see them. Nothing on anything else, and on a read of a register
// that was never written.
std::optional<uint64_t> Run(const std::vector<bpf_insn>& program,
                            const bpf_cgroup_dev_ctx& context) {
  std::optional<uint64_t> reg[11];
  reg[BPF_REG_1] = 0;  // stands for the context
  for (size_t pc = 0; pc < program.size(); ++pc) {
    const bpf_insn& insn = program[pc];
    std::optional<uint64_t>& to = reg[insn.dst_reg];
    const uint64_t value = static_cast<uint32_t>(insn.imm);
    switch (insn.code) {
      case BPF_LDX | BPF_W | BPF_MEM: {
        if (insn.src_reg != BPF_REG_1 || reg[1] != 0u) return std::nullopt;
        uint32_t word = 0;
        std::memcpy(&word, reinterpret_cast<const char*>(&context) + insn.off,
                    4);
        to = word;
        break;
      }
      case BPF_ALU64 | BPF_MOV | BPF_K:
        to = value;
        break;
      case BPF_ALU64 | BPF_MOV | BPF_X:
        to = reg[insn.src_reg];
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        if (!to.has_value()) return std::nullopt;
        *to &= value;
        break;
      case BPF_ALU | BPF_RSH | BPF_K:
        if (!to.has_value()) return std::nullopt;
        *to = static_cast<uint32_t>(*to) >> value;
        break;
      case BPF_JMP | BPF_JNE | BPF_K:
        if (!to.has_value()) return std::nullopt;
        if (*to != value) pc += static_cast<size_t>(insn.off);
        break;
      case BPF_JMP | BPF_EXIT:
        return reg[BPF_REG_0];
      default:
        return std::nullopt;
    }
  }
  return std::nullopt;
}

std::optional<uint64_t> Ask(const std::vector<DeviceRule>& rules, uint32_t type,
                            uint32_t access, uint32_t major, uint32_t minor) {
  return Run(DeviceProgram(rules), {access << 16 | type, major, minor});
}

TEST(DeviceProgramTest, NoRulesAllowNothing) {
  EXPECT_EQ(Ask({}, kChar, kRead, 1, 3), 0u);
}

TEST(DeviceProgramTest, ARuleMatchesTypeNumbersAndAccess) {
  const std::vector<DeviceRule> rules = {
      {.type = 'c', .major = 1, .minor = 3, .access = "rw"},
      {.type = 'b', .major = 8, .access = "r"}};
  EXPECT_EQ(Ask(rules, kChar, kRead, 1, 3), 1u);
  EXPECT_EQ(Ask(rules, kChar, kRead | kWrite, 1, 3), 1u);
  EXPECT_EQ(Ask(rules, kChar, kRead | kMknod, 1, 3), 0u);
  EXPECT_EQ(Ask(rules, kChar, kRead, 1, 4), 0u);
  EXPECT_EQ(Ask(rules, kChar, kRead, 2, 3), 0u);
  EXPECT_EQ(Ask(rules, kBlock, kRead, 1, 3), 0u);
  EXPECT_EQ(Ask(rules, kBlock, kRead, 8, 17), 1u);
  EXPECT_EQ(Ask(rules, kBlock, kWrite, 8, 17), 0u);
}

TEST(DeviceProgramTest, DefaultsAreTheStandardDevices) {
  const std::vector<DeviceRule> rules = DefaultDeviceRules();
  const uint32_t all = kRead | kWrite | kMknod;
  for (const uint32_t minor : {3u, 5u, 7u, 8u, 9u}) {
    EXPECT_EQ(Ask(rules, kChar, all, 1, minor), 1u) << minor;
  }
  EXPECT_EQ(Ask(rules, kChar, all, 136, 77), 1u);
  EXPECT_EQ(Ask(rules, kChar, all, 5, 2), 1u);
  EXPECT_EQ(Ask(rules, kChar, kRead, 1, 1), 0u);     // mem
  EXPECT_EQ(Ask(rules, kChar, kRead, 1, 11), 0u);    // kmsg
  EXPECT_EQ(Ask(rules, kChar, kRead, 10, 229), 0u);  // fuse
  EXPECT_EQ(Ask(rules, kBlock, kRead, 8, 0), 0u);    // sda
}

TEST(DeviceProgramTest, TheStepCarriesTheProgram) {
  ContainerLimits limits;
  limits.devices = DefaultDeviceRules();
  std::vector<CgroupStep> steps;
  AppendDevices("/c", limits, &steps);
  ASSERT_EQ(steps.size(), 1u);
  EXPECT_EQ(steps[0].value.size(),
            DeviceProgram(limits.devices).size() * sizeof(bpf_insn));
  limits.all_devices = true;
  AppendDevices("/c", limits, &steps);
  EXPECT_EQ(steps.size(), 1u);
}

}  // namespace
}  // namespace caisson::cgroup::v2
