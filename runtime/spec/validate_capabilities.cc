#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/str_cat.h"
#include "runtime/spec/capability.h"
#include "runtime/spec/defaults.h"
#include "runtime/spec/violations.h"

namespace caisson::spec {
namespace {

constexpr std::string_view kAll = "ALL";

// Checks the names and returns their mask; "ALL" counts where it is allowed.
uint64_t CheckNames(const std::string& field,
                    const std::vector<std::string>& names, bool all_allowed,
                    Violations* out) {
  uint64_t mask = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    if (all_allowed && names[i] == kAll) continue;
    const std::optional<int> capability = ParseCapability(names[i]);
    if (!capability.has_value()) {
      out->Add(At(field, i), "is not a capability, as \"CAP_NET_ADMIN\"");
      continue;
    }
    mask |= uint64_t{1} << *capability;
  }
  return mask;
}

bool HasAll(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (name == kAll) return true;
  }
  return false;
}

// `part` must be within `whole`.
void CheckSubset(const std::string& field, uint64_t part, uint64_t whole,
                 std::string_view of, Violations* out) {
  if ((part & ~whole) == 0) return;
  out->Add(field, base::StrCat(CapabilityNames(part & ~whole).front(),
                               " is not in ", of));
}

void CheckExact(const std::string& path, const CapabilitySets& sets,
                Violations* out) {
  const auto mask = [&](const char* name, const std::vector<std::string>& set) {
    return CheckNames(base::StrCat(path, ".", name), set, false, out);
  };
  const uint64_t bounding = mask("bounding", sets.bounding);
  const uint64_t effective = mask("effective", sets.effective);
  const uint64_t permitted = mask("permitted", sets.permitted);
  const uint64_t inheritable = mask("inheritable", sets.inheritable);
  const uint64_t ambient = mask("ambient", sets.ambient);
  CheckSubset(path + ".permitted", permitted, bounding, "bounding", out);
  CheckSubset(path + ".effective", effective, permitted, "permitted", out);
  CheckSubset(path + ".inheritable", inheritable, bounding, "bounding", out);
  CheckSubset(path + ".ambient", ambient, permitted, "permitted", out);
  CheckSubset(path + ".ambient", ambient, inheritable, "inheritable", out);
}

}  // namespace

void CheckCapabilities(const std::string& path,
                       const Capabilities& capabilities, bool privileged,
                       Violations* out) {
  if (capabilities.exact.has_value()) {
    if (!capabilities.add.empty() || !capabilities.drop.empty() ||
        !capabilities.ambient.empty()) {
      out->Add(path + ".exact", "excludes add, drop and ambient");
    }
    CheckExact(path + ".exact", *capabilities.exact, out);
    return;
  }
  const uint64_t add = CheckNames(path + ".add", capabilities.add, true, out);
  const uint64_t drop =
      CheckNames(path + ".drop", capabilities.drop, true, out);
  CheckNames(path + ".ambient", capabilities.ambient, false, out);
  if ((add & drop) != 0) {
    out->Add(path + ".drop", base::StrCat(CapabilityNames(add & drop).front(),
                                          " is in add as well"));
  }
  // The same sum as in WithDefaults.
  const std::span<const std::string_view> defaults = DefaultCapabilities();
  uint64_t result = CapabilityMask({defaults.begin(), defaults.end()});
  if (privileged) result = AllCapabilities();
  if (HasAll(capabilities.drop)) result = 0;
  if (HasAll(capabilities.add)) result = AllCapabilities();
  result = (result | add) & ~drop;
  for (size_t i = 0; i < capabilities.ambient.size(); ++i) {
    CheckSubset(At(path + ".ambient", i),
                CapabilityMask({capabilities.ambient[i]}), result,
                "the resulting set", out);
  }
}

}  // namespace caisson::spec
