#include "runtime/cgroup/v2/limits.h"

#include <cstdint>
#include <optional>

#include "runtime/base/str_cat.h"
#include "runtime/cgroup/cpu_values.h"
#include "runtime/cgroup/steps.h"

namespace caisson::cgroup::v2 {
namespace {

void AppendBandwidth(const std::string& directory, const spec::Cpu& cpu,
                     std::vector<CgroupStep>* steps) {
  const std::optional<Bandwidth> bandwidth = BandwidthOf(cpu);
  if (!bandwidth.has_value()) return;
  const std::string quota = bandwidth->quota_micros.has_value()
                                ? base::StrCat(*bandwidth->quota_micros)
                                : "max";
  Write(directory, "cpu.max",
        base::StrCat(quota, " ", bandwidth->period_micros),
        "processor time per period", steps);
}

void AppendCpu(const std::string& directory, const spec::Cpu& cpu,
               std::vector<CgroupStep>* steps) {
  // The kernel refuses a weight for an idle cgroup.
  if (cpu.idle) {
    Write(directory, "cpu.idle", "1", "run only when nothing else wants to",
          steps);
  } else if (const std::optional<int64_t> weight = WeightOf(cpu)) {
    Write(directory, "cpu.weight", base::StrCat(*weight),
          "share of processor time", steps);
  }
  AppendBandwidth(directory, cpu, steps);
  if (cpu.burst_micros.has_value()) {
    Write(directory, "cpu.max.burst", base::StrCat(*cpu.burst_micros),
          "processor time saved up for bursts", steps);
  }
}

void AppendCpuset(const std::string& directory, const spec::Cpu& cpu,
                  std::vector<CgroupStep>* steps) {
  if (!cpu.cpuset_cpus.empty()) {
    Write(directory, "cpuset.cpus", cpu.cpuset_cpus, "processors to run on",
          steps);
  }
  if (!cpu.cpuset_mems.empty()) {
    Write(directory, "cpuset.mems", cpu.cpuset_mems, "memory nodes to use",
          steps);
  }
}

void AppendKillGroup(const std::string& directory, const spec::Memory& memory,
                     std::vector<CgroupStep>* steps) {
  if (!memory.kill_group.value_or(true)) return;
  WriteIfPresent(directory, "memory.oom.group", "1",
                 "out of memory ends all processes together", steps);
}

void AppendMemory(const std::string& directory, const spec::Memory& memory,
                  std::vector<CgroupStep>* steps) {
  const auto write = [&](std::string_view file,
                         const std::optional<int64_t>& value,
                         std::string_view why) {
    if (!value.has_value()) return;
    Write(directory, file, base::StrCat(*value), why, steps);
  };
  write("memory.min", memory.min_bytes, "memory that is never reclaimed");
  write("memory.low", memory.low_bytes, "memory that is protected");
  write("memory.high", memory.high_bytes, "memory above which it is slowed");
  write("memory.max", memory.limit_bytes, "memory limit");
  write("memory.swap.max", memory.swap_limit_bytes, "swap limit");
  AppendKillGroup(directory, memory, steps);
}

}  // namespace

absl::Status AppendLimits(const Base&, const std::string& directory,
                          std::string_view controller,
                          const ContainerLimits& limits,
                          std::vector<CgroupStep>* steps) {
  if (controller == "cpu") AppendCpu(directory, limits.cpu, steps);
  if (controller == "cpuset") AppendCpuset(directory, limits.cpu, steps);
  if (controller == "memory") AppendMemory(directory, limits.memory, steps);
  if (controller == "pids") {
    Write(directory, "pids.max", PidsValue(limits.pids_limit),
          "most processes and threads", steps);
  }
  return absl::OkStatus();
}

void AppendMirror(const std::string& leaf, std::string_view controller,
                  const ContainerLimits& limits,
                  std::vector<CgroupStep>* steps) {
  if (controller == "cpu") AppendBandwidth(leaf, limits.cpu, steps);
  if (controller == "pids" && limits.pids_limit >= 0) {
    Write(leaf, "pids.max", PidsValue(limits.pids_limit),
          "the limit, where programs look for it", steps);
  }
  if (controller == "memory" && limits.memory.limit_bytes.has_value()) {
    Write(leaf, "memory.max", base::StrCat(*limits.memory.limit_bytes),
          "the limit, where programs look for it", steps);
    // The leaf is now where memory runs out, so it decides who is killed.
    AppendKillGroup(leaf, limits.memory, steps);
  }
}

}  // namespace caisson::cgroup::v2
