#include "runtime/cgroup/cpu_values.h"

#include "runtime/spec/defaults.h"

namespace caisson::cgroup {
namespace {

constexpr int64_t kMillisPerCpu = 1000;
constexpr int64_t kMinShares = 2;
constexpr int64_t kMaxShares = 262144;
constexpr int64_t kMinWeight = 1;
constexpr int64_t kMaxWeight = 10000;

}  // namespace

std::optional<Bandwidth> BandwidthOf(const spec::Cpu& cpu) {
  if (!cpu.limit_millis.has_value() && !cpu.quota_micros.has_value() &&
      !cpu.period_micros.has_value()) {
    return std::nullopt;
  }
  Bandwidth bandwidth;
  bandwidth.period_micros =
      cpu.period_micros.value_or(spec::kDefaultPeriodMicros);
  if (cpu.quota_micros.has_value()) {
    bandwidth.quota_micros = cpu.quota_micros;
  } else if (cpu.limit_millis.has_value()) {
    bandwidth.quota_micros =
        *cpu.limit_millis * bandwidth.period_micros / kMillisPerCpu;
  }
  return bandwidth;
}

std::optional<int64_t> WeightOf(const spec::Cpu& cpu) {
  if (cpu.weight.has_value()) return cpu.weight;
  if (!cpu.shares.has_value()) return std::nullopt;
  return kMinWeight + (*cpu.shares - kMinShares) * (kMaxWeight - kMinWeight) /
                          (kMaxShares - kMinShares);
}

std::optional<int64_t> SharesOf(const spec::Cpu& cpu) {
  if (cpu.shares.has_value()) return cpu.shares;
  if (!cpu.weight.has_value()) return std::nullopt;
  return kMinShares + (*cpu.weight - kMinWeight) * (kMaxShares - kMinShares) /
                          (kMaxWeight - kMinWeight);
}

}  // namespace caisson::cgroup
