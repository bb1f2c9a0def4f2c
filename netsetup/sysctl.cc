#include "netsetup/sysctl.h"

#include <fcntl.h>

#include <vector>

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

#include "runtime/base/file.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"

namespace caisson::netsetup {
namespace {

constexpr size_t kMaxValueBytes = 4096;
constexpr std::string_view kNet = "/proc/sys/net/";

// "/proc/sys/net/ipv6/" of "/proc/sys/net/ipv6/conf/all/accept_ra", and
// "/proc/sys/net/" of what is in there itself.
std::string FamilyDirectory(std::string_view path) {
  const size_t end = path.find('/', kNet.size());
  return std::string(path.substr(0, end == path.npos ? kNet.size() : end + 1));
}

}  // namespace

absl::StatusOr<std::string> SysctlPath(std::string_view key) {
  const std::vector<absl::string_view> parts =
      absl::StrSplit(base::AbslView(key), '/');
  bool is_good = parts.size() > 1 && parts[0] == "net" &&
                 key.find('\0') == std::string_view::npos;
  for (const absl::string_view part : parts) {
    is_good = is_good && !part.empty() && part != "." && part != "..";
  }
  if (!is_good) {
    return absl::InvalidArgumentError(
        base::StrCat("not a sysctl below net/: '", key, "'"));
  }
  return base::StrCat("/proc/sys/", key);
}

absl::Status WriteSysctl(const Sysctl& sysctl) {
  CAISSON_ASSIGN_OR_RETURN(const std::string path, SysctlPath(sysctl.key));
  return base::WriteFile(path, sysctl.value);
}

absl::Status WriteSysctls(std::span<const Sysctl> sysctls) {
  base::UniqueFd directory;
  std::string opened;  // "/proc/sys/net/ipv6/"
  for (const Sysctl& sysctl : sysctls) {
    CAISSON_ASSIGN_OR_RETURN(const std::string path, SysctlPath(sysctl.key));
    if (opened.empty() || !path.starts_with(opened)) {
      opened = FamilyDirectory(path);
      CAISSON_ASSIGN_OR_RETURN(directory,
                               base::Open(opened, O_PATH | O_DIRECTORY));
    }
    CAISSON_RETURN_IF_ERROR(base::WriteFileAt(
        directory.get(), path.substr(opened.size()), sysctl.value));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadSysctl(std::string_view key) {
  CAISSON_ASSIGN_OR_RETURN(const std::string path, SysctlPath(key));
  CAISSON_ASSIGN_OR_RETURN(std::string value,
                           base::ReadFileToString(path, kMaxValueBytes));
  while (!value.empty() && value.back() == '\n') value.pop_back();
  return value;
}

}  // namespace caisson::netsetup
