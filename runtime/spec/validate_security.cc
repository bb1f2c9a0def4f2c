#include <string>
#include <string_view>
#include <vector>

#include "nlohmann/json.hpp"

#include "runtime/base/path_safe.h"
#include "runtime/base/str_cat.h"
#include "runtime/spec/defaults.h"
#include "runtime/spec/violations.h"

namespace caisson::spec {
namespace {

constexpr size_t kMaxPaths = 256;
constexpr size_t kMaxProfileBytes = 256 << 10;

void CheckPathList(const std::string& path, const PathList& list,
                   Violations* out) {
  if (!list.has_value()) return;
  if (list->size() > kMaxPaths) {
    out->Add(path, base::StrCat("at most ", kMaxPaths, " paths"));
    return;
  }
  for (size_t i = 0; i < list->size(); ++i) {
    const std::string field = At(path + ".paths", i);
    out->CheckPath(field, (*list)[i]);
    if (base::IsCleanAbsolutePath((*list)[i]) &&
        base::NormalizePath((*list)[i]) == "/") {
      out->Add(field, "must not be \"/\"");
    }
  }
}

void CheckSeccomp(const std::string& path, const Seccomp& seccomp,
                  Violations* out) {
  const int chosen = int{seccomp.profile.has_value()} +
                     int{seccomp.oci_json.has_value()} +
                     int{seccomp.unconfined};
  if (chosen > 1) {
    out->Add(path, "must have one of profile, oci_json and unconfined");
    return;
  }
  if (seccomp.profile.has_value() && *seccomp.profile != "default" &&
      *seccomp.profile != kDefaultSeccompProfile) {
    out->Add(path + ".profile", "must be \"default\"");
  }
  if (!seccomp.oci_json.has_value()) return;
  if (seccomp.oci_json->size() > kMaxProfileBytes) {
    out->Add(path + ".oci_json", "must have at most 256 KiB");
  } else if (!nlohmann::json::accept(*seccomp.oci_json)) {
    out->Add(path + ".oci_json", "is not JSON");
  }
}

}  // namespace

void CheckSecurity(const std::string& path, const SecurityOptions& security,
                   Violations* out) {
  CheckSeccomp(path + ".seccomp", security.seccomp, out);
  CheckPathList(path + ".masked_paths", security.masked_paths, out);
  CheckPathList(path + ".readonly_paths", security.readonly_paths, out);
}

}  // namespace caisson::spec
