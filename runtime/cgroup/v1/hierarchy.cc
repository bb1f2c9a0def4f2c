#include "runtime/cgroup/v1/hierarchy.h"

#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"

#include "runtime/base/file.h"
#include "runtime/base/status_macros.h"
#include "runtime/cgroup/files.h"

namespace caisson::cgroup::v1 {
namespace {

std::string Value(const std::string& path, std::string_view file) {
  absl::StatusOr<std::string> text = ReadText(path, file);
  if (!text.ok()) return {};
  absl::StripAsciiWhitespace(&*text);
  return *std::move(text);
}

}  // namespace

absl::Status InheritCpuset(const std::string& path) {
  const std::string parent = path.substr(0, path.rfind('/'));
  for (const char* file : {"cpuset.cpus", "cpuset.mems"}) {
    if (!Value(path, file).empty()) continue;
    CAISSON_RETURN_IF_ERROR(
        base::WriteFile(FileIn(path, file), Value(parent, file)));
  }
  return absl::OkStatus();
}

void ReadCpuset(const std::string& path, std::string* cpus, std::string* mems) {
  *cpus = Value(path, "cpuset.cpus");
  *mems = Value(path, "cpuset.mems");
}

}  // namespace caisson::cgroup::v1
