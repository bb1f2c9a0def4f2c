#include "runtime/spec/validate.h"

#include <cstdint>
#include <string>

#include "absl/strings/ascii.h"

#include "runtime/base/random_id.h"
#include "runtime/base/str_cat.h"
#include "runtime/spec/signal.h"
#include "runtime/spec/violations.h"

namespace caisson::spec {
namespace {

constexpr size_t kMaxNameBytes = 128;
constexpr size_t kMaxLabelKeyBytes = 317;
constexpr size_t kMaxLabelValueBytes = 4 << 10;
constexpr size_t kMaxLabelsBytes = 256 << 10;
constexpr absl::Duration kDay = absl::Hours(24);
constexpr absl::Duration kMaxDelay = absl::Hours(365 * 24);
// Fits into nanoseconds in 64 bits.
constexpr absl::Duration kMaxTime = absl::Hours(100 * 365 * 24);
constexpr int64_t kMinLogFileBytes = 64 << 10;
constexpr int64_t kMaxLogFileBytes = int64_t{1} << 40;
constexpr int64_t kMaxLogFiles = 1000;
constexpr int64_t kMinSpoolBytes = 64 << 10;
constexpr int64_t kMaxSpoolBytes = 1 << 30;

bool IsNameCharacter(char c) {
  const unsigned char byte = static_cast<unsigned char>(c);
  return absl::ascii_isalnum(byte) || c == '_' || c == '.' || c == '-';
}

void CheckRootfs(const Rootfs& rootfs, Violations* out) {
  if (!rootfs.host_directory.has_value()) {
    out->Add("spec.rootfs.host_directory", "must be set");
    return;
  }
  out->CheckPath("spec.rootfs.host_directory.path",
                 rootfs.host_directory->path);
}

void CheckLog(const LogConfig& log, Violations* out) {
  if (log.driver != LogDriver::kUnspecified && log.driver != LogDriver::kFile &&
      log.driver != LogDriver::kDiscard) {
    out->Add("spec.log.driver", "is not a value of this enum");
  }
  if (log.max_file_bytes != 0) {
    out->CheckRange("spec.log.max_file_bytes", log.max_file_bytes,
                    kMinLogFileBytes, kMaxLogFileBytes, "bytes");
  }
  if (log.max_files != 0) {
    out->CheckRange("spec.log.max_files", log.max_files, 1, kMaxLogFiles);
  }
}

void CheckStop(const ContainerSpec& spec, Violations* out) {
  if (!spec.stop_signal.empty() && !ParseSignal(spec.stop_signal)) {
    out->Add("spec.stop_signal",
             "is not a signal: a name as \"SIGTERM\" or a number in 1..64");
  }
  out->CheckDuration("spec.stop_timeout", spec.stop_timeout,
                     absl::ZeroDuration(), kDay);
  out->CheckDuration("spec.delete_after_exit", spec.delete_after_exit,
                     absl::ZeroDuration(), kMaxDelay);
}

void CheckOnDisconnect(const OnDisconnect& policy, Violations* out) {
  if (policy.action != DisconnectAction::kUnspecified &&
      policy.action != DisconnectAction::kKill) {
    out->Add("spec.on_disconnect.action", "must be KILL or unset");
  }
  out->CheckDuration("spec.on_disconnect.grace", policy.grace,
                     absl::ZeroDuration(), kDay);
}

}  // namespace

void CheckLabels(const std::string& path, const StringMap& labels,
                 Violations* out) {
  size_t total = 0;
  for (const auto& [key, value] : labels) {
    total += key.size() + value.size();
    if (key.empty() || key.size() > kMaxLabelKeyBytes) {
      out->Add(AtKey(path, key), "keys have 1..317 bytes");
    }
    for (const char c : key) {
      if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
        out->Add(AtKey(path, key), "keys have no control characters");
        break;
      }
    }
    out->CheckText(AtKey(path, key), value);
    if (value.size() > kMaxLabelValueBytes) {
      out->Add(AtKey(path, key), "values have at most 4096 bytes");
    }
  }
  if (total > kMaxLabelsBytes) {
    out->Add(path, base::StrCat("all together have at most ", kMaxLabelsBytes,
                                " bytes, are ", total));
  }
}

void CheckLimits(const std::string& path, const Limits& limits,
                 Violations* out) {
  out->CheckDuration(path + ".wall_time", limits.wall_time,
                     absl::Nanoseconds(1), kMaxTime);
  out->CheckDuration(path + ".cpu_time", limits.cpu_time, absl::Nanoseconds(1),
                     kMaxTime);
  if (limits.output_bytes.has_value()) {
    out->CheckRange(path + ".output_bytes", *limits.output_bytes, 1, INT64_MAX,
                    "bytes");
  }
  if (limits.output_action != OutputAction::kUnspecified &&
      limits.output_action != OutputAction::kKill &&
      limits.output_action != OutputAction::kDiscard) {
    out->Add(path + ".output_action", "is not a value of this enum");
  }
  out->CheckDuration(path + ".grace", limits.grace, absl::ZeroDuration(), kDay);
}

std::string NameProblem(std::string_view name) {
  if (name.empty() || name.size() > kMaxNameBytes) {
    return "names have 1..128 characters";
  }
  if (!absl::ascii_isalnum(static_cast<unsigned char>(name[0]))) {
    return "names begin with a letter or a digit";
  }
  for (const char c : name) {
    if (!IsNameCharacter(c)) {
      return "names consist of letters, digits, '_', '.' and '-'";
    }
  }
  if (base::LooksLikeId(name)) return "names do not look like an id";
  return {};
}

std::vector<base::FieldViolation> Validate(const ContainerSpec& spec) {
  Violations out;
  if (!spec.name.empty()) {
    std::string problem = NameProblem(spec.name);
    if (!problem.empty()) out.Add("spec.name", std::move(problem));
  }
  CheckLabels("spec.labels", spec.labels, &out);
  CheckLabels("spec.annotations", spec.annotations, &out);
  CheckRootfs(spec.rootfs, &out);
  CheckProcess("spec.process", spec.process, &out);
  if (spec.process.capabilities.has_value()) {
    CheckCapabilities("spec.process.capabilities", *spec.process.capabilities,
                      spec.security.privileged, &out);
  }
  CheckMounts("spec.mounts", spec.mounts, &out);
  CheckDevices("spec.devices", spec.devices, &out);
  CheckResources("spec.resources", spec.resources, &out);
  CheckLimits("spec.limits", spec.limits, &out);
  CheckIsolation(spec, &out);
  CheckSecurity("spec.security", spec.security, &out);
  CheckLog(spec.log, &out);
  CheckStop(spec, &out);
  return out.Take();
}

std::vector<base::FieldViolation> Validate(const ExecSpec& spec) {
  Violations out;
  CheckProcess("spec.process", spec.process, &out);
  if (spec.process.capabilities.has_value()) {
    CheckCapabilities("spec.process.capabilities", *spec.process.capabilities,
                      /*privileged=*/false, &out);
  }
  CheckLimits("spec.limits", spec.limits, &out);
  CheckOnDisconnect(spec.on_disconnect, &out);
  CheckLabels("spec.labels", spec.labels, &out);
  if (spec.spool_bytes != 0) {
    out.CheckRange("spec.spool_bytes", spec.spool_bytes, kMinSpoolBytes,
                   kMaxSpoolBytes, "bytes");
  }
  out.CheckDuration("spec.retention", spec.retention, absl::ZeroDuration(),
                    kDay);
  return out.Take();
}

}  // namespace caisson::spec
