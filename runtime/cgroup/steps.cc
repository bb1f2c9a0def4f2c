#include "runtime/cgroup/steps.h"

#include <utility>

#include "runtime/base/error_detail.h"
#include "runtime/base/str_cat.h"
#include "runtime/cgroup/files.h"

namespace caisson::cgroup {

void Mkdir(const std::string& path, std::string_view why,
           std::vector<CgroupStep>* steps) {
  steps->push_back({.kind = StepKind::kMkdir,
                    .path = path,
                    .value = {},
                    .why = std::string(why)});
}

void Write(const std::string& directory, std::string_view file,
           std::string value, std::string_view why,
           std::vector<CgroupStep>* steps) {
  steps->push_back({.kind = StepKind::kWrite,
                    .path = FileIn(directory, file),
                    .value = std::move(value),
                    .why = std::string(why)});
}

void WriteIfPresent(const std::string& directory, std::string_view file,
                    std::string value, std::string_view why,
                    std::vector<CgroupStep>* steps) {
  Write(directory, file, std::move(value), why, steps);
  steps->back().optional = true;
}

std::string PidsValue(int64_t limit) {
  return limit < 0 ? "max" : base::StrCat(limit);
}

absl::Status MissingFeature(std::string_view feature, std::string_view why) {
  return base::MakeError(
      absl::StatusCode::kUnimplemented, "FEATURE_UNAVAILABLE",
      base::StrCat("this host cannot do ", feature, ": ", why),
      {{"feature", std::string(feature)}, {"why", std::string(why)}});
}

}  // namespace caisson::cgroup
