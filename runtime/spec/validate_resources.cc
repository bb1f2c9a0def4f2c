#include <cstdint>
#include <string>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

#include "runtime/base/str_cat.h"
#include "runtime/spec/defaults.h"
#include "runtime/spec/violations.h"

namespace caisson::spec {
namespace {

// More than any kernel can be built for.
constexpr int64_t kMaxCpus = 8192;
constexpr int64_t kMinQuotaMicros = 1000;
constexpr int64_t kMaxPeriodMicros = 1'000'000;
constexpr int64_t kMaxQuotaMicros = kMaxCpus * kMaxPeriodMicros;
constexpr int64_t kMinMemoryBytes = 4 << 20;
// The kernel's PID_MAX_LIMIT.
constexpr int64_t kMaxPids = 4 << 20;

bool ParseCpuNumber(absl::string_view text, int64_t* number) {
  if (text.empty() || text.size() > 4 ||
      !absl::ascii_isdigit(static_cast<unsigned char>(text[0]))) {
    return false;
  }
  return absl::SimpleAtoi(text, number) && *number < kMaxCpus;
}

// "0-3,7", as cpuset(7) writes lists.
bool IsNumberList(std::string_view text) {
  for (absl::string_view part : absl::StrSplit(base::AbslView(text), ',')) {
    int64_t first = 0;
    int64_t last = 0;
    const size_t dash = part.find('-');
    if (dash == absl::string_view::npos) {
      if (!ParseCpuNumber(part, &first)) return false;
      continue;
    }
    if (!ParseCpuNumber(part.substr(0, dash), &first) ||
        !ParseCpuNumber(part.substr(dash + 1), &last) || first > last) {
      return false;
    }
  }
  return true;
}

void CheckNumberList(const std::string& field, const std::string& list,
                     Violations* out) {
  if (list.empty() || IsNumberList(list)) return;
  out->Add(field, "is not a list of numbers and ranges, as \"0-3,7\"");
}

void CheckExclusive(bool first, bool second, const std::string& field,
                    std::string_view other, Violations* out) {
  if (first && second) out->Add(field, base::StrCat("excludes ", other));
}

// The quota that the CPU limits amount to; 0: none, or out of range.
int64_t QuotaMicros(const Cpu& cpu, int64_t period) {
  if (cpu.quota_micros.has_value()) return *cpu.quota_micros;
  if (!cpu.limit_millis.has_value()) return 0;
  if (*cpu.limit_millis < 0 || *cpu.limit_millis > kMaxCpus * 1000) return 0;
  return *cpu.limit_millis * period / 1000;
}

void CheckBandwidth(const std::string& path, const Cpu& cpu, Violations* out) {
  const int64_t period = cpu.period_micros.value_or(kDefaultPeriodMicros);
  out->CheckRange(path + ".period_micros", period, 1000, kMaxPeriodMicros,
                  "microseconds");
  if (period < 1000 || period > kMaxPeriodMicros) return;
  if (cpu.quota_micros.has_value()) {
    out->CheckRange(path + ".quota_micros", *cpu.quota_micros, kMinQuotaMicros,
                    kMaxQuotaMicros, "microseconds");
  }
  const int64_t quota = QuotaMicros(cpu, period);
  if (cpu.limit_millis.has_value()) {
    out->CheckRange(path + ".limit_millis", *cpu.limit_millis, 10,
                    kMaxCpus * 1000);
    if (*cpu.limit_millis >= 10 && !cpu.quota_micros.has_value() && quota > 0 &&
        quota < kMinQuotaMicros) {
      out->Add(path + ".limit_millis",
               "is less than 1000 microseconds per period");
    }
  }
  CheckExclusive(cpu.limit_millis.has_value(), cpu.quota_micros.has_value(),
                 path + ".limit_millis", "quota_micros", out);
  if (!cpu.burst_micros.has_value()) return;
  if (quota <= 0) {
    out->Add(path + ".burst_micros", "needs limit_millis or quota_micros");
  } else {
    out->CheckRange(path + ".burst_micros", *cpu.burst_micros, 0, quota,
                    "microseconds");
  }
}

void CheckCpu(const std::string& path, const Cpu& cpu, Violations* out) {
  CheckBandwidth(path, cpu, out);
  if (cpu.weight.has_value()) {
    out->CheckRange(path + ".weight", *cpu.weight, 1, 10000);
  }
  if (cpu.shares.has_value()) {
    out->CheckRange(path + ".shares", *cpu.shares, 2, 262144);
  }
  CheckExclusive(cpu.weight.has_value(), cpu.shares.has_value(),
                 path + ".weight", "shares", out);
  // The kernel refuses a weight for a cgroup that is idle.
  CheckExclusive(cpu.idle, cpu.weight.has_value() || cpu.shares.has_value(),
                 path + ".idle", "weight and shares", out);
  CheckNumberList(path + ".cpuset_cpus", cpu.cpuset_cpus, out);
  CheckNumberList(path + ".cpuset_mems", cpu.cpuset_mems, out);
}

void CheckMemory(const std::string& path, const Memory& memory,
                 Violations* out) {
  const auto check = [&](const char* name, const std::optional<int64_t>& value,
                         int64_t min) {
    if (!value.has_value()) return;
    out->CheckRange(base::StrCat(path, ".", name), *value, min, INT64_MAX,
                    "bytes");
  };
  check("limit_bytes", memory.limit_bytes, kMinMemoryBytes);
  check("swap_limit_bytes", memory.swap_limit_bytes, 0);
  check("high_bytes", memory.high_bytes, 1);
  check("low_bytes", memory.low_bytes, 0);
  check("min_bytes", memory.min_bytes, 0);
  // cgroup v1 counts both together.
  if (memory.limit_bytes.value_or(0) > 0 &&
      memory.swap_limit_bytes.value_or(0) > INT64_MAX - *memory.limit_bytes) {
    out->Add(path + ".swap_limit_bytes",
             "is too large in addition to limit_bytes");
  }
}

}  // namespace

void CheckResources(const std::string& path, const Resources& resources,
                    Violations* out) {
  CheckCpu(path + ".cpu", resources.cpu, out);
  CheckMemory(path + ".memory", resources.memory, out);
  if (resources.pids_limit.has_value() && *resources.pids_limit != -1) {
    out->CheckRange(path + ".pids_limit", *resources.pids_limit, 1, kMaxPids);
  }
}

}  // namespace caisson::spec
