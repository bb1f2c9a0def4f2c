#include "runtime/base/remove_tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "runtime/base/file.h"
#include "runtime/base/path_safe.h"
#include "runtime/base/random_id.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"

namespace caisson::base {
namespace {

// Each level of a tree costs a descriptor. Trees that are deeper are moved up
// to the top and removed from there, so that depth costs nothing.
constexpr size_t kMaxOpenLevels = 64;

class TreeRemover {
 public:
  TreeRemover(int dir_fd, std::string name)
      : dir_fd_(dir_fd), name_(std::move(name)) {}

  absl::Status Run() {
    pending_.push_back(name_);
    while (!pending_.empty()) {
      const std::string name = std::move(pending_.back());
      pending_.pop_back();
      RemoveEntry(dir_fd_, name, 0);
    }
    return first_error_;
  }

 private:
  void Note(const absl::Status& status) {
    if (first_error_.ok()) first_error_ = status;
  }

  // True when `name` is gone.
  bool Unlink(int dir_fd, const std::string& name, int flags) {
    if (::unlinkat(dir_fd, name.c_str(), flags) == 0 || errno == ENOENT) {
      return true;
    }
    return false;
  }

  void RemoveEntry(int dir_fd, const std::string& name, size_t level) {
    if (Unlink(dir_fd, name, 0)) return;
    // Linux says EISDIR for a directory, POSIX and some file systems EPERM.
    if (errno != EISDIR && errno != EPERM) {
      Note(SyscallError("unlink", name));
      return;
    }
    if (Unlink(dir_fd, name, AT_REMOVEDIR)) return;
    if (errno != ENOTEMPTY && errno != EEXIST) {
      Note(SyscallError(errno == ENOTDIR ? "unlink" : "rmdir", name));
      return;
    }
    if (level >= kMaxOpenLevels) {
      MoveToTop(dir_fd, name);
    } else {
      EmptyDirectory(dir_fd, name, level);
    }
  }

  void MoveToTop(int dir_fd, const std::string& name) {
    std::string moved = absl::StrCat(".remove-", RandomId());
    if (::renameat(dir_fd, name.c_str(), dir_fd_, moved.c_str()) != 0) {
      Note(SyscallError("rename", name));
      return;
    }
    pending_.push_back(std::move(moved));
  }

  void EmptyDirectory(int dir_fd, const std::string& name, size_t level) {
    constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
    // Strict: neither a link nor a mount that appeared meanwhile is entered.
    absl::StatusOr<UniqueFd> fd = OpenBeneathStrict(dir_fd, name, kFlags);
    if (!fd.ok()) {
      Note(fd.status());
      return;
    }
    absl::StatusOr<std::vector<std::string>> names = ListDirectory(fd->get());
    if (!names.ok()) {
      Note(names.status());
      return;
    }
    for (const std::string& child : *names) {
      RemoveEntry(fd->get(), child, level + 1);
    }
    if (!Unlink(dir_fd, name, AT_REMOVEDIR)) {
      Note(SyscallError("rmdir", name));
    }
  }

  const int dir_fd_;
  const std::string name_;
  std::vector<std::string> pending_;
  absl::Status first_error_;
};

}  // namespace

absl::Status RemoveTreeAt(int dir_fd, std::string_view name) {
  if (name.empty() || name == "." || name == ".." ||
      name.find('/') != std::string_view::npos) {
    return SyscallErrorFrom(EINVAL, "unlink", name);
  }
  return TreeRemover(dir_fd, std::string(name)).Run();
}

absl::Status RemoveTree(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return RemoveTreeAt(AT_FDCWD, path);
  absl::StatusOr<UniqueFd> parent =
      Open(slash == 0 ? "/" : path.substr(0, slash), O_RDONLY | O_DIRECTORY);
  if (!parent.ok()) {
    return ErrnoOf(parent.status()) == ENOENT ? absl::OkStatus()
                                              : parent.status();
  }
  return RemoveTreeAt(parent->get(), path.substr(slash + 1));
}

}  // namespace caisson::base
