#include "runtime/linux/seccomp/compiler.h"

#include <linux/bpf_common.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

#include "absl/status/status.h"

#include "runtime/base/str_cat.h"

namespace caisson::linux_ {
namespace {

using Code = std::vector<sock_filter>;

constexpr unsigned kArguments = 6;
constexpr size_t kMaxJump = 255;  // jt and jf are bytes

sock_filter Statement(uint16_t code, uint32_t k) {
  return {.code = code, .jt = 0, .jf = 0, .k = k};
}

sock_filter Load(size_t offset) {
  return Statement(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset));
}
sock_filter And(uint32_t mask) {
  return Statement(BPF_ALU | BPF_AND | BPF_K, mask);
}
sock_filter Return(uint32_t action) {
  return Statement(BPF_RET | BPF_K, action);
}
sock_filter Always(size_t skip) {
  return Statement(BPF_JMP | BPF_JA, static_cast<uint32_t>(skip));
}
// `op` is BPF_JEQ, BPF_JGT or BPF_JGE.
sock_filter Jump(uint16_t op, uint32_t k, uint8_t yes, uint8_t no) {
  return {.code = static_cast<uint16_t>(BPF_JMP | op | BPF_K),
          .jt = yes,
          .jf = no,
          .k = k};
}

void Append(const Code& part, Code* code) {
  code->insert(code->end(), part.begin(), part.end());
}

// Offsets of the two halves of an argument; both machines are little-endian.
size_t LowOf(unsigned index) {
  return offsetof(seccomp_data, args) + index * sizeof(uint64_t);
}
size_t HighOf(unsigned index) {
  return LowOf(index) + sizeof(uint32_t);
}

uint32_t Low(uint64_t value) {
  return static_cast<uint32_t>(value);
}
uint32_t High(uint64_t value) {
  return static_cast<uint32_t>(value >> 32);
}

// Both halves masked and equal: falls through when they are, jumps over
// `fail_skip` further instructions behind its own end when not.
Code EqualCode(const ArgTest& test, uint8_t fail_skip) {
  const uint64_t mask =
      test.compare == Compare::kMaskedEqual ? test.mask : ~uint64_t{0};
  Code low = {Load(LowOf(test.index))};
  if (Low(mask) != ~uint32_t{0}) low.push_back(And(Low(mask)));
  low.push_back(Jump(BPF_JEQ, Low(test.value), 0, fail_skip));
  // A half that is masked out need not be looked at.
  if (High(mask) == 0 && High(test.value) == 0) return low;
  Code code = {Load(HighOf(test.index))};
  if (High(mask) != ~uint32_t{0}) code.push_back(And(High(mask)));
  code.push_back(Jump(BPF_JEQ, High(test.value), 0,
                      static_cast<uint8_t>(low.size() + fail_skip)));
  Append(low, &code);
  return code;
}

// Falls through when they differ.
Code NotEqualCode(const ArgTest& test, uint8_t fail_skip) {
  return {Load(HighOf(test.index)), Jump(BPF_JEQ, High(test.value), 0, 2),
          Load(LowOf(test.index)),
          Jump(BPF_JEQ, Low(test.value), fail_skip, 0)};
}

// argument > value, or >= with BPF_JGE: falls through when so. With `negate`
// the other way round.
Code OrderCode(const ArgTest& test, uint16_t op, bool negate,
               uint8_t fail_skip) {
  const uint8_t yes = negate ? fail_skip : 0;
  const uint8_t no = negate ? 0 : fail_skip;
  return {Load(HighOf(test.index)),
          Jump(BPF_JGT, High(test.value), static_cast<uint8_t>(3 + yes), 0),
          Jump(BPF_JEQ, High(test.value), 0, static_cast<uint8_t>(2 + no)),
          Load(LowOf(test.index)), Jump(op, Low(test.value), yes, no)};
}

Code TestCode(const ArgTest& test, uint8_t fail_skip) {
  switch (test.compare) {
    case Compare::kEqual:
    case Compare::kMaskedEqual:
      return EqualCode(test, fail_skip);
    case Compare::kNotEqual:
      return NotEqualCode(test, fail_skip);
    case Compare::kGreater:
      return OrderCode(test, BPF_JGT, false, fail_skip);
    case Compare::kGreaterEqual:
      return OrderCode(test, BPF_JGE, false, fail_skip);
    case Compare::kLessEqual:
      return OrderCode(test, BPF_JGT, true, fail_skip);
    case Compare::kLess:
      return OrderCode(test, BPF_JGE, true, fail_skip);
  }
  return {};
}

// Returns the action when all tests hold, else goes on behind its own end.
// Built from the back, so that each test knows how far the end is.
Code RuleCode(const ArgRule& rule) {
  Code code = {Return(rule.action)};
  for (auto test = rule.tests.rbegin(); test != rule.tests.rend(); ++test) {
    Code whole = TestCode(*test, static_cast<uint8_t>(code.size()));
    Append(code, &whole);
    code = std::move(whole);
  }
  return code;
}

// All calls from `first` up to the next segment get the same answer.
struct Segment {
  uint32_t first = 0;
  Code code;  // ends in a return on every path
};

void AppendSegment(uint32_t first, Code code, std::vector<Segment>* out) {
  const auto same = [](const sock_filter& a, const sock_filter& b) {
    return a.code == b.code && a.jt == b.jt && a.jf == b.jf && a.k == b.k;
  };
  if (!out->empty() &&
      std::equal(code.begin(), code.end(), out->back().code.begin(),
                 out->back().code.end(), same)) {
    return;
  }
  out->push_back({first, std::move(code)});
}

Code CallCode(const std::vector<ArgRule>& rules, uint32_t default_action) {
  Code code;
  for (const ArgRule& rule : rules) {
    Append(RuleCode(rule), &code);
    if (rule.tests.empty()) return code;
  }
  code.push_back(Return(default_action));
  return code;
}

std::vector<Segment> Segments(const SeccompProfile& profile) {
  std::vector<Segment> out;
  uint32_t next = 0;
  for (const auto& [number, rules] : profile.rules) {
    if (number > next) {
      AppendSegment(next, {Return(profile.default_action)}, &out);
    }
    AppendSegment(number, CallCode(rules, profile.default_action), &out);
    next = number + 1;
  }
  // The x32 calls of x86-64, which begin at 0x40000000, are in here as well.
  AppendSegment(next, {Return(profile.newer_action)}, &out);
  return out;
}

// The accumulator holds the number of the call; leaves may overwrite it.
Code TreeCode(std::span<const Segment> segments) {
  if (segments.size() == 1) return segments.front().code;
  const size_t middle = segments.size() / 2;
  const Code left = TreeCode(segments.first(middle));
  const Code right = TreeCode(segments.subspan(middle));
  const uint32_t border = segments[middle].first;
  Code code;
  if (left.size() <= kMaxJump) {
    code.push_back(Jump(BPF_JGE, border, static_cast<uint8_t>(left.size()), 0));
  } else {
    code.push_back(Jump(BPF_JGE, border, 0, 1));
    code.push_back(Always(left.size()));
  }
  Append(left, &code);
  Append(right, &code);
  return code;
}

absl::Status CheckTests(const SeccompProfile& profile) {
  for (const auto& [number, rules] : profile.rules) {
    for (const ArgRule& rule : rules) {
      if (rule.tests.size() > kArguments) {
        return absl::InvalidArgumentError(base::StrCat(
            "system call ", number, " has more than 6 tests in a rule"));
      }
      for (const ArgTest& test : rule.tests) {
        if (test.index < kArguments) continue;
        return absl::InvalidArgumentError(base::StrCat(
            "system call ", number, " has no argument ", test.index));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<sock_filter>> CompileProfile(
    const SeccompProfile& profile) {
  if (absl::Status status = CheckTests(profile); !status.ok()) return status;
  Code code = {
      Load(offsetof(seccomp_data, arch)), Jump(BPF_JEQ, profile.arch, 1, 0),
      Return(profile.bad_arch_action), Load(offsetof(seccomp_data, nr))};
  Append(TreeCode(Segments(profile)), &code);
  if (code.size() > BPF_MAXINSNS) {
    return absl::InvalidArgumentError(
        base::StrCat("the filter has ", code.size(),
                     " instructions, the kernel takes ", BPF_MAXINSNS));
  }
  return code;
}

}  // namespace caisson::linux_
