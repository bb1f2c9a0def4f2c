#include "runtime/spec/defaults.h"

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "runtime/spec/capability.h"
#include "runtime/spec/rlimit.h"
#include "runtime/spec/signal.h"

namespace caisson::spec {
namespace {

constexpr size_t kShortIdDigits = 12;

constexpr auto kCapabilities = std::to_array<std::string_view>(
    {"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
     "CAP_SETGID", "CAP_SETUID", "CAP_NET_BIND_SERVICE", "CAP_SETFCAP"});

// Keys, memory and timers of the host's kernel, and the firmware: nothing that
// a program in a container has to see.
constexpr auto kMaskedPaths = std::to_array<std::string_view>({
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kallsyms",
    "/proc/kcore",
    "/proc/keys",
    "/proc/kmsg",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
    "/sys/fs/selinux",
    "/sys/kernel/debug",
    "/sys/kernel/security",
    "/sys/kernel/tracing",
});

// Switches of the host's kernel that are not namespaced.
constexpr auto kReadonlyPaths = std::to_array<std::string_view>({
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
});

struct DefaultRlimit {
  int resource;
  int64_t soft;
  int64_t hard;
};

// The soft limit of 1024 open files keeps programs fast that close every
// number up to it; core files would fill the container's layer.
constexpr auto kRlimits = std::to_array<DefaultRlimit>({
    {RLIMIT_NOFILE, 1024, 524288},
    {RLIMIT_CORE, 0, -1},
    {RLIMIT_MEMLOCK, 8 << 20, 8 << 20},
});

std::vector<std::string> Strings(std::span<const std::string_view> views) {
  return {views.begin(), views.end()};
}

uint64_t DefaultMask() {
  return CapabilityMask(Strings(DefaultCapabilities()));
}

CapabilitySets Canonical(const CapabilitySets& sets) {
  const auto names = [](const std::vector<std::string>& set) {
    return CapabilityNames(CapabilityMask(set));
  };
  return {.bounding = names(sets.bounding),
          .effective = names(sets.effective),
          .permitted = names(sets.permitted),
          .inheritable = names(sets.inheritable),
          .ambient = names(sets.ambient)};
}

bool Contains(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

// The kernel's five sets out of a change of the default set.
Capabilities Resolve(const std::optional<Capabilities>& asked,
                     bool privileged) {
  Capabilities result;
  if (asked.has_value() && asked->exact.has_value()) {
    result.exact = Canonical(*asked->exact);
    return result;
  }
  const Capabilities change = asked.value_or(Capabilities());
  uint64_t mask = privileged ? AllCapabilities() : DefaultMask();
  if (Contains(change.drop, "ALL")) mask = 0;
  mask &= ~CapabilityMask(change.drop);
  if (Contains(change.add, "ALL")) mask = AllCapabilities();
  mask |= CapabilityMask(change.add);
  // "ALL" added and one dropped: everything but that one.
  mask &= ~CapabilityMask(change.drop);
  const std::vector<std::string> names = CapabilityNames(mask);
  // The kernel raises an ambient capability only if it is inheritable too.
  const std::vector<std::string> ambient =
      CapabilityNames(CapabilityMask(change.ambient));
  result.exact = CapabilitySets{.bounding = names,
                                .effective = names,
                                .permitted = names,
                                .inheritable = ambient,
                                .ambient = ambient};
  return result;
}

void CompleteRlimits(Process* process) {
  for (Rlimit& limit : process->rlimits) {
    limit.name = RlimitName(ParseRlimit(limit.name).value_or(-1));
  }
  for (const DefaultRlimit& standard : kRlimits) {
    const std::string_view name = RlimitName(standard.resource);
    const bool given =
        std::any_of(process->rlimits.begin(), process->rlimits.end(),
                    [&](const Rlimit& limit) { return limit.name == name; });
    if (!given) {
      process->rlimits.push_back({.name = std::string(name),
                                  .soft = standard.soft,
                                  .hard = standard.hard,
                                  .from_default = true});
    }
  }
}

void DefaultVariable(const std::string& name, std::string_view value,
                     Process* process) {
  if (value.empty() || process->env_raw.contains(name)) return;
  process->env.try_emplace(name, value);
}

// What containers and execs have in common.
void CompleteProcess(std::string_view hostname, bool privileged,
                     Process* process) {
  if (process->working_dir.empty()) process->working_dir = "/";
  if (process->user.empty()) process->user = "0:0";
  if (process->stdin_mode == StdinMode::kUnspecified) {
    process->stdin_mode = StdinMode::kNone;
  }
  if (process->tty) {
    TerminalSize size = process->terminal_size.value_or(TerminalSize());
    if (size.rows == 0) size.rows = kDefaultRows;
    if (size.cols == 0) size.cols = kDefaultCols;
    process->terminal_size = size;
    DefaultVariable("TERM", "xterm", process);
  }
  DefaultVariable("PATH", kDefaultPath, process);
  DefaultVariable("HOSTNAME", hostname, process);
  process->capabilities = Resolve(process->capabilities, privileged);
  if (!process->umask.has_value()) process->umask = kDefaultUmask;
  CompleteRlimits(process);
}

// The container's variables that the exec does not set itself.
void InheritEnvironment(const Process& parent, Process* process) {
  const auto is_set = [process](const std::string& name) {
    return process->env.contains(name) || process->env_raw.contains(name);
  };
  for (const auto& [name, value] : parent.env) {
    if (!is_set(name)) process->env.emplace(name, value);
  }
  for (const auto& [name, value] : parent.env_raw) {
    if (!is_set(name)) process->env_raw.emplace(name, value);
  }
}

// The container's limits that the exec does not set itself.
void InheritRlimits(const Process& parent, Process* process) {
  const size_t given = process->rlimits.size();
  for (const Rlimit& limit : parent.rlimits) {
    const auto own_end =
        process->rlimits.begin() + static_cast<ptrdiff_t>(given);
    const bool set =
        std::any_of(process->rlimits.begin(), own_end, [&](const Rlimit& own) {
          return ParseRlimit(own.name) == ParseRlimit(limit.name);
        });
    if (!set) process->rlimits.push_back(limit);
  }
}

void CompleteLimits(Limits* limits) {
  if (limits->output_action == OutputAction::kUnspecified) {
    limits->output_action = OutputAction::kKill;
  }
  if (!limits->grace.has_value()) limits->grace = absl::ZeroDuration();
}

void CompleteMount(Mount* mount) {
  if (mount->propagation.empty()) mount->propagation = "rprivate";
  if (!mount->tmpfs.has_value()) return;
  if (!mount->tmpfs->mode.has_value()) mount->tmpfs->mode = kDefaultTmpfsMode;
  // Strict unless the opposite was asked for by name.
  for (const char* word : {"suid", "dev"}) {
    const std::string strict = std::string("no") + word;
    if (!Contains(mount->options, word) && !Contains(mount->options, strict)) {
      mount->options.push_back(strict);
    }
  }
}

void CompleteDevice(Device* device) {
  if (device->container_path.empty()) {
    device->container_path = device->host_path;
  }
  if (device->permissions.empty()) device->permissions = "rwm";
}

void CompleteResources(Resources* resources) {
  if (!resources->pids_limit.has_value()) {
    resources->pids_limit = kDefaultPidsLimit;
  }
  if (!resources->memory.kill_group.has_value()) {
    resources->memory.kill_group = true;
  }
  Cpu& cpu = resources->cpu;
  const bool limited =
      cpu.limit_millis.has_value() || cpu.quota_micros.has_value();
  if (limited && !cpu.period_micros.has_value()) {
    cpu.period_micros = kDefaultPeriodMicros;
  }
}

void CompleteNetwork(Network* network) {
  if (network->mode == NetworkMode::kDefault) {
    network->mode = NetworkMode::kNone;
  }
  for (PortMapping& port : network->ports) {
    if (port.host_ip.empty()) port.host_ip = kDefaultHostIp;
    if (port.protocol.empty()) port.protocol = kDefaultProtocol;
    if (port.count == 0) port.count = 1;
  }
}

void CompleteNamespaces(ContainerSpec* spec) {
  Namespaces& all = spec->namespaces;
  for (Namespace* ns : {&all.pid, &all.ipc, &all.uts, &all.cgroup}) {
    if (ns->mode == NamespaceMode::kDefault) ns->mode = NamespaceMode::kPrivate;
  }
  if (all.time.mode == NamespaceMode::kDefault) {
    all.time.mode = NamespaceMode::kHost;
  }
  CompleteNetwork(&spec->network);
  if (!spec->user_namespace.explicit_maps.has_value()) {
    spec->user_namespace.host = true;
  }
}

void CompleteSecurity(SecurityOptions* security) {
  const bool privileged = security->privileged;
  Seccomp& seccomp = security->seccomp;
  const bool chosen = seccomp.profile.has_value() ||
                      seccomp.oci_json.has_value() || seccomp.unconfined;
  if (!chosen && privileged) seccomp.unconfined = true;
  if ((!chosen && !privileged) || seccomp.profile == "default") {
    seccomp.profile = std::string(kDefaultSeccompProfile);
  }
  if (!security->masked_paths.has_value()) {
    security->masked_paths =
        privileged ? std::vector<std::string>() : Strings(DefaultMaskedPaths());
  }
  if (!security->readonly_paths.has_value()) {
    security->readonly_paths = privileged ? std::vector<std::string>()
                                          : Strings(DefaultReadonlyPaths());
  }
}

void CompleteLog(LogConfig* log) {
  if (log->driver == LogDriver::kUnspecified) log->driver = LogDriver::kFile;
  if (log->max_file_bytes == 0) log->max_file_bytes = kDefaultLogFileBytes;
  if (log->max_files == 0) log->max_files = kDefaultLogFiles;
}

}  // namespace

std::span<const std::string_view> DefaultCapabilities() {
  return kCapabilities;
}
std::span<const std::string_view> DefaultMaskedPaths() {
  return kMaskedPaths;
}
std::span<const std::string_view> DefaultReadonlyPaths() {
  return kReadonlyPaths;
}

ContainerSpec WithDefaults(const ContainerSpec& spec, std::string_view id) {
  ContainerSpec result = spec;
  const std::string_view short_id = id.substr(0, kShortIdDigits);
  if (result.name.empty()) result.name = short_id;
  CompleteNamespaces(&result);
  // With a shared uts namespace the name is not ours to choose.
  if (result.hostname.empty() &&
      result.namespaces.uts.mode == NamespaceMode::kPrivate) {
    result.hostname = short_id;
  }
  CompleteProcess(result.hostname, result.security.privileged, &result.process);
  if (result.rootfs.host_directory.has_value() &&
      !result.rootfs.host_directory->writable_layer.has_value()) {
    result.rootfs.host_directory->writable_layer = true;
  }
  for (Mount& mount : result.mounts) CompleteMount(&mount);
  for (Device& device : result.devices) CompleteDevice(&device);
  CompleteResources(&result.resources);
  CompleteLimits(&result.limits);
  CompleteSecurity(&result.security);
  CompleteLog(&result.log);
  const std::string_view stop_signal =
      result.stop_signal.empty() ? kDefaultStopSignal
                                 : std::string_view(result.stop_signal);
  result.stop_signal = SignalName(ParseSignal(stop_signal).value_or(0));
  if (!result.stop_timeout.has_value()) {
    result.stop_timeout = kDefaultStopTimeout;
  }
  return result;
}

ExecSpec WithDefaults(const ExecSpec& spec, const ContainerSpec& container) {
  ExecSpec result = spec;
  Process& process = result.process;
  const Process& parent = container.process;
  if (process.user.empty()) {
    process.user = parent.user;
    if (process.extra_groups.empty()) {
      process.extra_groups = parent.extra_groups;
      process.strict_groups = process.strict_groups || parent.strict_groups;
    }
  }
  if (process.working_dir.empty()) process.working_dir = parent.working_dir;
  InheritEnvironment(parent, &process);
  if (!process.capabilities.has_value()) {
    process.capabilities = parent.capabilities;
  }
  InheritRlimits(parent, &process);
  process.allow_new_privileges |= parent.allow_new_privileges;
  if (!process.umask.has_value()) process.umask = parent.umask;
  if (!process.oom_score_adj.has_value()) {
    process.oom_score_adj = parent.oom_score_adj;
  }
  CompleteProcess(container.hostname, container.security.privileged, &process);
  CompleteLimits(&result.limits);
  if (result.on_disconnect.action == DisconnectAction::kUnspecified) {
    result.on_disconnect.action = DisconnectAction::kKill;
  }
  if (!result.on_disconnect.grace.has_value()) {
    result.on_disconnect.grace = absl::ZeroDuration();
  }
  if (result.spool_bytes == 0) result.spool_bytes = kDefaultSpoolBytes;
  if (!result.retention.has_value()) result.retention = kDefaultRetention;
  return result;
}

NetworkSpec WithDefaults(const NetworkSpec& spec, std::string_view id) {
  NetworkSpec result = spec;
  if (result.name.empty()) result.name = id.substr(0, kShortIdDigits);
  if (result.driver.empty()) result.driver = kDefaultDriver;
  if (result.mode.empty() && result.driver == "macvlan") result.mode = "bridge";
  if (result.mode.empty() && result.driver == "ipvlan") result.mode = "l2";
  // Only where packets pass the host can it keep networks apart.
  const bool passes_host =
      result.driver == kDefaultDriver || result.driver == "ptp";
  if (passes_host && result.isolation == NetworkIsolation::kUnspecified) {
    result.isolation = NetworkIsolation::kNetwork;
  }
  return result;
}

}  // namespace caisson::spec
