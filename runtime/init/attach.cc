// Ops that put mounts into the container's tree.
//
// The image is hostile: any component of a target may be a symbolic link, or
// be exchanged while we look (CVE-2021-30465). So a target is resolved once,
// inside the root, to an fd, and the mount goes to that fd.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime/init/context.h"
#include "runtime/init/syscalls.h"
#include "runtime/plan/ops.h"

namespace caisson::init {

using plan::Op;

namespace {

// Links that lead nowhere yet, in one target.
constexpr int kMaxLinks = 8;
constexpr uint64_t kInRoot = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;

int OpenInRoot(const Context& context, const char* path, uint64_t flags,
               uint64_t more_resolve) noexcept {
  return OpenAt2(context.slots[plan::kSlotRoot], path, O_PATH | flags, 0,
                 kInRoot | more_resolve);
}

int MoveTo(int mount_fd, int target_fd) noexcept {
  return ErrnoIf(
      ::move_mount(mount_fd, "", target_fd, "",
                   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0);
}

// A new reference to what `fd` shows, put over the target.
int CoverWithClone(int fd, int target_fd) noexcept {
  const ScopedFd tree(
      ::open_tree(fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
  return tree.ok() ? MoveTo(tree.get(), target_fd) : errno;
}

// Opens `name` in the directory, made by us if it was missing. A symbolic link
// that leads nowhere is ELOOP, and nothing is made behind it.
int OpenOrMakeComponent(int parent_fd, const char* name,
                        bool directory) noexcept {
  if (directory) {
    if (::mkdirat(parent_fd, name, 0755) != 0 && errno != EEXIST) return -1;
  } else {
    const ScopedFd file(::openat(
        parent_fd, name,
        O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
        0644));
    if (!file.ok() && errno != EEXIST) return -1;
  }
  return OpenAt2(parent_fd, name, O_PATH | (directory ? O_DIRECTORY : 0), 0,
                 RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

// The component path[begin, end) is a symbolic link in the directory: puts
// what it leads to in its place, as seen from the root. Images have links that
// dangle until their target is mounted (/etc/resolv.conf).
bool SpliceLink(int parent_fd, char* path, size_t begin, size_t end) noexcept {
  char spliced[PATH_MAX];
  char link[PATH_MAX];
  const char saved = path[end];
  path[end] = '\0';
  const ssize_t n = ::readlinkat(parent_fd, path + begin, link, sizeof(link));
  path[end] = saved;
  if (n <= 0) return false;
  const size_t size = static_cast<size_t>(n);
  const size_t head = link[0] == '/' ? 0 : begin;
  const size_t tail = strlen(path + end);
  if (head + size + tail >= sizeof(spliced)) {
    errno = ENAMETOOLONG;
    return false;
  }
  memcpy(spliced, path, head);
  memcpy(spliced + head, link, size);
  memcpy(spliced + head + size, path + end, tail + 1);
  memcpy(path, spliced, head + size + tail + 1);
  return true;
}

// Opens the prefix of `path` that ends at `end`, made if it is missing. Its
// last component begins at `begin` and lies in `parent_fd`.
int OpenOrMakePrefix(const Context& context, char* path, size_t begin,
                     size_t end, int parent_fd, bool directory) noexcept {
  const char saved = path[end];
  path[end] = '\0';
  int fd = OpenInRoot(context, path, 0, 0);
  if (fd < 0 && errno == ENOENT) {
    fd = OpenOrMakeComponent(parent_fd, path + begin, directory);
  }
  path[end] = saved;
  return fd;
}

// mkdir -p below the root, one component at a time; the last one is a
// directory or an empty file. Links are followed inside the root.
int MakeTarget(const Context& context, const char* target,
               bool directory) noexcept {
  char path[PATH_MAX];
  if (strlen(target) >= sizeof(path)) {
    errno = ENAMETOOLONG;
    return -1;
  }
  memcpy(path, target, strlen(target) + 1);
  ScopedFd parent(OpenInRoot(context, ".", O_DIRECTORY, 0));
  int links = 0;
  for (size_t begin = 0; path[begin] != '\0';) {
    while (path[begin] == '/') ++begin;
    size_t end = begin;
    while (path[end] != '\0' && path[end] != '/') ++end;
    const int next = OpenOrMakePrefix(context, path, begin, end, parent.get(),
                                      path[end] == '/' || directory);
    if (next >= 0) {
      parent.Reset(next);
      begin = path[end] == '/' ? end + 1 : end;
    } else if (errno == ELOOP && ++links <= kMaxLinks &&
               SpliceLink(parent.get(), path, begin, end)) {
      parent.Reset(OpenInRoot(context, ".", O_DIRECTORY, 0));
      begin = 0;
    } else {
      return -1;
    }
  }
  return ::fcntl(parent.get(), F_DUPFD_CLOEXEC, 3);
}

int IsDirectory(int fd, bool* directory) noexcept {
  struct stat info;
  if (::fstat(fd, &info) != 0) return errno;
  *directory = S_ISDIR(info.st_mode);
  return 0;
}

int OpenTarget(const Context& context, const Op& op) noexcept {
  const char* const path = context.Str(op.s1);
  const int fd = OpenInRoot(
      context, path, 0,
      (op.flags & plan::kOpNoSymlinks) != 0 ? RESOLVE_NO_SYMLINKS : 0);
  if (fd >= 0 || errno != ENOENT || (op.flags & plan::kOpCreate) == 0) {
    return fd;
  }
  bool directory = true;
  const int err = IsDirectory(context.Get(op.in), &directory);
  if (err != 0) {
    errno = err;
    return -1;
  }
  return MakeTarget(context, path, directory);
}

// There is no target, and none can be made: something above it is a file, or
// on a file system that is read-only.
bool IsAbsence(int err) noexcept {
  return err == ENOENT || err == ENOTDIR || err == EROFS;
}

// A requested mount must not cover procfs, whatever link led there: what
// programs (and we) read below /proc would be the container's invention
// (CVE-2019-16884). Our own mounts refuse links instead.
int CheckNotProc(int target_fd) noexcept {
  struct statfs info;
  if (::fstatfs(target_fd, &info) != 0) return errno;
  return info.f_type == PROC_SUPER_MAGIC ? EPERM : 0;
}

// The null device on our own /dev tmpfs, verified: CVE-2025-31133 replaced it.
int OpenNull(const Context& context, const Op& op) noexcept {
  const int fd =
      ::openat(context.Get(op.in), "null", O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return -1;
  struct stat info;
  if (::fstat(fd, &info) != 0 || !S_ISCHR(info.st_mode) ||
      info.st_rdev != ::makedev(1, 3)) {
    ::close(fd);
    errno = ENODEV;
    return -1;
  }
  return fd;
}

// One descriptor for all masks; it names the inode that was checked.
int CoverWithNull(Context& context, const Op& op, int target_fd) noexcept {
  if (context.null_fd < 0) context.null_fd = OpenNull(context, op);
  return context.null_fd < 0 ? errno
                             : CoverWithClone(context.null_fd, target_fd);
}

// The first directory gets the empty mount itself: before kernel 6.15 what is
// attached nowhere cannot be cloned, and a mount that is never attached costs
// a wait for RCU when execve closes it.
int CoverWithEmpty(Context& context, const Op& op, int target_fd) noexcept {
  const int empty_fd = context.Get(op.x);
  if (context.empty_attached) return CoverWithClone(empty_fd, target_fd);
  const int err = MoveTo(empty_fd, target_fd);
  context.empty_attached = err == 0;
  return err;
}

}  // namespace

int Attach(Context& context, const Op& op) noexcept {
  const int mount_fd = context.Get(op.in);
  const bool skip_missing = (op.flags & plan::kOpSkipMissing) != 0;
  if (mount_fd < 0 && skip_missing) return 0;
  const ScopedFd target(OpenTarget(context, op));
  if (!target.ok()) return skip_missing && IsAbsence(errno) ? 0 : errno;
  if ((op.flags & plan::kOpNoSymlinks) == 0) {
    const int err = CheckNotProc(target.get());
    if (err != 0) return err;
  }
  return MoveTo(mount_fd, target.get());
}

// Over the old root's own root directory: needs no staging directory, and the
// old tree leaves as one with pivot_root.
int AttachRoot(Context& context, const Op& op) noexcept {
  return ErrnoIf(::move_mount(context.Get(op.in), "", AT_FDCWD, "/",
                              MOVE_MOUNT_F_EMPTY_PATH) != 0);
}

int AttachAt(Context& context, const Op& op) noexcept {
  return ErrnoIf(::move_mount(context.Get(op.in), "", AT_FDCWD,
                              context.Str(op.s1),
                              MOVE_MOUNT_F_EMPTY_PATH) != 0);
}

int DetachAt(Context& context, const Op& op) noexcept {
  return ErrnoIf(::umount2(context.Str(op.s1), MNT_DETACH) != 0);
}

int MaskPath(Context& context, const Op& op) noexcept {
  const ScopedFd target(OpenInRoot(context, context.Str(op.s1), 0, 0));
  if (!target.ok()) {
    return errno == ENOENT || errno == ENOTDIR ? 0 : errno;
  }
  bool directory = false;
  const int err = IsDirectory(target.get(), &directory);
  if (err != 0) return err;
  return directory ? CoverWithEmpty(context, op, target.get())
                   : CoverWithNull(context, op, target.get());
}

int ReadOnlyPath(Context& context, const Op& op) noexcept {
  const ScopedFd target(OpenInRoot(context, context.Str(op.s1), 0, 0));
  if (!target.ok()) {
    return errno == ENOENT || errno == ENOTDIR ? 0 : errno;
  }
  const ScopedFd tree(::open_tree(
      target.get(), "",
      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE));
  if (!tree.ok()) return errno;
  mount_attr attributes = {};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  if (::mount_setattr(tree.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes,
                      sizeof(attributes)) != 0) {
    return errno;
  }
  return MoveTo(tree.get(), target.get());
}

// By the slave's own fd, checked to be a terminal of a devpts: opening
// /dev/pts/N by name raced with the container in CVE-2025-52565.
int BindConsole(Context& context, const Op& op) noexcept {
  const int slave_fd = context.Get(op.in);
  struct statfs fs;
  struct stat info;
  if (::fstatfs(slave_fd, &fs) != 0 || ::fstat(slave_fd, &info) != 0) {
    return errno;
  }
  if (fs.f_type != DEVPTS_SUPER_MAGIC || !S_ISCHR(info.st_mode) ||
      ::major(info.st_rdev) != 136) {
    return ENOTTY;
  }
  const ScopedFd target(
      OpenInRoot(context, context.Str(op.s1), 0, RESOLVE_NO_SYMLINKS));
  if (!target.ok()) return errno;
  const ScopedFd tree(::open_tree(
      slave_fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
  return tree.ok() ? MoveTo(tree.get(), target.get()) : errno;
}

// pivot_root(2), NOTES: the old root ends up on top of the new one at ".", and
// one detaching unmount takes all of the host's tree away.
int PivotRoot(Context& context, const Op& op) noexcept {
  if (::fchdir(context.Get(op.in)) != 0 ||
      ::syscall(SYS_pivot_root, ".", ".") != 0 ||
      ::umount2(".", MNT_DETACH) != 0 || ::chdir("/") != 0) {
    return errno;
  }
  return 0;
}

}  // namespace caisson::init
