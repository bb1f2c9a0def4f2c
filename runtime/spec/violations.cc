#include "runtime/spec/violations.h"

#include "absl/strings/escaping.h"
#include "absl/time/time.h"

#include "runtime/base/path_safe.h"
#include "runtime/base/random_id.h"
#include "runtime/base/str_cat.h"
#include "runtime/spec/validate.h"

namespace caisson::spec {
namespace {

constexpr size_t kMaxKeyShown = 64;

}  // namespace

void Violations::Add(std::string field, std::string description) {
  if (list_.size() >= kMaxViolations) return;
  list_.push_back({std::move(field), std::move(description)});
}

void Violations::CheckRange(const std::string& field, int64_t value,
                            int64_t min, int64_t max, std::string_view unit) {
  if (value >= min && value <= max) return;
  const std::string_view space = unit.empty() ? "" : " ";
  Add(field,
      base::StrCat("must be in ", min, "..", max, space, unit, ", is ", value));
}

void Violations::CheckDuration(const std::string& field,
                               const std::optional<absl::Duration>& value,
                               absl::Duration min, absl::Duration max) {
  if (!value.has_value() || (*value >= min && *value <= max)) return;
  Add(field, base::StrCat("must be in ", absl::FormatDuration(min), "..",
                          absl::FormatDuration(max), ", is ",
                          absl::FormatDuration(*value)));
}

void Violations::CheckPath(const std::string& field, std::string_view path) {
  if (base::IsCleanAbsolutePath(path)) return;
  Add(field, path.empty()
                 ? "must be set"
                 : "must be an absolute path of at most 4095 bytes without "
                   "\"..\" and NUL");
}

void Violations::CheckText(const std::string& field, std::string_view text) {
  if (text.find('\0') == std::string_view::npos) return;
  Add(field, "must not contain a NUL byte");
}

void Violations::CheckReference(const std::string& field,
                                std::string_view reference,
                                std::string_view kind) {
  if (reference.empty()) {
    Add(field, base::StrCat("must be the id or name of a ", kind));
  } else if (!base::LooksLikeId(reference) && !NameProblem(reference).empty()) {
    Add(field, base::StrCat("is not the id or name of a ", kind));
  }
}

std::string At(std::string_view prefix, size_t index) {
  return base::StrCat(prefix, "[", index, "]");
}

std::string AtKey(std::string_view prefix, std::string_view key) {
  const std::string_view shown = key.substr(0, kMaxKeyShown);
  return base::StrCat(prefix, "[", absl::Utf8SafeCEscape(base::AbslView(shown)),
                      shown.size() < key.size() ? "...]" : "]");
}

}  // namespace caisson::spec
