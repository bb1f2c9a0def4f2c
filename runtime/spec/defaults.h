// The values that stand for unset fields. They are part of the contract with
// clients: what is unset stays safe in every later version.
//
// Process: daemon. Thread: any; pure.
#ifndef CAISSON_RUNTIME_SPEC_DEFAULTS_H_
#define CAISSON_RUNTIME_SPEC_DEFAULTS_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "absl/time/time.h"

#include "runtime/spec/spec.h"

namespace caisson::spec {

inline constexpr int64_t kDefaultPidsLimit = 2048;
inline constexpr int64_t kDefaultPeriodMicros = 100'000;
inline constexpr int32_t kDefaultUmask = 0022;
inline constexpr int64_t kDefaultLogFileBytes = 16 << 20;
inline constexpr int32_t kDefaultLogFiles = 4;
inline constexpr int64_t kDefaultSpoolBytes = 1 << 20;
inline constexpr int32_t kDefaultRows = 24;
inline constexpr int32_t kDefaultCols = 80;
inline constexpr int32_t kDefaultTmpfsMode = 01777;
inline constexpr absl::Duration kDefaultStopTimeout = absl::Seconds(10);
inline constexpr absl::Duration kDefaultRetention = absl::Minutes(10);
inline constexpr std::string_view kDefaultStopSignal = "SIGTERM";
// The version of the filter that "default" means today.
inline constexpr std::string_view kDefaultSeccompProfile = "default/1";
inline constexpr std::string_view kDefaultHostIp = "127.0.0.1";
inline constexpr std::string_view kDefaultProtocol = "tcp";
inline constexpr std::string_view kDefaultDriver = "bridge";
inline constexpr std::string_view kDefaultPath =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// Nine capabilities that images expect of root and that reach nothing outside
// of the container.
std::span<const std::string_view> DefaultCapabilities();
// Paths of /proc and /sys that tell about or act on the host.
std::span<const std::string_view> DefaultMaskedPaths();
std::span<const std::string_view> DefaultReadonlyPaths();

// The effective spec: `spec` must be valid; nothing in the result that has a
// default is unset, names of capabilities, rlimits and signals are canonical,
// capabilities.exact holds the resulting sets, privileged is spelled out, and
// default rlimits are added with from_default. Stays unset: oom_score_adj (the
// daemon's own may be higher), limits, cpu and memory, user lookups.
// `id` gives the default name and hostname; empty: they stay unset.
ContainerSpec WithDefaults(const ContainerSpec& spec, std::string_view id = {});

// The same for an exec; what it leaves unset and a process inherits
// (capabilities, rlimits, umask, oom_score_adj) comes from `container`, which
// is effective.
ExecSpec WithDefaults(const ExecSpec& spec, const ContainerSpec& container);

// The same for a network. What depends on the host and on other networks stays
// unset: subnets, gateways, mtu.
NetworkSpec WithDefaults(const NetworkSpec& spec, std::string_view id = {});

}  // namespace caisson::spec

#endif  // CAISSON_RUNTIME_SPEC_DEFAULTS_H_
