// Runs a seccomp filter on a made-up system call, as the kernel would. Tests
// only: it shows what a compiled program really answers.
//
// Process: tests. Thread: any; pure.
#ifndef CAISSON_RUNTIME_LINUX_SECCOMP_SIMULATOR_H_
#define CAISSON_RUNTIME_LINUX_SECCOMP_SIMULATOR_H_

#include <linux/bpf_common.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

namespace caisson::linux_ {

struct Verdict {
  uint32_t action = 0;
  int steps = 0;  // instructions executed
};

// Nothing when the program leaves its own bounds, or uses an instruction that
// the compiler has no business to use.
inline std::optional<Verdict> Simulate(const std::vector<sock_filter>& program,
                                       const seccomp_data& data) {
  uint32_t accumulator = 0;
  Verdict verdict;
  for (size_t pc = 0; pc < program.size(); ++pc) {
    const sock_filter& insn = program[pc];
    ++verdict.steps;
    switch (insn.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (insn.k % 4 != 0 || insn.k + 4 > sizeof(data)) return std::nullopt;
        std::memcpy(&accumulator, reinterpret_cast<const char*>(&data) + insn.k,
                    4);
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        accumulator &= insn.k;
        break;
      case BPF_JMP | BPF_JA:
        pc += insn.k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        pc += accumulator == insn.k ? insn.jt : insn.jf;
        break;
      case BPF_JMP | BPF_JGT | BPF_K:
        pc += accumulator > insn.k ? insn.jt : insn.jf;
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        pc += accumulator >= insn.k ? insn.jt : insn.jf;
        break;
      case BPF_RET | BPF_K:
        verdict.action = insn.k;
        return verdict;
      default:
        return std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace caisson::linux_

#endif  // CAISSON_RUNTIME_LINUX_SECCOMP_SIMULATOR_H_
