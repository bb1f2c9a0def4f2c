#include "runtime/cgroup/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

#include "runtime/base/file.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/base/syscall_error.h"

namespace caisson::cgroup {
namespace {

// More than any of these files has, a list of 10,000 pids included.
constexpr size_t kMaxFileBytes = 4 << 20;

// Gone between two looks: ENODEV is what an open file of a removed cgroup says.
bool IsGone(const absl::Status& status) {
  const int err = base::ErrnoOf(status);
  return err == ENOENT || err == ENODEV;
}

// A directory has one link from above, its own ".", and one from each
// directory in it. 0: there is none.
constexpr nlink_t kLeafLinks = 2;

nlink_t CountLinks(const std::string& path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0 ? info.st_nlink : 0;
}

}  // namespace

std::string FileIn(std::string_view directory, std::string_view file) {
  return base::StrCat(directory, "/", file);
}

absl::Status MakeCgroup(const std::string& path) {
  constexpr mode_t kMode = 0755;
  if (::mkdir(path.c_str(), kMode) != 0) {
    if (errno == EEXIST) return absl::OkStatus();
    return base::SyscallError("mkdir", path);
  }
  if (::chmod(path.c_str(), kMode) != 0) {
    return base::SyscallError("chmod", path);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadText(std::string_view directory,
                                     std::string_view file) {
  return base::ReadFileToString(FileIn(directory, file), kMaxFileBytes);
}

std::optional<int64_t> ReadNumber(std::string_view directory,
                                  std::string_view file) {
  const absl::StatusOr<base::UniqueFd> fd =
      base::Open(FileIn(directory, file), O_RDONLY);
  if (!fd.ok()) return std::nullopt;
  // One read: the kernel gives such a file as a whole.
  char text[32];
  const ssize_t size = ::read(fd->get(), text, sizeof(text));
  int64_t value = 0;
  if (size <= 0 ||
      !absl::SimpleAtoi(absl::string_view(text, static_cast<size_t>(size)),
                        &value)) {
    return std::nullopt;
  }
  return value;
}

std::optional<int64_t> ReadKey(std::string_view directory,
                               std::string_view file, std::string_view key) {
  const absl::StatusOr<std::string> text = ReadText(directory, file);
  if (!text.ok()) return std::nullopt;
  return FindKey(*text, key);
}

std::optional<int64_t> FindKey(std::string_view text, std::string_view key) {
  for (absl::string_view line : absl::StrSplit(base::AbslView(text), '\n')) {
    const size_t space = line.find(' ');
    if (space == absl::string_view::npos ||
        base::StdView(line.substr(0, space)) != key) {
      continue;
    }
    int64_t value = 0;
    if (absl::SimpleAtoi(line.substr(space + 1), &value)) return value;
  }
  return std::nullopt;
}

std::vector<std::string> Words(std::string_view text) {
  return absl::StrSplit(base::AbslView(text), absl::ByAnyChar(" \n"),
                        absl::SkipEmpty());
}

absl::StatusOr<std::vector<pid_t>> ReadPids(std::string_view directory,
                                            std::string_view file) {
  std::vector<pid_t> pids;
  const absl::StatusOr<std::string> text = ReadText(directory, file);
  if (!text.ok()) {
    // A threaded v2 cgroup has its processes elsewhere in the same tree.
    if (IsGone(text.status()) || base::ErrnoOf(text.status()) == EOPNOTSUPP) {
      return pids;
    }
    return text.status();
  }
  for (const std::string& word : Words(*text)) {
    pid_t pid = 0;
    if (absl::SimpleAtoi(word, &pid) && pid > 0) pids.push_back(pid);
  }
  return pids;
}

absl::StatusOr<std::vector<std::string>> Subdirectories(std::string_view path) {
  std::vector<std::string> names;
  if (CountLinks(std::string(path)) == kLeafLinks) return names;
  absl::StatusOr<base::UniqueFd> fd = base::Open(path, O_RDONLY | O_DIRECTORY);
  if (!fd.ok()) {
    if (IsGone(fd.status())) return names;
    return fd.status();
  }
  DIR* dir = ::fdopendir(fd->get());
  if (dir == nullptr) return base::SyscallError("fdopendir", path);
  static_cast<void>(fd->release());
  absl::Cleanup close = [dir] { ::closedir(dir); };
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(dir);
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (entry->d_type == DT_DIR && name != "." && name != "..") {
      names.emplace_back(name);
    }
  }
  if (errno != 0 && errno != ENOENT) {
    return base::SyscallError("readdir", path);
  }
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<std::vector<std::string>> Tree(std::string_view path) {
  std::vector<std::string> all;
  const nlink_t links = CountLinks(std::string(path));
  if (links == 0) return all;
  all.emplace_back(path);
  if (links == kLeafLinks) return all;
  // The usual container: one child, whose name is known.
  std::string init = FileIn(path, "init");
  if (links == kLeafLinks + 1 && CountLinks(init) == kLeafLinks) {
    all.push_back(std::move(init));
    return all;
  }
  // `all` grows while it is walked: breadth first, so parents come first.
  for (size_t i = 0; i < all.size(); ++i) {
    const std::string parent = all[i];
    CAISSON_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                             Subdirectories(parent));
    for (const std::string& name : names) all.push_back(FileIn(parent, name));
  }
  return all;
}

}  // namespace caisson::cgroup
