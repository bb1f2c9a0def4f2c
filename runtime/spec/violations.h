// Collects what is wrong with a spec. Internal to validate_*.cc.
//
// Process: daemon. Thread: any; a Violations belongs to one call.
#ifndef CAISSON_RUNTIME_SPEC_VIOLATIONS_H_
#define CAISSON_RUNTIME_SPEC_VIOLATIONS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"

#include "runtime/base/error_detail.h"
#include "runtime/spec/spec.h"

namespace caisson::spec {

class Violations {
 public:
  // Ignored once kMaxViolations are there.
  void Add(std::string field, std::string description);

  // `value` must be in min..max; the description says so with `unit`.
  void CheckRange(const std::string& field, int64_t value, int64_t min,
                  int64_t max, std::string_view unit = {});
  void CheckDuration(const std::string& field,
                     const std::optional<absl::Duration>& value,
                     absl::Duration min, absl::Duration max);
  // Absolute, at most 4095 bytes, without NUL and "..".
  void CheckPath(const std::string& field, std::string_view path);
  // No NUL byte.
  void CheckText(const std::string& field, std::string_view text);
  // An id or what could be a name of a `kind`.
  void CheckReference(const std::string& field, std::string_view reference,
                      std::string_view kind = "container");

  std::vector<base::FieldViolation> Take() { return std::move(list_); }

 private:
  std::vector<base::FieldViolation> list_;
};

// "prefix[3]".
std::string At(std::string_view prefix, size_t index);
// "prefix[key]"; a long or strange key is cut and escaped.
std::string AtKey(std::string_view prefix, std::string_view key);

using StringMap = std::map<std::string, std::string>;

// The parts, each in a file named after what it checks. `path` is the field's
// own path: "spec.process".
void CheckLabels(const std::string& path, const StringMap& labels,
                 Violations* out);
void CheckLimits(const std::string& path, const Limits& limits,
                 Violations* out);
void CheckProcess(const std::string& path, const Process& process,
                  Violations* out);
void CheckCapabilities(const std::string& path,
                       const Capabilities& capabilities, bool privileged,
                       Violations* out);
void CheckResources(const std::string& path, const Resources& resources,
                    Violations* out);
void CheckMounts(const std::string& path, const std::vector<Mount>& mounts,
                 Violations* out);
void CheckDevices(const std::string& path, const std::vector<Device>& devices,
                  Violations* out);
void CheckIsolation(const ContainerSpec& spec, Violations* out);
void CheckNetwork(const Network& network, Violations* out);
void CheckSecurity(const std::string& path, const SecurityOptions& security,
                   Violations* out);

}  // namespace caisson::spec

#endif  // CAISSON_RUNTIME_SPEC_VIOLATIONS_H_
