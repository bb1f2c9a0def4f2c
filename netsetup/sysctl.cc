#include "netsetup/sysctl.h"

#include <fcntl.h>
#include <sys/mount.h>

#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

#include "runtime/base/file.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/base/syscall_error.h"

namespace caisson::netsetup {
namespace {

constexpr size_t kMaxValueBytes = 4096;
constexpr char kNet[] = "/proc/sys/net/";
// How many namespaces a procfs of ours gets to know. A new one costs as much as
// asking it for some dozens.
constexpr int kUses = 64;

absl::StatusOr<base::UniqueFd> OpenNet() {
  return base::Open(kNet, O_PATH | O_DIRECTORY);
}

absl::StatusOr<base::UniqueFd> OpenOwnNet() {
  const base::UniqueFd context(::fsopen("proc", FSOPEN_CLOEXEC));
  if (!context.is_valid()) return base::SyscallError("fsopen", "proc");
  if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) !=
      0) {
    return base::SyscallError("fsconfig", "proc");
  }
  const base::UniqueFd mount(
      ::fsmount(context.get(), FSMOUNT_CLOEXEC,
                MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
  if (!mount.is_valid()) return base::SyscallError("fsmount", "proc");
  return base::OpenAt(mount.get(), "sys/net", O_PATH | O_DIRECTORY);
}

absl::StatusOr<base::UniqueFd> OpenOwnNetIfAllowed() {
  absl::StatusOr<base::UniqueFd> net = OpenOwnNet();
  // Where it is not, everybody's is right too, only slower.
  return net.ok() ? std::move(net) : OpenNet();
}

const absl::StatusOr<base::UniqueFd>& HostNet() {
  static const auto& net =
      *new absl::StatusOr<base::UniqueFd>(OpenOwnNetIfAllowed());
  return net;
}

std::string WithoutLineFeed(std::string value) {
  while (!value.empty() && value.back() == '\n') value.pop_back();
  return value;
}

// Below net/, whose descriptor is given.
absl::Status WriteBelow(int net_fd, std::span<const Sysctl> sysctls) {
  base::UniqueFd directory;
  std::string opened;  // "/proc/sys/net/ipv6/"
  for (const Sysctl& sysctl : sysctls) {
    CAISSON_ASSIGN_OR_RETURN(const std::string path, SysctlPath(sysctl.key));
    if (opened.empty() || !path.starts_with(opened)) {
      // To find the family's directory is what takes long: once for all of it.
      const size_t family = sizeof(kNet) - 1;
      const size_t slash = path.find('/', family);
      if (slash == path.npos) {
        CAISSON_RETURN_IF_ERROR(
            base::WriteFileAt(net_fd, path.substr(family), sysctl.value));
        continue;
      }
      opened = path.substr(0, slash + 1);
      CAISSON_ASSIGN_OR_RETURN(
          directory,
          base::OpenAt(net_fd, opened.substr(family), O_PATH | O_DIRECTORY));
    }
    CAISSON_RETURN_IF_ERROR(base::Annotate(
        base::WriteFileAt(directory.get(), path.substr(opened.size()),
                          sysctl.value),
        sysctl.key));
  }
  return absl::OkStatus();
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
  CAISSON_ASSIGN_OR_RETURN(const base::UniqueFd net, OpenNet());
  return WriteBelow(net.get(), sysctls);
}

absl::StatusOr<std::string> ReadSysctl(std::string_view key) {
  CAISSON_ASSIGN_OR_RETURN(const std::string path, SysctlPath(key));
  CAISSON_ASSIGN_OR_RETURN(std::string value,
                           base::ReadFileToString(path, kMaxValueBytes));
  return WithoutLineFeed(std::move(value));
}

absl::StatusOr<std::string> ReadHostSysctl(std::string_view key) {
  CAISSON_ASSIGN_OR_RETURN(const std::string path, SysctlPath(key));
  const absl::StatusOr<base::UniqueFd>& net = HostNet();
  CAISSON_RETURN_IF_ERROR(net.status());
  absl::StatusOr<std::string> value = base::ReadFileToStringAt(
      net->get(), path.substr(sizeof(kNet) - 1), kMaxValueBytes);
  if (!value.ok()) return base::Annotate(value.status(), key);
  return WithoutLineFeed(*std::move(value));
}

absl::Status WriteHostSysctl(const Sysctl& sysctl) {
  const absl::StatusOr<base::UniqueFd>& net = HostNet();
  CAISSON_RETURN_IF_ERROR(net.status());
  return WriteBelow(net->get(), {&sysctl, 1});
}

absl::Status SysctlWriter::Renew() {
  CAISSON_ASSIGN_OR_RETURN(net_, OpenOwnNetIfAllowed());
  uses_left_ = kUses;
  return absl::OkStatus();
}

absl::Status SysctlWriter::Write(std::span<const Sysctl> sysctls) {
  if (uses_left_ == 0) CAISSON_RETURN_IF_ERROR(Renew());
  --uses_left_;
  return WriteBelow(net_.get(), sysctls);
}

}  // namespace caisson::netsetup
