#include "runtime/cgroup/v1/limits.h"

#include <cstdint>
#include <optional>

#include "runtime/base/error_detail.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/cgroup/cpu_values.h"
#include "runtime/cgroup/steps.h"
#include "runtime/cgroup/v1/devices.h"

namespace caisson::cgroup::v1 {
namespace {

void AppendCpu(const std::string& directory, const spec::Cpu& cpu,
               std::vector<CgroupStep>* steps) {
  if (cpu.idle) {
    Write(directory, "cpu.idle", "1", "run only when nothing else wants to",
          steps);
  } else if (const std::optional<int64_t> shares = SharesOf(cpu)) {
    Write(directory, "cpu.shares", base::StrCat(*shares),
          "share of processor time", steps);
  }
  const std::optional<Bandwidth> bandwidth = BandwidthOf(cpu);
  if (!bandwidth.has_value()) return;
  Write(directory, "cpu.cfs_period_us", base::StrCat(bandwidth->period_micros),
        "processor time: period", steps);
  if (bandwidth->quota_micros.has_value()) {
    Write(directory, "cpu.cfs_quota_us", base::StrCat(*bandwidth->quota_micros),
          "processor time per period", steps);
  }
  if (cpu.burst_micros.has_value()) {
    Write(directory, "cpu.cfs_burst_us", base::StrCat(*cpu.burst_micros),
          "processor time saved up for bursts", steps);
  }
}

absl::Status AppendMemory(bool has_swap, const std::string& directory,
                          const spec::Memory& memory,
                          std::vector<CgroupStep>* steps) {
  if (memory.high_bytes.has_value() || memory.low_bytes.value_or(0) > 0 ||
      memory.min_bytes.value_or(0) > 0) {
    return MissingFeature("memory_protection",
                          "high_bytes, low_bytes and min_bytes need cgroup v2");
  }
  if (memory.limit_bytes.has_value()) {
    Write(directory, "memory.limit_in_bytes", base::StrCat(*memory.limit_bytes),
          "memory limit", steps);
  }
  if (!memory.swap_limit_bytes.has_value()) return absl::OkStatus();
  if (!has_swap) {
    return MissingFeature("swap_limit",
                          "the kernel was booted without swapaccount=1");
  }
  if (!memory.limit_bytes.has_value()) {
    return MissingFeature("swap_limit",
                          "on cgroup v1 it needs limit_bytes as well");
  }
  // v1 counts memory and swap together.
  Write(directory, "memory.memsw.limit_in_bytes",
        base::StrCat(*memory.limit_bytes + *memory.swap_limit_bytes),
        "limit of memory and swap together", steps);
  return absl::OkStatus();
}

}  // namespace

bool NeedsCpuset(const ContainerLimits& limits) {
  return !limits.cpu.cpuset_cpus.empty() || !limits.cpu.cpuset_mems.empty();
}

void AppendCpuset(const Base& base, const std::string& directory,
                  const spec::Cpu& cpu, std::vector<CgroupStep>* steps) {
  const auto pick = [](const std::string& own, const std::string& inherited) {
    return own.empty() ? inherited : own;
  };
  Write(directory, "cpuset.cpus", pick(cpu.cpuset_cpus, base.cpuset_cpus),
        "processors to run on", steps);
  Write(directory, "cpuset.mems", pick(cpu.cpuset_mems, base.cpuset_mems),
        "memory nodes to use", steps);
}

absl::Status AppendLimits(const Base& base, const std::string& directory,
                          std::string_view controller,
                          const ContainerLimits& limits,
                          std::vector<CgroupStep>* steps) {
  if (controller == "cpu") AppendCpu(directory, limits.cpu, steps);
  if (controller == "cpuset") {
    AppendCpuset(base, directory, limits.cpu, steps);
  }
  if (controller == "pids") {
    Write(directory, "pids.max", PidsValue(limits.pids_limit),
          "most processes and threads", steps);
  }
  if (controller == "devices") AppendDevices(directory, limits, steps);
  if (controller == "memory") {
    return AppendMemory(base.has_v1_swap, directory, limits.memory, steps);
  }
  return absl::OkStatus();
}

void AppendMirror(const std::string& leaf, std::string_view controller,
                  const ContainerLimits& limits,
                  std::vector<CgroupStep>* steps) {
  if (controller != "cpu" || !BandwidthOf(limits.cpu).has_value()) return;
  spec::Cpu seen = limits.cpu;
  seen.burst_micros.reset();
  seen.weight.reset();
  seen.shares.reset();
  seen.idle = false;
  AppendCpu(leaf, seen, steps);
}

}  // namespace caisson::cgroup::v1
