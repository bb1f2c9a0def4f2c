#include "runtime/cgroup/v2/devices.h"

#include <cstddef>
#include <cstdint>
#include <utility>

namespace caisson::cgroup::v2 {
namespace {

// Registers: r1 is the context at entry, then scratch.
constexpr uint8_t kScratch = BPF_REG_1;
constexpr uint8_t kType = BPF_REG_2;
constexpr uint8_t kAccess = BPF_REG_3;
constexpr uint8_t kMajor = BPF_REG_4;
constexpr uint8_t kMinor = BPF_REG_5;

constexpr int32_t kAllAccess =
    BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE;

bpf_insn Instruction(uint8_t code, uint8_t to, uint8_t from, int16_t offset,
                     int32_t value) {
  bpf_insn insn = {};
  insn.code = code;
  insn.dst_reg = to & 0xf;
  insn.src_reg = from & 0xf;
  insn.off = offset;
  insn.imm = value;
  return insn;
}

// A 32-bit member of struct bpf_cgroup_dev_ctx.
bpf_insn Load(uint8_t to, size_t offset) {
  return Instruction(BPF_LDX | BPF_W | BPF_MEM, to, BPF_REG_1,
                     static_cast<int16_t>(offset), 0);
}
bpf_insn Move(uint8_t to, int32_t value) {
  return Instruction(BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value);
}
bpf_insn Copy(uint8_t to, uint8_t from) {
  return Instruction(BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0);
}
bpf_insn And(uint8_t reg, int32_t mask) {
  return Instruction(BPF_ALU | BPF_AND | BPF_K, reg, 0, 0, mask);
}
bpf_insn ShiftRight(uint8_t reg, int32_t bits) {
  return Instruction(BPF_ALU | BPF_RSH | BPF_K, reg, 0, 0, bits);
}
// Where it goes is filled in when the end of the rule is known.
bpf_insn JumpIfNot(uint8_t reg, int32_t value) {
  return Instruction(BPF_JMP | BPF_JNE | BPF_K, reg, 0, 0, value);
}
bpf_insn Exit() {
  return Instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

bool IsConditionalJump(const bpf_insn& insn) {
  return insn.code == (BPF_JMP | BPF_JNE | BPF_K);
}

int32_t AccessMask(const std::string& access) {
  int32_t mask = 0;
  for (const char c : access) {
    if (c == 'r') mask |= BPF_DEVCG_ACC_READ;
    if (c == 'w') mask |= BPF_DEVCG_ACC_WRITE;
    if (c == 'm') mask |= BPF_DEVCG_ACC_MKNOD;
  }
  return mask;
}

// One rule: falls through to the next when something does not match.
std::vector<bpf_insn> RuleCode(const DeviceRule& rule) {
  std::vector<bpf_insn> code;
  code.push_back(JumpIfNot(
      kType, rule.type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR));
  const int32_t allowed = AccessMask(rule.access);
  if (allowed != kAllAccess) {
    code.push_back(Copy(kScratch, kAccess));
    code.push_back(And(kScratch, kAllAccess & ~allowed));
    code.push_back(JumpIfNot(kScratch, 0));
  }
  if (rule.major >= 0) {
    code.push_back(JumpIfNot(kMajor, static_cast<int32_t>(rule.major)));
  }
  if (rule.minor >= 0) {
    code.push_back(JumpIfNot(kMinor, static_cast<int32_t>(rule.minor)));
  }
  code.push_back(Move(BPF_REG_0, 1));
  code.push_back(Exit());
  for (size_t i = 0; i < code.size(); ++i) {
    if (IsConditionalJump(code[i])) {
      code[i].off = static_cast<int16_t>(code.size() - i - 1);
    }
  }
  return code;
}

}  // namespace

std::vector<bpf_insn> DeviceProgram(const std::vector<DeviceRule>& rules) {
  std::vector<bpf_insn> program = {
      // access_type is the access in the upper half and the type in the lower.
      Load(kType, offsetof(bpf_cgroup_dev_ctx, access_type)),
      Copy(kAccess, kType),
      And(kType, 0xffff),
      ShiftRight(kAccess, 16),
      Load(kMajor, offsetof(bpf_cgroup_dev_ctx, major)),
      Load(kMinor, offsetof(bpf_cgroup_dev_ctx, minor)),
  };
  for (const DeviceRule& rule : rules) {
    const std::vector<bpf_insn> code = RuleCode(rule);
    program.insert(program.end(), code.begin(), code.end());
  }
  program.push_back(Move(BPF_REG_0, 0));
  program.push_back(Exit());
  return program;
}

void AppendDevices(const std::string& directory, const ContainerLimits& limits,
                   std::vector<CgroupStep>* steps) {
  if (limits.all_devices) return;
  const std::vector<bpf_insn> program = DeviceProgram(limits.devices);
  CgroupStep step;
  step.kind = StepKind::kAttachDeviceBpf;
  step.path = directory;
  step.value.assign(reinterpret_cast<const char*>(program.data()),
                    program.size() * sizeof(bpf_insn));
  step.why = "no device unless it is listed";
  steps->push_back(std::move(step));
}

}  // namespace caisson::cgroup::v2
