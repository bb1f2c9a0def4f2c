#include "netsetup/netns_pins.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <utility>

#include "runtime/base/file.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/base/syscall_error.h"

namespace caisson::netsetup {
namespace {

constexpr size_t kMaxTagBytes = 256;

// The directory as it is without what is mounted on the files in it: a copy of
// its mount alone, which goes with the descriptor.
absl::StatusOr<base::UniqueFd> OpenBare(const std::string& directory) {
  base::UniqueFd bare(::open_tree(AT_FDCWD, directory.c_str(),
                                  OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!bare.is_valid()) return base::SyscallError("open_tree", directory);
  return bare;
}

// Empty for what is no file of ours: too long, a directory, a link.
std::string ReadTag(int bare_fd, const std::string& name) {
  const absl::StatusOr<base::UniqueFd> file =
      base::OpenAt(bare_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  struct stat info = {};
  if (!file.ok() || ::fstat(file->get(), &info) != 0 ||
      !S_ISREG(info.st_mode)) {
    return "";
  }
  const auto tag = base::ReadFdToString(file->get(), kMaxTagBytes);
  return tag.ok() ? *tag : "";
}

NetnsPin ReadPin(int bare_fd, const std::string& name,
                 std::string_view directory) {
  NetnsPin pin = {.name = name, .tag = ReadTag(bare_fd, name), .netns = {}};
  const absl::StatusOr<Netns> netns = OpenNamedNetns(name, directory);
  if (netns.ok()) pin.netns = netns->id;
  return pin;
}

}  // namespace

absl::StatusOr<std::vector<NetnsPin>> ListNetnsPins(
    std::string_view directory) {
  std::vector<NetnsPin> pins;
  const std::string folder(directory);
  if (!base::PathExists(folder)) return pins;
  CAISSON_ASSIGN_OR_RETURN(const base::UniqueFd bare, OpenBare(folder));
  CAISSON_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                           base::ListDirectory(folder));
  pins.reserve(names.size());
  for (const std::string& name : names) {
    pins.push_back(ReadPin(bare.get(), name, directory));
  }
  return pins;
}

absl::StatusOr<std::optional<NetnsPin>> FindNetnsPin(
    std::string_view name, std::string_view directory) {
  const std::string folder(directory);
  if (!IsPinName(name)) {
    return absl::InvalidArgumentError(
        base::StrCat("not a name for a network namespace: '", name, "'"));
  }
  if (!base::PathExists(base::StrCat(folder, "/", name))) {
    return std::optional<NetnsPin>();
  }
  CAISSON_ASSIGN_OR_RETURN(const base::UniqueFd bare, OpenBare(folder));
  return std::optional<NetnsPin>(
      ReadPin(bare.get(), std::string(name), directory));
}

}  // namespace caisson::netsetup
